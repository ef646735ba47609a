"""The value model: what a variable, a parameter, a result or a message may hold.

null, bool, 64-bit signed int, finite float, text without lone surrogates, list, and object with
text keys in insertion order. Values are treated as immutable inside the runtime (a path assignment
copies what it changes), so frames may share them; containers that cross to a handler are copies.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import math
import sys
from collections.abc import Mapping, Sized
from typing import Any, Final, TypeAlias, cast

from ..errors import NotAValueError
from .limits import INT_MAX, INT_MIN, VALUE_DEPTH, VALUE_PARTS, VALUE_TEXT

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"


class _Unset(enum.Enum):
    UNSET = "unset"

    def __repr__(self) -> str:
        return "UNSET"


#: The content of a slot that no step has set; never a value, never leaves a frame.
UNSET: Final = _Unset.UNSET

_SCALARS: Final = frozenset((type(None), bool))
_CONTAINERS: Final = frozenset((list, dict))
#: Elements from which a list is first looked at as a whole.
_LONG: Final = 8
#: Characters of a text that are not counted: there are only so many such texts in a value.
_SHORT: Final = 16


def type_name(value: object) -> str:
    """The language's name for the type of a value (``text``, ``object`` ...), for messages."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    if isinstance(value, float):
        return "float"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list):
        return "list"
    if isinstance(value, dict):
        return "object"
    return type(value).__name__


def is_text(value: str) -> bool:
    """Whether a text can be encoded, i.e. has no lone surrogate."""
    if value.isascii():
        return True
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def normalise(value: object) -> Value:
    """The value a handler's result, an input or a message means; always a fresh copy.

    tuple -> list, dataclass or struct -> object, datetime -> RFC 3339, Decimal -> text, UUID ->
    text, enum -> its value. Raises NotAValueError naming the place (``$.items[3]``) for bytes,
    sets, NaN, infinity, integers over 64 bits, lone surrogates, other keys, cycles or nesting
    deeper than ``limits.VALUE_DEPTH``, and for more parts or text than ``limits`` allow.
    """
    room = [VALUE_PARTS, VALUE_TEXT]
    try:
        return _plain(value, 0, room)
    except _NotPlainError:
        if min(room) < 0:
            raise NotAValueError(f"$: {_too_much(room)}") from None
    return _normalise(value, "$", 0, [VALUE_PARTS, VALUE_TEXT])


def _too_much(room: list[int]) -> str:
    if room[0] < 0:
        return f"the value has more than {VALUE_PARTS:,} parts"
    return f"the value has texts of more than {VALUE_TEXT:,} characters"


class _NotPlainError(Exception):
    """The fast path met something that needs conversion or a message with its place."""


def _plain(value: Any, depth: int, room: list[int]) -> Value:
    """Copy what is a value already; no paths are built, because nearly everything is."""
    kind = type(value)
    found: Value = value  # a scalar is its own copy
    if kind is str:
        if len(value) > _SHORT:
            _take(room, len(value), 1)
        if value.isascii() or is_text(value):
            return found
    elif kind is int:
        if INT_MIN <= value <= INT_MAX:
            return found
    elif kind in _SCALARS:
        return found
    elif kind is float:
        if math.isfinite(value):
            return found
    elif depth < VALUE_DEPTH:
        if kind is list:
            _take(room, len(value) + 1)
            if _alike(value, room):
                copied: list[Value] = value.copy()
                return copied
            return [_plain(item, depth + 1, room) for item in value]
        if kind is dict:
            _take(room, len(value) + 1)
            out: dict[str, Value] = {}
            for key, item in value.items():
                if type(key) is not str or not (key.isascii() or is_text(key)):
                    raise _NotPlainError
                if len(key) > _SHORT:
                    _take(room, len(key), 1)
                out[key] = _plain(item, depth + 1, room)
            return out
    raise _NotPlainError


def _alike(values: list[Any], room: list[int]) -> bool:
    """Whether a long list holds values of one scalar type only, found out without a loop here."""
    if len(values) < _LONG:
        return False
    kinds = set(map(type, values))
    if len(kinds) > 1:
        return False
    (kind,) = kinds
    if kind is int:
        return bool(min(values) >= INT_MIN and max(values) <= INT_MAX)
    if kind is float:
        return all(map(math.isfinite, values))
    if kind is str and all(map(str.isascii, values)):
        _take(room, sum([size for size in map(len, values) if size > _SHORT]), 1)
        return True
    return kind in _SCALARS


