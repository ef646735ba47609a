"""Letting go of jobs that only wait: they are claimed again when what they wait for comes, by
whoever is there then."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from .driver import Driver
from .live import Live, waits

#: Jobs that are looked at before others have a turn.
PART: Final = 256


async def rest(driver: Driver, among: Iterable[Live]) -> None:
    """Let go of those of these jobs that only wait. Not in a tick, where what was done may not be
    durable yet. Raises StoreError.
    """
    from ..stores.leases import Release

    resting = [live for live in among if waits(live)]
    if not resting:
        return
    for live in resting:
        driver.let_go(live)
    jobs = [Release(live.id, live.row.epoch, rest=True) for live in resting]
    try:
        await driver.store.release(driver.lease.worker.id, jobs)
    except BaseException:  # it failed, or was cancelled: nobody here knows them any more
        for job in jobs:
            driver.lease.drop(job.job, job.epoch)
        raise


async def make_room(driver: Driver) -> None:
    """The same where all places are taken, until one is free: what they wait for may be a job that
    stands in the store and needs it. Raises StoreError.
    """
    lives = list(driver.lives.values())
    for first in range(0, len(lives), PART):
        if len(driver.lives) < driver.places or driver.ticking:
            return
        part = lives[first : first + PART]
        await rest(driver, [live for live in part if driver.lives.get(live.id) is live])
        await asyncio.sleep(0)
