"""Looking at jobs: nothing here changes anything."""

from __future__ import annotations

import asyncio
from typing import Any, Final
from zlib import crc32

from msgspec import Raw
from msgspec.json import Encoder

from ...engine.reasons import reason_of
from ...engine.searching import search
from ...engine.watch import journal_record
from ...errors import RequestError
from ...model.batches import unfold_events
from ...stores.base import JobRow
from ..call import Answer, Call
from ..reading import read_json, tags
from ..routes import BYTES
from ..types import Why
from ..views import event_view, job_view

#: Bytes after which a page ends, and rows that are read at first and at most at once: one may have
#: some MB.
PAGE_BYTES: Final = 4 * 1024 * 1024
FIRST: Final = 5
AT_ONCE: Final = 100
#: Bytes of an answer about a job that is kept.
KEPT: Final = 8_192
_encode = Encoder().encode


def shown(row: JobRow, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """A job as an answer, with its entity tag: the version, and what else is to be seen of it, for
    a pause or a claim changes the job and is no event of its journal.
    """
    data, tag = _told(row)
    return Answer(data, status, (*headers, ("etag", tag)))


def _told(row: JobRow) -> tuple[bytes, str]:
    data = _encode(job_view(row))
    return data, f'"{row.seq}-{crc32(data):08x}"'


def _some(number: int, size: int) -> int:
    """How many further rows to read at once, after so many that took so many bytes."""
    if not number:
        return FIRST
    left = PAGE_BYTES - size
    return max(1, min(left * number // size, AT_ONCE))


async def find(call: Call) -> Answer:
    """A page of jobs, which ends early where they are large."""
    wanted = call.query
    fields = ("status", "state", "skript", "kind", "key", "created_from", "created_before",
              "updated_from", "updated_before")  # fmt: skip
    given: dict[str, Any] = {name: getattr(wanted, name) for name in fields}
    data = {name: _json(name, text) for name, text in _pairs("data", wanted.data).items()}
    given |= {"label": _pairs("label", wanted.label), "data": data, "tenant": call.caller.tenant}
    store, cursor, after = call.service.store, wanted.cursor, wanted.after
    found: list[Raw] = []
    size = 0
    while True:
        some = min(wanted.limit - len(found), _some(len(found), size))
        rows, cursor = await search(store, given, some, cursor, after)
        after = None
        for row in rows:
            found.append(Raw(_encode(job_view(row))))
            size += len(found[-1])
        if cursor is None or len(found) >= wanted.limit or size > PAGE_BYTES:
            return Answer({"jobs": found, "next": cursor})
        await asyncio.sleep(0)


def _pairs(field: str, words: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in words:
        name, _, text = word.partition("=")
        if found.setdefault(name, text) != text:
            told = f"`{field}` asks for two values of {name[:100]!r}"
            raise RequestError(told, status=422)
    return found


def _json(name: str, text: str) -> Any:
    try:
        return read_json(text.encode())
    except RequestError as exc:
        told = f"`data`: what {name[:100]!r} is to equal is JSON; {exc.message}"
        raise RequestError(told, status=422) from None


async def get(call: Call) -> Answer:
    """One job. Whoever waits for its end asks again and again: the answer about a row that is the
    same as the last time is that of the last time.
    """
    row = await call.service.row(call.caller, call.params["id"])
    known = call.service.told.get(row.id)
    if known is None or known[0] is not row:
        known = row, *_told(row)
        if len(known[1]) <= KEPT:
            call.service.told[row.id] = known
    _, data, tag = known
    headers = (("etag", tag),)
    match = call.headers.get("if-none-match")
    if match is not None:
        wanted = tags(match.replace("W/", ""))
        if wanted is None or tag.strip('"') in wanted:
            return Answer(None, 304, headers)
    return Answer(data, 200, headers)


async def history(call: Call) -> Answer:
    """A page of a job's journal, which ends early where events are large."""
    row = await call.service.row(call.caller, call.params["id"])
    start, limit = call.query.start, call.query.limit
    at, size = start, 0
    found: list[Raw] = []
    while len(found) < limit and size <= PAGE_BYTES:
        some = min(limit - len(found), _some(len(found), size))
        events = list(unfold_events(await call.service.store.journal(row.id, at, some)))
        for event in events:
            found.append(Raw(_encode(event_view(journal_record(at, event)))))
            size += len(found[-1])
            at += 1
        if len(events) < some:
            break
        await asyncio.sleep(0)
    return Answer({"events": found, "next": at if at < row.seq and found else None})


async def why(call: Call) -> Answer:
    """What a job waits for."""
    row = await call.service.row(call.caller, call.params["id"])
    async with call.service.views:
        found = await reason_of(call.service.store, row)
    return Answer(Why(**found._asdict()))


async def graph(call: Call) -> Answer:
    """Structure and state of what a job runs."""
    row = await call.service.row(call.caller, call.params["id"])
    async with call.service.views:
        return Answer((await call.service.runtime.job_graph(row.id)).shown())


async def variables(call: Call) -> Answer:
    """The variables of a job."""
    row = await call.service.row(call.caller, call.params["id"])
    async with call.service.views:
        return Answer((await call.service.runtime.job_variables(row.id, call.query.at)).shown())


async def export(call: Call) -> Answer:
    """A job in one file."""
    row = await call.service.row(call.caller, call.params["id"])
    async with call.service.views:
        data = await call.service.runtime.export_job(row.id)
    name = "".join(one for one in row.id if (one.isascii() and one.isalnum()) or one == "-")
    disposition = ("content-disposition", f'attachment; filename="{name}.runejob"')
    return Answer(data, headers=(disposition,), media=BYTES)
