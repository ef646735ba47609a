"""The graph form as users meet it: its schema, its layout, its names, its drawings, its size."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from runeskript.compiler.explain import explain
from runeskript.compiler.format import format_text
from runeskript.compiler.frontends.graph.tables import (
    COMMON,
    EDGE,
    NODE_TYPES,
    WORKFLOW,
    NodeType,
)
from runeskript.compiler.graphviz import to_dot, to_mermaid
from runeskript.compiler.jsonschema import schema
from runeskript.compiler.load_text import parse_document
from runeskript.compiler.pipeline import Options, check_text, compile_document, compile_text
from runeskript.errors import CompileError
from runeskript.model import ast
from runeskript.model.ast import Expr, Flow, Site
from runeskript.model.ast_value import ast_hash
from runeskript.model.diagnostics import Diagnostics
from runeskript.testing import Simulation
from support import any_handlers

SCHEMA = schema()
VALIDATOR = Draft202012Validator(SCHEMA)
FLOW = """\
id: flow
nodes:
  - {id: start, type: Start}
  - {id: left, type: Assign, expression: x = 1}
  - {id: right, type: Assign, expression: y = 1, next: left}
  - {id: end, type: End}
edges:
  - {source: start, target: left, condition: a}
  - {source: start, target: right}
  - {source: left, target: right, condition: b}
  - {source: left, target: end}
"""


def example(row: NodeType) -> dict[str, Any]:
    """A document with the example of a type of node, and the nodes that it leads to."""
    node = yaml.safe_load(row.example)
    nodes = [node]
    if row.name != "Start":
        nodes.insert(0, {"id": "start", "type": "Start", "next": node["id"]})
    text = json.dumps(node)
    for name in ("check", "end", "vip", "member"):
        if f'"{name}"' in text and node["id"] != name:
            nodes.append({"id": name, "type": "Assign", "expression": "done = 1"})
    return {"id": "example", "nodes": nodes}


def errors(document: dict[str, Any]) -> set[str]:
    catalog = any_handlers("http.request")
    found = check_text(json.dumps(document), "test.json", catalog)
    return {d.code for d in found if d.severity == "error"}


# --- tables and schema ------------------------------------------------------------------------
@pytest.mark.parametrize("row", NODE_TYPES, ids=lambda row: row.name)
def test_schema_and_front_end_accept_the_example_of_each_type(row: NodeType) -> None:
    document = example(row)
    assert not list(VALIDATOR.iter_errors(document))
    assert errors(document) == set()


@pytest.mark.parametrize("row", NODE_TYPES, ids=lambda row: row.name)
def test_both_reject_an_unknown_key_and_miss_a_required_one(row: NodeType) -> None:
    document = example(row)
    at = next(i for i, n in enumerate(document["nodes"]) if n["type"] == row.name)
    wrong = copy.deepcopy(document)
    wrong["nodes"][at]["no_such_key"] = 1
    assert list(VALIDATOR.iter_errors(wrong))
    assert "RUNE-1100" in errors(wrong)
    for key in row.keys:
        if key.required:
            wrong = copy.deepcopy(document)
            del wrong["nodes"][at][key.name]
            assert list(VALIDATOR.iter_errors(wrong)), key.name
            assert "RUNE-1101" in errors(wrong), key.name


@pytest.mark.parametrize("case", [str.upper, str.lower, str.title, str.swapcase])
def test_both_take_types_in_any_case(case: Any) -> None:
    for row in NODE_TYPES:
        document = example(row)
        for node in document["nodes"]:
            node["kind"] = case(node.pop("type"))
        assert not list(VALIDATOR.iter_errors(document))
        assert errors(document) == set()


BAD = [
    {"nodes": [{"type": "Begin"}]}, {"nodes": [{"id": "a"}]}, {"nodes": ["a"]}, {"nodes": {}},
    {"nodes": [], "edges": [{"source": "a"}]}, {"nodes": [], "edges": [["a", "b"]]},
    {"nodes": [{"type": "Parallel", "branches": {}}]}, {"nodes": [{"type": "If", "branches": [1]}]},
    {"nodes": [{"type": "End", "next": "a"}]}, {"workflow": []}, {"workflow": {}, "colour": 1},
    {"workflow": {"nodes": [], "colour": 1}}, {"nodes": [{"type": "Assign"}]},
    {"nodes": [{"type": "Function"}]}, {"nodes": [{"type": "Loop", "condition": ""}]},
    {"nodes": [], "edges": [{"source": "a", "target": "b", "branch_type": "then"}]},
    {"nodes": [], "edges": [{"source": "a", "target": "b", "branch_index": -1}]},
    {"nodes": [{"type": "Assign", "assignments": [{"key": "a"}]}]},
    {"nodes": [{"type": "Assign", "expression": "a + 1"}]},
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: json.dumps(bad)[:50])
def test_both_reject_bad_shapes(bad: dict[str, Any]) -> None:
    assert list(VALIDATOR.iter_errors(bad))
    assert errors(bad)


def test_every_key_has_a_description() -> None:
    defs = SCHEMA["$defs"]
    for row in NODE_TYPES:
        properties = defs[f"node-{row.name}"]["properties"]
        assert all(properties[key.name]["description"] for key in (*COMMON, *row.keys))
    assert all(defs["graph-edge"]["properties"][key.name]["description"] for key in EDGE)
    assert all(defs["graph-document"]["properties"][key.name]["description"] for key in WORKFLOW)


# --- layout -----------------------------------------------------------------------------------
def test_the_formatter_orders_keys_and_keeps_the_meaning() -> None:
    text = """\
