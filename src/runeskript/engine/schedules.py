"""Schedules: records of a store, from which workers create jobs when they are due.

A record says which Blueprint is run, with which input, when, and up to which instant all is
decided. The job of a tick is created in the very transaction that moves this instant on, and only
if nobody has written the record since it was read: so a tick gets one job, whatever workers there
are and whenever one dies. The instant never goes back, even where the clock does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

from ..errors import (
    RuneskriptError,
    RuntimeOptionError,
    ScheduleNotFoundError,
    StoreDamagedError,
    StoreError,
)
from ..kernel import Program
from ..model.ids import derive
from ..model.machine import FINAL
from ..model.schedule import Schedule
from ..model.values import Value
from ..stores.base import Command, JobRow, Store
from ..stores.queries import Put, Record
from .deployed import owned_name
from .registered import DamagedSchedule, Scheduled, find, owner_of, pages, stored
from .skripts import needed
from .ticks import Plan, Ticks, decide

#: Milliseconds between two looks at the list of schedules, where none is due before.
LOOK: Final = 500
#: What a record that is of no schedule raises where it is read.
_UNREADABLE: Final = (KeyError, TypeError, ValueError, AttributeError)
#: Attempts to write a record that others write, too.
RACES: Final = 20

_log = logging.getLogger("runeskript.engine")


class Schedules:
    """The schedules of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        #: When to look at the list again, and what was said of the versions of its records.
        self._next = 0
        self._said: dict[str, tuple[int, str]] = {}
        self._ticks: dict[Schedule, Ticks] = {}
        #: Records up to whose next tick (None: there is none) all is decided: their versions and
        #: schedules, for one that was removed and made again begins with the first version.
        self._known: dict[str, tuple[int, Value, int | None]] = {}

    # --- what people ask for --------------------------------------------------------------------
    def check(self, program: Program) -> Schedule:
        """The schedule of a skript. Raises RuntimeOptionError for a skript without one, or one
        whose times cannot be known here.
        """
        schedule = program.blueprint.schedule
        if schedule is None:
            raise RuntimeOptionError(f"{program.blueprint.name} has no `schedule`")
        self._next_of(schedule, self._store.now())
        return schedule

    async def add(
        self,
        program: Program,
        given: Value,
        labels: Mapping[str, str],
        priority: int,
        tenant: str = "",
    ) -> Scheduled:
        """Register the schedule of a tenant's skript, in the place of the one it had.

        Where its times are what they were, ticks since the last one count as missed; else, and in
        the place of a damaged one, it begins now. Raises RuntimeOptionError as ``check``.
        """
        blueprint = program.blueprint
        name = owned_name(tenant, blueprint.name)
        schedule = self.check(program)
        self._next = 0
        for _ in range(RACES):
            known = await find(self._store, name)
            before: Any = known.value if isinstance(known, Record) else {}
            now = self._store.now()
            same = before.get("schedule") == stored(schedule)
            value: dict[str, Any] = {
                "schedule": stored(schedule),
                "blueprint": program.digest,
                "version": blueprint.version,
                "ast_hash": blueprint.ast_hash,
                "handlers": list(needed(blueprint)),
                "labels": {**blueprint.labels, **labels, "schedule": blueprint.name},
                "priority": priority,
                "input": given,
                "paused": before.get("paused", False),
                "after": before["after"] if same else now,
                "waiting": before.get("waiting", []) if same else [],
                "job": before.get("job"),
                "fired": before.get("fired", 0),
                "left_out": before.get("left_out", 0),
            }
            version = 0 if known is None else known.version
            blobs = [program.digest]
            put = await self._store.put_record("schedules", name, value, version, blobs)
            if put is not None:
                return self._shown(put)
        raise RuneskriptError(f"cannot register {blueprint.name}: others write it all the time")

    async def read(self) -> tuple[list[Scheduled], list[DamagedSchedule]]:
        """All schedules by name: those that can be read, and the others."""
        found: list[Scheduled] = []
        damaged: list[DamagedSchedule] = []
        async for page in pages(self._store):
            for one in page:
                if isinstance(one, Record):
                    found.append(self._shown(one))
                else:
                    damaged.append(one)
        return found, damaged

    async def pause(self, name: str, *, paused: bool) -> Scheduled:
        """Have a schedule create no jobs, or again; what was due in between is not made up for.

        Raises ScheduleNotFoundError, and StoreDamagedError for one that is damaged.
        """
        self._next = 0
        for _ in range(RACES):
            known = await self._get(name)
            if isinstance(known, DamagedSchedule):
                raise known.error()
            value: Any = known.value
            if value["paused"] == paused:
                return self._shown(known)
            now = max(self._store.now(), value["after"])
            changed = {**value, "paused": paused, "after": now, "waiting": []}
            put = await self._put(known, changed)
            if put is not None:
                return self._shown(put)
        raise RuneskriptError(f"cannot change {name}: others write it all the time")

    async def remove(self, name: str) -> None:
        """Forget a schedule, a damaged one too; its jobs stay what they are.

        Raises ScheduleNotFoundError.
        """
        for _ in range(RACES):
            known = await self._get(name)
            if await self._store.drop_record("schedules", name, known.version):
                return
        raise RuneskriptError(f"cannot remove {name}: others write it all the time")

    def _say(self, name: str, version: int, text: str) -> None:
        """Tell what is wrong with a record: once, for it is looked at again and again."""
        if self._said.get(name) != (version, text):
            self._said[name] = (version, text)
            _log.error("schedule %s %s", name, text)

    async def _get(self, name: str) -> Record | DamagedSchedule:
        known = await find(self._store, name)
        if known is None:
            raise ScheduleNotFoundError(f"no schedule has the name {name}")
        return known

    async def _put(self, known: Record, value: Value) -> Record | None:
        put = self._store.put_record
        return await put("schedules", known.name, value, known.version, known.blobs)

    def _shown(self, found: Record) -> Scheduled:
        value: Any = found.value
        schedule = _read(value["schedule"])
        due = None
        if not value["paused"]:
            try:
                due = self._next_of(schedule, max(value["after"], self._store.now()))
            except RuntimeOptionError:
                due = None  # another computer knows its time zone
        tenant, name = owner_of(found.name)
        return Scheduled(
            name,
            schedule,
            value["paused"],
            due,
            value["job"],
            tuple(value["waiting"]),
            value["fired"],
            value["left_out"],
            value["input"],
            tenant,
        )

    def _next_of(self, schedule: Schedule, ms: int) -> int | None:
        return next(self._of(schedule).after(ms), None)

    def _of(self, schedule: Schedule) -> Ticks:
        """Its ticks. Raises RuntimeOptionError where they cannot be known here."""
        known = self._ticks.get(schedule)
        if known is None:
            if len(self._ticks) >= MEMORY:
                del self._ticks[next(iter(self._ticks))]
            known = self._ticks[schedule] = ticks_of(schedule)
        return known

    # --- what workers do ------------------------------------------------------------------------
    async def look(self, *, now: bool = False) -> tuple[int, int | None]:
        """Create the jobs that are due; how many, and when a tick is due next (None: none is).

        ``now``: look even where it is not time for that. Raises StoreError.
        """
        at = self._store.now()
        if at < self._next and not now:
            return 0, self._next
        fired, due = 0, None
        names: set[str] = set()
        try:
            async for page in pages(self._store):
                names.update(found.name for found in page)
                for found in page:
                    if isinstance(found, DamagedSchedule):
                        text = f"cannot be read: {found.problem}"
                        self._say(found.name, found.version, text)
                        continue
                    count, following = await self._try(found, at)
                    fired += count
                    if following is not None:
                        due = following if due is None else min(due, following)
        except StoreDamagedError as exc:  # a place in the file; that of the jobs may be sound
            self._say("*", 0, f"cannot be read: {exc}")
        for gone in self._known.keys() - names:
            del self._known[gone]
        self._next = at + LOOK if due is None else max(min(due, at + LOOK), at + 1)
        return fired, due

    async def _try(self, found: Record, now: int) -> tuple[int, int | None]:
        """``_carry_out``; what is wrong with one schedule is no matter of the others."""
        try:
            return await self._carry_out(found, now)
        except StoreError as exc:
            if not isinstance(exc, StoreDamagedError):
                raise
            failure: Exception = exc
        except (RuneskriptError, *_UNREADABLE) as exc:
            failure = exc
        self._say(found.name, found.version, f"is not carried out here: {failure!r}")
        return 0, None

    async def _carry_out(self, found: Record, now: int) -> tuple[int, int | None]:
        """What is due of one schedule; whether a job was created, and when to look again."""
        value: Any = found.value
        if value["paused"]:
            return 0, None
        due: list[int] = []
        version, times, following = self._known.get(found.name, (0, None, None))
        known = version == found.version and times == value["schedule"]
        known = known and (following is None or now < following)
        if known and not value["waiting"]:
            return 0, following
        schedule = _read(value["schedule"])
        plan = Plan(value["after"], tuple(value["waiting"]), value["fired"], value["left_out"])
        if not known:
            await asyncio.sleep(0)  # this takes a while; others have a turn
            due = self._of(schedule).latest(plan.after, now)
            following = self._next_of(schedule, max(now, plan.after))
            if not due:
                self._known[found.name] = found.version, value["schedule"], following
        if not due and not plan.waiting:
            return 0, following
        runs = await self._runs(found, value["job"])
        decision = decide(schedule, plan, due, now, runs)
        if decision.cancel:
            reason = f"the next tick of schedule {found.name}"
            command = Command(value["job"], "cancel", reason, f"schedule {due[-1]}")
            await self._store.post([command])
        if decision.plan == plan:
            return 0, following
        rows = []
        job = value["job"]
        if decision.fire is not None:
            rows = [_row(found.name, value, decision.fire, now)]
            job = rows[0].id
        plan = decision.plan
        changed = {**value, "after": plan.after, "waiting": list(plan.waiting), "job": job}
        changed |= {"fired": plan.fired, "left_out": plan.left_out}
        put = Put("schedules", found.name, changed, found.version, found.blobs)
        done = await self._store.submit(rows, "return", record=put)
        return len(done), following

    async def _runs(self, found: Record, job: str | None) -> bool:
        """Whether the job of the tick before has not ended; one that is damaged will not go on."""
        if job is None:
            return False
        try:
            (row,) = await self._store.get([job])
        except StoreDamagedError as exc:
            self._say(found.name, found.version, f"does not wait for its last job: {exc}")
            return False
        return row is not None and row.status not in FINAL


#: Schedules whose ticks are kept ready.
MEMORY: Final = 1_000


def ticks_of(schedule: Schedule) -> Ticks:
    """The ticks of a schedule. Raises RuntimeOptionError where they cannot be known here."""
    try:
        return Ticks(schedule)
    except (KeyError, OSError, ValueError):
        zone = schedule.timezone
        raise RuntimeOptionError(f"there is no time zone `{zone}` on this computer") from None


def tick_text(ms: int) -> str:
    """An instant as RFC 3339, in UTC."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ms / 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _row(name: str, value: Any, tick: int, now: int) -> JobRow:
    """The job of a tick; its key says which. ``name``: that of the record."""
    tenant, skript = owner_of(name)
    return JobRow(
        id=derive("schedule", name, (), tick),
        key=f"{skript} {tick_text(tick)}",
        labels=dict(value["labels"]),
        skript=skript,
        version=value["version"],
        blueprint=value["blueprint"],
        ast_hash=value["ast_hash"],
        input=value["input"],
        created_at=now,
        updated_at=now,
        handlers=tuple(value["handlers"]),
        priority=value["priority"],
        tenant=tenant,
    )


def _read(value: Any) -> Schedule:
    return Schedule(**value)
