"""The memory store, as the executable specification of the protocol."""

from __future__ import annotations

from typing import Any

import pytest

from runeskript.errors import StoreError
from runeskript.model.events import CallDone, CancelRequested, Finished
from runeskript.stores import open_store
from runeskript.stores.base import (
    Cancel,
    JobFilter,
    JobRow,
    Listener,
    Message,
    RowChange,
    Unit,
    match_key,
)
from runeskript.stores.memory import MemoryStore


class Now:
    def __init__(self) -> None:
        self.ms = 1_000

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def store(now: Now) -> MemoryStore:
    return MemoryStore(now)


def row(id_: str, **fields: Any) -> JobRow:
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
    return CallDone(5, (), n, "step", 1, n)


def run(job: str, first: int = 0, count: int = 1, **fields: Any) -> Unit:
    return Unit(job, 1, first, [event(first + i) for i in range(count)], **fields)


RUNNING = RowChange("Running", 5)
DONE = RowChange("Completed", 9, output=7)


class TestJobs:
    async def test_submit_creates_once(self, store: MemoryStore) -> None:
        first, again = await store.submit([row("a"), row("a")])
        assert (first.outcome, again.outcome) == ("created", "exists")

    async def test_a_key_is_unique_while_its_job_is_kept(self, store: MemoryStore) -> None:
        await store.submit([row("a", key="k")])
        (second,) = await store.submit([row("b", key="k")])
        assert second.outcome == "exists"
        assert second.row.id == "a"
        assert await store.load("b") is None

    async def test_replace_only_replaces_what_has_ended(self, store: MemoryStore) -> None:
        await store.submit([row("a", key="k")])
        assert (await store.submit([row("b", key="k")], "replace"))[0].outcome == "exists"
        await store.commit([run("a", row=RUNNING)])
        await store.commit([run("a", 1, row=DONE)])
        assert (await store.submit([row("b", key="k")], "replace"))[0].outcome == "replaced"
        assert await store.load("a") is None
        assert await store.journal("a", 0, 10) == []

    async def test_query_filters_and_pages_newest_first(self, store: MemoryStore) -> None:
        await store.submit([row(str(i), labels={"odd": str(i % 2)}) for i in range(6)])
        wanted = JobFilter(labels={"odd": "1"})
        page, cursor = await store.query(wanted, None, 2)
        assert [r.id for r in page] == ["5", "3"]
        rest, end = await store.query(wanted, cursor, 2)
        assert [r.id for r in rest] == ["1"]
        assert end is None
        assert (await store.query(JobFilter(status="Failed"), None, 9))[0] == []
        assert (await store.query(JobFilter(skript="other"), None, 9))[0] == []

    async def test_ended_jobs_are_kept_up_to_a_bound(self, now: Now) -> None:
        store = MemoryStore(now, keep_jobs=2)
        for id_ in "abc":
            await store.submit([row(id_, key=id_)])
            await store.commit([run(id_, row=RUNNING), run(id_, 1, row=DONE)])
        assert [r.id for r in (await store.query(JobFilter(), None, 9))[0]] == ["c", "b"]
        assert (await store.submit([row("d", key="a")]))[0].outcome == "created"

    async def test_journals_of_ended_jobs_are_kept_up_to_a_bound(self, now: Now) -> None:
        store = MemoryStore(now, keep_events=5)
        for id_ in "ab":
            await store.submit([row(id_)])
            await store.commit([run(id_, 0, 3, row=RUNNING), run(id_, 3, row=DONE)])
        assert await store.load("a") is None
        assert len(await store.journal("b", 0, 9)) == 4

    async def test_a_live_job_is_never_forgotten(self, now: Now) -> None:
        store = MemoryStore(now, keep_jobs=1, keep_events=1)
        await store.submit([row("live"), row("a"), row("b")])
        await store.commit([run("live", 0, 9, row=RUNNING)])
        for id_ in "ab":
            await store.commit([run(id_, row=RUNNING), run(id_, 1, row=DONE)])
        assert len(await store.journal("live", 0, 99)) == 9