# head

nodes:
  - next: b   # on
    type: Start
    id: a
  - branches:
      - {next: c, condition: "${x} == 'y'"}
    else: c
    id: b
    type: If
  - id: c
    type: Parallel
    branches:
      - - expression: x = 1
          type: Assign
          id: d
      - edges: []
        nodes: []
edges: []
variables: {}
name: example
"""
    out = format_text(text)
    assert (
        out
        == """\
# head

name: example
variables: {}
nodes:
  - id: a
    type: Start
    next: b  # on
  - id: b
    type: If
    branches:
      - {next: c, condition: "${x} == 'y'"}
    else: c
  - id: c
    type: Parallel
    branches:
      - - id: d
          type: Assign
          expression: x = 1
      - nodes: []
        edges: []
edges: []
"""
    )
    assert format_text(out) == out


def test_wrapped_and_flat_json() -> None:
    text = '{"edges": [], "workflow": {"nodes": [{"type": "Start", "id": "a"}], "id": "x"}}'
    assert (
        format_text(text, "x.json")
        == """\
{
  "workflow": {
    "id": "x",
    "nodes": [
      {
        "id": "a",
        "type": "Start"
      }
    ]
  },
  "edges": []
}
"""
    )


# --- the document -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("head", "name"),
    [
        ("id: order-1\nname: Order", "order-1"), ("name: Level discount (2024)", "Level-discount-2024"),
        ("name: Grüße", "Gr-e"), ("name: '!!'", "workflow"), ("id: 42", "42"), ("variables: {}", "workflow"),
    ],
)  # fmt: skip
def test_what_a_skript_is_called(head: str, name: str) -> None:
    text = f"{head}\nnodes:\n  - {{id: a, type: Start}}\n"
    assert compile_text(text).blueprint.name == name


def test_the_three_layouts_mean_the_same() -> None:
    nodes = [{"id": "a", "type": "Start", "next": "b"}, {"id": "b", "type": "End"}]
    head = {"id": "x", "version": 3, "variables": {"n": 1}}
    edges = [{"source": "a", "target": "b"}]
    made = [
        {"workflow": {**head, "nodes": nodes, "edges": edges}},
        {"workflow": head, "nodes": nodes, "edges": edges},
        {**head, "nodes": nodes, "edges": edges},
        {"workflow": {**head, "nodes": nodes}, "edges": edges},
    ]
    outputs = []
    for document in made:
        compiled = compile_text(json.dumps(document))
        assert (compiled.blueprint.name, compiled.blueprint.version) == ("x", 3)
        outputs.append(Simulation(compiled.blueprint, {}, {"k": 1}).run().output)
    assert outputs == [{"k": 1, "n": 1}] * 4


def test_warnings_are_silenced_with_a_reason() -> None:
    text = """\
id: silent
nodes:
  - {id: a, type: Start, next: b}
  - id: b
    type: Function
    function: f
    output: unread
    next: c
    allow: {RUNE-3110: kept for the log}
  - {id: c, type: Function, function: f, output: other, next: d}
  - {id: d, type: End, output: n}
