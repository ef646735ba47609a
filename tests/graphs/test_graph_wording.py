"""Findings of documents of nodes and edges name the keys that stand in them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from runeskript.compiler.frontends.graph import forks, loops
from runeskript.compiler.load_text import read_text
from runeskript.compiler.nodes import Map, find_node
from runeskript.compiler.pipeline import Options, check_text
from runeskript.model import limits
from runeskript.model.catalog import ParamProblem, PlainHandler, StaticCatalog
from runeskript.model.diagnostics import Diagnostic, Diagnostics
from runeskript.model.values import Value


class Counting(PlainHandler):
    """A handler that needs a parameter."""

    def check(self, literals: Mapping[str, Value], dynamic: frozenset[str]) -> list[ParamProblem]:
        known = {*literals, *dynamic}
        return [] if "n" in known else [ParamProblem(None, "the parameter `n` is missing")]


CATALOG = StaticCatalog({"work": Counting("work")})
OPTIONS = Options(lint=True)


def flow(*nodes: str, head: str = "id: flow") -> str:
    return "\n".join([head, "nodes:", *(f"  - {{{node}}}" for node in nodes)]) + "\n"


def found(text: str, code: str) -> Diagnostic:
    (item,) = (d for d in check_text(text, "flow.yaml", CATALOG, OPTIONS) if d.code == code)
    root = read_text(text, "flow.yaml", Diagnostics()).root
    assert root is not None
    at, _, key = item.pointer.rpartition("/")
    node = find_node(root, at)
    assert type(node) is not Map or key in node.entries, f"{item.pointer} is not in the document"
    return item


@pytest.mark.parametrize("key", ["function", "action", "name"])
@pytest.mark.parametrize(("called", "code"), [("wrok", "RUNE-3007"), ("work", "RUNE-3008")])
def test_a_call_is_named_by_the_key_it_has(key: str, called: str, code: str) -> None:
    text = flow("id: a, type: Start, next: b", f"id: b, type: Function, {key}: {called}")
    assert found(text, code).pointer == f"/nodes/1/{key}"


def test_what_was_passed_is_named_by_its_key() -> None:
    text = flow("id: a, type: Start, next: b", "id: b, type: Function, name: work, params: ['n']")
    assert "params" in " ".join(d.message for d in check_text(text, "flow.yaml", CATALOG))


def test_two_writers_are_told_of_variables() -> None:
    text = flow(
        "id: a, type: Start, next: b",
        "id: b, type: Parallel, branches: [[{id: c, type: Assign, expression: x = 1}],"
        " [{id: d, type: Assign, expression: x = 2}]]",
    )
    item = found(text, "RUNE-3012")
    assert item.hint is not None and "`variables: {x: {init: 0, reduce: sum}}`" in item.hint
    assert "`vars" not in item.hint
    native = "skript: a\ndo:\n  - parallel:\n      b: [{set: {x: 1}}]\n      c: [{set: {x: 2}}]\n"
    (item,) = check_text(native, "a.yaml")
    assert item.hint is not None and "`vars: {x:" in item.hint


@pytest.mark.parametrize(
    ("head", "pointer"),
    [
        ("id: flow", "/id"),
        ("name: a title", "/name"),
        ("description: none", "/nodes"),
    ],
)
def test_the_estimate_stands_at_the_name(head: str, pointer: str) -> None:
    text = flow(
        "id: a, type: Start, next: b",
        "id: b, type: Function, name: work, params: {n: 1}",
        head=head,
    )
    item = found(text, "RUNE-3140")
    assert item.pointer == pointer
    indented = "workflow:\n" + "".join(f"  {line}\n" for line in text.splitlines())
    assert found(indented, "RUNE-3140").pointer == f"/workflow{pointer}".replace("/nodes", "")


def test_what_is_never_read_is_deleted_by_its_key() -> None:
    text = flow(
        "id: a, type: Start, next: b",
        "id: b, type: Function, name: work, params: {n: 1}, output: x, next: c",
        "id: c, type: End, output: y",
        head="id: flow\nvariables: {y: 1}",
    )
    hint = found(text, "RUNE-3110").hint
    assert hint is not None and hint.startswith("delete `output`")


def test_an_index_that_is_never_read_is_named_by_its_key() -> None:
    text = flow(
        "id: a, type: Start, next: b",
        "id: b, type: Iteration, collection: '${items}', item_var: one, index_var: i,"
        " body: [{id: c, type: Assign, expression: x = one}], next: d",
        "id: d, type: End, output: x",
    )
    item = found(text, "RUNE-3110")
    assert (item.pointer, item.hint) == ("/nodes/1/index_var", "delete `index_var`")


def test_the_bound_of_nesting_is_one_of_the_limits() -> None:
    assert loops.GRAPH_DEPTH == forks.GRAPH_DEPTH == limits.GRAPH_DEPTH
