"""What editors and tools know of machines: the JSON Schema, `rune fmt`, completion, the outline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from editor.marked import CATALOG, labels
from runeskript.compiler.editor.analysis import analyse, is_ours
from runeskript.compiler.editor.define import define
from runeskript.compiler.editor.hover import hover
from runeskript.compiler.editor.symbols import symbols
from runeskript.compiler.format import format_text
from runeskript.compiler.jsonschema import schema
from runeskript.compiler.load_text import parse_document
from runeskript.model.diagnostics import Diagnostics

VALIDATOR = Draft202012Validator(schema())
TEXT = """\
machine: order
data: {type: object, properties: {items: {type: array}, note: {type: string}}}
initial: draft
states:
  draft: {}
  paid:
    enter:
      - log: paid by ${actor.id}
    do:
      - call: work
    timeout: {after: 2d, event: late}
  shipped: {final: true}
transitions:
  - {from: draft, event: pay, to: paid, guard: len(data.items) > 0, allow: [clerk, boss]}
  - {from: paid, event: done, to: shipped, do: [{set: {data.note: "${event.name}"}}]}
  - {from: [paid, draft], event: late, to: shipped}
  - {from: paid, event: failed, to: draft}
"""
KNOWN = analyse(TEXT, "order.yaml", CATALOG)
LINES = TEXT.split("\n")


def test_the_text_is_fine() -> None:
    assert KNOWN.diagnostics == ()
    assert is_ours(TEXT)


# --- the JSON Schema ----------------------------------------------------------------------------
def errors(value: Any) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(value)]


def test_the_schema_accepts_it() -> None:
    assert errors(yaml.safe_load(TEXT)) == []


@pytest.mark.parametrize(
    "change",
    [
        {"initial": []},
        {"states": {}},
        {"states": {"a": {"finl": True}}},
        {"states": {"a b": {}}},
        {"states": {"a": {"timeout": {"after": "5m"}}}},
        {"states": {"a": 5}},
        {"transitions": {}},
        {"transitions": [{"from": "a", "event": "go"}]},
        {"transitions": [{"from": [], "event": "go", "to": "a"}]},
        {"transitions": [{"from": "a", "event": "cancel", "to": "a"}]},
        {"transitions": [{"from": "a", "event": "go", "to": "a", "allow": []}]},
        {"do": []},
        {"input": {}},
    ],
    ids=str,
)
def test_what_both_refuse(change: dict[str, Any]) -> None:
    value = {
        "machine": "m", "initial": "a", "states": {"a": {}, "b": {"final": True}},
        "transitions": [{"from": "a", "event": "go", "to": "b"}],
    }  # fmt: skip
    assert errors(value) == []
    value |= change
    assert errors(value)
    found = Diagnostics()
    parse_document(json.dumps(value), "m.json", found)
    assert found.has_errors


def test_it_accepts_bad_machines_of_good_shape() -> None:
    """It knows shapes, not states: what it refuses the front end refuses, too."""
    for path in (Path(__file__).parents[1] / "bad").glob("machine_*.yaml"):
        found = Diagnostics()
        parse_document(path.read_bytes(), path.name, found)
        value = yaml.safe_load(path.read_bytes())
        assert found.has_errors or not errors(value), path.name


# --- rune fmt -----------------------------------------------------------------------------------
def test_fmt_puts_keys_in_order_and_leaves_names_alone() -> None:
    text = """\
transitions:
  - to: b
    event: go   # goes
    from: a
states:
  to: {final: true}
  b:
    timeout: {after: 5m, event: x}
    enter: []
  a: {}
initial: a
machine: m
"""
    assert (
        format_text(text)
        == """\
machine: m
initial: a
states:
  to: {final: true}
  b:
    enter: []
    timeout: {after: 5m, event: x}
  a: {}
transitions:
  - from: a
    event: go  # goes
    to: b
