"""Streams of events; what can be refused is refused before the first byte."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from ...errors import RateLimitedError, RequestError
from ...model.machine import FINAL
from .. import streams
from ..call import Answer, Call
from ..routes import STREAM

#: In place of the id of an event: what comes from now on.
NOW: Final = "now"
#: Seconds after which who has too many streams may ask again.
AGAIN: Final = 5


def _after(call: Call) -> str | None:
    return call.headers.get("last-event-id") or call.query.after


def _room(call: Call) -> None:
    call.service.check_open()
    if call.service.changes.open >= call.service.settings.streams:
        raise RequestError("too many streams are open", status=503, code="RUNE-6526")
    token = call.caller.token
    if token and call.service.changes.of.get(token, 0) >= call.service.settings.streams_each:
        raise RateLimitedError("too many streams of one token are open", AGAIN)


def _stream(call: Call, body: AsyncGenerator[bytes, None]) -> Answer:
    """A stream, counted among those of its token."""
    token = call.caller.token
    return Answer(body if token is None else _counted(call, token, body), media=STREAM)


async def _counted(
    call: Call, token: str, body: AsyncGenerator[bytes, None]
) -> AsyncGenerator[bytes, None]:
    of = call.service.changes.of
    of[token] = of.get(token, 0) + 1
    try:
        async with aclosing(body):
            async for part in body:
                yield part
    finally:
        of[token] -= 1
        if not of[token]:
            del of[token]


async def job_events(call: Call) -> Answer:
    """The events of a job; 204 for who has seen the end of one, so that browsers ask no more."""
    service = call.service
    row = await service.row(call.caller, call.params["id"])
    text = _after(call)
    after = streams.position(text) if text else None
    _room(call)
    start = 0 if after is None else after + 1
    await service.store.journal(row.id, min(start, row.seq), 1)  # pruned: said with a status
    if after is not None and start > row.seq:
        raise RequestError(f"{text!r} is no id of an event of this stream")
    if after is not None and row.status in FINAL and start == row.seq:
        return Answer(None, 204)
    beat = service.settings.heartbeat
    return _stream(call, streams.job_events(service.store, service.changes, row, after, beat))


async def events(call: Call) -> Answer:
    """The feed of the caller's tenant."""
    service = call.service
    text = _after(call)
    _room(call)
    _, last = await service.store.changes(0, 0)
    after = last if text == NOW else streams.position(text)
    if after > last:
        raise RequestError(f"{text!r} is no id of an event of this stream")
    await service.store.changes(after, 1)  # forgotten: said with a status
    beat = service.settings.heartbeat
    body = streams.feed(service.store, service.changes, call.caller.tenant, after, beat)
    return _stream(call, body)
