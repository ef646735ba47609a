"""What is the memory store's own: bounds on what it keeps, its URL, its mailbox.

What it does as a store is in the conformance suite (``test_conformance_of_stores.py``).
"""

from __future__ import annotations

from typing import Any

import pytest

from runeskript.errors import StoreError
from runeskript.model.events import CallDone
from runeskript.stores import open_store
from runeskript.stores.base import Command, JobRow, Listener, Message, RowChange, Unit, match_key
from runeskript.stores.leases import Worker
from runeskript.stores.memory import Mailbox, MemoryStore
from runeskript.stores.queries import JobFilter
from runeskript.testing.faults import HandClock

RUNNING = RowChange("Running", 5)
DONE = RowChange("Completed", 9, output=7)


@pytest.fixture
def now() -> HandClock:
    return HandClock(1_000)


def row(id_: str, **fields: Any) -> JobRow:
    return JobRow(id_, fields.pop("key", None), {}, "s", None, "b", "a", None, 1, 1, **fields)


def run(job: str, first: int = 0, count: int = 1, **fields: Any) -> Unit:
    events = [CallDone(5, (), n, "step", 1, n) for n in range(first, first + count)]
    return Unit(job, 1, first, events, **fields)


async def own(store: MemoryStore, *rows: JobRow) -> None:
    await store.heartbeat(Worker("me"), 10**9)
    await store.submit([one._replace(owner="me") for one in rows])


class TestBounds:
    async def test_ended_jobs_are_kept_up_to_a_bound(self, now: HandClock) -> None:
        store = MemoryStore(now, keep_jobs=2)
        for id_ in "abc":
            await own(store, row(id_, key=id_))
            await store.commit([run(id_, row=RUNNING), run(id_, 1, row=DONE)])
        assert [r.id for r in (await store.query(JobFilter(), None, 9))[0]] == ["c", "b"]
        assert (await store.submit([row("d", key="a")]))[0].outcome == "created"

    async def test_journals_of_ended_jobs_are_kept_up_to_a_bound(self, now: HandClock) -> None:
        store = MemoryStore(now, keep_events=5)
        for id_ in "ab":
            await own(store, row(id_))
            await store.commit([run(id_, 0, 3, row=RUNNING), run(id_, 3, row=DONE)])
        assert await store.get(["a"]) == [None]
        assert len(await store.journal("b", 0, 9)) == 4

    async def test_a_live_job_is_never_forgotten(self, now: HandClock) -> None:
        store = MemoryStore(now, keep_jobs=1, keep_events=1)
        await own(store, row("live"), row("a"), row("b"))
        await store.commit([run("live", 0, 9, row=RUNNING)])
        for id_ in "ab":
            await store.commit([run(id_, row=RUNNING), run(id_, 1, row=DONE)])
        assert len(await store.journal("live", 0, 99)) == 9

    async def test_nor_one_that_is_to_go_on(self, now: HandClock) -> None:
        store = MemoryStore(now, keep_jobs=1)
        await own(store, row("a"), row("b"), row("c"))
        failed = DONE._replace(status="Failed", output=None)
        await store.commit([run("a", row=RUNNING), run("a", 1, row=failed)])
        await store.post([Command("a", "retry")])
        for id_ in "bc":
            await store.commit([run(id_, row=RUNNING), run(id_, 1, row=DONE)])
        assert [r.id for r in (await store.query(JobFilter(), None, 9))[0]] == ["c", "a"]

    async def test_removals_are_remembered_up_to_a_bound(
        self, now: HandClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("runeskript.stores.memory.jobs.REMOVALS", 2)
        store = MemoryStore(now, keep_jobs=1)
        await own(store, *map(row, "abcd"))
        _, cursor = await store.changes(0, 1)
        for id_ in "abcd":
            await store.commit([run(id_, row=RUNNING), run(id_, 1, row=DONE)])
        assert [one.job for one in (await store.changes(0, 9))[0]] == ["b", "d", "c"]
        with pytest.raises(StoreError) as caught:
            await store.changes(cursor, 9)
        assert caught.value.code == "RUNE-7010"

    async def test_kept_messages_are_bounded(self, now: HandClock) -> None:
        mail = Mailbox(now, kept=3)
        for i in range(5):
            mail.receive(Message(str(i), "t", None, None, i, 500))
        assert [m.data for m in mail.listen(Listener("a", (), 0, "t", None))] == [2, 3, 4]


class TestOpening:
    def test_by_url(self, now: HandClock) -> None:
        assert isinstance(open_store("memory://", now), MemoryStore)
        assert open_store("memory://?keep=5", now).now() == now.ms

    @pytest.mark.parametrize(
        ("url", "says"),
        [
            ("memry://", "did you mean `memory`"),
            ("memory", "names no store"),
            ("memory://host", "no place"),
            ("memory://?size=1", "unknown option 'size'"),
            ("memory://?keep=none", "keep is a number"),
            ("memory://?keep=0", "keep is a number"),
        ],
    )
    def test_bad_urls(self, now: HandClock, url: str, says: str) -> None:
        with pytest.raises(StoreError) as caught:
            open_store(url, now)
        assert says in str(caught.value)
        assert caught.value.code == "RUNE-7001"


def test_match_key_follows_the_language() -> None:
    assert match_key(1) == match_key(1.0)
    assert match_key(1) != match_key(True)
    assert match_key("1") != match_key(1)
    assert match_key([1, {"a": 2.0, "b": 3}]) == match_key([1.0, {"b": 3, "a": 2}])
    assert match_key([True]) != match_key([1])
    assert match_key(None) != match_key("")
