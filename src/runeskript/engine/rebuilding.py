"""Rebuilding a job that was claimed, from its snapshot and its journal, and going on with it.

What was durable is all there is to go on with. A job whose records cannot be read, or whose replay
is not what its journal says, is parked with the reason, and harms no other.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ..errors import (
    ReplayMismatchError,
    RetryError,
    RuneskriptError,
    StoreDamagedError,
    StoreError,
)
from ..expr.runtime import Context
from ..kernel import Program, Resumed, outstanding, resume
from ..model.events import Finished, Path, Retried
from ..model.run import Run
from ..stores.base import JobRow, RowChange, Unit
from .children import refusal
from .driver import Driver
from .live import Live, own_calls
from .mending import its_end, mend, overtaken, timers_of
from .skripts import Skripts
from .suspects import Suspects

if TYPE_CHECKING:
    from ..stores.leases import Loaded, Owned, Release

_log = logging.getLogger("runeskript.engine")


class Rebuilding:
    """Goes on with jobs that are this worker's, one by one."""

    def __init__(self, driver: Driver, skripts: Skripts) -> None:
        self._driver = driver
        self._store = driver.store
        self._skripts = skripts
        self._suspects = Suspects(driver)

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
            await self._skripts.admit(row)
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
        resumed = _rebuilt(loaded, program)
        run = resumed.run
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
            try:
                (committed,) = await self._store.commit([unit])
            except StoreError:
                driver.lease.drop_children([unit])
                raise
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


def _rebuilt(loaded: Loaded, program: Program) -> Resumed:
    """The run, from its snapshot and the events behind it. Raises ReplayMismatchError."""
    start: Run | None = None
    if loaded.snapshot is not None:
        from ..model.snapshot import decode_run
        from ..stores.fastcodec import loads

        start, seq = decode_run(loaded.snapshot, program.digest, Context(), loads)
        if seq != loaded.first:
            raise ReplayMismatchError(f"its snapshot is of {seq}, not {loaded.first}")
    resumed = resume(program, loaded.events, start, rest=program.speaks)
    if loaded.events and type(loaded.events[-1]) is Finished:
        raise ReplayMismatchError("its journal has an end, and its row has none")
    return resumed


def _given_back(row: JobRow) -> Release:
    from ..stores.leases import Release

    return Release(row.id, row.epoch, rest=True)
