"""``rune test`` and ``rune run --dry-run``."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Rune

SKRIPT = """\
skript: pay
input: {type: object, required: [amount]}
do:
  - call: pay.charge
    with: {amount: "${input.amount}"}
    into: receipt
  - emit: paid
    key: 1
  - listen: scanned
    key: job.id
    into: scan
  - return: {receipt: "${receipt.id}", scan: "${scan}"}
"""
HANDLERS = """\
from dataclasses import dataclass
from pathlib import Path
from runeskript import handler

@dataclass
class Receipt:
    id: str

@handler("pay.charge"%s)
async def charge(params, ctx) -> Receipt:
    Path("called").touch()
    return Receipt("real")
"""
MOCKS = """\
handlers: {pay.charge: {id: r-1}}
messages: [{topic: scanned, key: job-1, data: 7}]
"""
PYTHON = """\
MESSAGES = [("scanned", "job-1", 8)]

def pay_charge(params):
    assert params["amount"] < 100, "too much"
    return {"id": params["amount"]}
"""


@pytest.fixture(autouse=True)
def _files(tmp_path: Path) -> None:
    for name, text in {
        "pay.yaml": SKRIPT,
        "pay.py": HANDLERS % "",
        "mocks.yaml": MOCKS,
        "mocks.py": PYTHON,
    }.items():
        (tmp_path / name).write_text(text)


PAY = ("pay.yaml", "--handlers", "pay.py", "--input", "amount=40")


def test_a_dry_run_calls_nobody(rune: Rune, tmp_path: Path) -> None:
    done = rune("run", *PAY, "--dry-run", "--mocks", "mocks.yaml")
    assert done.code == 0
    assert done.json == {
        "job": None,
        "state": "Completed",
        "output": {"receipt": "r-1", "scan": 7},
        "error": None,
        "mocked": {"pay.charge": {"calls": 1, "result": "from the mocks"}},
        "messages": [{"topic": "paid", "key": 1}],
    }
    assert not (tmp_path / "called").exists()
    assert not (tmp_path / ".rune").exists()


def test_without_mocks_results_are_made_up_and_a_wait_is_told(rune: Rune) -> None:
    done = rune("run", *PAY, "--dry-run", "--output", "text")
    assert done.code == 1
    assert "mocked  pay.charge  1 call, from its declared result" in done.err
    assert "it waits for a message to topic scanned, key 'job-1', in step /do/2" in done.err


def test_mocks_in_python(rune: Rune) -> None:
    assert rune("test", *PAY, "--mocks", "mocks.py").json["output"] == {"receipt": 40, "scan": 8}


def test_an_assertion_of_a_mock_is_told(rune: Rune) -> None:
    done = rune("test", *PAY[:-1], "amount=400", "--mocks", "mocks.py")
    assert done.code == 2
    assert "too much" in done.err


def test_crash_all_finds_what_runs_twice(rune: Rune) -> None:
    done = rune("test", *PAY, "--mocks", "mocks.py", "--crash-all", "--output", "text")
    assert done.code == 1
    assert "twice: pay.charge in step /do/0 did its work twice (pay.yaml:4)" in done.err
    assert "  3  the process dies when handler call 1 has done its work" in done.err
    found = rune("test", *PAY, "--mocks", "mocks.py", "--crash-all").json["crashes"]
    assert [one["kind"] for one in found["findings"]] == ["twice"]


def test_crash_all_is_content_with_what_is_idempotent(rune: Rune, tmp_path: Path) -> None:
    (tmp_path / "safe.py").write_text(HANDLERS % ", idempotent=True")
    options = ("--handlers", "safe.py", "--input", "amount=40", "--mocks", "mocks.py")
    done = rune("test", "pay.yaml", *options, "--crash-all", "--output", "text")
    assert done.code == 0
    assert "nothing found" in done.err


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("m.yaml", "handlers: {pay.charg: 1}", "did you mean `pay.charge`"),
        ("m.yaml", "handler: {}", "did you mean `handlers`"),
        ("m.yaml", "[]", "is no mocks file"),
        ("m.yaml", "handlers: []", "an object of results"),
        ("m.yaml", "messages: [1]", "a list of topic, key and data"),
        ("m.yaml", "a: 1\na: 2\n", "RUNE-1"),
        ("m.py", "1 /", "cannot import"),
        ("m.py", "MESSAGES = 7", "a list of topic, key and data"),
    ],
)
def test_bad_mocks(rune: Rune, tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    done = rune("test", *PAY, "--mocks", name)
    assert done.code == 2
    assert said in done.err


def test_mocks_that_are_not_there(rune: Rune) -> None:
    done = rune("test", *PAY, "--mocks", "none.yaml")
    assert (done.code, "cannot read none.yaml" in done.err) == (2, True)
    assert "--dry-run" in rune("run", *PAY, "--mocks", "mocks.yaml").err


def test_the_input_is_checked(rune: Rune) -> None:
    done = rune("test", *PAY[:-2])
    assert (done.code, "amount" in done.err) == (2, True)


TOLD = """\
skript: told
do:
  - raise: {type: oh.no}
on_failure:
  emit: told.failed
  key: error.type
"""


def test_what_on_failure_emits_is_told(rune: Rune, tmp_path: Path) -> None:
    (tmp_path / "told.yaml").write_text(TOLD)
    done = rune("run", "told.yaml", "--dry-run").json
    assert done["messages"] == []
    assert done["on_failure"] == {
        "state": "Completed",
        "error": None,
        "messages": [{"topic": "told.failed", "key": "oh.no"}],
    }
    said = rune("run", "told.yaml", "--dry-run", "--output", "text").err
    assert "on_failure completed\non_failure emitted told.failed, which nobody gets\n" in said
