"""Random graphs: refused with a finding that fits, or a run that equals a plain walk through them."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import Any

from hypothesis import HealthCheck, given, settings

from expr.evaluating import evaluate
from graphs.drawing import INPUT, documents
from graphs.walker import StepError, TooLongError, Walk
from runeskript.compiler.load_text import parse_document
from runeskript.compiler.pipeline import Options, compile_text
from runeskript.errors import CompileError
from runeskript.model.ast_value import ast_hash, from_value, to_value
from runeskript.model.diagnostics import Diagnostics
from runeskript.testing import Simulation

#: What may be said about a random graph: about its edges, and about what branches write.
REFUSALS = {
    "RUNE-1202", "RUNE-1205", "RUNE-1206", "RUNE-1207", "RUNE-3012", "RUNE-2010", "RUNE-3028",
}  # fmt: skip
#: Reads of what is not there; which one comes first in parallel branches is not compared.
UNKNOWN = {"missing", "unset", "type"}
LIMIT = 300


def value_of(text: str, names: dict[str, Any]) -> Any:
    used = re.findall(r"[A-Za-z_]\w*", re.sub(r"'[^']*'", "", text))
    return evaluate(text, {name: names[name] for name in used}, graph=True)


def walked(document: dict[str, Any]) -> tuple[str, Any]:
    try:
        return "Completed", Walk(document, INPUT, value_of, LIMIT).run()
    except StepError as error:
        return "Failed", error.type


def ran(text: str, options: Options) -> tuple[str, Any]:
    compiled = compile_text(text, "random.json", options=options)
    outcome = Simulation(compiled.blueprint, {}, INPUT, turns=5_000).run(2_000)
    if outcome.status == "Completed":
        return outcome.status, outcome.output
    assert outcome.error is not None
    return outcome.status, outcome.error["type"]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(documents())
def test_a_graph_runs_as_it_is_drawn(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    try:
        compile_text(text, "random.json")
    except CompileError as error:
        wrong = {d.code for d in error.diagnostics if d.severity == "error"}
        assert wrong <= REFUSALS, error.diagnostics
        return
    try:
        expected = walked(document)
    except TooLongError:
        return
    for options in (Options(), Options(passes=())):
        found = ran(text, options)
        if expected[0] == found[0] == "Failed":
            assert {expected[1], found[1]} <= UNKNOWN
        else:
            assert found == expected


def test_a_loop_that_ends_the_run_inside_another_leads_nowhere() -> None:
    """Of two loops left to one end the inner one has a copy of it: nothing follows the loop."""
    even, odd = {"condition": "n % 2 == 0"}, {"condition": "n == 7"}
    links = [
        {"source": "begin", "target": "more"},
        {"source": "more", "target": "first"},
        {"source": "first", "target": "one", "branch_index": 0, **even},
        {"source": "first", "target": "other", "branch_index": 1, **odd},
        {"source": "first", "target": "second", "branch_type": "else"},
        {"source": "second", "target": "step", "branch_index": 0, "condition": "n > 2"},
        {"source": "step", "target": "last"},
        {"source": "second", "target": "again", "branch_type": "else"},
        {"source": "again", "target": "first"},
        {"source": "last", "target": "last", "branch_index": 0, **even},
    ]
    nodes = [
        {"id": "begin", "type": "Start"},
        {"id": "more", "type": "Assign", "expression": "n = n + 1"},
        {"id": "first", "type": "If", "branches": [even, odd]},
        {"id": "one", "type": "End"},
        {"id": "other", "type": "End"},
        {"id": "second", "type": "If", "branches": [{"condition": "n > 2"}]},
        {"id": "again", "type": "Assign", "expression": "n = n + 2"},
        {"id": "step", "type": "Assign", "expression": "n = n + 2"},
        {"id": "last", "type": "If", "branches": [even]},
    ]
    for n in range(4):
        variables = {"n": n, "log": ""}
        document = {"id": "x", "nodes": nodes, "edges": links, "variables": variables}
        text = json.dumps(document)
        compile_text(text, "x.json")
        for options in (Options(), Options(passes=())):
            assert ran(text, options) == walked(document)


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(documents())
def test_its_ast_is_a_plain_value(document: dict[str, Any]) -> None:
    diagnostics = Diagnostics()
    made = parse_document(json.dumps(document), "random.json", diagnostics)
    assert made is not None
    again = from_value(to_value(made))
    assert ast_hash(again) == ast_hash(made)
    assert to_value(again) == to_value(made)
    # Flows hold tuples with nothing in some places.
    plain = json.dumps(to_value(made), allow_nan=False, separators=(",", ":"))
    assert ast_hash(made) == sha256(plain.encode("ascii")).hexdigest()
