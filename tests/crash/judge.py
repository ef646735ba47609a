"""What must hold after crashes: read from the ledger and the journal, not believed of the engine."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from runeskript.engine.bare import replayed
from runeskript.kernel import load, replay
from runeskript.model import blueprint_codec
from runeskript.model.batches import unfold_events
from runeskript.model.completions import read_token
from runeskript.model.events import CallDone, CallFailed, Event, Finished, Moved, Refused, Retried
from runeskript.model.ids import idempotency_key
from runeskript.model.retries import standing
from runeskript.stores.base import JobRow
from runeskript.stores.queries import JobFilter
from runeskript.stores.sqlite import SqliteStore


class Finding(NamedTuple):
    """Something that must not be: ``lost``, ``duplicated``, ``changed`` or ``stuck``."""

    kind: str
    text: str


class Told(NamedTuple):
    """Somebody outside told what a pending call came to, and what was said to that: ``accepted``,
    ``duplicate``, ``unknown``, or nothing where they were killed.
    """

    token: str
    value: str
    outcome: str


class Ledger:
    """What the handlers wrote down."""

    def __init__(self, file: Path) -> None:
        #: Key -> the parameters of each time that the call was made.
        self.began: dict[str, list[Any]] = defaultdict(list)
        #: Job, what -> the keys it was done under.
        self.done: dict[tuple[str, str], set[str]] = defaultdict(set)
        for line in file.read_text().splitlines():
            kind, *rest = json.loads(line)
            if kind == "began":
                self.began[rest[0]].append(rest[1])
            elif kind == "done":
                self.done[rest[2], rest[1]].add(rest[0])


def judge(
    url: str,
    file: Path,
    expected: Sequence[tuple[str, frozenset[str]]],
    ends: Mapping[str, str],
    told: Sequence[Told],
) -> list[Finding]:
    """Everything that is not as it has to be. ``expected``: the jobs, and what each has done;
    ``ends``: the status of those of a skript, where it is not Completed.
    """
    ledger = Ledger(file)
    found: list[Finding] = []
    for (_, what), used in ledger.done.items():
        if len(used) > 1:
            found.append(Finding("duplicated", f"{what} happened under {len(used)} keys"))
    for key, given in ledger.began.items():
        if any(params != given[0] for params in given):
            found.append(Finding("changed", f"call {key} was made with other parameters: {given}"))
    path = url.removeprefix("sqlite:///").partition("?")[0]
    return found + asyncio.run(_jobs(path, ledger, expected, ends, told))


async def _jobs(
    path: str,
    ledger: Ledger,
    expected: Sequence[tuple[str, frozenset[str]]],
    ends: Mapping[str, str],
    told: Sequence[Told],
) -> list[Finding]:
    """What the store holds in the end."""
    store = SqliteStore(path, lambda: time.time_ns() // 1_000_000, sync="normal")
    found: list[Finding] = [Finding("changed", text) for text in await store.check()]
    rows, _ = await store.query(JobFilter(), None, 99)
    there = Counter(
        (row.skript, frozenset(what for job, what in ledger.done if job == row.id)) for row in rows
    )
    for kind, difference in (
        ("lost", Counter(expected) - there),
        ("duplicated", there - Counter(expected)),
    ):
        found += [Finding(kind, f"{skript}: {sorted(did)}") for skript, did in difference]
    for row in rows:
        if row.status != ends.get(row.skript, "Completed"):
            found.append(Finding("lost", f"{row.skript} is {row.status}: {row.reason} {row.error}"))
        else:
            found += await _journal(store, row, ledger, told)
        loaded = await store.load(row.id)
        left = loaded and (loaded.timers, loaded.listeners, loaded.inbox, loaded.queued)
        if left != ([], [], [], []):
            found.append(Finding("changed", f"{row.skript} has ended and still waits: {left}"))
    await store.close()
    return found


async def _journal(
    store: SqliteStore, row: JobRow, ledger: Ledger, told: Sequence[Told]
) -> list[Finding]:
    """What a job has written down."""
    found: list[Finding] = []
    events = await store.journal(row.id, 0, 100_000)
    if row.kind == "bare":
        return _moved(row, list(unfold_events(events)))
    data = await store.get_blob(row.blueprint)
    if data is None:
        return [Finding("lost", f"the Blueprint of {row.skript}")]
    if replay(load(blueprint_codec.decode(data)), events).finished != events[-1]:
        found.append(Finding("changed", f"{row.skript} replays to another end"))
    if sum(isinstance(event, Retried) for event in events) > 1:
        found.append(Finding("duplicated", f"{row.skript} was retried twice"))
    count = list(unfold_events(standing(events)))
    if sum(isinstance(event, Finished) for event in count) != 1:
        found.append(Finding("duplicated", f"{row.skript} ended twice"))
    said: dict[tuple[Any, ...], str] = {}
    for event in count:
        if isinstance(event, CallFailed):
            said[event.path, event.n, event.attempt] = str(event.error["message"])
        if not isinstance(event, CallDone):
            continue
        said[event.path, event.n, event.attempt] = str(event.result)
        times = len(ledger.began[idempotency_key(row.id, event.path, event.n)])
        # The result that is durable is that of the last time the call was made: had it been made
        # again behind it, it would be an earlier one.
        if times and not str(event.result).endswith(f"#{times}"):
            text = f"{event.step} was made {times} times, its result is {event.result}"
            found.append(Finding("changed", text))
    for token, value, outcome in told:
        where = read_token(token)
        taken = said.get((where.path, where.n, where.attempt))
        if where.job == row.id and outcome == "accepted" and taken not in (value, None):
            text = f"{value} was accepted, and {taken} was taken"
            found.append(Finding("changed", text))
    return found


def _moved(row: JobRow, events: list[Event]) -> list[Finding]:
    """What is wrong with a bare job: its journal says of each event once what it came to, and leads
    to its row.
    """
    found: list[Finding] = []
    stands = replayed(row.input, events)
    if (stands.status, stands.data) != (row.status, row.data) or row.output != row.data:
        found.append(Finding("changed", f"the journal leads to {stands}, the row has {row}"))
    said = Counter(event.id for event in events if isinstance(event, Moved | Refused))
    for id_, times in said.items():
        if times != 1:
            found.append(Finding("duplicated", f"event {id_} was decided {times} times"))
    return found
