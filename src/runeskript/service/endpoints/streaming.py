"""Streams of events; what can be refused is refused before the first byte."""

from __future__ import annotations

from typing import Final

from ...errors import RequestError
from ...model.machine import FINAL
from .. import streams
from ..call import Answer, Call
from ..routes import STREAM

#: In place of the id of an event: what comes from now on.
NOW: Final = "now"


def _after(call: Call) -> str | None:
    return call.headers.get("last-event-id") or call.query.after


def _room(call: Call) -> None:
    call.service.check_open()
    if call.service.changes.open >= call.service.settings.streams:
        raise RequestError("too many streams are open", status=503, code="RUNE-6526")


async def job_events(call: Call) -> Answer:
    """The events of a job; 204 for who has seen the end of one, so that browsers ask no more."""
    service = call.service
    row = await service.row(call.caller, call.params["id"])
    text = _after(call)
    after = streams.position(text) if text else None
    _room(call)
    start = 0 if after is None else after + 1
    await service.store.journal(row.id, min(start, row.seq), 1)  # pruned: said with a status
    if after is not None and row.status in FINAL and start >= row.seq:
        return Answer(None, 204)
    beat = service.settings.heartbeat
    body = streams.job_events(service.store, service.changes, row, after, beat)
    return Answer(body, media=STREAM)


async def events(call: Call) -> Answer:
    """The feed of the caller's tenant."""
    service = call.service
    text = _after(call)
    _room(call)
    after = await streams.end(service.store) if text == NOW else streams.position(text)
    await service.store.changes(after, 1)  # forgotten: said with a status
    beat = service.settings.heartbeat
    body = streams.feed(service.store, service.changes, call.caller.tenant, after, beat)
    return Answer(body, media=STREAM)
