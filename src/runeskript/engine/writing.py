"""Writing new jobs: rows, notes, and of those that begin here the first slices, in one commit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import groupby
from time import monotonic
from typing import Final, TypeAlias

from ..errors import StoreError, StoreTooLargeError
from ..model.events import Event
from ..stores.base import JobRow, OnConflict, Submitted
from . import requests
from .clock import Clock
from .drafts import Draft
from .driver import Driver
from .submissions import Asked, Found, Note, Notes, said

#: Seconds after which no further job of a commit takes its first slice before it.
SLICE: Final = 0.005

#: An item, the row of its job, and the job's first slice, where that was taken.
Drafted: TypeAlias = "tuple[Asked, JobRow, Draft | None]"
#: What became of an item, and its job's first slice, where that was taken.
Written: TypeAlias = "tuple[Found, Draft | None]"


class Writing:
    """Writes the jobs that somebody asked for. ``notes``: what becomes of what comes with them."""

    def __init__(self, driver: Driver, clock: Clock, notes: Notes | None) -> None:
        self._driver = driver
        self._clock = clock
        self._notes = notes

    async def write(self, asked: Sequence[Asked], *, drafts: bool) -> list[Written]:
        """Write what was asked for. Where whoever waits for that is cancelled, the rows may be
        there all the same, the worker's own and live nowhere: these are given back.
        """
        driver = self._driver
        await driver.lease.ensure()
        rows = self._rows(asked)
        first: list[Draft | None] = [None] * len(rows)
        if drafts and driver.can_draft:
            await self._take_first(asked, rows, first)
        try:
            return await self._put(asked, rows, first)
        except asyncio.CancelledError:
            for row in rows:
                if row.owner is not None and row.id not in driver.lives:
                    driver.lease.drop(row.id, 1)
            raise

    async def _take_first(
        self, asked: Sequence[Asked], rows: list[JobRow], drafts: list[Draft | None]
    ) -> None:
        """The first slices of those that begin, as many as there is time for."""
        if len({row.id for row in rows}) < len(rows):
            return  # the journal of a job is named by its id
        now = monotonic()
        self._driver.read_clock(now)  # else an event may be older than its job
        until = now + SLICE
        for number, (one, row) in enumerate(zip(asked, rows, strict=True)):
            if one.begins and one.program is not None:
                drafts[number] = await self._driver.draft(row, one.program)
                if monotonic() > until:
                    return

    async def _put(
        self, asked: Sequence[Asked], rows: list[JobRow], drafts: list[Draft | None]
    ) -> list[Written]:
        """Write rows, those in a row that treat a taken key alike in one go."""
        found: list[Written] = []
        three = zip(asked, rows, drafts, strict=True)
        for replace, some in groupby(three, key=lambda one: one[0].item.on_conflict == "replace"):
            part = list(some)
            on_conflict: OnConflict = "replace" if replace else "return"
            try:
                what: Sequence[Found] = await self._submit(part, on_conflict)
            except StoreTooLargeError as exc:
                what = [await self._alone(one, on_conflict, exc, part) for one in part]
            except StoreError as exc:
                what = [exc] * len(part)
            for (one, row, draft), made in zip(part, what, strict=True):
                found.append((said(one.item, row, made), draft))
        return found

    async def _submit(self, part: Sequence[Drafted], on_conflict: OnConflict) -> list[Submitted]:
        """Write rows, with the first slices of those that have one. If the reply is lost they may
        be there, the worker's own, and nobody here knows them: then they are given back.
        """
        rows: list[JobRow] = []
        journals: dict[str, Sequence[Event]] = {}
        notes: list[Note] = []
        for one, row, draft in part:
            if one.note is not None:
                notes.append(one.note)
            if draft is not None and draft.row is not None:
                journals[row.id] = draft.turn.ready.events
                row = draft.row
            rows.append(row)
        puts = [] if self._notes is None or not notes else self._notes(notes)
        driver = self._driver
        try:
            found = await driver.store.submit(rows, on_conflict, journals, notes=puts)
        except StoreTooLargeError:
            raise  # nothing is there, and its rows are submitted again
        except StoreError:
            for new in rows:
                if new.owner is not None:
                    driver.lease.drop(new.id, 1)
            raise
        found = [_ours(one, made) for (one, _, _), made in zip(part, found, strict=True)]
        if puts and all(made.outcome != "exists" for made in found):
            for note in notes:
                note.kept = True
        return found

    def _rows(self, asked: Sequence[Asked]) -> list[JobRow]:
        now, worker = self._clock.now_ms(), self._driver.lease.worker.id
        rows: list[JobRow] = []
        shapes: dict[tuple[str, int | None], JobRow] = {}
        for one in asked:
            item, id_, program, value, labels, _, version, _, _ = one
            key, rank, tenant = item.key, item.priority, item.tenant
            if program is None:
                rows.append(requests.bare_row(id_, value, now, key, labels, rank, tenant))
                continue
            shape = shapes.get((program.digest, version))
            if shape is None:
                shape = requests.job_shape(program, version)
                shapes[program.digest, version] = shape
            owner = worker if one.begins else None
            rows.append(
                requests.job_row(
                    shape, id_, value, now, key, labels, owner, rank, tenant, item.hold
                )
            )
        return rows

    async def _alone(
        self,
        one: Drafted,
        on_conflict: OnConflict,
        error: StoreTooLargeError,
        tried: Sequence[Drafted],
    ) -> Found:
        """Write one by itself: it, or another one of those that were ``tried``, is too large for
        the store. Its first slice may be, and not the job: then the tick finds that out.
        """
        draft = one[2]
        try:
            if len(tried) > 1:
                try:
                    return (await self._submit([one], on_conflict))[0]
                except StoreTooLargeError as exc:
                    error = exc
            if draft is None or draft.row is None:
                return error
            draft.row = None
            return (await self._submit([one], on_conflict))[0]
        except StoreError as exc:
            return exc


def _ours(asked: Asked, made: Submitted) -> Submitted:
    """What became of an item: a job that has the id which was made for it here is new, even where
    the store was asked twice.
    """
    if made.outcome == "exists" and made.row.id == asked.id and asked.item.id is None:
        return made._replace(outcome="created")
    return made
