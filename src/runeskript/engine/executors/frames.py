"""What the runtime and its worker processes say to each other: MessagePack arrays in frames.

A frame is its length (4 bytes, big-endian) and one array that begins with a word. What crosses is
values, names and numbers: reading a frame runs nothing, whoever wrote it.

To the worker: ``["run", [[id, module, file, attribute, handler, params, job, step, attempt, path,
n, origin, trace], ...]]``, a chunk of calls, run in order; ``origin``: null, or whose call it is
(``[job, path, n, attempt]``); ``trace``: null, or the context of the call's span.
From the worker: ``["ready"]``, ``["done", id, result,
us]``, ``["fail", id, error, us]``, ``["progress", id, done, total, message]``, ``["log", logger,
level, text, job, step]``. ``us``: microseconds the handler took.

The runtime reads no frame of more than ``limits.FRAME_BYTES``, and none that is not one of these: a
handler can write to any pipe of its process.
"""

from __future__ import annotations

import struct
from typing import Any, Final

import msgspec

from ...model.limits import FRAME_BYTES

HEAD: Final = struct.Struct(">I")
_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(list)
#: What a worker says -> of how many parts its frame is.
_SAID: Final = {"ready": 1, "done": 4, "fail": 4, "progress": 5, "log": 6}


class TooLargeError(Exception):
    """A frame of more than ``limits.FRAME_BYTES``."""


class GarbledError(Exception):
    """What a worker sent is no frame of this protocol."""


def pack(*parts: Any) -> bytes:
    """One frame."""
    body = _encoder.encode(parts)
    return HEAD.pack(len(body)) + body


def size_of(head: bytes) -> int:
    """The length of the frame behind its head. Raises TooLargeError."""
    (size,) = HEAD.unpack(head)
    if size > FRAME_BYTES:
        raise TooLargeError(f"{size:,} bytes, and {FRAME_BYTES:,} are the most")
    return int(size)


def answer(body: bytes) -> list[Any]:
    """What a worker said. Raises GarbledError."""
    try:
        found = unpack(body)
        known = bool(found) and _SAID.get(found[0]) == len(found)
    except (msgspec.DecodeError, RecursionError, TypeError) as exc:
        raise GarbledError("bytes that are no message") from exc
    if not known:
        raise GarbledError("a message that is none")
    return found


def unpack(body: bytes) -> list[Any]:
    """The array of a frame's body."""
    found: list[Any] = _decoder.decode(body)
    return found
