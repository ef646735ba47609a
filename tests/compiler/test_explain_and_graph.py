"""The texts of the stages and the drawings of a document."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from runeskript.compiler.explain import STAGES, explain
from runeskript.compiler.graphviz import to_dot, to_mermaid
from runeskript.compiler.pipeline import Compiled, Options, compile_text
from support import any_handlers, check_golden

GOLDEN = Path(__file__).parent / "golden"
ORDER = Path(__file__).parent / "order_fulfilment.yaml"
CATALOG = any_handlers(
    "http.get", "payments.charge", "payments.refund", "inventory.reserve", "f", "g"
)


def kept(path: Path) -> Compiled:
    return compile_text(path.read_bytes(), path.name, CATALOG, Options(keep=True))


def test_the_order_of_the_language_page_compiles_without_a_finding() -> None:
    assert kept(ORDER).diagnostics == ()


@pytest.mark.parametrize("stage", [s for s in STAGES if s != "assemble"])
def test_stage(stage: str) -> None:
    check_golden(ORDER.with_name(f"order_{stage}.txt"), explain(kept(ORDER), stage))


def test_all_stages_in_their_order() -> None:
    text = explain(kept(ORDER))
    assert re.findall(r"^=== (\w+):", text, re.MULTILINE) == list(STAGES)
    assert explain(kept(ORDER), "assemble").startswith("blueprint order-fulfilment version 3")


def test_an_unknown_stage_and_a_document_that_was_not_kept() -> None:
    with pytest.raises(KeyError):
        explain(kept(ORDER), "nothing")
    with pytest.raises(ValueError, match="keep=True"):
        explain(compile_text(ORDER.read_bytes(), "order.yaml", CATALOG))


def test_what_is_done_on_a_failure_is_shown_behind_the_document() -> None:
    text = (
        "skript: s\ndo:\n  - return: 1\non_failure:\n  call: f\n  with: {what: '${error.type}'}\n"
    )
    told = compile_text(text, "s.yaml", CATALOG, Options(keep=True))
    for stage in STAGES:
        _, mark, notice = explain(told, stage).partition(
            "\n--- on_failure, a skript of its own\n\n"
        )
        assert bool(mark) == (stage in ("expand", "optimize", "codegen", "assemble"))
        assert not mark or notice.strip()
    assert "call f" in explain(told, "expand").partition("--- on_failure")[2]
    notice = explain(told, "assemble").partition("a skript of its own\n\n")[2]
    assert notice.startswith("blueprint s.on_failure")
    plain = compile_text(text, "s.yaml", CATALOG)
    assert (told.blueprint, told.children) == (plain.blueprint, plain.children)


def test_drawings() -> None:
    document = kept(ORDER).document
    check_golden(ORDER.with_name("order_graph.txt"), to_dot(document) + "\n" + to_mermaid(document))


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.yaml")), ids=lambda p: p.stem)
def test_every_edge_joins_two_nodes(path: Path) -> None:
    document = kept(path).document
    dot, mermaid = to_dot(document), to_mermaid(document)
    nodes = re.findall(r"^ +(n\d+) \[label=", dot, re.MULTILINE)
    edges = re.findall(r"^  (n\d+) -> (n\d+)", dot, re.MULTILINE)
    assert len(nodes) == len(set(nodes))
    assert {name for edge in edges for name in edge} <= set(nodes)
    reached = {"n1"}
    for _ in nodes:
        reached |= {to for source, to in edges if source in reached}
    assert reached >= set(nodes) - {"n2"}, "every step can be reached from the start"
    assert re.findall(r"^  (n\d+) -\.?->(?:\|\".*\"\|)? (n\d+)$", mermaid, re.MULTILINE) == edges
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", dot)
    assert bare.count("{") == bare.count("}")


def test_labels_cannot_break_out() -> None:
    text = json.dumps({"skript": "x", "do": [{"log": '"]; <b>|&\\ \n {"'}]})
    document = compile_text(text).document
    assert 'label="log \\"]; <b>|&\\\\ {\\"", shape' in to_dot(document)
    assert '("log #quot;]; #lt;b#gt;|#amp;\\ {#quot;")' in to_mermaid(document)
