"""Waiting for what becomes of an event that was sent to a machine, whoever runs its job."""

from __future__ import annotations

import asyncio
from typing import Final

from ..errors import JobNotFoundError
from ..model.batches import unfold_events
from ..model.machine import FINAL
from ..stores.base import JobRow, Store
from .driver import Driver
from .recovery import Recovery
from .sending import OUTCOMES, Outcome

#: Seconds between two looks at a job that somebody else runs.
LOOK: Final = 0.5
_PAGE: Final = 500


async def outcome(
    store: Store, driver: Driver, recovery: Recovery, row: JobRow, id_: str
) -> Outcome | None:
    """What became of event ``id_`` of a job, whoever runs it; None where the job ended before it
    was its turn. Raises JobNotFoundError where it is gone.
    """
    told = driver.answers.expect(id_)
    position = row.seq
    try:
        while not told.done():
            mark = await store.wait(0, 0)
            if row.id in driver.lives or await recovery.take_one(row.id):
                await asyncio.wait((told,), timeout=LOOK)
                if told.done():
                    break
            found, position = await _look(store, row.id, id_, position)
            if found is not None:
                return found
            (now,) = await store.get([row.id])
            if now is None:
                raise JobNotFoundError(f"no job has the id {row.id}")
            if now.status in FINAL:
                found, _ = await _look(store, row.id, id_, position)
                return found
            if row.id not in driver.lives:
                await store.wait(mark, LOOK)
        return told.result()
    finally:
        driver.answers.forget(id_)


async def _look(store: Store, job: str, id_: str, position: int) -> tuple[Outcome | None, int]:
    """The outcome in the journal from a position on, and how far that was read."""
    while page := await store.journal(job, position, _PAGE):
        for event in unfold_events(page):
            position += 1
            if isinstance(event, OUTCOMES) and event.id == id_:
                return event, position
    return None, position
