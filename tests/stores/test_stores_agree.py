"""Memory and SQLite are given the same operations, also under failures: they agree always.

Of SQLite there are two stores open on one file, as two processes would have it; each operation goes
through one of them. RUNE_FUZZ=N multiplies the number of examples.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Sequence
from typing import Any

import apsw
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from runeskript.errors import StoreError, StoreFullError
from runeskript.model.events import CallDone, CallsDone, Event, Finished
from runeskript.stores.base import Command, JobRow, Listener, Message, RowChange, Store, Timer, Unit
from runeskript.stores.leases import Release, Worker
from runeskript.stores.memory import MemoryStore
from runeskript.stores.queries import JobFilter, Put
from runeskript.stores.retention import Policy
from runeskript.stores.slots import Limit, Take
from runeskript.stores.sqlite import SqliteStore
from runeskript.testing.faults import HandClock

FUZZ = int(os.environ.get("RUNE_FUZZ", "1"))
pytestmark = pytest.mark.timeout(300 * FUZZ)

#: Files that need not outlive the test are made where that costs least.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
LEASE = 1_000
JOBS = ("a", "b", "c", "d")
WORKERS = (
    Worker("w1", frozenset(("h", "i"))),
    Worker("w2", frozenset(("h",)), frozenset(("", "q"))),
)
KEYS = (None, 1, 1.0, True, "x", [1, {"a": 2.0, "b": 3}], [1.0, {"b": 3, "a": 2}])
LIMITS = (Limit("one", 1), Limit("two", 2), Limit("rate", 1, 700))

ids = st.sampled_from(JOBS)
few = st.integers(0, 2)
faults = st.sampled_from(
    ("none", "none", "none", "none", "refused", "crash before", "crash after", "reply lost")
)
doors = st.integers(0, 1)
paths = st.sampled_from(((), (1, 0), (1, 300), (2, 0, 1, -1)))
keys = st.sampled_from(KEYS)
topics = st.sampled_from(("t", "u"))
limits = st.lists(st.sampled_from(LIMITS), max_size=2, unique=True).map(tuple)
takes = st.builds(Take, paths, few, limits)
timers = st.builds(Timer, paths, few, st.integers(0, 3_000), st.just("wait"), st.just("s"))
messages = st.builds(
    Message,
    st.sampled_from(("m1", "m2", "m3")),
    topics,
    keys,
    st.one_of(st.none(), ids),
    st.integers(0, 9),
    st.sampled_from((0, 400, 5_000)),
    st.sampled_from(("", "", "x")),
)
commands = st.builds(
    Command,
    ids,
    st.sampled_from(("cancel", "pause", "resume", "retry", "complete", "child", "event")),
    st.integers(0, 9),
    st.one_of(st.none(), st.sampled_from(("c1", "c2"))),
    paths,
    few,
)


def settle(examples: int, steps: int) -> settings:
    """Fixed examples, unshrunk; with RUNE_FUZZ other ones each time, shrunk where they fail."""
    phases = [Phase.generate, *([Phase.shrink] if 1 < FUZZ < 9 else [])]
    return settings(
        phases=phases,
        max_examples=examples * FUZZ,
        stateful_step_count=steps,
        deadline=None,
        derandomize=FUZZ == 1,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


class Refusing:
    """Stands for ``Database.ex``: the COMMIT fails."""

    def __init__(self, store: SqliteStore) -> None:
        self.db = store._db
        self.ex = self.db.ex

    def __call__(self, sql: str, args: Any = ()) -> Any:
        if sql == "COMMIT":
            raise apsw.FullError("injected")
        return self.ex(sql, args)

    def __enter__(self) -> None:
        self.db.ex = self

    def __exit__(self, *_: object) -> None:
        self.db.ex = self.ex


class Stores(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.mkdtemp(prefix="rune-agree-", dir=MEMORY)
        self.clock = HandClock(10_000)
        self.memory: Store = MemoryStore(self.clock)
        self.doors = [self.open(), self.open()]
        #: The feed's cursor and what is known of the jobs by following it.
        self.cursor = 0
        self.known: dict[str, JobRow] = {}
        #: How many notes were to be written with jobs.
        self.notes = 0

    def open(self) -> SqliteStore:
        return SqliteStore(f"{self.folder}/jobs.db", self.clock, sync="normal")

    def teardown(self) -> None:
        for store in self.doors:
            self.run(store.close())
        self.loop.close()
        shutil.rmtree(self.folder)

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    # --- one operation on both ------------------------------------------------------------------
    def both(self, door: int, fault: str, name: str, *args: Any) -> Any:
        """The operation's result, the same from both."""
        if fault in ("refused", "crash before"):
            with Refusing(self.doors[door]), pytest.raises(StoreFullError):
                self.run(getattr(self.doors[door], name)(*args))
            if fault == "crash before":
                self.crash(door)
            return None
        found = self.ask(self.memory, name, *args)
        same = self.ask(self.doors[door], name, *args)
        assert same == found
        if fault == "crash after":
            self.crash(door)
        if fault == "reply lost":
            found = self.ask(self.memory, name, *args)
            assert self.ask(self.doors[door], name, *args) == found
        return found

    def crash(self, door: int) -> None:
        """What was in the process's memory is gone."""
        self.run(self.doors[door].close())
        self.doors[door] = self.open()

    def ask(self, store: Any, name: str, *args: Any) -> Any:
        try:
            return self.run(getattr(store, name)(*args))
        except StoreError as exc:
            return exc.code

    # --- jobs -----------------------------------------------------------------------------------
    @initialize()
    def begin(self) -> None:
        for worker in WORKERS:
            self.heartbeat(0, "none", worker)
        rows = [
            JobRow(id_, None, {}, "s", 1, "b", "h", None, 1, 1, owner=f"w{n}")
            for n, id_ in enumerate("abc", 0)
        ]
        self.both(1, "none", "submit", rows)

    @rule(
        door=doors,
        fault=faults,
        id_=ids,
        key=st.sampled_from((None, None, "k")),
        owner=st.sampled_from((None, "w1", "w2", "nobody")),
        needs=st.sampled_from(((), ("h",), ("h", "i"))),
        queue=st.sampled_from(("", "", "q")),
        due=st.sampled_from((None, None, 500, 20_000)),
        priority=st.integers(0, 1),
        tenant=st.sampled_from(("", "", "x")),
        on_conflict=st.sampled_from(("return", "replace")),
        prefix=st.sampled_from((0, 0, 2)),
        status=st.sampled_from(("Pending", "Pending", "Running", "Completed", "Failed")),
        record=st.one_of(
            st.none(), st.builds(Put, st.just("audit"), st.sampled_from(("r1", "r2")), few, few)
        ),
        noted=st.booleans(),
    )
    def submit(
        self, door: int, fault: str, id_: str, key: Any, owner: Any, needs: Any, queue: str,
        due: Any, priority: int, tenant: str, on_conflict: Any, prefix: int, status: Any,
        record: Any, noted: bool,
    ) -> None:  # fmt: skip
        row = JobRow(
            id_, key, {"l": id_}, "s", None, "b", "h", {"n": priority}, 1, 1, tenant=tenant,
            handlers=needs, queue=queue, priority=priority, owner=owner, due=due,
        )  # fmt: skip
        journals = {id_: [event(n) for n in range(prefix)]} if prefix else None
        if prefix and status != "Pending":  # it has begun, or ended, before it is written
            row = row._replace(status=status, state=status, updated_at=2)
        if prefix and status == "Completed":
            row = row._replace(output={"n": prefix})
        self.notes += noted
        notes = [Put("audit", f"note {self.notes}", prefix, 0)] if noted else []
        self.both(door, fault, "submit", [row], on_conflict, journals, record, notes)

    @rule(
        door=doors,
        fault=faults,
        units=st.lists(
            st.fixed_dictionaries(
                {
                    "id": ids,
                    "epoch": st.sampled_from((0, 0, 0, 0, -1)),
                    "first": st.sampled_from((0, 0, 0, 0, -1, 1)),
                    "count": st.sampled_from((0, 1, 1, 1, 3)),
                    "part": st.sampled_from((0, 1, 2)),
                    "batch": st.booleans(),
                    "status": st.sampled_from(
                        (None, None, "Running", "Running", "Suspended", "Completed", "Failed")
                    ),
                    "rest": st.booleans(),
                    "state": st.sampled_from((None, None, "draft")),
                    "snapshot": st.booleans(),
                    "listens": st.lists(st.tuples(paths, few, topics, keys), max_size=2),
                    "unlistens": st.lists(st.tuples(paths, few), max_size=1),
                    "inbox": st.lists(st.integers(0, 3), max_size=2),
                    "taken": st.lists(st.sampled_from(("m1", "m2")), max_size=1),
                    "messages": st.lists(st.one_of(messages, commands), max_size=2),
                    "children": st.lists(st.sampled_from(("kid1", "kid2")), max_size=1),
                    "timers": st.lists(timers, max_size=2),
                    "untimers": st.lists(st.tuples(paths, few), max_size=1),
                    "takes": st.lists(takes, max_size=1),
                    "frees": st.lists(st.tuples(paths, few), max_size=2),
                }
            ),
            min_size=1,
            max_size=3,
        ),
        plain=st.booleans(),
    )
    def commit(self, door: int, fault: str, units: list[dict[str, Any]], plain: bool) -> None:
        self.both(door, fault, "commit", [self.unit(plain, **one) for one in units])

    def unit(
        self, plain: bool, *, id: str, epoch: int, first: int, count: int, part: int, batch: bool,
        status: Any, rest: bool, state: Any, snapshot: bool, listens: Any, inbox: Sequence[int],
        children: Sequence[str], **more: Any,
    ) -> Unit:  # fmt: skip
        (row,) = self.run(self.memory.get([id]))
        at = (0 if row is None else row.seq) + first
        events: list[Event] = [event(at + n) for n in range(count)]
        if batch and count > 1:
            events = [CallsDone(5, (1,), 1, "s", (7, 8), [at, None]), event(at + 2)]
        change = None
        if status is not None:
            change = RowChange(
                status, at, {"out": at}, {"type": "e"}, state,
                **({"data": {"d": at}} if rest else {}), reason="r", rest=rest,
            )  # fmt: skip
            if status in ("Completed", "Failed") and events:
                events[-1] = Finished(5, status, {"out": at}, None)
        epochs = 1 if row is None else row.epoch
        part = 0 if events else part
        if plain:
            return Unit(id, epochs + epoch, at, events, change, part=part)
        rows = [] if row is None else self.run(self.memory.load(id)).inbox
        return Unit(
            id, epochs + epoch, at, events, change,
            listens=[Listener(id, *one) for one in listens],
            inbox=[rows[n].number if n < len(rows) else 99 for n in inbox],
            children=[JobRow(k, None, {}, "s", 1, "b", "h", None, 1, 1) for k in children],
            snapshot=f"{id}{at}".encode() if snapshot else None, part=part, **more,
        )  # fmt: skip

    @rule(door=doors, fault=faults, items=st.lists(st.one_of(messages, commands), max_size=3))
    def post(self, door: int, fault: str, items: list[Any]) -> None:
        self.both(door, fault, "post", items)

    @rule(
        door=doors,
        fault=faults,
        rows=st.lists(
            st.tuples(
                st.sampled_from((*JOBS, *(f"n{n}" for n in range(30)))),
                st.sampled_from((None, None, None, "k", "l")),
                st.sampled_from((None, "w1", "nobody")),
                st.sampled_from((None, {"n": 1}, "large")),
                st.sampled_from(({}, {"l": "many"})),
            ),
            min_size=5,
            max_size=9,
            unique_by=lambda one: one[0],
        ),
        twice=st.booleans(),
        on_conflict=st.sampled_from(("return", "replace")),
    )
    def submit_many(
        self, door: int, fault: str, rows: list[Any], twice: bool, on_conflict: Any
    ) -> None:
        jobs = []
        for id_, key, owner, given, labels in (*rows, *(rows[:1] if twice else ())):
            body = "x" * 70_000 if given == "large" else given
            row = JobRow(id_, key, labels, "s", None, "b", "h", body, 1, 1, owner=owner, data=body)
            jobs.append(row)
        self.both(door, fault, "submit", jobs, on_conflict)

    @rule(
        door=doors,
        fault=faults,
        items=st.lists(
            st.tuples(ids, st.integers(0, 40), paths), min_size=4, max_size=9, unique=True
        ),
    )
    def send_many(self, door: int, fault: str, items: list[Any]) -> None:
        events = [Command(job, "event", n, f"e{n}", path, n) for job, n, path in items]
        self.both(door, fault, "post", events)

    # --- workers --------------------------------------------------------------------------------
    @rule(door=doors, fault=faults, worker=st.sampled_from(WORKERS))
    def heartbeat(self, door: int, fault: str, worker: Worker) -> None:
        self.both(door, fault, "heartbeat", worker, LEASE)

    @rule(
        door=doors,
        fault=faults,
        worker=st.sampled_from(WORKERS),
        limit=st.integers(1, 4),
        only=st.sampled_from(((), (), (), ("a", "b"))),
        suspects=st.sampled_from((None, 0, 1, 2)),
    )
    def claim(
        self, door: int, fault: str, worker: Worker, limit: int, only: Any, suspects: int | None
    ) -> None:
        self.both(door, fault, "claim", worker, limit, only, suspects)

    @rule(
        door=doors,
        fault=faults,
        worker=st.sampled_from(WORKERS),
        id_=st.one_of(st.none(), ids),
        rest=st.booleans(),
        park=st.sampled_from((None, None, "parked")),
        stale=st.sampled_from((0, 0, 1)),
    )
    def release(
        self, door: int, fault: str, worker: Worker, id_: Any, rest: bool, park: Any, stale: int
    ) -> None:
        jobs = None
        if id_ is not None:
            (row,) = self.run(self.memory.get([id_]))
            jobs = [Release(id_, (0 if row is None else row.epoch) + stale, rest, park)]
        self.both(door, fault, "release", worker.id, jobs)

    @rule(ms=st.sampled_from((100, 500, LEASE, 5_000, -3_000)))
    def pass_time(self, ms: int) -> None:
        self.clock.pass_ms(ms)

    # --- the rest -------------------------------------------------------------------------------
    @rule(
        door=doors,
        fault=faults,
        name=st.sampled_from(("r1", "r2")),
        version=few,
        value=keys,
        drop=st.sampled_from((None, "one", "old")),
    )
    def records(
        self, door: int, fault: str, name: str, version: int, value: Any, drop: str | None
    ) -> None:
        if drop == "old":
            if fault in ("refused", "crash before"):
                fault = "none"  # where nothing is old, nothing is written
            self.both(door, fault, "drop_records", "audit", self.clock.ms - 500 * version)
        elif drop == "one":
            self.both(door, fault, "drop_record", "audit", name, version)
        else:
            self.both(door, fault, "put_record", "audit", name, value, version, ["b1"])

    @precondition(lambda self: self.known)
    @rule(door=doors, fault=faults, named=st.lists(ids, min_size=1, max_size=2))
    def erase(self, door: int, fault: str, named: list[str]) -> None:
        self.both(door, fault, "erase", named)

    @rule(door=doors, fault=faults, digest=st.sampled_from(("b1", "b2", "b")))
    def blob(self, door: int, fault: str, digest: str) -> None:
        self.both(door, fault, "put_blob", digest, digest.encode() * 100, ["b2"])

    @precondition(lambda self: self.known)
    @rule(
        door=doors,
        named=st.lists(ids, max_size=2).map(tuple),
        before=st.one_of(st.none(), st.integers(0, 5)),
        keep=st.one_of(st.none(), few),
        journals=st.booleans(),
        records=st.sampled_from(({}, {"audit": 12_000})),
        removals=st.booleans(),
    )
    def prune(
        self, door: int, named: Any, before: Any, keep: Any, journals: bool, records: Any,
        removals: bool,
    ) -> None:  # fmt: skip
        self.follow()
        forget = self.clock.ms if removals else None
        policy = Policy(named, before, None, keep, journals, records, forget)
        self.both(door, "none", "prune", policy)

    # --- they agree -----------------------------------------------------------------------------
    def follow(self) -> None:
        """Follow the feed: what it says of the jobs is all there is to know of them."""
        changes, self.cursor = self.run(self.memory.changes(self.cursor, 1_000))
        for one in changes:
            if one.row is None:
                self.known.pop(one.job, None)
            else:
                self.known[one.job] = one.row

    @invariant()
    def agree(self) -> None:
        rows, _ = self.run(self.memory.query(JobFilter(), None, 100))
        for store in self.doors:
            found, cursor = self.run(store.query(JobFilter(), None, 2))
            while cursor is not None:
                page, cursor = self.run(store.query(JobFilter(), cursor, 2))
                found += page
            assert found == rows
        door = self.doors[len(rows) % 2]
        for row in rows:
            for name, args in (("load", (row.id,)), ("journal", (row.id, 1, 3))):
                assert self.ask(door, name, *args) == self.ask(self.memory, name, *args)
        many = self.ask(door, "load_many", [*JOBS, "nobody"])
        assert many == [None if one is None else self.ask(door, "load", one.row.id) for one in many]
        assert many == self.ask(self.memory, "load_many", [*JOBS, "nobody"])
        for name, args in (
            ("workers", ()),
            ("inbox", ("w1", 0, 100)),
            ("inbox", ("w2", 2, 2)),
            ("inbox", ("w1", 1, 3, "j1")),
            ("changes", (0, 100)),
            ("changes", (self.cursor, 3)),
            ("list_records", ("audit",)),
            ("get_blob", ("b2",)),
            ("tally", ()),
            ("query", (JobFilter(state="draft"), None, 9)),
            ("query", (JobFilter(owner="w1", data={"n": 1}), None, 9)),
        ):
            assert self.ask(door, name, *args) == self.ask(self.memory, name, *args)
        self.follow()
        public = {r.id: (r.status, r.state, r.output, r.reason, r.data) for r in rows}
        assert public == {
            r.id: (r.status, r.state, r.output, r.reason, r.data) for r in self.known.values()
        }

    @invariant()
    def check(self) -> None:
        if self.clock.ms % 7 == 0:
            found = self.run(self.doors[0].check())
            assert [line for line in found if not line.endswith("is missing")] == []


def event(n: int) -> CallDone:
    return CallDone(5, (), n, "step", 1, n)


TestStores = Stores.TestCase
TestStores.settings = settle(30, 40)
