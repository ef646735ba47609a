"""When a schedule is due, and which of its ticks get a job: all that is decided without a store.

Ticks are instants in UTC. Those of ``every`` are its multiples since 1970, so that they do not
depend on when the schedule was registered or a worker began. Those of ``cron`` are times of the
clock on the wall in a time zone; where that clock is put forward or back it is as in Debian's cron:
a time of day that is skipped is due as soon as the clock has gone on, one that comes twice is due
the first time, and where the field of the minute or of the hour begins with ``*`` it goes by the
time that really passes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from ..model.records import record
from ..model.schedule import Schedule

#: Milliseconds after which a tick at which nobody looked counts as missed.
LATE: Final = 10_000
#: Ticks that are caught up with, and that wait, at most; of more the latest.
MOST: Final = 1_000
#: Milliseconds of the stretches that the latest ticks are looked for in.
_STRETCHES: Final = tuple(days * 86_400_000 for days in (1, 7, 31, 366, 3_660, 36_600))


class Ticks:
    """The ticks of one schedule.

    Raises KeyError, OSError or ValueError for a time zone that is not known here, and
    ``cronsim.CronSimError`` for a cron expression that is none.
    """

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        if schedule.cron is not None:
            from zoneinfo import ZoneInfo

            from cronsim import CronSim

            zone = ZoneInfo(schedule.timezone or "UTC")
            self._zone = zone
            self._sim = CronSim
            next(self._cron(0), None)

    def after(self, ms: int) -> Iterator[int]:
        """All ticks behind an instant, in order."""
        if self._schedule.cron is not None:
            return self._cron(ms)
        return self._multiples(ms, self._schedule.every or 0)

    def latest(self, after: int, until: int) -> list[int]:
        """The last ticks in (after, until], at most ``MOST`` of them, in order."""
        if until <= after:
            return []
        every = self._schedule.every
        if every is not None:
            first = max(after // every + 1, until // every - MOST + 1)
            return [number * every for number in range(first, until // every + 1)]
        found: list[int] = []
        for stretch in _STRETCHES:
            start = max(after, until - stretch)
            found = []
            for tick in self._cron(start):
                if tick > until:
                    break
                found.append(tick)
            if start == after or len(found) >= MOST:
                break
        return found[-MOST:]

    @staticmethod
    def _multiples(ms: int, every: int) -> Iterator[int]:
        tick = ms // every * every
        while True:
            tick += every
            yield tick

    def _cron(self, ms: int) -> Iterator[int]:
        from datetime import UTC, datetime

        begin = datetime.fromtimestamp(ms // 1_000, UTC).astimezone(self._zone)
        last = ms
        for moment in self._sim(self._schedule.cron or "", begin):
            tick = int(moment.timestamp()) * 1_000
            if tick > last:  # two times of a skipped hour may be one instant
                last = tick
                yield tick


@record
class Plan:
    """What is known of a schedule besides its times; see ``engine/schedules.py``."""

    #: Ticks up to here are decided.
    after: int
    #: Ticks that wait for the job of the one before.
    waiting: tuple[int, ...] = ()
    #: How many ticks got a job, and how many were left out.
    fired: int = 0
    left_out: int = 0


class Decision(NamedTuple):
    """What is to be done now: ``fire`` a tick, or cancel the job that runs."""

    plan: Plan
    fire: int | None
    cancel: bool


def decide(schedule: Schedule, plan: Plan, due: Sequence[int], now: int, runs: bool) -> Decision:
    """What becomes of the ticks ``due`` since the last look, the latest ones, in order.

    ``runs``: whether the job of the tick before has not ended yet. One job at most begins now.
    """
    on_time = [tick for tick in due if now - tick <= LATE]
    missed = due[: len(due) - len(on_time)]
    if schedule.missed == "all":
        chosen = list(due)
    elif schedule.missed == "once" and not on_time:
        chosen = list(missed[-1:])
    else:
        chosen = on_time
    waiting = list(plan.waiting)
    cancel = False
    if schedule.overlap == "queue":
        waiting = [*waiting, *chosen][-MOST:]
    elif schedule.overlap == "cancel":
        waiting = chosen[-1:] or waiting
        cancel = runs and bool(chosen)
    elif not runs:
        waiting = chosen[:1]
    fire = waiting.pop(0) if waiting and not runs else None
    gone = len(plan.waiting) + len(due) - len(waiting) - (fire is not None)
    fired = plan.fired + (fire is not None)
    after = max(plan.after, due[-1]) if due else plan.after
    return Decision(Plan(after, tuple(waiting), fired, plan.left_out + gone), fire, cancel)
