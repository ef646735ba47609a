"""The one binary encoding of values: a canonical subset of MessagePack.

Everything stored or hashed (journal events, snapshots, Blueprints, payloads) is written in it, so
it is fixed to the byte: one value has exactly one encoding, and a decoder accepts nothing else.
Any MessagePack library can read it; one that writes the smallest forms writes the same bytes.

=========  ==========================================  =========================================
value      encoding                                    chosen when
=========  ==========================================  =========================================
null       ``c0``
bool       ``c2`` false, ``c3`` true
int        ``00``-``7f`` / ``cc cd ce cf`` + 1 2 4 8   0 and up: the shortest that holds it
int        ``e0``-``ff`` / ``d0 d1 d2 d3`` + 1 2 4 8   below 0: the shortest that holds it
float      ``cb`` + IEEE 754 binary64                  always, never as an int; -0.0 is kept
text       ``a0``-``bf`` / ``d9 da db`` + length       UTF-8, length in bytes, shortest header
list       ``90``-``9f`` / ``dc dd`` + length          shortest header
object     ``80``-``8f`` / ``de df`` + length          keys are text, unique, in insertion order
=========  ==========================================  =========================================

Numbers are big-endian. Not in the subset, and refused: ``bin``, ``ext`` and timestamps, ``c1``,
float32, NaN and infinity, integers outside 64-bit signed, any longer form than needed, keys that
are no text or come twice, malformed UTF-8 (surrogates included), nesting beyond the bound, bytes
after the value.

A length is checked against the bytes that are left before anything is made of it, and both
directions keep their own stack, so hostile input costs at most time and memory in proportion to
its size. Source: https://github.com/msgpack/msgpack/blob/master/spec.md
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import chain
from struct import Struct
from typing import Any, Final, cast

from ..errors import CodecError, NotAValueError
from .limits import INT_MAX, INT_MIN, VALUE_DEPTH
from .values import Value, type_name

__all__ = ["decode", "encode"]

_F64: Final = Struct(">d")
_FLOAT: Final = Struct(">Bd")

#: Width of the number behind a header byte: unsigned ints, signed ints, text, list, object.
_UNSIGNED: Final = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}
_SIGNED: Final = {0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
_LENGTH: Final = {0xD9: 1, 0xDA: 2, 0xDB: 4, 0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4}
#: The smallest length each long header may carry; a shorter one fits the header before it.
_LEAST: Final = {0xD9: 32, 0xDA: 256, 0xDB: 65536, 0xDC: 16, 0xDD: 65536, 0xDE: 16, 0xDF: 65536}

_SCALAR, _TEXT, _LIST, _OBJECT = range(4)
_KIND: Final = {
    **dict.fromkeys((0xD9, 0xDA, 0xDB), _TEXT),
    **dict.fromkeys((0xDC, 0xDD), _LIST),
    **dict.fromkeys((0xDE, 0xDF), _OBJECT),
}
_CONSTANTS: Final[dict[int, Value]] = {0xC0: None, 0xC2: False, 0xC3: True}
_WHAT: Final = {
    0xC1: "the byte c1",
    0xCA: "a 32-bit float",
    **dict.fromkeys((0xC4, 0xC5, 0xC6), "binary data"),
    **dict.fromkeys((0xC7, 0xC8, 0xC9, *range(0xD4, 0xD9)), "an extension type"),
}


# --- encoding ---------------------------------------------------------------------------------


def encode(value: object, *, max_depth: int = VALUE_DEPTH) -> bytes:
    """The bytes of ``value``; a tuple is written as a list.

    Lists and objects may nest ``max_depth`` levels. Raises NotAValueError for what is no value
    (see ``model/values.py``; nothing is converted here) or nests deeper.
    """
    out = bytearray()
    items: Iterator[Any] = iter((value,))
    #: Iterators over the containers that are open; an object's runs over key, value, key ...
    waiting: list[Iterator[Any]] = []
    while True:
        for item in items:
            kind = type(item)
            if kind is str:
                _put_text(out, item)
            elif kind is int:
                _put_int(out, item)
            elif kind is float:
                if not math.isfinite(item):
                    raise NotAValueError(f"{item!r} is no value; numbers must be finite")
                out += _FLOAT.pack(0xCB, item)
            elif item is None:
                out.append(0xC0)
            elif kind is bool:
                out.append(0xC3 if item else 0xC2)
            else:
                if len(waiting) >= max_depth and kind in (dict, list, tuple):
                    raise NotAValueError(f"nested deeper than {max_depth} levels (or cyclic)")
                waiting.append(items)
                items = _open(out, item)
                break
        else:
            if not waiting:
                return bytes(out)
            items = waiting.pop()


def _open(out: bytearray, item: Any) -> Iterator[Any]:
    """Write the header of a container and return what it holds, in order."""
    kind = type(item)
    if kind is dict:
        for key in item:
            if type(key) is not str:
                raise NotAValueError(f"the key {key!r} is {type_name(key)}; keys must be text")
        _put_length(out, len(item), 0x80, 0xDE)
        return chain.from_iterable(item.items())
    if kind is list or kind is tuple:
        _put_length(out, len(item), 0x90, 0xDC)
        return iter(item)
    raise NotAValueError(f"{kind.__name__} is no value")


def _put_int(out: bytearray, n: int) -> None:
    if -32 <= n <= 0x7F:
        out.append(n & 0xFF)
    elif n > 0:
        if n > INT_MAX:
            raise NotAValueError("the integer does not fit 64 bits")
        size = 1 if n <= 0xFF else 2 if n <= 0xFFFF else 4 if n <= 0xFFFFFFFF else 8
        out.append(0xCC + size.bit_length() - 1)
        out += n.to_bytes(size, "big")
    else:
        if n < INT_MIN:
            raise NotAValueError("the integer does not fit 64 bits")
        size = 1 if n >= -0x80 else 2 if n >= -0x8000 else 4 if n >= -0x80000000 else 8
        out.append(0xD0 + size.bit_length() - 1)
        out += n.to_bytes(size, "big", signed=True)


def _put_text(out: bytearray, text: str) -> None:
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise NotAValueError("text with a lone surrogate is no value") from None
    n = len(data)
    if n < 32:
        out.append(0xA0 | n)
    elif n <= 0xFF:
        out += bytes((0xD9, n))
    else:
        _put_long(out, n, 0xDA)
    out += data


def _put_length(out: bytearray, n: int, short: int, long: int) -> None:
    if n < 16:
        out.append(short | n)
    else:
        _put_long(out, n, long)


def _put_long(out: bytearray, n: int, header: int) -> None:
    """A 2-byte length behind ``header``, or a 4-byte one behind the header after it."""
    if n <= 0xFFFF:
        out.append(header)
        out += n.to_bytes(2, "big")
    elif n <= 0xFFFFFFFF:
        out.append(header + 1)
        out += n.to_bytes(4, "big")
    else:
        raise NotAValueError(f"a length of {n} does not fit the encoding")


# --- decoding ---------------------------------------------------------------------------------


def decode(
    data: bytes | bytearray | memoryview,
    *,
    max_depth: int = VALUE_DEPTH,
    max_parts: int = INT_MAX,
) -> Value:
    """The value that ``data`` encodes, all of it.

    Raises CodecError naming the byte offset for anything but the one encoding of a value whose
    containers nest at most ``max_depth`` levels and hold at most ``max_parts`` elements, keys and
    values together (a byte may become fifty of memory).
    """
    source = bytes(data)
    end = len(source)
    pos = 0
    #: The container being filled, how many items it still takes (an object: keys and values), and
    #: the key whose value comes next.
    target: Any = []
    left, key = 1, ""
    waiting: list[tuple[Any, int, str]] = []
    item: Any
    while True:
        at = pos
        kind, item, pos = _read_head(source, pos, end)
        if kind == _TEXT:
            item, pos = _read_text(source, pos, item, end)
        is_object = type(target) is dict
        if is_object and not left & 1:
            if kind != _TEXT:
                raise CodecError(f"at byte {at}: a key that is no text")
            if item in target:
                raise CodecError(f"at byte {at}: the key {_brief(item)} comes twice")
            key = item
            left -= 1
            continue
        left -= 1
        count = 0
        if kind >= _LIST:
            count = item * (kind - 1)
            if count > end - pos:
                raise CodecError(f"at byte {at}: a container longer than the data")
            if len(waiting) >= max_depth:
                raise CodecError(f"at byte {at}: nested deeper than {max_depth} levels", limit=True)
            max_parts -= count
            if max_parts < 0:
                raise CodecError(f"at byte {at}: more parts than the bound", limit=True)
            item = [] if kind == _LIST else {}
        if is_object:
            target[key] = item
        else:
            target.append(item)
        if count:
            waiting.append((target, left, key))
            target, left = item, count
        while not left:
            if not waiting:
                if pos != end:
                    raise CodecError(f"at byte {pos}: {end - pos} bytes after the value")
                return cast(Value, target[0])
            target, left, key = waiting.pop()


def _read_head(source: bytes, pos: int, end: int) -> tuple[int, Any, int]:
    """(kind, scalar or length, position behind it) of what begins at ``pos``."""
    if pos >= end:
        raise CodecError(f"at byte {pos}: the data ends inside a value")
    code = source[pos]
    if code < 0x80:
        return _SCALAR, code, pos + 1
    if code >= 0xE0:
        return _SCALAR, code - 0x100, pos + 1
    if code < 0x90:
        return _OBJECT, code & 0x0F, pos + 1
    if code < 0xA0:
        return _LIST, code & 0x0F, pos + 1
    if code < 0xC0:
        return _TEXT, code & 0x1F, pos + 1
    if code in _CONSTANTS:
        return _SCALAR, _CONSTANTS[code], pos + 1
    if code in _LENGTH:
        n, behind = _read_number(source, pos + 1, _LENGTH[code], end, signed=False)
        if n < _LEAST[code]:
            raise CodecError(f"at byte {pos}: a length of {n} in a longer form than it needs")
        return _KIND[code], n, behind
    if code in _UNSIGNED:
        n, behind = _read_number(source, pos + 1, _UNSIGNED[code], end, signed=False)
        if n > INT_MAX:
            raise CodecError(f"at byte {pos}: an integer that does not fit 64 bits")
        if n <= (0x7F, 0xFF, 0xFFFF, 0xFFFFFFFF)[code - 0xCC]:
            raise CodecError(f"at byte {pos}: the integer {n} in a longer form than it needs")
        return _SCALAR, n, behind
    if code in _SIGNED:
        n, behind = _read_number(source, pos + 1, _SIGNED[code], end, signed=True)
        if n >= (-0x20, -0x80, -0x8000, -0x80000000)[code - 0xD0]:
            raise CodecError(f"at byte {pos}: the integer {n} in a longer form than it needs")
        return _SCALAR, n, behind
    if code == 0xCB:
        return _SCALAR, _read_float(source, pos, end), pos + 9
    raise CodecError(f"at byte {pos}: {_WHAT[code]} is not in the subset")


def _read_number(source: bytes, pos: int, width: int, end: int, *, signed: bool) -> tuple[int, int]:
    behind = pos + width
    if behind > end:
        raise CodecError(f"at byte {end}: the data ends inside a number")
    return int.from_bytes(source[pos:behind], "big", signed=signed), behind


def _read_float(source: bytes, pos: int, end: int) -> float:
    if pos + 9 > end:
        raise CodecError(f"at byte {end}: the data ends inside a number")
    number: float = _F64.unpack_from(source, pos + 1)[0]
    if not math.isfinite(number):
        raise CodecError(f"at byte {pos}: {number!r} is no value; numbers must be finite")
    return number


def _read_text(source: bytes, pos: int, length: int, end: int) -> tuple[str, int]:
    behind = pos + length
    if behind > end:
        raise CodecError(f"at byte {pos}: a text longer than the data")
    try:
        return source[pos:behind].decode(), behind
    except UnicodeDecodeError as error:
        raise CodecError(f"at byte {pos + error.start}: not UTF-8") from None


def _brief(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")
