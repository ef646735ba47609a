"""Following one job: its journal, and what happens in between while it is live here."""

from __future__ import annotations

from collections.abc import AsyncIterator

from ..errors import JobNotFoundError
from .driver import Driver
from .narrate import Narrator
from .watch import JobEvent, Watch


async def follow(driver: Driver, id_: str, start: int) -> AsyncIterator[JobEvent]:
    """A job's records from journal position ``start`` on. Raises JobNotFoundError."""
    watch = Watch()
    live = driver.lives.get(id_)
    if live is None:
        if await driver.store.get([id_]) == [None]:
            raise JobNotFoundError(f"no job has the id {id_}")
        watch.end()
    else:
        live.watches.append(watch)
        if live.narrator is None:
            live.narrator = Narrator(live.tell)
    try:
        async for record in watch.follow(driver.store, id_, start):
            yield record
    finally:
        if live is not None:
            live.watches.remove(watch)