"""
    )


def test_fmt_of_what_is_in_form() -> None:
    assert format_text(TEXT) == TEXT
    assert format_text(format_text(json.dumps(yaml.safe_load(TEXT)))).startswith("{")


# --- completion ---------------------------------------------------------------------------------
HEAD = "machine: m\ninitial: draft\n"
STATE = HEAD + "states:\n  a:\n    "
WAY = HEAD + "states: {}\ntransitions:\n  - "


@pytest.mark.parametrize(
    ("text", "first", "absent"),
    [
        (HEAD + "¦", {"states", "transitions", "data", "env"}, {"do", "input", "initial"}),
        (STATE + "¦", {"enter", "exit", "do", "timeout", "final"}, {"states", "call"}),
        (STATE + "timeout: {¦", {"after", "event"}, {"until"}),
        (STATE + "do:\n      - ¦", {"call", "log"}, {"enter"}),
        (STATE + "final: ¦", {"true", "false"}, set()),
        (WAY + "¦", {"from", "event", "to", "guard", "allow", "do", "id"}, {"call"}),
        (WAY + "{from: a, ¦", {"event", "to"}, {"from"}),
        (WAY + "from: ¦", {"draft", "paid", "shipped"}, {"pay"}),
        (WAY + "from: [draft, ¦", {"paid"}, {"pay"}),
        (WAY + "to: ¦", {"draft", "paid"}, {"pay"}),
        (HEAD.replace("draft", "¦"), {"draft", "paid"}, {"pay"}),
        (WAY + "event: ¦", {"pay", "late", "done", "failed"}, {"paid", "clerk"}),
        (WAY + "allow: [¦", {"clerk", "boss"}, {"pay"}),
        (WAY + "guard: ¦", {"data", "event", "actor", "job", "env", "len"}, {"input", "error"}),
        (WAY + "guard: data.¦", {"items", "note"}, {"data"}),
        (WAY + "guard: actor.¦", {"id", "roles"}, {"name"}),
        (WAY + "guard: event.¦", {"name", "data", "id", "at"}, {"topic"}),
        (STATE + "do:\n      - log: ${¦", {"data", "job", "env"}, {"event", "actor", "input"}),
        (STATE + "enter:\n      - log: ${¦", {"data", "event", "actor"}, {"input"}),
    ],
)
def test_completion(text: str, first: set[str], absent: set[str]) -> None:
    found = set(labels(text, KNOWN))
    assert first <= found
    assert not absent & found


# --- hover, definition, outline -----------------------------------------------------------------
def place(needle: str, offset: int = 0) -> tuple[int, int]:
    for number, line in enumerate(LINES):
        if needle in line:
            return number, line.index(needle) + offset
    raise AssertionError(needle)


@pytest.mark.parametrize(
    ("needle", "offset", "says"),
    [
        ("initial:", 1, "The state a job begins in."),
        ("from: draft", 7, "The state **draft** in line 5.\n\n- `pay` to **paid**"),
        ("  paid:", 3, "- `failed` to **draft**"),
        ("to: shipped", 5, "The final state **shipped** in line 12."),
        ("guard:", 1, "It is taken only where this is true"),
        (
            "len(data",
            5,
            "**data**: object {items: list, note: any, ...}\n\nThe job's data; transitions change it.",
        ),
        ("actor.id", 1, "**actor**: object {id: null or text, roles: list of text}"),
        ("actor.id", 7, "**actor.id**: null or text"),
    ],
)
def test_hover(needle: str, offset: int, says: str) -> None:
    about = hover(LINES, *place(needle, offset), CATALOG, KNOWN)
    assert about is not None
    assert says in about.text


def test_definitions() -> None:
    (found,) = define(LINES, *place("to: shipped", 5), KNOWN)
    assert found.span is not None
    assert found.span.line == 12
    (found,) = define(LINES, *place("data.items", 6), KNOWN)
    assert found.span is not None
    assert found.span.line == 2


def test_the_outline_has_states_and_transitions() -> None:
    found = [(symbol.name, symbol.detail) for symbol in symbols(KNOWN)]
    assert found == [
        ("draft", "state"), ("paid", "state"), ("shipped", "state"),
        ("pay", "draft to paid"), ("done", "paid to shipped"), ("late", "paid, draft to shipped"),
        ("failed", "paid to draft"),
    ]  # fmt: skip
    paid = symbols(KNOWN)[1]
    assert [child.name for child in paid.children] == ["log paid by ${actor.id}", "call work"]