"""
    options = Options(lint=True)
    found = check_text(text, "x.yaml", any_handlers("f"), options)
    told = [(d.code, d.pointer) for d in found if d.severity != "info"]
    assert told == [("RUNE-3110", "/nodes/2/output")]
    allowed = text + "allow: {unread-variable: for the log}\n"
    assert {d.code for d in check_text(allowed, "x.yaml", any_handlers("f"), options)} <= {
        "RUNE-1129",
        "RUNE-3110",
        "RUNE-3140",
    }


# --- flows ------------------------------------------------------------------------------------
def test_a_flow_is_drawn_and_explained() -> None:
    compiled = compile_text(FLOW, options=Options(keep=True))
    flow = compiled.document.body[0]
    assert isinstance(flow, Flow)
    assert flow.labels == ("start", "right", "left")
    assert "to left if input.a" in explain(compiled, "parse")
    for drawing in (to_dot(compiled.document), to_mermaid(compiled.document)):
        assert drawing.count("left: set x") == drawing.count("right: set y") == 1
        assert "else" in drawing
    assert "loop" in explain(compiled, "expand")


def flow_of(labels: Any, steps: Any, jumps: Any) -> ast.Document:
    flow = Flow(Site("/do/0"), None, None, labels, steps, jumps)
    return ast.Document("flow", None, {}, None, (), (), (), None, (flow,), (), None)


def log(text: str) -> ast.Step:
    return ast.Log(Site("/do/0"), None, None, Expr(text, ("const", text)))


YES = Expr("true", ("const", True))


def test_a_flow_made_by_hand() -> None:
    steps = (log("a"), log("b"), log("c"))
    document = flow_of(("a", "b", "c"), steps, (((YES, 2), (None, 1)), (), ((None, None),)))
    outcome = Simulation(compile_document(document).blueprint, {}).run()
    assert outcome.logs == ["a", "c"]


@pytest.mark.parametrize(
    ("labels", "jumps", "problem"),
    [
        (("a",), ((), ()), "2 steps, 1 labels and jumps of 2"),
        (("a", "a"), ((), ()), "a label that stands twice"),
        (("a", "b"), (((None, 2),), ()), "a jump to a step that is not there"),
        (("a", "b"), (((None, -1),), ()), "a jump to a step that is not there"),
        (("a", "b"), (((None, 1), (YES, 0)), ()), "a jump that is never reached"),
    ],
)
def test_a_flow_that_is_none_is_refused(labels: Any, jumps: Any, problem: str) -> None:
    with pytest.raises(CompileError) as caught:
        compile_document(flow_of(labels, (log("a"), log("b")), jumps))
    assert [d.message for d in caught.value.diagnostics] == [f"this flow has {problem}"]


# --- names ------------------------------------------------------------------------------------
def test_one_name_is_a_loops_and_a_fields_and_a_variables() -> None:
    text = """\
id: names
nodes:
  - {id: a, type: Start, next: each}
  - {id: each, type: Iteration, collection: "[item for item in xs]", body:
      [{id: b, type: Assign, expression: "ys = (ys if n else []) + [item + n]"},
       {id: c, type: Assign, expression: n = n + 1}], next: d}
  - {id: d, type: Assign, expression: "total = sum([y for y in ys])", next: e}
  - {id: e, type: End}