class TestCommit:
    async def test_appends_in_order(self, store: MemoryStore) -> None:
        await store.submit([row("a")])
        assert await store.commit([run("a", 0, 3), run("a", 3, 2)]) == ["ok", "ok"]
        assert [e.n for e in await store.journal("a", 1, 3)] == [1, 2, 3]  # type: ignore[union-attr]

    async def test_the_same_unit_again_is_already(self, store: MemoryStore) -> None:
        await store.submit([row("a")])
        unit = run("a", 0, 2, messages=[Message("m", "t", None, None, 1, 1000)])
        assert await store.commit([unit, unit]) == ["ok", "already"]
        assert len(await store.journal("a", 0, 9)) == 2

    async def test_another_unit_at_a_taken_place_conflicts(self, store: MemoryStore) -> None:
        await store.submit([row("a")])
        await store.commit([run("a", 0, 2)])
        other = Unit("a", 1, 0, [CancelRequested(1, "no")])
        gap = run("a", 5)
        assert await store.commit([other, gap]) == ["conflict", "conflict"]

    async def test_a_stale_owner_is_fenced(self, store: MemoryStore) -> None:
        await store.submit([row("a", epoch=2)])
        assert await store.commit([run("a"), run("nobody")]) == ["fenced", "fenced"]
        assert await store.journal("a", 0, 9) == []

    async def test_one_refused_unit_does_not_fail_the_others(self, store: MemoryStore) -> None:
        await store.submit([row("a"), row("b")])
        assert await store.commit([run("a", 3), run("b")]) == ["conflict", "ok"]

    async def test_status_obeys_the_machine(self, store: MemoryStore) -> None:
        await store.submit([row("a")])
        assert await store.commit([run("a", row=DONE)]) == ["conflict"]
        assert await store.journal("a", 0, 9) == []
        assert await store.commit([run("a", row=RUNNING), run("a", 1, row=DONE)]) == ["ok", "ok"]
        ended = await store.load("a")
        assert ended is not None
        assert (ended.status, ended.output, ended.updated_at, ended.seq) == ("Completed", 7, 9, 2)
        assert await store.commit([run("a", 2, row=RUNNING)]) == ["conflict"]

    async def test_children_are_created_once(self, store: MemoryStore) -> None:
        await store.submit([row("a")])
        await store.commit([run("a", children=[row("kid")]), run("a", 1, children=[row("kid")])])
        assert [r.id for r in (await store.query(JobFilter(), None, 9))[0]] == ["kid", "a"]


def listens(job: str, m: int, topic: str, key: Any = None) -> list[Listener]:
    return [Listener(job, (), m, topic, key)]


async def arrived(store: MemoryStore) -> list[tuple[str, int, Any]]:
    rows = await store.inbox(0, 100)
    return [(r.job, r.m, r.message["data"] if r.message else r.reason) for r in rows]


