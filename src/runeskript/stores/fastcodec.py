"""The encoding of ``model/codec.py`` at the speed of C, for stores that write to disk.

What goes in are values already (the engine and the kernel see to that); what comes back was written
here and is behind a checksum. So neither direction checks again what ``codec.py`` would.

Importing msgspec takes as long as everything else that opens a store: the few values of a small run
are written by ``codec.py`` itself, whose bytes are the same.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

from ..errors import CodecError, NotAValueError
from ..model.payloads import decode_deep, encode_deep

#: Values, and bytes, that are worth no import.
FEW: Final = 200
SMALL: Final = 65_536

_encode: Callable[[Any], bytes] | None = None
_decode: Callable[[bytes], Any] | None = None
_calls = 0
_bytes = 0


def dumps(value: Any) -> bytes:
    """The bytes of a value; tuples are lists."""
    if _encode is None:
        return _slow_dumps(value)
    try:
        return _encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as exc:
        raise NotAValueError(f"it cannot be stored: {exc}") from None


def loads(data: bytes) -> Any:
    """The value of bytes that ``dumps`` wrote. Raises CodecError."""
    if _decode is None:
        return _slow_loads(data)
    try:
        return _decode(data)
    except (ValueError, RecursionError) as exc:  # msgspec.DecodeError is a ValueError
        raise CodecError(str(exc)) from None


def _slow_dumps(value: Any) -> bytes:
    if _spent(0):
        return dumps(value)
    try:
        data = encode_deep(value)
    except NotAValueError:  # perhaps a named tuple, which is a list to the faster one
        _load()
        return dumps(value)
    _spent(len(data))
    return data


def _slow_loads(data: bytes) -> Any:
    return loads(data) if _spent(len(data)) else decode_deep(data)


def _spent(size: int) -> bool:
    """Whether it is time for the faster one: it is there already, or there is much to do."""
    global _calls, _bytes  # noqa: PLW0603 - of the process, as the import is
    _calls += 1
    _bytes += size
    if _calls > FEW or _bytes > SMALL or "msgspec" in sys.modules:
        _load()
        return True
    return False


def _load() -> None:
    global _encode, _decode  # noqa: PLW0603 - the same
    import msgspec

    _encode = msgspec.msgpack.Encoder().encode
    _decode = msgspec.msgpack.Decoder().decode
