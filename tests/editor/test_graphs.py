"""The graph form in an editor: nodes, edges, and the variables that nodes set."""

from __future__ import annotations

import pytest

from editor.marked import CATALOG, MARK, labels, split
from editor.test_places import tree
from runeskript.compiler.editor.analysis import Analysis, analyse
from runeskript.compiler.editor.define import define
from runeskript.compiler.editor.hover import hover
from runeskript.compiler.editor.symbols import symbols
from runeskript.compiler.frontends.graph.tables import NODE_TYPES

FLOW = """\
workflow:
  id: flow
  variables: {total: 0}
  nodes:
    - id: start
      type: Start
      next: check
    - id: check
      type: If
      branches:
        - condition: ${level} == 'VIP'
          next: vip
      else: plain
    - id: vip
      type: Assign
      assignments:
        - key: total
          value: ${total + 1}
      next: each
    - {id: plain, kind: function, function: web.fetch, params: {url: a}, output: page, next: each}
    - id: each
      type: Iteration
      collection: ${items}
      item_var: one
      body:
        - {id: add, type: Assign, expression: total = total + one.price}
      next: both
    - id: both
      type: Parallel
      branches:
        - - {id: left, type: Function, name: work, params: {url: b}}
        - nodes:
            - {id: right, type: Function, action: log, params: {message: c}}
      next: end
    - id: end
      type: End
      output: total
  edges: []
"""
KNOWN = analyse(FLOW, "flow.yaml", CATALOG)
IDS = {"start", "check", "vip", "plain", "each", "add", "both", "left", "right", "end"}


def test_the_document_is_sound() -> None:
    assert KNOWN.diagnostics == ()
    assert set(KNOWN.nodes) == IDS
    assert set(KNOWN.variables) == {"total", "page", "one"}
    assert set(KNOWN.fields) == {"level", "items"}


@pytest.mark.parametrize(
    ("old", "new", "first", "absent"),
    [
        ("      type: If", "      type: ¦", {row.name for row in NODE_TYPES}, {"check"}),
        ("      branches:\n        - c", "      ¦\n      branches:\n        - c", {"name", "allow"},
         {"branches", "assignments", "kind", "output", "type"}),
        ("      type: End\n", "      type: End\n      ¦\n", {"name", "allow"}, {"next", "params"}),
        ("    - id: each\n", "    - id: new\n      ¦\n    - id: each\n",
         {"type", "kind", "output", "branches", "collection"}, {"id", "nodes"}),
        ("    - id: each\n", "    - {id: new, type: loop, ¦\n    - id: each\n",
         {"condition", "body"}, {"id", "kind", "params"}),
        ("          next: vip", "          ¦", {"nodes", "edges", "next"}, {"condition", "type"}),
        ("        - key: total", "        - ¦", {"key"}, {"value", "id"}),
        ("  edges: []", "  ¦", {"name", "version"}, {"nodes", "id", "skript"}),
        ("  edges: []", "  edges:\n    - ¦", {"source", "target", "branch_type"}, {"id"}),
        # --- ids
        ("      next: check", "      next: ¦", IDS, {"total"}),
        ("      else: plain", "      else: pl¦", IDS, {"total"}),
        ("next: vip", "next: ¦", IDS, {"total"}),
        ("  edges: []", "  edges:\n    - source: ¦", IDS, {"total"}),
        ("  edges: []", "  edges: [{source: start, target: ¦", IDS, {"total"}),
        ("  edges: []", "  edges: [{branch_type: ¦", {"else", "body"}, {"start"}),
        # --- what is called
        ("function: web.fetch", "function: ¦", {"web.fetch", "http_request", "run_workflow"},
         {"len"}),
        ("params: {url: a}", "params: {¦}", {"url", "tries"}, {"message"}),
        ("params: {message: c}", "params: {¦}", {"message", "level"}, {"url"}),
        ("name: work, params: {url: b}", "name: run_workflow, params: {¦}",
         {"workflow", "input"}, {"url"}),
        ("name: work", "name: ¦", {"web.fetch", "http_request"}, {"len"}),
        ("    - id: end\n", "    - id: end\n      name: ¦\n", set(), {"web.fetch"}),
        # --- names
        ("${level} == 'VIP'", "${lev¦", {"level", "items", "total", "page", "one"}, {"start"}),
        ("${level} == 'VIP'", "to¦", {"total", "level", "len"}, set()),
        ("total = total + one.price", "total = to¦", {"total", "one"}, set()),
        ("value: ${total + 1}", "value: ${¦", {"total"}, {"secrets"}),
        ("value: ${total + 1}", "value: to¦", set(), {"total"}),
        ("params: {url: a}", 'params: {url: "${¦', {"secrets", "total"}, {"error"}),
        ("output: page", "output: ¦", {"total", "page"}, {"len"}),
        ("      output: total", "      output: ¦", {"total", "page"}, {"len", "level"}),
        ("        - key: total", "        - key: ¦", {"total", "page"}, {"len"}),
    ],
)  # fmt: skip
def test_offers(old: str, new: str, first: set[str], absent: set[str]) -> None:
    assert old in FLOW
    found = set(labels(FLOW.replace(old, new, 1), KNOWN))
    assert first <= found, first - found
    assert not absent & found


