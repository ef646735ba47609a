"""What must hold after crashes: read from the ledger and the journal, not believed of the engine."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from runeskript.kernel import load, replay
from runeskript.model import blueprint_codec
from runeskript.model.batches import unfold_events
from runeskript.model.events import CallDone, Finished
from runeskript.model.ids import idempotency_key
from runeskript.stores.queries import JobFilter
from runeskript.stores.sqlite import SqliteStore


class Finding(NamedTuple):
    """Something that must not be: ``lost``, ``duplicated``, ``changed`` or ``stuck``."""

    kind: str
    text: str


def judge(url: str, ledger: Path, effects: Sequence[str]) -> list[Finding]:
    """Everything that is not as it has to be."""
    began: dict[str, list[Any]] = defaultdict(list)
    keys: dict[str, set[str]] = defaultdict(set)
    for line in ledger.read_text().splitlines():
        kind, key, what = json.loads(line)
        if kind == "began":
            began[key].append(what)
        else:
            keys[what].add(key)
    found: list[Finding] = []
    for what in effects:
        if what not in keys:
            found.append(Finding("lost", f"{what} never happened"))
    for what, used in keys.items():
        if what not in effects:
            found.append(Finding("changed", f"{what} was not to happen"))
        if len(used) > 1:
            found.append(Finding("duplicated", f"{what} happened under {len(used)} keys"))
    for key, given in began.items():
        if any(params != given[0] for params in given):
            found.append(Finding("changed", f"call {key} was made with other parameters: {given}"))
    path = url.removeprefix("sqlite:///").partition("?")[0]
    return found + asyncio.run(_journal(path, began))


async def _journal(path: str, began: dict[str, list[Any]]) -> list[Finding]:
    """What the store holds in the end."""
    store = SqliteStore(path, lambda: time.time_ns() // 1_000_000, sync="normal")
    found: list[Finding] = [Finding("changed", text) for text in await store.check()]
    rows, _ = await store.query(JobFilter(), None, 99)
    if sorted(row.skript for row in rows) != ["order", "part"]:
        found.append(Finding("duplicated", f"there are {len(rows)} jobs"))
    for row in rows:
        if row.status != "Completed":
            found.append(Finding("lost", f"{row.skript} is {row.status}: {row.reason} {row.error}"))
            continue
        events = await store.journal(row.id, 0, 100_000)
        data = await store.get_blob(row.blueprint)
        if data is None:
            found.append(Finding("lost", f"the Blueprint of {row.skript}"))
            continue
        if replay(load(blueprint_codec.decode(data)), events).finished != events[-1]:
            found.append(Finding("changed", f"{row.skript} replays to another end"))
        if sum(isinstance(event, Finished) for event in events) != 1:
            found.append(Finding("duplicated", f"{row.skript} ended twice"))
        for event in unfold_events(events):
            if isinstance(event, CallDone):
                key = idempotency_key(row.id, event.path, event.n)
                count = len(began[key])
                # The result that is durable is that of the last time the call was made: had it
                # been made again behind it, it would be an earlier one.
                if not str(event.result).endswith(f"#{count}"):
                    text = f"{event.step} was made {count} times, its result is {event.result}"
                    found.append(Finding("changed", text))
        loaded = await store.load(row.id)
        left = loaded and (loaded.timers, loaded.listeners, loaded.inbox, loaded.queued)
        if left != ([], [], [], []):
            found.append(Finding("changed", f"{row.skript} has ended and still waits: {left}"))
    await store.close()
    return found
