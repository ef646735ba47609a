"""The published schema: up to date, valid, and of one mind with the compiler about shapes."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from runeskript.compiler.jsonschema import schema, schema_text
from runeskript.compiler.kinds import Verb
from runeskript.compiler.load_text import parse_document, read_text
from runeskript.compiler.nodes import to_value
from runeskript.compiler.tables import VERBS
from runeskript.model.diagnostics import Diagnostics

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "schema" / "runeskript.schema.json"
VALIDATOR = Draft202012Validator(schema())
EXAMPLES = sorted(
    [*(ROOT / "examples").glob("**/*.yaml"), *(ROOT / "tests/golden/cases").glob("*.yaml")]
)
VERB_ROWS = [verb for verb in VERBS if verb.example]


def value_of(text: str) -> Any:
    source = read_text(text, "test.yaml", Diagnostics())
    assert source.root is not None
    return to_value(source.root)


def step(verb: Verb) -> dict[str, Any]:
    value = value_of(verb.example)
    assert isinstance(value, dict)
    return value


def document(*steps: Any) -> dict[str, Any]:
    return {"skript": "test", "do": list(steps)}


def test_the_published_file_is_up_to_date() -> None:
    if os.environ.get("RUNE_UPDATE") == "1":
        PUBLISHED.parent.mkdir(exist_ok=True)
        PUBLISHED.write_text(schema_text(), encoding="utf-8")
    assert PUBLISHED.read_text(encoding="utf-8") == schema_text()


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_it_accepts_every_example(path: Path) -> None:
    text = path.read_text("utf-8")
    diagnostics = Diagnostics()
    parse_document(text, path.name, diagnostics)
    errors = [e.message for e in VALIDATOR.iter_errors(value_of(text))]
    assert errors == [] or diagnostics.has_errors


@pytest.mark.parametrize("verb", VERB_ROWS, ids=lambda v: v.name)
def test_schema_and_front_end_accept_every_verbs_example(verb: Verb) -> None:
    value = document(step(verb))
    assert not list(VALIDATOR.iter_errors(value))
    diagnostics = Diagnostics()
    parse_document(yaml.safe_dump(value, sort_keys=False), "test.yaml", diagnostics)
    assert diagnostics.sorted() == ()


@pytest.mark.parametrize("verb", VERB_ROWS, ids=lambda v: v.name)
def test_both_reject_an_unknown_key_of_every_verb(verb: Verb) -> None:
    value = document({**step(verb), "no_such_key": 1})
    assert list(VALIDATOR.iter_errors(value))
    diagnostics = Diagnostics()
    parse_document(yaml.safe_dump(value, sort_keys=False), "test.yaml", diagnostics)
    assert "RUNE-1100" in {d.code for d in diagnostics.sorted()}


@pytest.mark.parametrize("verb", VERB_ROWS, ids=lambda v: v.name)
def test_both_miss_every_required_key(verb: Verb) -> None:
    for row in verb.keys:
        if not row.required:
            continue
        value = step(verb)
        del value[row.name]
        assert list(VALIDATOR.iter_errors(document(value))), row.name
        diagnostics = Diagnostics()
        text = yaml.safe_dump(document(value), sort_keys=False)
        parse_document(text, "test.yaml", diagnostics)
        assert diagnostics.has_errors, row.name


def nested_objects() -> list[tuple[str, dict[str, Any], list[Any]]]:
    """A document with each object a table describes, and the way to that object."""
    return [
        ("document", document(), []),
        ("retry", document({"call": "f", "retry": {"max": 2}}), ["do", 0, "retry"]),
        ("raise", document({"raise": {"type": "a"}}), ["do", 0, "raise"]),
        ("wait", document({"wait": {"until": "t"}}), ["do", 0, "wait"]),
        ("catch", document({"try": [], "catch": [{"do": []}]}), ["do", 0, "catch", 0]),
        ("elif", document({"if": "a", "then": [], "elif": [{"when": "b", "do": []}]}),
         ["do", 0, "elif", 0]),
        ("case", document({"switch": "a", "cases": [{"is": 1, "do": []}]}), ["do", 0, "cases", 0]),
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "way"), nested_objects(), ids=lambda p: str(p)[:12])
def test_it_rejects_unknown_keys_everywhere(name: str, value: Any, way: list[Any]) -> None:
    assert not list(VALIDATOR.iter_errors(value))
    bad = copy.deepcopy(value)
    place = bad
    for part in way:
        place = place[part]
    place["no_such_key"] = 1
    assert list(VALIDATOR.iter_errors(bad))


BAD_SHAPES = [
    {"wait": 5}, {"wait": "soon"}, {"if": "${a}", "then": []}, {"if": "", "then": []},
    {"for": "input", "in": "a", "do": []}, {"for": "a b", "in": "a", "do": []},
    {"parallel": {}}, {"parallel": ["a"]}, {"call": ""}, {"call": "f", "with": "text"},
    {"call": "f", "timeout": 3}, {"call": "f", "on_crash": "x"}, {"log": ["a"]},
    {"call": "f", "retry": {"max": 0}}, {"call": "f", "retry": {"max": 2, "on": ["cancel"]}},
    {"try": []}, {"emit": "a", "key": "b", "to": "c"}, {"set": {}}, {"set": []}, {"break": 5},
    {"raise": {}}, {"run": ["x"]}, {"parallel": {"a": []}, "join": "some"}, "return", 5, None,
    {"switch": "a", "cases": []}, {"id": "a b", "log": "x"}, {"call": "f", "undo": [{"log": "x"}]},
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD_SHAPES, ids=lambda b: str(b)[:40])
def test_both_reject_bad_shapes(bad: Any) -> None:
    value = document(bad)
    assert list(VALIDATOR.iter_errors(value))
    diagnostics = Diagnostics()
    parse_document(yaml.safe_dump(value, sort_keys=False), "test.yaml", diagnostics)
    assert diagnostics.has_errors
