"""The published schema explains every key, and says of each default what the compiler applies."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from compiler_front.test_bad_documents import DOCUMENTS, findings
from runeskript.compiler.frontends.graph import tables as graph
from runeskript.compiler.jsonschema import schema
from runeskript.compiler.kinds import Key
from runeskript.compiler.load_text import read_text
from runeskript.compiler.nodes import to_value
from runeskript.compiler.pipeline import check_text, compile_text
from runeskript.compiler.tables import DOCUMENT, MACHINE, MODIFIERS, REDUCER_FIELDS, VERBS
from runeskript.model.blueprint_codec import digest
from runeskript.model.catalog import PlainHandler, StaticCatalog
from runeskript.model.diagnostics import Diagnostics
from runeskript.testing import simulate

SCHEMA = schema()
VALIDATOR = Draft202012Validator(SCHEMA)
CATALOG = StaticCatalog({"f": PlainHandler("f", idempotent=True)})
#: Every row of every table.
TABLES: tuple[Iterable[Key], ...] = (
    DOCUMENT, MACHINE, MODIFIERS, REDUCER_FIELDS, *((verb.value, *verb.keys) for verb in VERBS),
    graph.COMMON, graph.EDGE, graph.PART, graph.WORKFLOW, graph.WRAPPED, graph.BRANCH_FIELDS,
    graph.ASSIGNMENT_FIELDS, *(row.keys for row in graph.NODE_TYPES),
)  # fmt: skip


def rows(table: Iterable[Key]) -> Iterator[Key]:
    for row in table:
        yield row
        yield from rows(row.fields)


ROWS = [row for table in TABLES for row in rows(table)]


def properties(part: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Every property that the schema knows, with its pointer; conditions (`if`) are not for people."""
    if isinstance(part, dict):
        for name, inner in part.get("properties", {}).items():
            yield f"{at}/properties/{name}", inner
        for key, inner in part.items():
            if key not in ("if", "default", "examples", "enum"):
                yield from properties(inner, f"{at}/{key}")
    elif isinstance(part, list):
        for i, inner in enumerate(part):
            yield from properties(inner, f"{at}/{i}")


ALL = dict(properties(SCHEMA))


def test_every_property_is_explained() -> None:
    assert len(ALL) > 250
    silent = [at for at, part in ALL.items() if not str(part.get("description", "")).strip()]
    assert silent == []


def test_the_texts_are_those_of_the_tables() -> None:
    texts = {row.doc for row in ROWS}
    assert {
        at: part["description"] for at, part in ALL.items() if part["description"] not in texts
    } == {}
    known = {at.rpartition("/")[2] for at in ALL}
    assert {row.name for row in ROWS} <= known


def test_every_definition_says_what_it_is() -> None:
    for name, part in SCHEMA["$defs"].items():
        assert part.get("title") or part.get("description"), name


def test_every_default_is_published() -> None:
    published = {(at.rpartition("/")[2], json.dumps(part["default"])) for at, part in ALL.items()
                 if "default" in part}  # fmt: skip
    assert published == {(r.name, json.dumps(r.default)) for r in ROWS if r.default is not None}


def test_what_takes_one_of_a_few_values_has_a_default() -> None:
    few = ("word", "flag", "switchable", "join", "backoff")
    without = {row.name for row in ROWS if row.kind in few and row.default is None}
    # A plain edge is of no branch type; a reducer has to say how.
    assert without == {"branch_type", "reduce"}


def skript(step: dict[str, Any]) -> dict[str, Any]:
    return {"skript": "a", "do": [step]}


def flow(node: dict[str, Any]) -> dict[str, Any]:
    body = [{"id": "c", "type": "Assign", "expression": "x = item"}]
    nodes = [{"id": "a", "type": "Start", "next": "b"}, {"id": "b", **node, "body": body}]
    return {"id": "a", "nodes": nodes}


def scheduled(schedule: dict[str, Any]) -> dict[str, Any]:
    return {"skript": "a", "schedule": schedule, "do": [{"log": "a"}]}