def _take(room: list[int], number: int, what: int = 0) -> None:
    """Count parts of a container (0) or characters (1); what is shared counts at every turn."""
    room[what] -= number
    if room[what] < 0:
        raise _NotPlainError


def _normalise(value: object, path: str, depth: int, room: list[int]) -> Value:
    kind = type(value)
    if kind is str:
        _count(room, cast(str, value), path)
        if not is_text(cast(str, value)):
            raise NotAValueError(f"{path}: text with a lone surrogate is no value")
    if kind is int and not INT_MIN <= cast(int, value) <= INT_MAX:
        raise NotAValueError(f"{path}: the integer does not fit 64 bits")
    if kind is float and not math.isfinite(cast(float, value)):
        raise NotAValueError(f"{path}: {value!r} is no value; numbers must be finite")
    if kind in _SCALARS or kind in (str, int, float):
        return cast(Value, value)
    if depth >= VALUE_DEPTH:
        raise NotAValueError(f"{path[:200]}: nested deeper than {VALUE_DEPTH} levels (or cyclic)")
    if kind is list or kind is tuple:
        items = cast("list[object]", value)
        _count(room, items, path)
        return [_normalise(item, f"{path}[{i}]", depth + 1, room) for i, item in enumerate(items)]
    if kind is dict:
        return _normalise_mapping(cast("dict[object, object]", value), path, depth, room)
    return _normalise_other(value, path, depth, room)


def _count(room: list[int], value: Sized, path: str) -> None:
    if not isinstance(value, str):
        room[0] -= len(value) + 1
    elif len(value) > _SHORT:
        room[1] -= len(value)
    if min(room) < 0:
        raise NotAValueError(f"{path[:200]}: {_too_much(room)}")


def _normalise_mapping(
    value: Mapping[Any, object], path: str, depth: int, room: list[int]
) -> dict[str, Value]:
    out: dict[str, Value] = {}
    _count(room, value, path)
    for key, item in value.items():
        if not isinstance(key, str):
            raise NotAValueError(f"{path}: the key {key!r} is {type_name(key)}; keys must be text")
        if not is_text(key):
            raise NotAValueError(f"{path}: a key has a lone surrogate")
        _count(room, key, path)
        out[str(key)] = _normalise(item, f"{path}.{key}", depth + 1, room)
    return out


def _normalise_other(value: object, path: str, depth: int, room: list[int]) -> Value:
    """The rarer shapes, kept out of the hot path above."""
    if isinstance(value, enum.Enum):
        return _normalise(value.value, path, depth + 1, room)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return _normalise_mapping(fields, path, depth, room)
    # msgspec structs, recognised by their public marker: this floor imports no library.
    struct_fields = getattr(type(value), "__struct_fields__", None)
    if isinstance(struct_fields, tuple):
        named = {str(name): getattr(value, str(name)) for name in struct_fields}
        return _normalise_mapping(named, path, depth, room)
    if isinstance(value, dt.datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    # Where nobody has imported their modules (which costs a start 7 ms) there are none of these.
    decimal, uuid = sys.modules.get("decimal"), sys.modules.get("uuid")
    if decimal is not None and isinstance(value, decimal.Decimal):
        if not value.is_finite():
            raise NotAValueError(f"{path}: {value} is no value; numbers must be finite")
        return str(value)
    if uuid is not None and isinstance(value, uuid.UUID):
        return str(value)
    # Subclasses of the plain types (IntEnum is above; numpy scalars, str subclasses ...).
    for plain in (bool, int, float, str):
        if isinstance(value, plain):
            return _normalise(plain(value), path, depth, room)
    if isinstance(value, list | tuple):
        return _normalise(list(value), path, depth, room)
    if isinstance(value, Mapping):
        return _normalise_mapping(value, path, depth, room)
    raise NotAValueError(f"{path}: {type(value).__name__} is no value")


def _are_numbers(values: list[Any]) -> bool:
    """Whether a list holds numbers only, found out by the quickest thing that goes through it."""
    if type(values[0]) is not int and type(values[0]) is not float:
        return False
    try:
        sum(values)
    except TypeError:
        return False
    return True


def copy_value(value: Any) -> Any:
    """A copy that shares no container with ``value`` (which must already be a value)."""
    kind = type(value)
    if kind is dict:
        return {k: copy_value(v) for k, v in value.items()}
    if kind is list:
        if len(value) >= _LONG and (
            _are_numbers(value) or _CONTAINERS.isdisjoint(map(type, value))
        ):
            return value.copy()
        return [copy_value(v) for v in value]
    return value
