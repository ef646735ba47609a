"""Going on with jobs that somebody else began: claimed by lease, rebuilt from snapshot and journal.

What was durable is all there is to go on with. A job whose records cannot be read, or whose replay
is not what its journal says, is parked with the reason, and harms no other.
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
    ReplayMismatchError,
    RetryError,
    RuneskriptError,
    StoreBusyError,
    StoreDamagedError,
    StoreError,
    StoreFormatError,
    StoreFullError,
    StoreReadOnlyError,
)
from ..expr.runtime import Context
from ..kernel import Program, outstanding, resume
from ..model.events import Finished, Path, Retried
from ..model.machine import FINAL
from ..model.run import Run
from ..stores.base import HELD, JobRow, RowChange, Unit
from .children import refusal
from .driver import Driver
from .handlers.registry import HandlerRegistry
from .live import GivenBackError, Live, own_calls
from .loads import FIRST, collector_waits, next_load
from .mending import its_end, mend, overtaken, timers_of
from .resting import make_room, rest
from .skripts import Skripts
from .suspects import Suspects
from .turns import PAUSED

if TYPE_CHECKING:
    from ..stores.leases import Loaded, Owned, Release
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


class Recovery:
    """Claims jobs for one runtime and goes on with them."""

    def __init__(self, driver: Driver, skripts: Skripts, registry: HandlerRegistry) -> None:
        self._driver = driver
        self._store = driver.store
        self._skripts = skripts
        self._registry = registry
        self._schedules: Schedules | None = None
        #: How many jobs are loaded at once: adapts to what it costs.
        self._load = FIRST
        self._suspects = Suspects(driver)

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

    async def end_of(self, id_: str) -> JobRow:
        """The row of a job that has ended: run here, by somebody else, or, where that one is gone,
        gone on with here. Raises JobNotFoundError, StoreError for a job that stands still.
        """
        driver = self._driver
        while (live := driver.lives.get(id_)) is None:
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
        waiter: asyncio.Future[JobRow] = asyncio.get_running_loop().create_future()
        live.waiters.append(waiter)
        try:
            return await waiter
        except GivenBackError:
            return await self.end_of(id_)
        finally:
            live.waiters.remove(waiter)

    async def take_one(self, id_: str) -> bool:
        """Go on with a job if nobody has it and it is due; whether that was so."""
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

        None: not before something changes.
        """
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
            with collector_waits():
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

    async def _go_on(self, owned: Owned, loaded: Loaded | StoreError | None) -> None:
        """Go on with a job that was just claimed."""
        try:
            if isinstance(loaded, StoreError):
                raise loaded
            if loaded is None or loaded.row.epoch != owned.epoch:
                return  # it is somebody else's by now
            row = loaded.row
            self._suspects.came(row)
            if row.kind == "bare":
                from .bare import go_on  # of no use to a plain run

                await go_on(self._driver, loaded)
                return
            program = await self._skripts.program(row.blueprint)
            if program is None:
                raise ReplayMismatchError(f"its Blueprint {row.blueprint[:12]} is not in the store")
            if row.status == "Failed":
                await self._retry(loaded, program)
            elif row.seq == 0:
                await self._begin(loaded, program)
            else:
                await self._resume(loaded, program)
        except StoreDamagedError as exc:
            await self._park(owned, exc)
        except StoreError:
            raise
        except RuneskriptError as exc:
            await self._park(owned, exc)
        except Exception as exc:
            _log.exception("job %s: it cannot be gone on with", owned.job)
            await self._park(owned, exc)

    async def _park(self, owned: Owned, exc: Exception) -> None:
        from ..stores.leases import Release

        text = str(exc) if isinstance(exc, RuneskriptError) else f"{type(exc).__name__}: {exc}"
        code = getattr(exc, "code", "RUNE-9000")
        _log.error("job %s is parked: %s", owned.job, text)
        self._driver.forget_mail(owned.job)
        park = Release(owned.job, owned.epoch, park=f"{code}: {text}")
        await self._store.release(self._driver.lease.worker.id, [park])

    async def _begin(self, loaded: Loaded, program: Program) -> None:
        """A job that was submitted, and perhaps claimed before, and never got on."""
        self._driver.begin(loaded.row, program, loaded.inbox)

    async def _retry(self, loaded: Loaded, program: Program) -> None:
        """An operator asked for a failed job to go on from its failed step."""
        from ..kernel.retrying import plan_retry

        table = program.blueprint.machine
        row, asked = loaded.row, [one.number for one in loaded.inbox if one.kind == "retry"]
        whole = await self._store.load(row.id, whole=True)
        if whole is None:
            return
        try:
            event = plan_retry(program, whole.events, self._driver.at())
        except RetryError as exc:  # it was checked by whoever asked; it ends here in any case
            _log.error("job %s is not retried: %s", row.id, exc)
            unit = Unit(row.id, row.epoch, row.seq, [], inbox=asked, part=loaded.part + 1)
            await self._store.commit([unit])
            await self._store.release(self._driver.lease.worker.id, [_given_back(row)])
            return
        running = RowChange("Running", event.at, state=None if table is None else row.state)
        unit = Unit(row.id, row.epoch, row.seq, [event], running, inbox=asked)
        (committed,) = await self._store.commit([unit])
        if committed.outcome not in ("ok", "already"):
            self._driver.lease.drop(row.id, row.epoch)  # it is somebody else's by now
            return
        again = await self._store.load(row.id, whole=True)
        if again is not None and again.row.epoch == row.epoch:
            await self._resume(again, program, event.path)

    async def _resume(self, loaded: Loaded, program: Program, retried: Path | None = None) -> None:
        """Rebuild a run and go on with it. ``retried``: the token whose call is made anew."""
        row, driver = loaded.row, self._driver
        if loaded.snapshot is not None and Retried in map(type, loaded.events):
            # The snapshot may be of what was taken back.
            whole = await self._store.load(row.id, whole=True)
            if whole is None or whole.row.epoch != row.epoch:
                return
            loaded = whole
        start: Run | None = None
        if loaded.snapshot is not None:
            from ..model.snapshot import decode_run
            from ..stores.fastcodec import loads

            start, seq = decode_run(loaded.snapshot, program.digest, Context(), loads)
            if seq != loaded.first:
                raise ReplayMismatchError(f"its snapshot is of {seq}, not {loaded.first}")
        resumed = resume(program, loaded.events, start, rest=program.speaks)
        run = resumed.run
        if loaded.events and type(loaded.events[-1]) is Finished:
            raise ReplayMismatchError("its journal has an end, and its row has none")
        # What only computed since its last event may come to its end in replay already.
        ended = run.finished is not None
        live = Live(row, program, run)
        live.seq, live.part, live.started = row.seq, loaded.part, True
        live.tail, live.written = len(loaded.events), len(loaded.snapshot or b"")
        timers = timers_of(run, loaded.timers, resumed.timers)
        # Pending, with a journal: it is a fork, and nothing of it ran here.
        forked = row.status == "Pending"
        anew = forked or Retried in map(type, loaded.events)
        children = await driver.outlet.missing(live, resumed.children.values()) if anew else []
        rows = [one.row for _, one in children if one.row is not None]
        told = [refusal(row.id, *one) for one in children]
        messages = [one for one in told if one is not None]
        always = retried is not None or bool(children)
        unit = mend(live, loaded, timers, resumed.listens, driver.at(), always=always,
                    said=() if ended else resumed.said)  # fmt: skip
        if unit is not None and retried is not None:
            unit = unit._replace(snapshot=driver.outlet.snapshot(live, 0))
        if unit is not None and children:
            unit = unit._replace(children=rows, messages=messages)
        if unit is not None:
            (committed,) = await self._store.commit([unit])
            if committed.outcome not in ("ok", "already"):
                driver.lease.drop(row.id, row.epoch)  # it is somebody else's by now
                return
            live.part = unit.part
            live.seq += len(unit.events)
        fresh: Path | bool = forked if retried is None else retried
        live.row = row._replace(status="Running", reason=None)
        effects, lost = outstanding(program, run, driver.at(), fresh, placed=True)
        effects = own_calls(live, effects)
        found = await driver.outlet.placing.again(live, effects, loaded.inbox, anew=anew)
        if found is None:
            driver.lease.drop(row.id, row.epoch)  # it is somebody else's by now
            return
        effects, ends = found
        used = overtaken(loaded.inbox)
        stood = row.status != "Running"
        queued = [(one.path, one.n) for one in loaded.queued]
        free = await driver.outlet.lines.again(live, effects, queued, anew=stood or anew)
        if free is None:
            driver.lease.drop(row.id, row.epoch)  # it is somebody else's by now
            return
        driver.go_on(live, loaded.inbox, timers.values(), free, [*lost, *ends],
                     stood=stood, used=used)  # fmt: skip
        driver.outlet.bear(live, children)
        if ended:
            live.ready = its_end(run, resumed.said)
            driver.schedule(live)


def _given_back(row: JobRow) -> Release:
    from ..stores.leases import Release

    return Release(row.id, row.epoch, rest=True)
