"""``rune machine check|graph|table``."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cli.conftest import Rune

TICKET = """\
machine: ticket
initial: open
states:
  open: {timeout: {after: 30d, event: forget}}
  waiting: {do: [{log: hello}]}
  closed: {final: true}
transitions:
  - id: asks
    from: open
    event: ask
    to: waiting
    guard: "data.n > 1 and data.x == 'a;b\\"<'"
    allow: [agent, boss]
  - {from: waiting, event: done, to: open}
  - {from: waiting, event: failed, to: closed}
  - {from: [open, waiting], event: close, to: closed}
  - {from: open, event: forget, to: closed}
"""


@pytest.fixture
def files(tmp_path: Path) -> None:
    (tmp_path / "ticket.yaml").write_text(TICKET)
    (tmp_path / "warned.yaml").write_text(
        TICKET.replace("  - {from: waiting, event: failed, to: closed}\n", "")
    )
    (tmp_path / "bad.yaml").write_text(TICKET.replace("to: closed", "to: clsd"))
    (tmp_path / "skript.yaml").write_text("skript: s\ndo: []\n")


pytestmark = pytest.mark.usefixtures("files")


def test_check(rune: Rune) -> None:
    done = rune("machine", "check", "ticket.yaml", "--output", "text")
    assert (done.code, done.out) == (0, "1 file checked: no findings\n")
    done = rune("machine", "check", "warned.yaml")
    assert (done.code, [d["code"] for d in done.json]) == (0, ["RUNE-3047"])
    assert rune("machine", "check", "warned.yaml", "--strict").code == 2
    done = rune("machine", "check", "bad.yaml")
    assert (done.code, {d["code"] for d in done.json}) == (2, {"RUNE-1140"})


def test_table(rune: Rune) -> None:
    done = rune("machine", "table", "ticket.yaml", "--output", "text")
    assert done.code == 0
    assert (
        done.out
        == """\
state    event   guard                             roles        to
open     ask     data.n > 1 and data.x == 'a;b"<'  agent, boss  waiting
         close                                     everybody    closed
         forget                                    everybody    closed
waiting  done                                      everybody    open
         failed                                    everybody    closed
         close                                     everybody    closed

initial: open
final: closed
"""
    )


def test_table_as_data(rune: Rune) -> None:
    found = rune("machine", "table", "ticket.yaml").json
    assert (found["machine"], found["initial"], found["version"]) == ("ticket", "open", None)
    assert found["states"][0] == {
        "name": "open", "final": False, "activity": False, "timeout": "30d", "event": "forget",
    }  # fmt: skip
    assert found["transitions"][0] == {
        "state": "open", "event": "ask", "guard": "data.n > 1 and data.x == 'a;b\"<'",
        "roles": ["agent", "boss"], "to": "waiting", "id": "asks",
    }  # fmt: skip
    assert [(row["state"], row["event"]) for row in found["transitions"][1:]] == [
        ("open", "close"), ("open", "forget"), ("waiting", "done"), ("waiting", "failed"),
        ("waiting", "close"),
    ]  # fmt: skip


def test_graph(rune: Rune) -> None:
    dot = rune("machine", "graph", "ticket.yaml", "--format", "dot").out
    assert dot.startswith('digraph "ticket" {')
    assert '  s1 [label="open\\nafter 30d: forget"]' in dot
    assert '  s3 [label="closed", peripheries=2]' in dot
    assert "data.x == 'a;b\\\"<'] (agent, boss)" in dot
    mermaid = rune("machine", "graph", "ticket.yaml", "--format", "mermaid").out
    assert mermaid.startswith("stateDiagram-v2\n")
    assert "  [*] --> s1\n" in mermaid
    assert "  s3 --> [*]\n" in mermaid
    assert "data.n #gt; 1 and data.x == 'a#59;b#quot;#lt;'] (agent, boss)\n" in mermaid
    edges = re.findall(r"^  (s\d) -> (s\d) ", dot, re.MULTILINE)
    assert edges == re.findall(r"^  (s\d) --> (s\d) : ", mermaid, re.MULTILINE)
    assert len(edges) == 6
    done = rune("machine", "graph", "ticket.yaml")
    assert done.json == {"file": "ticket.yaml", "format": "mermaid", "graph": mermaid}


def test_rune_graph_draws_it_too(rune: Rune) -> None:
    named = ("ticket.yaml", "--format", "dot")
    assert rune("graph", *named).out == rune("machine", "graph", *named).out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("table", "skript.yaml"), "skript.yaml is a skript, no machine"),
        (("graph", "skript.yaml"), "skript.yaml is a skript, no machine"),
        (("table", "bad.yaml"), "there is no state `clsd`"),
        (("table", "nowhere.yaml"), "cannot read nowhere.yaml"),
        (("tabel", "ticket.yaml"), "table"),
        (("table", "ticket.yaml", "--strict"), "--strict"),
        (("check", "ticket.yaml", "--format", "dot"), "--format"),
        (("table",), "FILE"),
    ],
)
def test_what_is_refused(rune: Rune, words: tuple[str, ...], says: str) -> None:
    done = rune("machine", *words, "--output", "json")
    assert done.code == 2
    assert says in done.err
    assert isinstance(json.loads(done.out), dict)
