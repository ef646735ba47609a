"""Streams of events; what can be refused is refused before the first byte."""

from __future__ import annotations

from collections.abc import AsyncGenerator
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


class _Counted:
    """A stream that is counted, among all and among those of its token, from before its first piece
    until it is closed.
    """

    def __init__(self, call: Call) -> None:
        """Raises RequestError and RateLimitedError where there are too many."""
        service, token = call.service, call.caller.token
        service.check_open()
        self._changes = service.changes
        self._token = token
        self._body: AsyncGenerator[bytes, None] | None = None
        of = self._changes.of
        if self._changes.open >= service.settings.streams:
            raise RequestError("too many streams are open", status=503, code="RUNE-6526")
        if token and of.get(token, 0) >= service.settings.streams_each:
            raise RateLimitedError("too many streams of one token are open", AGAIN)
        self._changes.open += 1
        if token:
            of[token] = of.get(token, 0) + 1
        self._closed = False

    def answer(self, body: AsyncGenerator[bytes, None]) -> Answer:
        """The stream is this."""
        self._body = body
        return Answer(media=STREAM, stream=self)

    def __aiter__(self) -> _Counted:
        return self

    async def __anext__(self) -> bytes:
        if self._body is None:
            raise StopAsyncIteration
        return await anext(self._body)

    async def aclose(self) -> None:
        """It is over."""
        if self._closed:
            return
        self._closed = True
        self._changes.open -= 1
        if self._token:
            of = self._changes.of
            of[self._token] -= 1
            if not of[self._token]:
                del of[self._token]
        if self._body is not None:
            await self._body.aclose()


async def job_events(call: Call) -> Answer:
    """The events of a job; 204 for who has seen the end of one, so that browsers ask no more."""
    service = call.service
    row = await service.row(call.caller, call.params["id"])
    text = _after(call)
    after = streams.position(text) if text else None
    start = 0 if after is None else after + 1
    await service.store.journal(row.id, min(start, row.seq), 1)  # pruned: said with a status
    if after is not None and start > row.seq:
        raise RequestError(f"{text!r} is no id of an event of this stream", status=409)
    if after is not None and row.status in FINAL and start == row.seq:
        return Answer(None, 204)
    beat = service.settings.heartbeat
    counted = _Counted(call)
    return counted.answer(streams.job_events(service.store, service.changes, row, after, beat))


async def events(call: Call) -> Answer:
    """The feed of the caller's tenant."""
    service = call.service
    text = _after(call)
    _, last = await service.store.changes(0, 0)
    after = last if text == NOW else streams.position(text)
    if after > last:
        raise RequestError(f"{text!r} is no id of an event of this stream", status=409)
    await service.store.changes(after, 1)  # forgotten: said with a status
    beat = service.settings.heartbeat
    counted = _Counted(call)
    return counted.answer(
        streams.feed(service.store, service.changes, call.caller.tenant, after, beat)
    )
