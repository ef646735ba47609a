"""The keywords of the JSON Schema subset, and whether a schema keeps to them.

One table says what each keyword's operand must be; the checker and the published reference follow
it. Keywords outside the table are errors, never ignored: a constraint that is silently not enforced
is worse than none.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import Any, Final

from ..model.nearest import did_you_mean
from ..model.values import type_name
from .formats import FORMATS
from .pattern import PatternError
from .read_pattern import compile_regex

#: A finding about a schema: JSON pointer into it, message, hint.
Finding = tuple[str, str, str | None]

#: Names of JSON Schema's types -> the language's.
SCHEMA_TYPES: Final[dict[str, tuple[str, ...]]] = {
    "null": ("null",),
    "boolean": ("bool",),
    "integer": ("int",),
    "number": ("int", "float"),
    "string": ("text",),
    "array": ("list",),
    "object": ("object",),
}
_FOREIGN_TYPES: Final = {
    "int": "integer", "float": "number", "bool": "boolean", "text": "string", "str": "string",
    "list": "array", "dict": "object", "map": "object", "none": "null", "any": None,
}  # fmt: skip

#: Keyword -> what its operand must be. ``schema``/``schemas``/``named`` hold schemas themselves;
#: ``note`` is for people and may be anything.
KEYWORDS: Final[dict[str, str]] = {
    "type": "type",
    "enum": "values",
    "const": "value",
    "properties": "named",
    "required": "names",
    "additionalProperties": "schema",
    "minProperties": "count",
    "maxProperties": "count",
    "items": "schema",
    "minItems": "count",
    "maxItems": "count",
    "uniqueItems": "flag",
    "minLength": "count",
    "maxLength": "count",
    "pattern": "pattern",
    "format": "format",
    "minimum": "number",
    "maximum": "number",
    "exclusiveMinimum": "number",
    "exclusiveMaximum": "number",
    "anyOf": "schemas",
    "oneOf": "schemas",
    "allOf": "schemas",
    "$ref": "ref",
    "$defs": "named",
    "title": "note",
    "description": "note",
    "default": "value",
    "examples": "note",
    "deprecated": "note",
    "$comment": "note",
    "$schema": "note",
}

#: Nesting of one schema.
DEPTH: Final = 60
#: Subschemas after references are followed: a value is checked against each at most once.
WEIGHT: Final = 100_000
_REF: Final = "#/$defs/"


def escape(key: str) -> str:
    """A key as a part of a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")


def unescape(part: str) -> str:
    """The key that a part of a JSON pointer means."""
    return part.replace("~1", "/").replace("~0", "~")


def referred(root: Any, ref: str) -> Any:
    """The schema a local reference names, or None."""
    defs = root.get("$defs") if type(root) is dict else None
    if not ref.startswith(_REF) or type(defs) is not dict:
        return None
    return defs.get(unescape(ref[len(_REF) :]))


def subschemas(schema: Any) -> Iterator[tuple[str, Any]]:
    """(pointer, schema) of every schema directly inside a sound one, definitions left out."""
    if type(schema) is not dict:
        return
    for key, value in schema.items():
        kind = KEYWORDS[key]
        if kind == "schema":
            yield f"/{key}", value
        elif kind == "schemas":
            yield from ((f"/{key}/{i}", inner) for i, inner in enumerate(value))
        elif kind == "named" and key != "$defs":
            yield from ((f"/{key}/{escape(name)}", inner) for name, inner in value.items())