class TestMessages:
    async def test_every_matching_listener_gets_a_copy(self, store: MemoryStore) -> None:
        await store.submit([row("a"), row("b"), row("c")])
        await store.commit(
            [
                run("a", listens=listens("a", 1, "t", 1)),
                run("b", listens=listens("b", 2, "t", 1.0)),
                run("c", listens=listens("c", 3, "t", True)),
            ]
        )
        assert await store.post([Message("m", "t", 1, None, "hi")]) == ["accepted"]
        assert await arrived(store) == [("a", 1, "hi"), ("b", 2, "hi")]

    async def test_without_a_listener_it_is_gone(self, store: MemoryStore) -> None:
        await store.submit([row("a")])
        await store.post([Message("m", "t", None, None, "hi")])
        await store.commit([run("a", listens=listens("a", 0, "t"))])
        assert await arrived(store) == []

    async def test_a_kept_message_waits_until_taken(self, store: MemoryStore) -> None:
        await store.submit([row("a"), row("b")])
        await store.post([Message("m", "t", None, None, "hi", 500)])
        await store.commit([run("a", listens=listens("a", 0, "t"))])
        await store.commit([run("b", listens=listens("b", 0, "t"))])
        (first, _) = await store.inbox(0, 9)
        await store.commit([run("a", 1, inbox=[first.number], taken=["m"])])
        await store.commit([run("b", 1, listens=listens("b", 1, "t"))])
        assert await arrived(store) == [("b", 0, "hi")]

    async def test_a_kept_message_expires(self, store: MemoryStore, now: Now) -> None:
        await store.submit([row("a")])
        await store.post([Message("m", "t", None, None, "hi", 500)])
        now.ms += 500
        await store.commit([run("a", listens=listens("a", 0, "t"))])
        assert await arrived(store) == []

    async def test_ids_are_deduplicated_as_long_as_kept(self, store: MemoryStore, now: Now) -> None:
        message = Message("m", "t", None, None, "hi", 500)
        assert await store.post([message, message]) == ["accepted", "duplicate"]
        now.ms += 500
        assert await store.post([message]) == ["accepted"]

    async def test_a_taken_message_is_still_a_duplicate(self, store: MemoryStore) -> None:
        await store.submit([row("a")])
        message = Message("m", "t", None, None, "hi", 500)
        await store.post([message])
        await store.commit([run("a", taken=["m"])])
        assert await store.post([message]) == ["duplicate"]

    async def test_to_one_job(self, store: MemoryStore) -> None:
        await store.submit([row("a"), row("b")])
        await store.commit([run("a", listens=listens("a", 1, "t", "x"))])
        await store.commit([run("b", listens=listens("b", 1, "t", "x"))])
        assert await store.post([Message("m", "t", None, "a", 1)]) == ["accepted"]
        assert await store.post([Message("n", "t", None, "nobody", 1)]) == ["unknown"]
        assert await arrived(store) == [("a", 1, 1)]

    async def test_kept_for_one_job(self, store: MemoryStore) -> None:
        await store.submit([row("a"), row("b")])
        await store.post([Message("m", "t", None, "a", 1, 500)])
        await store.commit([run("b", listens=listens("b", 1, "t"))])
        await store.commit([run("a", listens=listens("a", 1, "t", "any"))])
        assert await arrived(store) == [("a", 1, 1)]

    async def test_an_ended_job_listens_no_more(self, store: MemoryStore) -> None:
        await store.submit([row("a")])
        await store.commit([run("a", row=RUNNING, listens=listens("a", 1, "t"))])
        await store.post([Message("m", "t", None, None, 1), Message("n", "x", None, "a", 1, 500)])
        ended = Unit("a", 1, 1, [Finished(9, "Completed", None, None)], row=DONE)
        await store.commit([ended])
        assert await store.post([Message("o", "t", None, None, 2)]) == ["accepted"]
        assert await arrived(store) == []
        assert await store.post([Message("p", "t", None, "a", 2)]) == ["unknown"]

    async def test_a_removed_listener_gets_nothing(self, store: MemoryStore) -> None:
        await store.submit([row("a")])
        await store.commit([run("a", listens=listens("a", 1, "t"))])
        await store.commit([run("a", 1, unlistens=[((), 1), ((), 9)])])
        await store.post([Message("m", "t", None, None, 1)])
        assert await arrived(store) == []

    async def test_a_unit_sends_messages(self, store: MemoryStore) -> None:
        await store.submit([row("a"), row("b")])
        await store.commit([run("b", listens=listens("b", 1, "t"))])
        await store.commit([run("a", messages=[Message("m", "t", None, None, 1)])])
        assert await arrived(store) == [("b", 1, 1)]

    async def test_cancel_reaches_live_jobs_only(self, store: MemoryStore) -> None:
        await store.submit([row("a"), row("b")])
        await store.commit([run("b", row=RUNNING), run("b", 1, row=DONE)])
        posted = await store.post([Cancel("a", "why"), Cancel("b", "x"), Cancel("c", "x")])
        assert posted == ["accepted", "unknown", "unknown"]
        assert await arrived(store) == [("a", 0, "why")]

    async def test_inbox_rows_go_when_consumed(self, store: MemoryStore) -> None:
        await store.submit([row("a")])
        await store.post([Cancel("a", "1"), Cancel("a", "2")])
        first, second = await store.inbox(0, 9)
        assert await store.inbox(second.number, 9) == []
        assert await store.inbox(first.number, 9) == [second]
        await store.commit([run("a", inbox=[first.number])])
        assert await store.inbox(0, 9) == [second]

    async def test_kept_messages_are_bounded(self, now: Now) -> None:
        from runeskript.stores.mailbox import Mailbox

        mail = Mailbox(now, kept=3)
        for i in range(5):
            mail.receive(Message(str(i), "t", None, None, i, 500))
        assert [m.data for m in mail.listen(Listener("a", (), 0, "t", None))] == [2, 3, 4]


class TestRecords:
    async def test_put_if_version(self, store: MemoryStore) -> None:
        assert await store.get_record("skripts", "a@1") is None
        assert await store.put_record("skripts", "a@1", {"x": 1}, 1) is None
        record = await store.put_record("skripts", "a@1", {"x": 1}, 0)
        assert record is not None and record.version == 1
        assert await store.put_record("skripts", "a@1", {"x": 2}, 0) is None
        await store.put_record("skripts", "b@1", 1, 0)
        assert [r.name for r in await store.list_records("skripts", "a")] == ["a@1"]

    async def test_blobs(self, store: MemoryStore) -> None:
        await store.put_blob("d", b"1")
        assert await store.get_blob("d") == b"1"
        assert await store.get_blob("e") is None


class TestOpening:
    async def test_closed(self, store: MemoryStore) -> None:
        await store.close()
        with pytest.raises(StoreError) as caught:
            await store.load("a")
        assert caught.value.code == "RUNE-7002"

    def test_by_url(self, now: Now) -> None:
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
    def test_bad_urls(self, now: Now, url: str, says: str) -> None:
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
    assert match_key(None) is None
