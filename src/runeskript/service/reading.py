"""From bytes to the types of a route: JSON without surprises, queries, entity tags.

JSON that two readers read differently is refused: duplicate keys, NaN, other encodings.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec
from msgspec.inspect import IntType, ListType, StructType, UnionType, type_info

from ..errors import RequestError
from ..model.nearest import did_you_mean
from .types import Request

#: Fields of one query.
FIELDS: Final = 200
#: Characters of a path, of which an id is at most a part.
PATH: Final = 8_192
_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_FLOAT: Final = "got `float`"
_TAG: Final = re.compile(r'(W/)?"([^"]*)"')
_R = TypeVar("_R", bound=Request)


# --- bodies -------------------------------------------------------------------------------------
def read_text(data: bytes) -> str:
    """A body as a text. Raises RequestError."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise RequestError(f"the body is not UTF-8: {exc.reason} at byte {exc.start}") from None


def read_json(data: bytes) -> Any:
    """The value of a JSON text. Raises RequestError."""
    # Mostly there is nothing wrong with it, and that no key stands twice in an object is seen as a
    # whole: what such a key had lost would have had quotes. What may be wrong is told below.
    if b"\\" not in data:
        try:
            quick = _quick(data)
            if _encode(quick).count(b'"') == data.count(b'"'):
                return quick
        except (msgspec.MsgspecError, ValueError, RecursionError):
            pass
    text = read_text(data)
    try:
        found = _decode(text)
        if _HALF.search(text) is not None:
            # Escapes of half a pair are JSON, and no text: nobody could send it on.
            _encode(found)
        return found
    except UnicodeEncodeError:
        raise RequestError("half of a surrogate pair is no character") from None
    except RecursionError:
        raise RequestError("the body nests too deep") from None
    except ValueError as exc:
        raise RequestError(f"the body is not JSON: {exc}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise RequestError(f"the key {name!r} stands twice in one object of the body")
            seen.add(name)
    return found


def _constant(text: str) -> Any:
    raise RequestError(f"the body is not JSON: {text} is no number there")


_quick: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant).decode


def as_type(value: Any, wanted: type[_R], *, strict: bool = True, what: str = "body") -> _R:
    """A value as a type of the table. Raises RequestError, which says where it does not fit."""
    try:
        try:
            return msgspec.convert(value, wanted, strict=strict)
        except msgspec.ValidationError as exc:
            if _FLOAT not in str(exc):
                raise
        return msgspec.convert(_whole(value, type_info(wanted)), wanted, strict=strict)
    except msgspec.ValidationError as exc:
        text = str(exc)
        unknown = _UNKNOWN.match(text)
        hint = None
        if unknown is not None:
            names = [field.encode_name for field in msgspec.structs.fields(wanted)]
            hint = did_you_mean(unknown[1].partition("`")[0], names)
        raise RequestError(f"the {what}: {text}", status=422, hint=hint) from None
    except RecursionError:
        raise RequestError(f"the {what} nests too deep") from None


def _whole(value: Any, kind: Any) -> Any:
    """The same, with integers for whole numbers such as ``7.0`` where the type takes integers
    alone: to JSON they are some, and some write them so. What may be anything stays as it is.
    """
    if isinstance(kind, StructType):
        if not isinstance(value, dict):
            return value
        kinds = {field.encode_name: field.type for field in kind.fields}
        return {name: _whole(one, kinds.get(name)) for name, one in value.items()}
    if isinstance(kind, ListType) and isinstance(value, list):
        return [_whole(one, kind.item_type) for one in value]
    if isinstance(kind, UnionType):
        for one in kind.types:
            value = _whole(value, one)
    elif isinstance(kind, IntType) and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


# --- queries ------------------------------------------------------------------------------------
def read_query(raw: bytes, wanted: type[_R] | None) -> _R | None:
    """The query of a URL as a type. Raises RequestError."""
    if wanted is None:
        if raw:
            raise RequestError("this route takes no query")
        return None
    pairs = []
    if raw:
        try:
            text = raw.decode("ascii")
            pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=FIELDS)
        except UnicodeDecodeError:
            raise RequestError("the query is not UTF-8 in percent-encoding") from None
        except ValueError:
            raise RequestError(f"the query has more than {FIELDS} fields") from None
    found: dict[str, Any] = {}
    many = _lists(wanted)
    for name, value in pairs:
        if name in many:
            found.setdefault(name, []).append(value)
        elif name in found:
            raise RequestError(f"`{name}` stands twice in the query")
        else:
            found[name] = value
    return as_type(found, wanted, strict=False, what="query")


_LISTS: dict[type[Request], frozenset[str]] = {}


def _lists(wanted: type[Request]) -> frozenset[str]:
    """The fields that may stand more than once."""
    known = _LISTS.get(wanted)
    if known is None:
        fields = msgspec.structs.fields(wanted)
        known = frozenset(one.encode_name for one in fields if isinstance(one.default_factory, type)
                          and one.default_factory is list)  # fmt: skip
        _LISTS[wanted] = known
    return known


# --- paths --------------------------------------------------------------------------------------
def segments(raw: bytes, root: str = "") -> list[str] | None:
    """The parts of a path, each decoded by itself, so that ``%2f`` is a part of one; None for what
    is no path at all. ``root``: what stands before it where the application is mounted.
    """
    if not raw.startswith(b"/") or len(raw) > PATH:
        return None
    try:
        if b"%" not in raw:
            found = raw[1:].decode("utf-8").split("/")
        else:
            found = [unquote_to_bytes(part).decode("utf-8") for part in raw[1:].split(b"/")]
    except UnicodeDecodeError:
        return None
    if root:
        before = root.strip("/").split("/")
        if found[: len(before)] == before:
            return found[len(before) :]
    return found


# --- entity tags --------------------------------------------------------------------------------
def tags(header: str) -> frozenset[str] | None:
    """The strong entity tags of an ``If-Match`` or ``If-None-Match`` header; None for ``*``.

    Weak ones never match what is compared strongly. Raises RequestError for what are none.
    """
    if header.strip() == "*":
        return None
    rest = _TAG.sub("", header)
    if rest.replace(",", "").strip() or not header.strip():
        raise RequestError('an entity tag stands in quotes: "7"')
    return frozenset(tag for weak, tag in _TAG.findall(header) if not weak)
