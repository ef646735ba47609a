"""Server-sent events: the journal of a job, and the feed of all jobs, as they grow.

What is sent is read from the store by position, so a stream misses nothing, whoever runs the jobs,
can be taken up anywhere (``Last-Event-ID``), and holds nothing in memory for whoever reads slowly.
One task waits for the store to change, for all streams together.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any, Final

import msgspec

from ..engine.watch import journal_record
from ..errors import RequestError, StoreBusyError, StoreError
from ..model.batches import unfold_events
from ..model.machine import FINAL
from ..stores import Store
from ..stores.base import JobRow
from .views import event_view, job_view

#: Records that are read at once for one stream (one may have some MB), and bytes sent at once.
PAGE: Final = 25
PIECE: Final = 64 * 1024
#: Seconds after which a store is looked at that has said nothing.
LOOK: Final = 0.5
#: Seconds between two looks, however often it changes.
PACE: Final = 0.02
#: How long a browser waits before it asks again, in ms.
RETRY: Final = b"retry: 1000\n\n"
ALIVE: Final = b": alive\n\n"
_encode = msgspec.json.Encoder().encode
_log = logging.getLogger("runeskript.service")


class Changes:
    """Tells all streams that the store has changed, or that the service closes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        #: Streams that are open.
        self.open = 0
        #: The same by the token of whoever reads.
        self.of: dict[str, int] = {}
        self.closing = False

    def close(self) -> None:
        """Have all streams end."""
        self.closing = True
        self._changed.set()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def mark(self) -> asyncio.Event:
        """What to wait for: to be taken before one looks."""
        if self._task is None and not self.closing:
            self._task = asyncio.get_running_loop().create_task(self._watch())
        return self._changed

    async def wait(self, changed: asyncio.Event, seconds: float) -> bool:
        """Return when something has changed since, at most after some time; whether it has."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await changed.wait()
        return changed.is_set()

    async def _watch(self) -> None:
        mark = 0
        while self.open and not self.closing:
            try:
                mark = await self._store.wait(mark, LOOK)
            except StoreError as exc:
                _log.warning("the store could not be looked at: %s", exc)
                await asyncio.sleep(LOOK)
            before, self._changed = self._changed, asyncio.Event()
            before.set()
            await asyncio.sleep(PACE)
        self._task = None


def position(text: str | None) -> int:
    """The position behind an event's id. Raises RequestError."""
    if not text:
        return 0
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise RequestError(f"{text[:64]!r} is no id of an event of this stream")
    return int(text)


async def job_events(
    store: Store, changes: Changes, row: JobRow, after: int | None, heartbeat: float
) -> AsyncGenerator[bytes, None]:
    """The events of one job's journal from behind number ``after`` on, until it has ended."""
    at = 0 if after is None else after + 1
    yield RETRY
    while not changes.closing:
        changed = changes.mark()
        try:
            (now,) = await store.get([row.id])
            page = await store.journal(row.id, at, PAGE)
        except StoreBusyError:
            await changes.wait(changed, LOOK)
            continue
        part = b""
        for event in unfold_events(page):
            record = event_view(journal_record(at, event))
            part += _event(str(at), record.kind, record)
            at += 1
            if len(part) > PIECE:
                yield part
                part = b""
        if part:
            yield part
        elif page:
            pass
        elif now is None or (now.status in FINAL and now.seq <= at):
            if now is not None:
                yield _event(None, "job", job_view(now))
            return
        elif not await changes.wait(changed, heartbeat):
            yield ALIVE


async def feed(
    store: Store, changes: Changes, tenant: str, after: int, heartbeat: float
) -> AsyncGenerator[bytes, None]:
    """Every job of a tenant that has changed since cursor ``after``, as it is by then.

    A job that is removed is told of nobody: whose it was is forgotten with it.
    """
    cursor = after
    yield RETRY
    yield b"id: %d\n" % cursor + ALIVE  # whoever begins now is here, if nothing comes at all
    while not changes.closing:
        changed = changes.mark()
        try:
            found, cursor_now = await store.changes(cursor, PAGE)
        except StoreBusyError:
            await changes.wait(changed, LOOK)
            continue
        part = b""
        for one in found:
            if one.row is not None and one.row.tenant == tenant:
                part += _event(str(one.number), "job", job_view(one.row))
            if len(part) > PIECE:
                yield part
                part = b""
        if part:
            yield part
        if cursor_now != cursor:
            cursor = cursor_now
        elif not await changes.wait(changed, heartbeat):
            # With an id, so that who comes again need not read what others changed.
            yield b"id: %d\n" % cursor + ALIVE


def _event(id_: str | None, kind: str, data: Any) -> bytes:
    head = b"" if id_ is None else b"id: %s\n" % id_.encode()
    return b"%sevent: %s\ndata: %s\n\n" % (head, kind.encode(), _encode(data))
