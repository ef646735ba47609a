"""What a handler's annotation says of its result, as a JSON Schema the compiler understands.

Records (dataclasses, structs, typed dicts) are objects with exactly their fields, since that is
what :func:`~runeskript.model.values.normalise` makes of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from ...model.values import Value
from .params import schema_of


def result_schema(annotation: Any) -> Value:
    """The schema of an annotation; None where it says nothing, or nothing that could be used."""
    if annotation is None:
        return {"type": "null"}
    try:
        if any(_is_renamed(found) for found in _walk(msgspec.inspect.type_info(annotation), 0)):
            return None  # the schema would know other names than the result has
        schema = schema_of(annotation)
    except (TypeError, NameError, ValueError, RecursionError):
        return None
    _close(schema)
    return schema or None


def _walk(info: Any, depth: int) -> Iterator[Any]:
    """A type and those inside it, as far as they are looked at."""
    yield info
    if depth > 12:
        return
    inner = [getattr(info, name, None) for name in ("item_type", "key_type", "value_type", "type")]
    inner += getattr(info, "types", ()) or ()
    inner += getattr(info, "item_types", ()) or ()
    inner += [field.type for field in getattr(info, "fields", ()) or ()]
    for part in inner:
        if isinstance(part, msgspec.inspect.Type):
            yield from _walk(part, depth + 1)


def _is_renamed(info: Any) -> bool:
    """Whether a record is written with other names than its fields have, or as a list."""
    if getattr(info, "tag", None) is not None or getattr(info, "array_like", False):
        return True
    return any(f.name != f.encode_name for f in getattr(info, "fields", ()) or ())


def _close(schema: Any) -> None:
    """Say of every record that it has no other fields."""
    if isinstance(schema, dict):
        if schema.get("type") == "object" and "properties" in schema:
            schema.setdefault("additionalProperties", False)
        for part in schema.values():
            _close(part)
    elif isinstance(schema, list):
        for part in schema:
            _close(part)