def test_input_inside_of_parameters_is_no_schema() -> None:
    text = "nodes:\n  - id: a\n    type: Function\n    name: run_workflow\n    params:\n"
    assert "properties" not in labels(text + "      input:\n        ¦", KNOWN)


def at(needle: str, offset: int) -> tuple[list[str], int, int]:
    lines, line, column = split(FLOW.replace(needle, needle[:offset] + MARK + needle[offset:], 1))
    return lines, line, column


@pytest.mark.parametrize(
    ("needle", "offset", "says", "leads_to"),
    [
        ("next: check", 8, "The node **check** (If) in line 8.", [8]),
        ("next: vip", 8, "The node **vip** (Assign)", [14]),
        ("else: plain", 8, "The node **plain** (function)", [20]),
        ("id: check", 5, "The node **check**", [8]),
        ("type: If", 7, "Goes on along the first branch whose condition is true.", []),
        ("branches:\n", 3, "The branches, tried in order.", []),
        ("branches:\n        - -", 3, "each a list of nodes", []),
        ("web.fetch", 2, "Gets a page.", []),
        ("name: work", 7, "Works.", []),
        ("log, params", 2, "a line in the log", []),
        ("{url: a}", 2, "Where it is.", []),
        ("{message: c}", 2, "The text.", []),
        ("output: total", 9, "**total**", [3, 17, 26]),
        ("one.price", 1, "**one**", [24]),
        ("${level}", 3, "**level**: a field of the input", []),
    ],
)
def test_hover_and_definition(needle: str, offset: int, says: str, leads_to: list[int]) -> None:
    lines, line, column = at(needle, offset)
    about = hover(lines, line, column, CATALOG, KNOWN)
    assert about is not None and says in about.text
    if leads_to:
        found = define(lines, line, column, KNOWN)
        assert [place.span.line for place in found if place.span] == leads_to


def test_outline() -> None:
    assert tree(symbols(KNOWN)) == [
        "total", "start", "check", "vip", "plain", ("each", ["add"]), ("both", ["left", "right"]),
        "end",
    ]  # fmt: skip
    details = {symbol.name: (symbol.kind, symbol.detail) for symbol in symbols(KNOWN)}
    assert details["check"] == ("block", "If")
    assert details["plain"] == ("call", "function web.fetch")
    flat = FLOW.replace("workflow:\n", "").replace("\n  ", "\n").removeprefix("  ")
    assert tree(symbols(analyse(flat, "flat.yaml"))) == tree(symbols(KNOWN))


def test_a_graph_as_a_step() -> None:
    text = (
        "skript: a\ndo:\n  - id: flow\n    graph:\n      nodes:\n"
        "        - {id: start, type: Start, next: sum}\n"
        "        - {id: sum, type: Assign, expression: total = 1 + 2}\n"
        "  - return: ${total}\n"
    )
    known = analyse(text, "a.yaml")
    assert known.diagnostics == ()
    assert set(known.nodes) == {"start", "sum"}
    assert tree(symbols(known)) == [("flow", ["start", "sum"]), "return ${total}"]
    assert "sum" in labels(text.replace("next: sum", "next: ¦"), known)
    lines = text.split("\n")
    assert [p.span.line for p in define(lines, 5, lines[5].index("sum"), known) if p.span] == [7]
    assert [p.span.line for p in define(lines, 7, 15, known) if p.span] == [7]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("next: each", "next: nowhere"),
        ("      next: end", "      nxt: end"),
        ("      type: If", "      type: Iff"),
        ("  edges: []", "  edges: [{source: start}]"),
        ("collection: ${items}", "collection: ${items"),
    ],
)
def test_a_graph_that_makes_no_sense_has_names_all_the_same(old: str, new: str) -> None:
    known: Analysis = analyse(FLOW.replace(old, new, 1), "flow.yaml", CATALOG)
    assert known.diagnostics
    assert set(known.nodes) == IDS
    assert {"total", "page"} <= set(known.variables)
    assert symbols(known)


def test_completion_in_json() -> None:
    text = '{"nodes": [{"id": "a", "type": "Start", "next": "¦'
    assert set(labels(text, KNOWN)) == IDS
    assert "collection" in labels('{"workflow": {"nodes": [{"type": "Iteration", "¦', KNOWN)


def test_what_stands_beside_the_nodes_is_offered_and_shown() -> None:
    notice = "on_failure:\n  id: page\n  call: work\n  with: {why: '${error.type}'}\n"
    known = analyse(FLOW + notice + "schedule: {every: 1h}\n", "flow.yaml", CATALOG)
    assert known.diagnostics == ()
    assert tree(symbols(known))[-1] == "page"
    assert {"schedule", "on_failure"} <= set(labels("workflow: {}\n¦", known))
    assert {"schedule", "on_failure"} <= set(labels("nodes: []\n¦", known))
    assert {"cron", "every", "missed"} <= set(labels("nodes: []\nschedule:\n  ¦", known))
    assert {"skip", "queue"} <= set(labels("nodes: []\nschedule:\n  overlap: ¦", known))
    assert {"call", "emit"} <= set(labels("nodes: []\non_failure:\n  ¦", known))
    assert "error" in labels(FLOW + "on_failure:\n  call: work\n  with: {a: '${¦", known)