"""
    blueprint = compile_text(text).blueprint
    outcome = Simulation(blueprint, {}, {"xs": [10, 20], "n": 0}).run()
    assert outcome.output == {"xs": [10, 20], "n": 2, "ys": [10, 21], "total": 31}


def test_a_typed_error_names_the_node() -> None:
    text = "id: x\nnodes:\n  - {id: s, type: Start, next: a}\n  - {id: a, type: Assign, expression: b = c}\n"
    error = Simulation(compile_text(text).blueprint, {}, {}).run().error
    assert error is not None
    assert (error["type"], error["step"]) == ("missing", "a")


# --- size -------------------------------------------------------------------------------------
def shape(kind: str, count: int) -> dict[str, Any]:
    """Large documents of one shape each."""
    dice = random.Random(count)
    nodes: list[dict[str, Any]] = []
    edges: list[dict[str, Any]] = []
    for i in range(count):
        here, following = f"n{i}", f"n{i + 1}" if i + 1 < count else "end"
        if kind == "row":
            nodes.append({"id": here, "type": "Assign", "expression": f"v{i % 9} = {i}"})
            edges.append({"source": here, "target": following})
            continue
        nodes.append({"id": here, "type": "If", "branches": [{"condition": f"x == {i}"}]})
        to = {"guards": "bad", "back": "n0", "any": f"n{dice.randrange(count)}"}.get(kind, f"a{i}")
        edges.append({"source": here, "target": to, "branch_index": 0})
        edges.append({"source": here, "target": following, "branch_type": "else"})
        if kind == "nested":
            nodes.append({"id": f"a{i}", "type": "Assign", "expression": f"y = {i}"})
            edges[-2:] = [
                {"source": here, "target": following if i + 1 < count else to, "branch_index": 0},
                {"source": here, "target": to, "branch_type": "else"},
                {"source": to, "target": f"a{i - 1}" if i else "end"},
            ]
    if kind == "guards":
        nodes.append({"id": "bad", "type": "Assign", "expression": "y = 1"})
        edges.append({"source": "bad", "target": "end"})
    return {"id": "large", "nodes": [*nodes, {"id": "end", "type": "End"}], "edges": edges}


@pytest.mark.parametrize("kind", ["row", "guards", "back", "any", "nested"])
def test_a_large_document_of_any_shape_has_an_ast(kind: str) -> None:
    diagnostics = Diagnostics()
    document = parse_document(json.dumps(shape(kind, 1_500)), "large.json", diagnostics)
    assert diagnostics.sorted() == ()
    assert document is not None
    assert len(ast_hash(document)) == 64


@pytest.mark.parametrize("x", [0, 1_700, 2_999, 3_000])
def test_thousands_of_conditions_may_lead_to_one_node(x: int) -> None:
    tests = [{"condition": f"x == {i}", "next": "a"} for i in range(3_000)]
    nodes = [
        {"id": "s", "type": "Start", "next": "c"},
        {"id": "c", "type": "If", "branches": tests, "else": "b"},
        {"id": "a", "type": "Assign", "expression": "y = 'known'", "next": "e"},
        {"id": "b", "type": "Assign", "expression": "y = 'new'", "next": "e"},
        {"id": "e", "type": "End", "output": "y"},
    ]
    compiled = compile_text(json.dumps({"id": "many", "nodes": nodes}))
    outcome = Simulation(compiled.blueprint, {}, {"x": x}).run()
    assert outcome.output == ("known" if x < 3_000 else "new")


def test_a_finding_in_one_of_several_conditions_stands_there() -> None:
    tests = [{"condition": c, "next": "e"} for c in ("x == 1", "x == 2", "nosuch(x)")]
    nodes = [
        {"id": "s", "type": "Start", "next": "c"},
        {"id": "c", "type": "If", "branches": tests, "else": "a"},
        {"id": "a", "type": "Assign", "expression": "y = 1", "next": "e"},
        {"id": "e", "type": "End"},
    ]
    text = json.dumps({"id": "x", "nodes": nodes})
    with pytest.raises(CompileError) as caught:
        compile_text(text, "x.json")
    (finding,) = [d for d in caught.value.diagnostics if d.severity == "error"]
    assert finding.span.column == text.index("nosuch") + 1


def test_loops_inside_thousands_of_loops_are_refused() -> None:
    nodes: list[dict[str, Any]] = [{"id": "s", "type": "Start", "next": "g0"}]
    for i in range(3_000):
        back = {"condition": f"x == {i}", "next": f"g{max(i - 1, 0)}"}
        on = f"g{i + 1}"
        nodes.append({"id": f"g{i}", "type": "If", "branches": [back], "else": on})
    nodes.append({"id": "g3000", "type": "End"})
    assert errors({"id": "deep", "nodes": nodes}) == {"RUNE-1013"}


def test_values_of_all_ends_together_stay_in_proportion() -> None:
    count = 700
    nodes: list[dict[str, Any]] = [{"id": "s", "type": "Start", "next": "c0"}]
    for i in range(count):
        on = f"c{i + 1}" if i + 1 < count else "end"
        branch = {"condition": f"x == {i}", "next": f"a{i}"}
        nodes.append({"id": f"c{i}", "type": "If", "branches": [branch], "else": on})
        nodes.append({"id": f"a{i}", "type": "Assign", "expression": f"v{i} = 1", "next": f"e{i}"})
        nodes.append({"id": f"e{i}", "type": "End"})
    nodes.append({"id": "end", "type": "End"})
    compiled = compile_text(json.dumps({"id": "ends", "nodes": nodes}))
    outcome = Simulation(compiled.blueprint, {}, {"x": 3}).run()
    assert outcome.output == {"x": 3, "v3": 1}
    assert len(str(compiled.document)) < 2_000_000
