"""Going on with jobs that somebody else began, or nobody yet: they are claimed by lease, and then
rebuilt.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Final

from ..errors import (
    JobNotFoundError,
    RuntimeClosedError,
    StoreBusyError,
    StoreError,
    StoreFormatError,
    StoreFullError,
    StoreReadOnlyError,
)
from ..model.collector import paused_collector
from ..model.machine import FINAL
from ..stores.base import HELD, JobRow
from .driver import Driver
from .handlers.registry import HandlerRegistry
from .live import GivenBackError, Live
from .loads import FIRST, next_load
from .rebuilding import Rebuilding
from .resting import make_room, rest
from .skripts import Skripts
from .turns import PAUSED

if TYPE_CHECKING:
    from ..stores.leases import Owned
    from .schedules import Schedules

#: Jobs claimed at once, in one transaction.
CLAIM: Final = 256
#: Seconds of rebuilding after which the event loop has a turn.
SLICE: Final = 0.005
#: Seconds between two looks for jobs when nothing says that there are any, and at the least.
LOOK: Final = 0.5
PACE: Final = 0.02
#: Failures of a store that do not pass by themselves.
LASTING: Final = frozenset(
    error.code for error in (StoreFullError, StoreReadOnlyError, StoreFormatError)
)

_log = logging.getLogger("runeskript.engine")


class Recovery(Rebuilding):
    """Claims jobs for one runtime and goes on with them."""

    def __init__(self, driver: Driver, skripts: Skripts, registry: HandlerRegistry) -> None:
        super().__init__(driver, skripts)
        self._registry = registry
        self._schedules: Schedules | None = None
        #: Whether jobs are run here at all; what becomes of bare ones is decided in any case.
        self.runs = True
        #: How many jobs are loaded at once: adapts to what it costs.
        self._load = FIRST
        #: Claims that are under way.
        self._taking: set[asyncio.Task[tuple[int, int | None]]] = set()
        self._closed = False

    async def close(self) -> None:
        """Claim nothing more; what was claimed and is not live yet, is given back."""
        self._closed = True
        for task in self._taking:
            task.cancel()
        await asyncio.gather(*self._taking, return_exceptions=True)

    async def work(self, *, until_idle: bool) -> None:
        """Claim and run jobs for as long as this goes on, or until there is nothing left to do.

        That is when every job that could run here has ended, stands still, or waits for nothing but
        a message: timers, retries and the leases of others are waited out; ticks of schedules that
        are still to come are not. Raises StoreError where nothing can be committed: the jobs are
        for whoever comes when that is mended.
        """
        from .schedules import Schedules  # of no use to a plain run

        self._know_handlers()
        self._schedules = Schedules(self._store)
        self._driver.claims = True
        try:
            await self._work(until_idle)
            await rest(self._driver, self._driver.lives.values())
        finally:
            self._driver.claims = False

    async def end_of(self, id_: str, waiter: asyncio.Future[JobRow] | None = None) -> JobRow:
        """The row of a job that has ended: run here, by somebody else, or, where that one is gone,
        gone on with here. ``waiter``: one that the live job was given already. Raises
        JobNotFoundError, StoreError for a job that stands still.
        """
        if waiter is None:
            there = await self._live_or_ended(id_)
            if isinstance(there, JobRow):
                return there
            waiter = asyncio.get_running_loop().create_future()
            there.waiters.append(waiter)
        try:
            return await waiter
        except GivenBackError:
            return await self.end_of(id_)
        finally:
            live = self._driver.lives.get(id_)
            if live is not None and waiter in live.waiters:
                live.waiters.remove(waiter)

    async def _live_or_ended(self, id_: str) -> Live | JobRow:
        """A job as soon as it is live here, or has ended elsewhere."""
        lives = self._driver.lives
        while (live := lives.get(id_)) is None:
            mark = await self._store.wait(0, 0)
            (row,) = await self._store.get([id_])
            if row is None:
                raise JobNotFoundError(f"no job has the id {id_}")
            if row.status in FINAL:
                return row
            if row.status == "Suspended" and row.reason != PAUSED:
                raise StoreError(f"job {id_} is suspended: {row.reason}")
            if not await self.take_one(id_):
                await asyncio.sleep(PACE)  # what we wrote ourselves is no reason to look at once
                await self._store.wait(mark, LOOK)
        return live

    async def take_one(self, id_: str) -> bool:
        """Go on with a job if nobody has it and it is due; whether that was so."""
        if not self.runs:
            (row,) = await self._store.get([id_])
            if row is None or row.kind != "bare":
                return False
        self._know_handlers()
        return (await self.take([id_]))[0] > 0

    def _know_handlers(self) -> None:
        """Whoever claims jobs has to know all it can run."""
        lease = self._driver.lease
        lease.worker = lease.worker._replace(handlers=frozenset(self._registry.names()))

    async def _work(self, until_idle: bool) -> None:
        while True:
            mark = await self._store.wait(0, 0)
            tick = None
            try:
                _, tick = await self._look()
                taken, due = await self.take()
            except StoreBusyError as exc:
                _log.warning("no job could be claimed: %s", exc)
                taken, due = 0, self._store.now()
            await self._driver.collect()
            self._driver.poke()
            self._check()
            if taken:
                continue
            if until_idle and due is None and self._driver.idle():
                if not (await self._look(now=True))[0]:
                    return
                continue
            if tick is not None:
                due = tick if due is None else min(due, tick)
            seconds = LOOK if due is None else min((due - self._store.now()) / 1000, LOOK)
            await asyncio.sleep(PACE)  # a commit of our own is no reason to look at once
            await self._store.wait(mark, max(seconds - PACE, 0))

    async def _look(self, *, now: bool = False) -> tuple[int, int | None]:
        """Create the jobs that schedules have due: see ``Schedules.look``."""
        try:
            return (0, None) if self._schedules is None else await self._schedules.look(now=now)
        except StoreBusyError as exc:
            _log.warning("no schedule could be looked at: %s", exc)
            return 1, self._store.now()  # somebody has to look again

    def _check(self) -> None:
        """Raise what made the driver let all jobs go, unless it may pass by itself (a lock, a
        reply that was lost).

        A worker that went on would claim them again and again, and one that is to work until
        nothing is left to do would find nothing.
        """
        failure, self._driver.failure = self._driver.failure, None
        if failure is not None and (not isinstance(failure, StoreError) or failure.code in LASTING):
            raise failure

    async def follow(self) -> None:
        """Take what other processes post for the jobs of this one, as it comes."""
        mark = 0
        while True:
            try:
                mark = await self._store.wait(mark, LOOK)
                if self._driver.lives:
                    await self._driver.collect()
                    self._driver.poke()
            except StoreError as exc:
                _log.warning("the store could not be looked at: %s", exc)
            await asyncio.sleep(PACE)

    async def take(self, jobs: Sequence[str] = ()) -> tuple[int, int | None]:
        """Claim jobs (these, or any) that are due; how many, and when to ask again.

        None: not before something changes. Where the caller is cancelled it goes on: what a store
        writes is not called back, and a job that is claimed and live nowhere would never get on.
        Raises RuntimeClosedError.
        """
        if self._closed:
            raise _closed()
        task = asyncio.get_running_loop().create_task(self._take(jobs))
        self._taking.add(task)
        task.add_done_callback(self._taking.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled() and self._closed:
                raise _closed() from None
            task.add_done_callback(_say)
            raise

    async def _take(self, jobs: Sequence[str]) -> tuple[int, int | None]:
        driver = self._driver
        if len(driver.lives) >= driver.places:
            await make_room(driver)
        room = min(driver.places - len(driver.lives), CLAIM)
        if room < 1:
            return 0, self._store.now() + int(LOOK * 1000)
        await driver.lease.ensure()
        await driver.lease.give_back()  # what was claimed when somebody was stopped
        most = None if jobs else await self._room_for_suspects()
        claimed = await self._store.claim(driver.lease.worker, room, jobs, most)
        left = deque(claimed.jobs)
        try:
            with paused_collector():  # what is rebuilt lives on
                while left:
                    await self._go_on_with(left)
        finally:
            for one in left:  # it failed, or was cancelled: somebody may have more luck
                driver.lease.drop(one.job, one.epoch)
        driver.poke()
        due = None if claimed.due == HELD else claimed.due
        if claimed.withheld:  # they may be claimed once those that are here got on
            soon = self._store.now() + int(LOOK * 1000)
            due = soon if due is None else min(due, soon)
        return len(claimed.jobs), due

    async def _room_for_suspects(self) -> int:
        """How many suspect jobs there may be here. Those that only wait are let go of; not in a
        tick, where what was done may not be durable yet.
        """
        suspects = self._suspects.look()
        if suspects and not self._driver.ticking:
            await rest(self._driver, suspects)
            self._suspects.rested()
        return self._suspects.allowed()

    async def _go_on_with(self, left: deque[Owned]) -> None:
        """Go on with the next of the jobs that were just claimed; each leaves ``left`` then."""
        part = [one.job for one in islice(left, self._load)]
        for job in part:
            self._driver.forget_mail(job)  # all that is not used up is loaded
        began = self._driver.clock.monotonic()
        loaded = deque(await self._store.load_many(part))
        took = self._driver.clock.monotonic() - began
        self._load = next_load(len(part), took)
        while loaded:
            until = monotonic() + SLICE
            while loaded and monotonic() < until:
                await self._go_on(left[0], loaded.popleft())
                left.popleft()
            self._driver.poke()
            await asyncio.sleep(0)


def _say(task: asyncio.Task[tuple[int, int | None]]) -> None:
    """What went wrong with a claim whose caller has gone."""
    if not task.cancelled() and (exc := task.exception()) is not None:
        _log.warning("what was claimed could not be gone on with: %s", exc)


def _closed() -> RuntimeClosedError:
    return RuntimeClosedError("the runtime was closed")