#: A key with a default -> the document around it, and a value that is not the default.
WITH_DEFAULT: dict[str, list[tuple[Any, dict[str, Any], list[str], Any]]] = {
    "on_crash": [(skript, {"call": "f"}, [], "fail")],
    "join": [
        (skript, {"for": "x", "in": "[1]", "parallel": True, "do": []}, [], "any"),
        (skript, {"parallel": {"a": [{"log": "a"}], "b": []}}, [], 1),
    ],
    "detach": [(skript, {"run": "b"}, [], True)],
    "level": [(skript, {"log": "a"}, [], "error")],
    "backoff": [(skript, {"call": "f", "retry": {"max": 2}}, ["retry"], "2s..3s")],
    "missed": [(scheduled, {"every": "1h"}, [], "all")],
    "overlap": [(scheduled, {"every": "1h"}, [], "queue")],
    "item_var": [(flow, {"type": "Iteration", "collection": "[1]"}, [], "other")],
}  # fmt: skip


def compiled(value: Any) -> str:
    """What identifies the program that a document compiles to."""
    return digest(compile_text(json.dumps(value), "a.json", CATALOG).blueprint)


def test_each_default_is_looked_at() -> None:
    looked_at = {*WITH_DEFAULT, "compensate", "final"}
    assert looked_at == {row.name for row in ROWS if row.default is not None}


def test_the_default_of_compensate_is_applied_at_run_time() -> None:
    """It may be an expression, so it is a value of the error, and no part of the program."""

    def undone(**given: bool) -> list[str]:
        steps = [{"call": "f", "undo": {"call": "g"}}, {"raise": {"type": "a", **given}}]
        document = {"skript": "a", "do": [{"try": steps, "catch": [{"do": []}]}]}
        catalog = StaticCatalog({name: PlainHandler(name, idempotent=True) for name in "fg"})
        blueprint = compile_text(json.dumps(document), "a.json", catalog).blueprint
        mocks = dict.fromkeys("fg", lambda params: None)
        return [call.handler for call in simulate(blueprint, mocks).calls]

    (row,) = {row.default for row in ROWS if row.name == "compensate"}
    assert undone() == undone(compensate=row) == ["f"]
    assert undone(compensate=not row) == ["f", "g"]


def test_a_state_is_final_only_where_that_is_said() -> None:
    """No machine is right with both."""

    def found(state: dict[str, Any]) -> list[str]:
        value = {
            "machine": "m", "initial": "a", "states": {"a": {}, "b": state},
            "transitions": [{"from": "a", "event": "go", "to": "b"}],
        }  # fmt: skip
        assert not list(VALIDATOR.iter_errors(value))
        return [d.code for d in check_text(json.dumps(value), "a.json")]

    (row,) = {row.default for row in ROWS if row.name == "final"}
    assert found({}) == found({"final": row}) == ["RUNE-3043"]
    assert found({"final": not row}) == []


@pytest.mark.parametrize(
    ("row", "case"),
    [(row, case) for row in {r.name: r for r in ROWS if r.default is not None}.values()
     for case in WITH_DEFAULT.get(row.name, ())],
    ids=lambda part: part.name if isinstance(part, Key) else "",
)  # fmt: skip
def test_a_default_is_what_the_compiler_applies(row: Key, case: Any) -> None:
    around, part, way, other = case

    def written(value: Any) -> str:
        made = json.loads(json.dumps(part))
        place = made
        for key in way:
            place = place[key]
        place[row.name] = value
        document = around(made)
        assert not list(VALIDATOR.iter_errors(document))
        return compiled(document)

    left_out = compiled(around(part))
    assert written(row.default) == left_out
    assert written(other) != left_out


#: Findings about the shape of a document alone.
SHAPE = {"RUNE-1100", "RUNE-1101", "RUNE-1102", "RUNE-1103", "RUNE-1104", "RUNE-1200"}
BAD = [
    path for path in DOCUMENTS
    if {d.code for d in findings(path)} & SHAPE
    and not any(d.code < "RUNE-1100" for d in findings(path))
]  # fmt: skip


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.name)
def test_what_has_a_bad_shape_is_refused(path: Any) -> None:
    root = read_text(path.read_bytes(), path.name, Diagnostics()).root
    assert root is not None
    assert list(VALIDATOR.iter_errors(to_value(root)))
