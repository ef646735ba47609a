"""Static types of values, where schemas, literals and functions tell them.

A type is a set of kinds (``null bool int float text list object``) with what is known of elements
and fields. It says what a value may be, never what it must be converted to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

from ..model.values import Value
from .schema_rules import SCHEMA_TYPES, referred

KINDS: Final = ("null", "bool", "int", "float", "text", "list", "object")
_ALL: Final = frozenset(KINDS)
#: Nesting past which a type is not looked into.
_DEPTH: Final = 12


class Type:
    """What a value may be. ``element`` is the type of a list's elements; ``fields`` are the known
    keys of an object, ``closed`` where it has no others. None: nothing is known.

    Never changed once it is made; compared by value.
    """

    __slots__ = ("closed", "element", "fields", "kinds")

    def __init__(
        self,
        kinds: frozenset[str],
        element: Type | None = None,
        fields: Mapping[str, Type] | None = None,
        closed: bool = False,
    ) -> None:
        self.kinds = kinds
        self.element = element
        self.fields = fields
        self.closed = closed

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return (
            isinstance(other, Type)
            and self.kinds == other.kinds
            and self.closed == other.closed
            and self.element == other.element
            and self.fields == other.fields
        )

    def __hash__(self) -> int:
        return hash((self.kinds, self.element, self.closed))

    def __repr__(self) -> str:
        return f"Type({self.describe()})"

    @property
    def is_any(self) -> bool:
        """Whether nothing at all is known."""
        return self is ANY or (self.kinds == _ALL and self.element is None and self.fields is None)

    def describe(self) -> str:
        """The type in words: ``list of int``, ``text or null``, ``object {a: int}``."""
        return self._describe(2)

    def _describe(self, levels: int) -> str:
        if self.kinds == _ALL:
            return "any"
        if not self.kinds:
            return "nothing"
        words = []
        for kind in KINDS:
            if kind not in self.kinds:
                continue
            if kind == "list" and self.element is not None and not self.element.is_any and levels:
                words.append(f"list of {self.element._describe(levels - 1)}")
            elif kind == "object" and self.fields and levels:
                known = list(self.fields.items())[:5]
                shown = [f"{key}: {type_._describe(levels - 1)}" for key, type_ in known]
                more = ", ..." if len(self.fields) > 5 or not self.closed else ""
                words.append(f"object {{{', '.join(shown)}{more}}}")
            else:
                words.append(kind)
        if "int" in words and "float" in words:
            words[words.index("int")] = "number"
            words.remove("float")
        return " or ".join(words)

    def only(self, kinds: Iterable[str]) -> Type:
        """The part of this type that is of the given kinds."""
        kept = self.kinds & frozenset(kinds)
        if self.element is None and self.fields is None and not self.closed:
            return of_kinds(kept)
        return Type(
            kept,
            self.element if "list" in kept else None,
            self.fields if "object" in kept else None,
            self.closed and "object" in kept,
        )

    def field(self, key: str) -> Type | None:
        """The type of a key of an object; None where it certainly has no such key."""
        if self.fields is not None and key in self.fields:
            return self.fields[key]
        return None if self.closed else ANY


@cache  # of the few sets there are; equal types are then the same, which is quick to see
def of_kinds(kinds: frozenset[str]) -> Type:
    """A type of nothing but kinds."""
    return Type(kinds)


def of(*kinds: str) -> Type:
    """A type of nothing but kinds."""
    return of_kinds(frozenset(kinds))


ANY: Final = of_kinds(_ALL)
NULL: Final = of("null")
BOOL: Final = of("bool")
INT: Final = of("int")
FLOAT: Final = of("float")
NUMBER: Final = of("int", "float")
TEXT: Final = of("text")
NOTHING: Final = of()
#: The type of a value that holds no others, by its class.
SCALARS: Final[dict[type, Type]] = {
    type(None): NULL, bool: BOOL, int: INT, float: FLOAT, str: TEXT,
}  # fmt: skip


def list_of(element: Type) -> Type:
    """A list whose elements have a type."""
    return Type(frozenset(("list",)), None if element.is_any else element)


def object_of(fields: Mapping[str, Type], *, closed: bool = True) -> Type:
    """An object with known keys."""
    return Type(frozenset(("object",)), None, dict(fields), closed)


def join(a: Type, b: Type, depth: int = 0) -> Type:
    """A type that holds all values of both."""
    if a is b or a is ANY or not b.kinds:
        return a
    if b is ANY or not a.kinds:
        return b
    if a == b:
        return a
    if depth > _DEPTH:
        return Type(a.kinds | b.kinds)
    element = _both("list", a, b, a.element, b.element, depth)
    fields: Mapping[str, Type] | None
    closed = (a.closed or "object" not in a.kinds) and (b.closed or "object" not in b.kinds)
    if "object" not in a.kinds:
        fields = b.fields
    elif "object" not in b.kinds:
        fields = a.fields
    elif a.fields is None or b.fields is None:
        fields, closed = None, False
    else:
        left, right = a.fields, b.fields
        fields = {
            key: join(left.get(key, NOTHING), right.get(key, NOTHING), depth + 1)
            for key in [*left, *[k for k in right if k not in left]]
            if closed or (key in left and key in right)
        }
    kinds = a.kinds | b.kinds
    return Type(kinds, element, fields, closed and "object" in kinds)


def _both(kind: str, a: Type, b: Type, x: Type | None, y: Type | None, depth: int) -> Type | None:
    if kind not in a.kinds:
        return y
    if kind not in b.kinds:
        return x
    return None if x is None or y is None else join(x, y, depth + 1)


def type_of_value(value: Value, depth: int = 0) -> Type:
    """The type of one value; of long lists and objects only the kind."""
    scalar = SCALARS.get(type(value))
    if scalar is not None:
        return scalar
    if type(value) is list:
        if depth > _DEPTH or len(value) > 1_000:
            return of("list")
        element = NOTHING
        for v in value:
            element = join(element, type_of_value(v, depth + 1))
        return Type(frozenset(("list",)), None if not value else element)
    if type(value) is dict:
        if depth > _DEPTH or len(value) > 1_000:
            return of("object")
        return object_of({key: type_of_value(v, depth + 1) for key, v in value.items()})
    return ANY


def type_of_schema(schema: Value) -> Type:
    """The type that a sound schema (``schema.check_schema``) allows; ANY where it says nothing."""
    return _of_schema(schema, schema, 0)


def _of_schema(root: Any, schema: Any, depth: int) -> Type:
    if type(schema) is not dict or depth > _DEPTH:
        return NOTHING if schema is False else ANY
    found = _own_type(root, schema, depth)
    if "$ref" in schema:
        found = _meet(found, _of_schema(root, referred(root, schema["$ref"]), depth + 1))
    for part in schema.get("allOf", ()):
        found = _meet(found, _of_schema(root, part, depth + 1))
    for key in ("anyOf", "oneOf"):
        if key in schema:
            options = NOTHING
            for part in schema[key]:
                options = join(options, _of_schema(root, part, depth + 1))
            found = _meet(found, options)
    return found


def _own_type(root: Any, schema: dict[str, Any], depth: int) -> Type:
    """What the keywords of one schema say, references and alternatives left out."""
    options = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if options is not None:
        found = NOTHING
        for option in options:
            found = join(found, type_of_value(option))
        return found
    operand = schema.get("type")
    if operand is None:
        kinds = _ALL
    else:
        names = operand if type(operand) is list else [operand]
        kinds = frozenset(kind for name in names for kind in SCHEMA_TYPES[name])
    element = None
    if "list" in kinds and "items" in schema:
        inner = _of_schema(root, schema["items"], depth + 1)
        element = None if inner.is_any else inner
    fields = None
    closed = False
    if "object" in kinds:
        rest = schema.get("additionalProperties", True)
        closed = rest is False
        if "properties" in schema or closed:
            fields = {
                key: _of_schema(root, part, depth + 1)
                for key, part in schema.get("properties", {}).items()
            }
    return Type(kinds, element, fields, closed)


def _meet(a: Type, b: Type) -> Type:
    """A type of the values that are of both, as far as it is known."""
    kinds = a.kinds & b.kinds
    element = a.element if b.element is None else b.element
    if a.fields is None or b.fields is None:
        fields = a.fields if b.fields is None else b.fields
    else:
        fields = {**b.fields, **a.fields}
    closed = (a.closed or b.closed) and "object" in kinds
    return Type(
        kinds,
        element if "list" in kinds else None,
        fields if "object" in kinds else None,
        closed,
    )
