"""What the runtime and its worker processes say to each other: MessagePack arrays in frames.

A frame is its length (4 bytes, big-endian) and one array that begins with a word. What crosses is
values, names and numbers: reading a frame runs nothing, whoever wrote it.

To the worker: ``["run", [[id, module, file, attribute, handler, params, job, step, attempt, path,
n], ...]]``, a chunk of calls, run in order. From the worker: ``["ready"]``, ``["done", id, result,
us]``, ``["fail", id, error, us]``, ``["progress", id, done, total, message]``, ``["log", logger,
level, text, job, step]``. ``us``: microseconds the handler took.
"""

from __future__ import annotations

import struct
from typing import Any, Final

import msgspec

HEAD: Final = struct.Struct(">I")
_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder()


def pack(*parts: Any) -> bytes:
    """One frame."""
    body = _encoder.encode(parts)
    return HEAD.pack(len(body)) + body


def unpack(body: bytes) -> list[Any]:
    """The array of a frame's body."""
    found: list[Any] = _decoder.decode(body)
    return found
