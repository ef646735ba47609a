"""What the records of schedules say: those that can be read, and those that cannot.

A record that is damaged can be shown with the reason, removed, and written anew; for that its
version suffices.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from ..errors import StoreDamagedError
from ..model.records import fields_of, record
from ..model.schedule import Schedule
from ..model.values import Value
from ..stores.base import Store
from ..stores.queries import Record

#: Records that are read at once.
PAGE: Final = 32
#: What a record of a schedule holds -> of which type it is.
_HOLDS: Final[dict[str, type | tuple[type, ...]]] = {
    "schedule": dict, "blueprint": str, "version": (int, type(None)), "ast_hash": str,
    "handlers": list, "labels": dict, "priority": int, "input": object, "paused": bool,
    "after": int, "waiting": list, "job": (str, type(None)), "fired": int, "left_out": int,
}  # fmt: skip
#: What a schedule holds -> of which type it is.
_TIMES: Final[dict[str, type | tuple[type, ...]]] = {
    "cron": (str, type(None)), "every": (int, type(None)), "timezone": (str, type(None)),
    "missed": str, "overlap": str,
}  # fmt: skip


@record
class Scheduled:
    """A schedule as it is registered. Times are milliseconds since 1970 UTC.

    ``next``: its next tick, None while it is paused. ``job``: that of the last tick. ``waiting``:
    the ticks that wait for that job's end. ``fired``, ``left_out``: how many ticks got a job, and
    how many at least did not, by ``missed`` and ``overlap``: of those that are found due at once
    only the last ``ticks.MOST`` are counted.
    """

    name: str
    schedule: Schedule
    paused: bool
    next: int | None
    job: str | None
    waiting: tuple[int, ...]
    fired: int
    left_out: int
    input: Value
    tenant: str = ""


@record
class DamagedSchedule:
    """A schedule whose record cannot be read: no tick of it gets a job. It can be removed, or added
    anew. ``name`` (``TENANT/NAME`` for a tenant with a name) and ``version`` are the record's.
    """

    name: str
    problem: str
    version: int

    def error(self) -> StoreDamagedError:
        """What is raised where more is asked of it."""
        text = f"schedule {self.name}: {self.problem}; it can only be removed, or added anew"
        return StoreDamagedError(text, record=self.name, version=self.version)


def owner_of(record: str) -> tuple[str, str]:
    """The tenant and the name of a schedule, by the name of its record."""
    tenant, _, name = record.rpartition("/")
    return tenant, name


async def find(store: Store, name: str) -> Record | DamagedSchedule | None:
    """The record of a schedule."""
    try:
        known = await store.get_record("schedules", name)
    except StoreDamagedError as exc:
        return _damaged(exc)
    return None if known is None else sound(known)


async def pages(store: Store) -> AsyncIterator[list[Record | DamagedSchedule]]:
    """The records of all schedules by name, a few at a time.

    Raises StoreDamagedError where more than a record is damaged.
    """
    after, size = "", PAGE
    while True:
        try:
            page = await store.list_records("schedules", "", after, size)
        except StoreDamagedError as exc:
            if size > 1:
                size = 1  # those in front of it
                continue
            bad = _damaged(exc)
            yield [bad]
            after, size = bad.name, PAGE
            continue
        yield [sound(found) for found in page]
        if len(page) < size:
            return
        await asyncio.sleep(0)  # others have a turn
        after = page[-1].name


def _damaged(exc: StoreDamagedError) -> DamagedSchedule:
    if exc.record is None:
        raise exc
    return DamagedSchedule(exc.record, str(exc), exc.version)


def sound(found: Record) -> Record | DamagedSchedule:
    """The record, or what is wrong with it."""
    problem = _problem(found.value)
    return found if problem is None else DamagedSchedule(found.name, problem, found.version)


def _problem(value: Any) -> str | None:
    if not isinstance(value, dict):
        return "its record is of no schedule"
    problem = _unlike(value, _HOLDS)
    if problem is None and not all(isinstance(tick, int) for tick in value["waiting"]):
        problem = "`waiting` is of the wrong type"
    if problem is None and set(value["schedule"]) != set(_TIMES):
        problem = "`schedule` has other keys"
    problem = problem or _unlike(value["schedule"], _TIMES)
    return None if problem is None else f"its record is of no schedule: {problem}"


def _unlike(value: Any, types: dict[str, type | tuple[type, ...]]) -> str | None:
    for key, type_ in types.items():
        if key not in value:
            return f"there is no `{key}`"
        if not isinstance(value[key], type_):
            return f"`{key}` is of the wrong type"
    return None


def stored(schedule: Schedule) -> dict[str, Value]:
    """A schedule as it stands in a record."""
    return {name: getattr(schedule, name) for name in fields_of(Schedule)}
