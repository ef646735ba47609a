"""What the checks of the conformance suite work with: a store, a clock, jobs and units."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeAlias

from ...model.events import CallDone, Event, Finished
from ...stores.base import (
    Committed,
    InboxRow,
    JobRow,
    Listener,
    Message,
    PostOutcome,
    RowChange,
    Store,
    Unit,
)
from ...stores.leases import Worker
from ..faults import HandClock

#: Opens the store under test on its place, with a clock.
Opener: TypeAlias = Callable[[Callable[[], int]], Store]
Check: TypeAlias = Callable[["World"], Awaitable[None]]

LEASE: Final = 5_000
#: A worker that has every handler the checks ask for.
ME: Final = Worker("me", frozenset(("a", "b")), frozenset(("", "fast")))
YOU: Final = Worker("you", frozenset(("a",)))
RUNNING: Final = RowChange("Running", 5)
DONE: Final = RowChange("Completed", 9, output=7)


class World:
    """One store and its surroundings."""

    def __init__(self, opener: Opener, durable: bool = True) -> None:
        self.clock = HandClock()
        self._opener = opener
        self._durable = durable
        self.store = opener(self.clock)

    async def reopen(self) -> None:
        """Close the store and open it again, if it keeps anything."""
        if not self._durable:
            return
        await self.store.close()
        self.store = self._opener(self.clock)

    async def close(self) -> None:
        """The check is over."""
        await self.store.close()

    # --- jobs -----------------------------------------------------------------------------------
    async def beat(self, worker: Worker = ME) -> bool:
        """Keep a worker alive."""
        return await self.store.heartbeat(worker, LEASE)

    async def own(self, *ids: str, worker: Worker = ME, **fields: Any) -> None:
        """Create jobs that belong to a worker from the start."""
        await self.beat(worker)
        await self.store.submit([job(id_, owner=worker.id, **fields) for id_ in ids])

    async def run(self, id_: str, *, epoch: int = 1) -> None:
        """Let a new job begin."""
        equal(await self.outcomes(unit(id_, epoch=epoch, row=RUNNING)), ["ok"])

    async def end(self, id_: str, first: int = 1, change: RowChange = DONE) -> None:
        """Let a job end."""
        event = Finished(change.at, change.status, change.output, change.error)
        equal(await self.outcomes(Unit(id_, 1, first, [event], row=change)), ["ok"])

    async def ended(self, *ids: str) -> None:
        """Create jobs that have ended."""
        await self.own(*ids)
        for id_ in ids:
            await self.run(id_)
            await self.end(id_)

    async def row(self, id_: str) -> JobRow:
        """The row of a job that is there."""
        (found,) = await self.store.get([id_])
        if found is None:
            raise AssertionError(f"job {id_} is not there")
        return found

    async def ids(self) -> list[str]:
        """The ids of all jobs, newest first."""
        from ...stores.queries import JobFilter

        found, _ = await self.store.query(JobFilter(), None, 1_000)
        return [one.id for one in found]

    async def journal(self, id_: str) -> list[Event]:
        """The whole journal of a job."""
        return await self.store.journal(id_, 0, 1_000_000)

    async def outcomes(self, *units: Unit) -> list[str]:
        """Commit units; what became of each."""
        results: Sequence[Committed] = await self.store.commit(units)
        return [result.outcome for result in results]

    async def claim(self, worker: Worker = ME, limit: int = 100, *jobs: str) -> list[str]:
        """Claim jobs; their ids in order."""
        return [one.job for one in (await self.store.claim(worker, limit, jobs)).jobs]

    # --- messages -------------------------------------------------------------------------------
    async def send(self, *items: Any) -> list[PostOutcome]:
        """Post messages and commands."""
        return await self.store.post(items)

    async def inbox(self, worker: Worker = ME) -> list[InboxRow]:
        """All that waits for a worker's jobs."""
        return await self.store.inbox(worker.id, 0, 1_000)

    async def arrived(self, worker: Worker = ME) -> list[tuple[str, str, int, Any]]:
        """The same, as (job, kind, n, data); of a message only what was sent."""
        return [
            (row.job, row.kind, row.n, row.data["data"] if isinstance(row.data, dict) else row.data)
            for row in await self.inbox(worker)
        ]


def job(id_: str, **fields: Any) -> JobRow:
    """A row to submit."""
    base: dict[str, Any] = {
        "key": None,
        "labels": {},
        "skript": "s",
        "version": None,
        "blueprint": "b",
        "ast_hash": "a",
        "input": None,
        "created_at": 1,
        "updated_at": 1,
    }
    return JobRow(id=id_, **{**base, **fields})


def event(n: int) -> CallDone:
    """An event that tells where it stands."""
    return CallDone(5, (), n, "step", 1, n)


def unit(id_: str, first: int = 0, count: int = 1, *, epoch: int = 1, **fields: Any) -> Unit:
    """A unit of some events."""
    return Unit(id_, epoch, first, [event(first + i) for i in range(count)], **fields)


def listener(id_: str, m: int, topic: str, key: Any = None) -> Listener:
    """A listener of a job's root token."""
    return Listener(id_, (), m, topic, key)


def message(id_: str, topic: str = "t", key: Any = None, **fields: Any) -> Message:
    """A message that says ``hi`` unless told otherwise."""
    return Message(id_, topic, key, fields.pop("to", None), fields.pop("data", "hi"), **fields)


def equal(found: object, wanted: object) -> None:
    """Raise AssertionError unless both are equal."""
    if found != wanted or type(found) is not type(wanted):
        raise AssertionError(f"found  {found!r}\nwanted {wanted!r}")


class Checks(dict[str, Check]):
    """Checks by name, collected by decorating them."""

    def __call__(self, check: Check) -> Check:
        """Add a check under the name of its function."""
        name = getattr(check, "__name__", "")
        if name in self:
            raise ValueError(f"two checks are called {name}")
        self[name] = check
        return check


async def raises(kind: type[Exception], code: str, operation: Awaitable[object]) -> None:
    """Await an operation that has to fail with this code."""
    try:
        result = await operation
    except kind as exc:
        equal(getattr(exc, "code", None), code)
        return
    raise AssertionError(f"no {kind.__name__} was raised, but {result!r} came back")
