"""A value that satisfies a JSON Schema: what a mock gives where nobody said what it should give."""

from __future__ import annotations

from typing import Any, Final

from ..errors import RuneskriptError
from ..expr.schema import check_schema, compile_schema
from ..model.values import Value

#: Levels to which optional fields and items are filled in; below only what is required is.
DEPTH: Final = 4
#: Items that a list gets at most, and characters that a text is filled up to.
MOST: Final = 1_000
_FORMATS: Final = {
    "date-time": "2024-01-01T00:00:00Z",
    "date": "2024-01-01",
    "time": "00:00:00Z",
    "duration": "PT1S",
    "email": "ada@example.org",
    "uri": "https://example.org/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "hostname": "example.org",
}


def sample(schema: Value) -> tuple[bool, Value]:
    """Whether a value could be made, and the value: plain ones, one item in each list.

    It is checked against the schema; where it does not satisfy it (a pattern, say), none is given.
    """
    if schema is None or check_schema(schema):
        return False, None
    value = _make(schema, schema, 0)
    try:
        sound = not compile_schema(schema)(value)
    except RuneskriptError:
        sound = False
    return (True, value) if sound else (False, None)


def _make(schema: Any, root: Any, depth: int) -> Any:
    if not isinstance(schema, dict):
        return None
    for word in ("const", "default"):
        if word in schema:
            return schema[word]
    for word in ("examples", "enum"):
        if schema.get(word):
            return schema[word][0]
    if "$ref" in schema:
        return _make(_referred(schema["$ref"], root), root, depth)
    for word in ("anyOf", "oneOf", "allOf"):
        if schema.get(word):
            return _of_some(schema, word, root, depth)
    kinds = schema.get("type")
    kind = kinds[0] if isinstance(kinds, list) and kinds else kinds
    if kind is None:
        kind = next((name for key, name in _TELLING if key in schema), None)
    make = _MAKERS.get(str(kind))
    return None if make is None else make(schema, root, depth)


def _of_some(schema: Any, word: str, root: Any, depth: int) -> Any:
    parts = [part for part in schema[word] if part != {"type": "null"}] or schema[word]
    if word != "allOf":
        rest = {key: item for key, item in schema.items() if key != word}
        return _make({**rest, **parts[0]} if isinstance(parts[0], dict) else rest, root, depth + 1)
    whole = {key: item for key, item in schema.items() if key != word}
    for part in parts:
        if isinstance(part, dict):
            found = _referred(part["$ref"], root) if "$ref" in part else part
            fields = {**whole.get("properties", {}), **found.get("properties", {})}
            needed = [*whole.get("required", ()), *found.get("required", ())]
            whole = {**whole, **found}
            if fields:
                whole |= {"properties": fields, "required": needed}
    return _make(whole, root, depth + 1)


def _referred(ref: str, root: Any) -> Any:
    found = root
    for word in ref.removeprefix("#").strip("/").split("/"):
        if word:
            found = found.get(word.replace("~1", "/").replace("~0", "~"))
        if not isinstance(found, dict):
            return {}
    return found


def _object(schema: Any, root: Any, depth: int) -> dict[str, Any]:
    fields = schema.get("properties", {})
    needed = schema.get("required", ())
    names = [name for name in fields if depth < DEPTH or name in needed]
    names += [name for name in needed if name not in fields]
    return {name: _make(fields.get(name, {}), root, depth + 1) for name in names}


def _array(schema: Any, root: Any, depth: int) -> list[Any]:
    count = max(schema.get("minItems", 0), 1 if depth < DEPTH else 0)
    count = min(count, schema.get("maxItems", count), MOST)
    return [_make(schema.get("items", {}), root, depth + 1) for _ in range(count)]


def _string(schema: Any, root: Any, depth: int) -> str:
    text = _FORMATS.get(str(schema.get("format")), "text")
    text = text.ljust(min(schema.get("minLength", 0), MOST), "x")
    return text[: schema.get("maxLength", len(text))]


def _integer(schema: Any, root: Any, depth: int) -> int:
    step = schema.get("multipleOf", 1)
    least = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
    most = schema.get("maximum", schema.get("exclusiveMaximum", max(least, 1) + 2) - 1)
    found = int(min(max(1, least), most))
    return found if step in (0, 1) else int(-(-found // step) * step)


def _number(schema: Any, root: Any, depth: int) -> float:
    least, most = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    low = least if least is not None else above
    high = most if most is not None else below
    if low is not None and high is not None:
        return float((low + high) / 2)
    if low is not None:
        return float(max(1.0, low + (above is not None)))
    return 1.0 if high is None else float(min(1.0, high - (below is not None)))


_MAKERS: Final[dict[str, Any]] = {
    "object": _object,
    "array": _array,
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": lambda schema, root, depth: True,
}
#: Keywords that tell the type where none is named.
_TELLING: Final = (
    ("properties", "object"),
    ("required", "object"),
    ("items", "array"),
    ("minLength", "string"),
    ("pattern", "string"),
    ("minimum", "number"),
)
