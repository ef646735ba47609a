"""Waiting for what becomes of an event that was sent to a machine, whoever runs its job."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..errors import (
    BlueprintError,
    JobNotFoundError,
    NoMachineError,
    RuneskriptError,
    RuntimeOptionError,
    StoreError,
    VersionMismatchError,
)
from ..model.batches import unfold_events
from ..model.blueprint import MachineTable
from ..model.events import Moved, SentIf
from ..model.machine import FINAL
from ..model.values import type_name
from ..stores.base import Command, JobRow, PostOutcome, Store
from .driver import Driver
from .ids import Ids
from .recovery import Recovery
from .requests import name
from .sending import (
    OUTCOMES,
    Answer,
    EventFor,
    Expected,
    Outcome,
    answer_of,
    event_command,
    table_of,
)
from .skripts import Skripts

#: Seconds between two looks at a job that somebody else runs.
LOOK: Final = 0.5
_PAGE: Final = 500
_PRUNED: Final = "RUNE-7011"


async def send_all(
    store: Store,
    driver: Driver,
    recovery: Recovery,
    skripts: Skripts,
    ids: Ids,
    events: Sequence[EventFor],
) -> list[Answer]:
    """See ``Runtime.send_many``."""
    base = ids.message_id()
    numbers = [
        (f"{base}/{at}" if at else base) if one.id is None else name(one.id, "an id")
        for at, one in enumerate(events)
    ]
    commands = [event_command(one, number) for one, number in zip(events, numbers, strict=True)]
    jobs = list(dict.fromkeys(one.job for one in events))
    rows = dict(zip(jobs, await store.get(jobs), strict=True))
    tables, errors = await _machines(rows, skripts)
    for one, command in zip(events, commands, strict=True):
        _check_data(rows[one.job], command)
    late: dict[int, RuneskriptError] = {
        at: error
        for at, one in enumerate(events)
        if one.job in tables and (error := await _too_late(store, rows[one.job], one)) is not None
    }
    sound = [at for at, one in enumerate(events) if one.job in tables and at not in late]
    wanted: dict[str, list[str]] = {}
    for at in sound:
        wanted.setdefault(events[at].job, []).append(numbers[at])
    expected = {job: driver.answers.expect(job, mine) for job, mine in wanted.items()}
    try:
        outcomes = await driver.post_all([commands[at] for at in sound])
        posted = dict(zip(sound, outcomes, strict=True))
        answers: list[Answer] = []
        for at, one in enumerate(events):
            row = rows[one.job]
            if at not in posted or row is None:
                refused = late[at] if at in late else errors[one.job]
                answers.append(Answer(one.job, one.event, None, refused))
                continue
            mine = expected[one.job]
            found = await _told(store, driver, recovery, row, numbers[at], posted[at], mine)
            body: Any = commands[at].data
            if found is not None and _is_another(found, one):
                answers.append(Answer(one.job, one.event, None, _taken(numbers[at], found)))
                continue
            answers.append(answer_of(row, tables[one.job], one, body["actor"], found))
        return answers
    finally:
        for mine in expected.values():
            driver.answers.forget(mine)


async def _machines(
    rows: Mapping[str, JobRow | None], skripts: Skripts
) -> tuple[dict[str, MachineTable], dict[str, RuneskriptError]]:
    """The machines of jobs, and why others have none."""
    tables: dict[str, MachineTable] = {}
    errors: dict[str, RuneskriptError] = {}
    for job, row in rows.items():
        try:
            if row is None:
                raise JobNotFoundError(f"no job has the id {job}")
            tables[job] = await machine_of_job(row, skripts)
        except (JobNotFoundError, NoMachineError, BlueprintError) as exc:
            errors[job] = exc
    return tables, errors


async def _told(
    store: Store,
    driver: Driver,
    recovery: Recovery,
    row: JobRow,
    id_: str,
    posted: PostOutcome,
    mine: Expected,
) -> Outcome | None:
    """What became of an event that was posted; None where its job ended before its turn."""
    if posted == "unknown":
        return None
    if posted == "duplicate":  # it may have been its turn long ago
        found, position = await _look(store, row.id, id_, 0)
        if found is not None:
            return found
        row = row._replace(seq=position)
    if id_ in mine.left:
        await _here(driver, mine, id_)
    found = mine.found.get(id_)
    return found if found is not None else await outcome(store, driver, recovery, row, id_)


async def _here(driver: Driver, expected: Expected, id_: str) -> None:
    """Wait until event ``id_`` is decided, as long as its job is live here: nobody has to look."""
    live = driver.lives.get(expected.job)
    while live is not None and not live.ended and id_ in expected.left:
        await asyncio.wait((expected.decided,), timeout=LOOK)


async def machine_of_job(row: JobRow, skripts: Skripts) -> MachineTable:
    """The machine of a job: its own, or the default one. Raises NoMachineError, BlueprintError."""
    if row.kind == "bare":
        from .bare import default_machine

        return default_machine()
    return table_of(row, await skripts.machine(row.blueprint))


async def _too_late(store: Store, row: JobRow | None, one: EventFor) -> VersionMismatchError | None:
    """Revisions only rise, so nobody has to be asked about an event for an earlier one, and it is
    not written down; unless it was sent before, and stands where it was to.
    """
    wanted = one.if_version
    if row is None or wanted is None or row.seq <= wanted:
        return None
    if one.id is not None:
        try:
            there = await store.journal(row.id, wanted, 1)
        except StoreError as exc:
            if exc.code != _PRUNED:
                raise
            return None
        if there and isinstance(there[0], SentIf) and there[0].id == one.id:
            return None
    text = f"job {row.id}: the job is at version {row.seq}, not {one.if_version}"
    return VersionMismatchError(text, row.id, row.seq, one.if_version)


def _is_another(found: Outcome, one: EventFor) -> bool:
    """Whether what was sent by an event's id is not that event. Who sets a state sends what leads
    there from where the job stands, which may be another one by now.
    """
    if one.to is not None:
        return isinstance(found, Moved) and found.to != one.to
    return found.event != one.event


def _taken(id_: str, found: Outcome) -> RuntimeOptionError:
    return RuntimeOptionError(f"the id {id_!r} is that of another event, `{found.event}`")


def _check_data(row: JobRow | None, command: Command) -> None:
    """What comes with an event for a bare job is merged into its data. Raises RuntimeOptionError
    where it cannot be.
    """
    body: Any = command.data
    if row is not None and row.kind == "bare" and not isinstance(body["data"], dict | None):
        found = type_name(body["data"])
        raise RuntimeOptionError(
            f"what comes with an event for a bare job is an object, not {found}"
        )


async def outcome(
    store: Store, driver: Driver, recovery: Recovery, row: JobRow, id_: str
) -> Outcome | None:
    """What became of event ``id_`` of a job, whoever runs it; None where the job ended before it
    was its turn. Raises JobNotFoundError where it is gone.
    """
    expected = driver.answers.expect(row.id, (id_,))
    position = row.seq
    try:
        while expected.left:
            mark = await store.wait(0, 0)
            if row.id in driver.lives or await recovery.take_one(row.id):
                await _here(driver, expected, id_)
                if not expected.left:
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
        return expected.found[id_]
    finally:
        driver.answers.forget(expected)


async def _look(store: Store, job: str, id_: str, position: int) -> tuple[Outcome | None, int]:
    """The outcome in the journal from a position on, and how far that was read."""
    while page := await store.journal(job, position, _PAGE):
        for event in unfold_events(page):
            position += 1
            if isinstance(event, OUTCOMES) and event.id == id_:
                return event, position
    return None, position