class _Check:
    """Collects findings over one schema."""

    __slots__ = ("findings", "root")

    def __init__(self, root: Any) -> None:
        self.root = root
        self.findings: list[Finding] = []

    def report(self, pointer: str, message: str, hint: str | None = None) -> None:
        if len(self.findings) < 50:
            self.findings.append((pointer, message, hint))

    def schema(self, schema: Any, pointer: str, depth: int) -> None:
        if type(schema) is bool:
            return
        if type(schema) is not dict:
            self.report(pointer, f"a schema is an object, not {type_name(schema)}")
            return
        if depth > DEPTH:
            self.report(pointer, f"the schema is nested deeper than {DEPTH} levels")
            return
        for key, operand in schema.items():
            at = f"{pointer}/{escape(str(key))}"
            kind = KEYWORDS.get(key)
            if kind is None:
                self.report(at, f"unknown keyword `{key}`", did_you_mean(str(key), KEYWORDS))
            else:
                _OPERANDS[kind](self, operand, at, depth)
        self.limits(schema, pointer)

    def limits(self, schema: dict[str, Any], pointer: str) -> None:
        """Pairs of bounds that no value can satisfy."""
        for low, high in (
            ("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems"),
            ("minProperties", "maxProperties"),
        ):  # fmt: skip
            a, b = schema.get(low), schema.get(high)
            if isinstance(a, int | float) and isinstance(b, int | float) and a > b:
                self.report(f"{pointer}/{high}", f"`{low}` is greater than `{high}`")

    # --- operands -----------------------------------------------------------------------------

    def type(self, operand: Any, at: str, depth: int) -> None:
        names = operand if type(operand) is list else [operand]
        if not names:
            self.report(at, "`type` is a name or a list of at least one")
        for name in names:
            if type(name) is not str:
                self.report(at, f"the name of a type is text, not {type_name(name)}")
            elif name not in SCHEMA_TYPES:
                foreign = _FOREIGN_TYPES.get(name.lower())
                hint = f"write `{foreign}`" if foreign else did_you_mean(name, SCHEMA_TYPES)
                self.report(at, f"unknown type `{name}`", hint)

    def values(self, operand: Any, at: str, depth: int) -> None:
        if type(operand) is not list or not operand:
            self.report(at, "`enum` is a list of at least one value")

    def value(self, operand: Any, at: str, depth: int) -> None:
        """Anything."""

    def named(self, operand: Any, at: str, depth: int) -> None:
        if type(operand) is not dict:
            self.report(at, f"an object of schemas is expected, not {type_name(operand)}")
            return
        for name, inner in operand.items():
            self.schema(inner, f"{at}/{escape(str(name))}", depth + 1)

    def names(self, operand: Any, at: str, depth: int) -> None:
        if type(operand) is not list or not all(type(name) is str for name in operand):
            self.report(at, "`required` is a list of keys")
        elif len(set(operand)) < len(operand):
            self.report(at, "`required` names a key twice")

    def one(self, operand: Any, at: str, depth: int) -> None:
        self.schema(operand, at, depth + 1)

    def several(self, operand: Any, at: str, depth: int) -> None:
        if type(operand) is not list or not operand:
            self.report(at, "a list of at least one schema is expected")
            return
        for i, inner in enumerate(operand):
            self.schema(inner, f"{at}/{i}", depth + 1)

    def count(self, operand: Any, at: str, depth: int) -> None:
        if type(operand) is not int or operand < 0:
            self.report(at, "a whole number from 0 is expected")

    def flag(self, operand: Any, at: str, depth: int) -> None:
        if type(operand) is not bool:
            self.report(at, "true or false is expected")

    def number(self, operand: Any, at: str, depth: int) -> None:
        if type(operand) not in (int, float) or not isfinite(operand):
            self.report(at, "a number is expected")

    def pattern(self, operand: Any, at: str, depth: int) -> None:
        if type(operand) is not str:
            self.report(at, "a pattern is text")
            return
        try:
            compile_regex(operand)
        except PatternError as error:
            self.report(at, f"the pattern cannot be used: {error}")

    def format(self, operand: Any, at: str, depth: int) -> None:
        if type(operand) is not str or operand not in FORMATS:
            self.report(at, f"unknown format `{operand}`", did_you_mean(str(operand), FORMATS))

    def ref(self, operand: Any, at: str, depth: int) -> None:
        if type(operand) is not str or not operand.startswith(_REF):
            self.report(at, "only references such as `#/$defs/name` are allowed")
        elif referred(self.root, operand) is None:
            defs = self.root.get("$defs")
            known = list(defs) if type(defs) is dict else []
            hint = did_you_mean(unescape(operand[len(_REF) :]), known)
            self.report(at, f"`{operand}` names nothing", hint)


_OPERANDS: Final = {
    "type": _Check.type,
    "values": _Check.values,
    "value": _Check.value,
    "note": _Check.value,
    "named": _Check.named,
    "names": _Check.names,
    "schema": _Check.one,
    "schemas": _Check.several,
    "count": _Check.count,
    "flag": _Check.flag,
    "number": _Check.number,
    "pattern": _Check.pattern,
    "format": _Check.format,
    "ref": _Check.ref,
}


def check_form(schema: Any) -> list[Finding]:
    """What is wrong with the form of a schema: unknown keywords, wrong operands, references that
    lead nowhere, in circles, or to too many places."""
    check = _Check(schema)
    check.schema(schema, "", 0)
    if not check.findings and type(schema) is dict:
        problem = _expansion(schema)
        if problem is not None:
            check.findings.append(problem)
    return check.findings


def _expansion(root: dict[str, Any]) -> Finding | None:
    """Whether following references ends, within ``WEIGHT`` subschemas and ``2 * DEPTH`` levels."""
    known: dict[str, tuple[int, int]] = {}
    open_: list[str] = []

    def weigh(schema: Any, level: int) -> tuple[int, int]:
        """(subschemas, nesting), both with references followed."""
        if level > 2 * DEPTH:
            return WEIGHT + 1, level
        weight, height = 1, 0
        parts = [weigh(inner, level + 1) for _, inner in subschemas(schema)]
        if type(schema) is dict and "$ref" in schema:
            parts.append(follow(schema["$ref"], level + 1))
        for inner_weight, inner_height in parts:
            weight += inner_weight
            height = max(height, inner_height)
        return min(weight, WEIGHT + 1), height + 1

    def follow(ref: str, level: int) -> tuple[int, int]:
        if ref in open_:
            raise _CircleError(ref)
        found = known.get(ref)
        if found is None:
            open_.append(ref)
            found = known[ref] = weigh(referred(root, ref), level)
            open_.pop()
        return (WEIGHT + 1, level) if level + found[1] > 2 * DEPTH else found

    try:
        total = weigh(root, 0)[0]
        for name in root.get("$defs", {}):
            total += follow(f"{_REF}{escape(name)}", 1)[0]
    except _CircleError as circle:
        name = unescape(str(circle)[len(_REF) :])
        return f"/$defs/{escape(name)}", f"`{name}` refers to itself; schemas cannot recurse", None
    if total > WEIGHT:
        return "", f"the schema has more than {WEIGHT} parts once references are followed", None
    return None


class _CircleError(Exception):
    """A reference that is met while it is being followed."""
