"""Values that are made up for declared results."""

from __future__ import annotations

from typing import Any

import pytest

from runeskript.expr.schema import compile_schema
from runeskript.testing.sample import sample

SCHEMAS: list[Any] = [
    {"type": "null"},
    {"type": "boolean"},
    {"type": "integer", "minimum": 7},
    {"type": "integer", "exclusiveMaximum": -3},
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    {"type": "number", "maximum": -2.5},
    {"type": "string", "minLength": 9},
    {"type": "string", "maxLength": 2},
    {"type": "string", "format": "date-time"},
    {"enum": ["a", "b"]},
    {"const": {"a": [1]}},
    {"type": ["null", "string"]},
    {"type": "array", "items": {"type": "integer"}, "minItems": 3},
    {"type": "array", "items": {"type": "integer"}, "maxItems": 0},
    {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id", "more"]},
    {"anyOf": [{"type": "null"}, {"type": "object", "required": ["x"]}]},
    {"allOf": [{"required": ["a"]}, {"properties": {"a": {"type": "integer"}}}]},
    {"$ref": "#/$defs/Id", "$defs": {"Id": {"type": "string"}}},
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
def test_a_value_satisfies_its_schema(schema: Any) -> None:
    made, value = sample(schema)
    assert made
    assert compile_schema(schema)(value) == []


@pytest.mark.parametrize(
    "schema",
    [
        None,
        {"type": "string", "pattern": "^[0-9]{4}$"},
        {"type": "strin"},
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "required": ["a"],
         "$defs": {"A": {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "required": ["a"]}}},
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_made_is_not_given(schema: Any) -> None:
    assert sample(schema) == (False, None)
