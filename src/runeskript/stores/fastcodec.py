"""The encoding of ``model/codec.py`` at the speed of C, for stores that write to disk.

What goes in are values already (the engine and the kernel see to that); what comes back was written
here and is behind a checksum. So neither direction checks again what ``codec.py`` would.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..errors import CodecError, NotAValueError

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


def dumps(value: Any) -> bytes:
    """The bytes of a value; tuples are lists."""
    try:
        return _encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as exc:
        raise NotAValueError(f"it cannot be stored: {exc}") from None


def loads(data: bytes) -> Any:
    """The value of bytes that ``dumps`` wrote. Raises CodecError."""
    try:
        return _decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise CodecError(str(exc)) from None
