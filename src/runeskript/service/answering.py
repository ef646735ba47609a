"""Sending an answer: its head and its body, or its stream for as long as somebody reads it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, MutableMapping
from typing import Any, Final, TypeAlias

import msgspec

from ..errors import StoreError
from .call import Answer

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
#: Header fields as text.
Fields: TypeAlias = tuple[tuple[str, str], ...]

#: Statuses whose answers have no body.
BODYLESS: Final = frozenset((204, 304))
#: What stands in the head of every answer.
_ALWAYS: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
_encode = msgspec.json.Encoder().encode
_log = logging.getLogger("runeskript.service")


async def send_whole(answer: Answer, id_: str, extra: Fields, send: Send, *, bare: bool) -> None:
    """Send an answer in one piece. ``id_``: that of the request. ``bare``: without its body, and
    where it is a stream, without any.
    """
    head = _head(answer, id_, extra)
    data = b""
    if answer.stream is not None:
        await _let_go(answer.stream)
    elif answer.status not in BODYLESS:
        body = answer.body
        data = body if isinstance(body, bytes) else b"" if body is None else _encode(body)
        head.append((b"content-length", b"%d" % len(data)))
    await send({"type": "http.response.start", "status": answer.status, "headers": head})
    await send({"type": "http.response.body", "body": b"" if bare else data})


def _head(answer: Answer, id_: str, extra: Fields) -> list[tuple[bytes, bytes]]:
    """The head of an answer but for its length, which comes last."""
    head = [*_ALWAYS, (b"x-request-id", id_.encode("latin-1"))]
    for name, value in (*answer.headers, *extra):
        head.append((name.encode("latin-1"), value.encode("latin-1")))
    if answer.status not in BODYLESS:
        head.append((b"content-type", answer.media.encode()))
    return head


# --- streams --------------------------------------------------------------------------------------
async def send_stream(
    answer: Answer,
    stream: AsyncIterator[bytes],
    id_: str,
    extra: Fields,
    receive: Receive,
    send: Send,
    slow: float,
    ends: Callable[[], Coroutine[Any, Any, None]],
) -> None:
    """Send what comes of a stream, until it ends, or whoever reads is gone, takes longer for a
    piece than ``slow`` seconds, or is let in no more, which is when ``ends`` returns.
    """
    try:
        head = _head(answer, id_, extra)
        await send({"type": "http.response.start", "status": answer.status, "headers": head})
    except BaseException:
        await _let_go(stream)
        raise
    reading = asyncio.ensure_future(_forward(stream, send, slow))
    gone = asyncio.ensure_future(_until_gone(receive))
    over = asyncio.ensure_future(ends())
    try:
        await asyncio.wait((reading, gone, over), return_when=asyncio.FIRST_COMPLETED)
        if reading.done():
            reading.result()
    except (TimeoutError, OSError):
        return  # dropped: what it missed is in the journal
    finally:
        for task in (reading, gone, over):
            task.cancel()
        await asyncio.gather(reading, gone, over, return_exceptions=True)
        await _let_go(stream)


async def _forward(stream: AsyncIterator[bytes], send: Send, slow: float) -> None:
    try:
        async for part in stream:
            async with asyncio.timeout(slow):
                await send({"type": "http.response.body", "body": part, "more_body": True})
            # What reads a store that is in this process waits for nothing: others are on the loop,
            # too, and the connection has to come to say that it is full.
            await asyncio.sleep(0)
    except StoreError as exc:  # whoever reads comes again, and is told
        _log.warning("a stream has ended: %s", exc)
    await send({"type": "http.response.body", "body": b""})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _let_go(stream: AsyncIterator[bytes]) -> None:
    close = getattr(stream, "aclose", None)
    if close is not None:
        await close()
