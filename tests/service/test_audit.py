"""The audit log: written before the answer, in few commits, read in pages, never filled by a flood."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runeskript.errors import RuntimeOptionError, StoreFullError
from runeskript.model.limits import PAYLOAD_BYTES
from runeskript.service import audit, tokens
from runeskript.service.access import Caller
from runeskript.service.audit import Audit, Entry
from runeskript.stores import open_store
from runeskript.stores.memory import MemoryStore
from runeskript.stores.retention import Policy
from serving import served

NOW = 1_800_000_000_000
SIF = Caller("sif", "", frozenset(), (), "t1")
SHOP = Caller("till", "shop", frozenset(), (), "t2")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.ms = NOW

    def __call__(self) -> float:
        return self.now


class Counting(MemoryStore):
    """A store that counts what is written, and lets others go on meanwhile."""

    puts = 0
    full = False

    async def put_record(self, *args: Any, **more: Any) -> Any:
        self.puts += 1
        await asyncio.sleep(0)
        if self.full:
            raise StoreFullError("full")
        return await super().put_record(*args, **more)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> Counting:
    return Counting(lambda: clock.ms)


async def note(log: Audit, caller: Caller | None = SIF, **more: Any) -> None:
    given: dict[str, Any] = {
        "route": "jobs.cancel", "target": "job-1", "status": 202, "peer": "127.0.0.1", "request": "r",
    }  # fmt: skip
    await log.note(caller, **{**given, **more})


async def entries(store: Any, tenant: str = "") -> list[Entry]:
    found, cursor = await audit.page(store, tenant, None, 1_000)
    assert cursor is None
    return found


async def test_what_is_noted_is_there_when_note_is_back(store: Counting, clock: Clock) -> None:
    log = Audit(store, clock)
    await note(log)
    assert await entries(store) == [
        Entry(NOW, "sif", "t1", "jobs.cancel", "job-1", 202, "127.0.0.1", "r")
    ]
    await note(log, None, status=401)
    last = (await entries(store))[-1]
    assert (last.actor, last.token, last.status) == (None, None, 401)


async def test_many_at_once_are_few_commits(store: Counting, clock: Clock) -> None:
    log = Audit(store, clock)
    await asyncio.gather(*(note(log, request=f"r{i}") for i in range(400)))
    assert [one.request for one in await entries(store)] == [f"r{i}" for i in range(400)]
    assert store.puts == 400 / audit.ENTRIES
    store.puts = 0
    for _ in range(5):
        await note(log)
    assert store.puts == 5


async def test_who_is_alone_waits_for_nobody(store: Counting, clock: Clock) -> None:
    log = Audit(store, clock)
    await note(log, alone=True, request="0")
    begun = [asyncio.ensure_future(note(log, request=str(n))) for n in (1, 2)]
    await asyncio.sleep(0)
    await note(log, alone=True, request="3")  # in front of what is written already it is not
    await asyncio.gather(*begun)
    assert [one.request for one in await entries(store)] == ["0", "1", "2", "3"]


async def test_no_answer_waits_twice_for_a_store_that_is_locked(clock: Clock) -> None:
    unlocked = asyncio.Event()

    class Locked(Counting):
        def locked(self) -> bool:
            return not unlocked.is_set()

        async def put_record(self, *args: Any, **more: Any) -> Any:
            await unlocked.wait()
            return await super().put_record(*args, **more)

    store = Locked(lambda: clock.ms)
    log = Audit(store, clock)
    for number in range(3):
        await note(log, status=503, request=str(number), alone=True)
    assert await entries(store) == []
    unlocked.set()
    await log.close()
    assert [one.request for one in await entries(store)] == ["0", "1", "2"]


async def test_each_tenant_has_its_own(store: Counting, clock: Clock) -> None:
    log = Audit(store, clock)
    await asyncio.gather(*(note(log, (SIF, SHOP)[i % 2], request=f"r{i}") for i in range(10)))
    assert [one.request for one in await entries(store)] == ["r0", "r2", "r4", "r6", "r8"]
    assert [one.request for one in await entries(store, "shop")] == ["r1", "r3", "r5", "r7", "r9"]
    for other in ("sho", "shop2", "s"):
        assert await entries(store, other) == []
    whole, cursor = await audit.page(store, "shop", None, 2)
    assert cursor is not None and len(whole) == 2
    found, _ = await audit.page(store, "", cursor, 100)  # a place in time, nothing of the other's
    assert {one.actor for one in found} <= {"sif"}


async def test_texts_are_bounded(store: Counting, clock: Clock) -> None:
    log = Audit(store, clock)
    long = "x" * 10_000_000
    odd = "a\0\x1b[2J\ud800é"
    who = Caller(long, "", frozenset(), (), "t")
    await asyncio.gather(
        *(note(log, who, target=long, request=long, peer=long, route=long) for _ in range(60)),
        note(log, target=odd),
    )
    found = await entries(store)
    assert {len(one.target) for one in found[:-1]} == {audit.TEXT}
    assert found[-1].target == r"a\x00\x1b[2J\ud800\xe9"
    for record in await store.list_records("audit"):
        assert len(repr(record.value)) < PAYLOAD_BYTES


# --- floods -----------------------------------------------------------------------------------
async def test_a_flood_of_refused_ones_does_not_fill_the_store(
    store: Counting, clock: Clock
) -> None:
    log = Audit(store, clock)
    most = audit.REFUSED[1]
    for _ in range(5_000):
        await note(log, None, status=401)
    assert len(await entries(store)) == most
    await note(log)  # what is done is noted whatever else goes on
    last = (await entries(store))[-1]
    assert (last.status, last.left_out) == (202, 5_000 - most)
    await note(log)
    assert (await entries(store))[-1].left_out == 0
    clock.now += 1
    await note(log, None, status=401)
    assert len(await entries(store)) == most + 3


async def test_a_flood_from_everywhere_is_bounded_too(store: Counting, clock: Clock) -> None:
    log = Audit(store, clock)
    for i in range(5_000):
        await note(log, None, status=403, peer=f"10.0.{i // 256}.{i % 256}")
    assert len(await entries(store)) == audit.REFUSED_IN_ALL[1]
    await log.close()
    last = (await entries(store))[-1]
    assert (last.route, last.left_out) == ("audit", 5_000 - audit.REFUSED_IN_ALL[1])


async def test_one_flood_hides_nobody_else(store: Counting, clock: Clock) -> None:
    log = Audit(store, clock)
    for _ in range(1_000):
        await note(log, None, status=401, peer="10.0.0.1")
    await note(log, SHOP, status=403)
    assert [one.status for one in await entries(store, "shop")] == [403]


@pytest.mark.parametrize("status", [200, 201, 202, 500, 503])
async def test_what_may_have_changed_something_is_always_noted(
    store: Counting, clock: Clock, status: int
) -> None:
    log = Audit(store, clock)
    await asyncio.gather(*(note(log, status=status) for _ in range(1_000)))
    assert len(await entries(store)) == 1_000


# --- failures ---------------------------------------------------------------------------------
async def test_what_the_store_does_not_take_is_logged(
    store: Counting, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    log = Audit(store, clock)
    store.full = True
    await note(log, request="r-lost")
    assert "r-lost" in caplog.text
    store.full = False
    await note(log, request="r-kept")
    assert [one.request for one in await entries(store)] == ["r-kept"]


async def test_who_no_longer_waits_harms_nobody(store: Counting, clock: Clock) -> None:
    log = Audit(store, clock)
    gone = asyncio.ensure_future(note(log, request="gone"))
    stays = asyncio.ensure_future(note(log, request="stays"))
    await asyncio.sleep(0)
    gone.cancel()
    await stays
    await asyncio.gather(gone, return_exceptions=True)
    assert [one.request for one in await entries(store)] == ["gone", "stays"]


async def test_who_writes_for_others_may_be_gone_before_it_begins(
    store: Counting, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody waits for it in vain, and what is not written goes to the log of the process."""
    log = Audit(store, clock)
    first = asyncio.ensure_future(note(log, request="first"))
    await asyncio.sleep(0)
    assert log._noted.task is not None
    log._noted.task.cancel()
    await log.close()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert "'first'" in caplog.text
    await note(log, request="second")
    assert [one.request for one in await entries(store)] == ["second"]


@pytest.mark.parametrize("locked", [False, True])
async def test_whatever_a_store_raises_is_logged(
    store: Counting, clock: Clock, caplog: pytest.LogCaptureFixture, *, locked: bool
) -> None:
    """``locked``: then nobody waits for it, and nobody else would complain."""
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))

    async def broken(*_: Any) -> None:
        raise ValueError("injected")

    store.put_record = broken  # type: ignore[method-assign]
    store.locked = lambda: locked  # type: ignore[method-assign]
    log = Audit(store, clock)
    await asyncio.gather(*(note(log, status=503, request=f"r{n}") for n in range(2)))
    await log.close()
    assert "'r0'" in caplog.text and "'r1'" in caplog.text
    assert caplog.records[0].exc_info is not None
    gc.collect()
    assert complaints == []


# --- pages ------------------------------------------------------------------------------------
@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.integers(1, 120), max_size=6),
    st.lists(st.integers(1, 40), min_size=1, max_size=4),
    st.lists(st.integers(-50, 50), min_size=6, max_size=6),
)
def test_pages_hold_each_entry_once_in_order(
    groups: list[int], limits: list[int], steps: list[int]
) -> None:
    async def run() -> None:
        clock = Clock()
        store = Counting(lambda: clock.ms)
        log = Audit(store, clock)
        count = 0
        for size, step in zip(groups, steps, strict=False):
            clock.ms += step  # also back
            await asyncio.gather(*(note(log, request=str(count + i)) for i in range(size)))
            await note(log, SHOP)
            count += size
        found: list[str] = []
        cursor, turn = None, 0
        while True:
            limit = limits[turn % len(limits)]
            page, cursor = await audit.page(store, "", cursor, limit)
            found += [one.request for one in page]
            turn += 1
            if cursor is None:
                break
            assert len(page) == limit
        assert found == [str(i) for i in range(count)]

    asyncio.run(run())


@pytest.mark.parametrize(
    "cursor",
    [
        "", "x", "0", "../x.1", "' OR 1=1 --", "\0", "a" * 10_000_000, f"{NOW:015d}-00000001-0000000g.1",
        f"{NOW:015d}-00000001-00000000", f"{NOW:015d}-00000001-00000000.1\n", "shop/" + "0" * 15,
        f"{NOW:015d}-00000001-00000000.٣",
    ],
)  # fmt: skip
async def test_what_is_no_cursor(store: Counting, cursor: str) -> None:
    with pytest.raises(RuntimeOptionError):
        await audit.page(store, "", cursor, 10)


async def test_a_cursor_whose_record_is_gone_goes_on_behind_it(
    store: Counting, clock: Clock
) -> None:
    log = Audit(store, clock)
    for i in range(6):
        await note(log, request=str(i))
        clock.ms += 1_000
    _, cursor = await audit.page(store, "", None, 3)
    await store.prune(Policy(records={"audit": NOW + 4_000}))
    page, cursor = await audit.page(store, "", cursor, 3)
    assert ([one.request for one in page], cursor) == (["4", "5"], None)


async def test_damage_on_disk_hides_nothing_else(tmp_path: Path) -> None:
    import apsw

    store = open_store(f"sqlite:///{tmp_path}/jobs.db", lambda: NOW)
    log = Audit(store)
    for i in range(8):
        await note(log, request=str(i))
    names = [one.name for one in await store.list_records("audit")]
    connection = apsw.Connection(f"{tmp_path}/jobs.db")
    for name in (names[2], names[3], names[7]):
        connection.execute("UPDATE record SET value = x'00' WHERE name = ?", (name,))
    connection.close()
    found, cursor = [], None
    while True:
        page, cursor = await audit.page(store, "", cursor, 3)
        found += [one.request or one.route for one in page]
        if cursor is None:
            break
    assert found == ["0", "1", "damaged", "damaged", "4", "5", "6", "damaged"]
    assert await store.put_record("audit", "/x", {"no": "entries"}, 0)
    assert (await entries(store))[-1].route == "damaged"
    await store.close()


# --- with the job it tells of ---------------------------------------------------------------------
ONE = "skript: one\ndo: [{return: 1}]\n"


class Together(Counting):
    """Counts what is written with jobs, and may not take any."""

    submits = 0
    fails = False

    async def submit(self, *args: Any, **more: Any) -> Any:
        self.submits += 1
        await asyncio.sleep(0)
        if self.fails:
            raise StoreFullError("full")
        puts, found = self.puts, await super().submit(*args, **more)
        self.puts = puts  # its own
        return found


async def test_a_job_is_written_with_its_entry(clock: Clock) -> None:
    """Those of several tenants in records of their own; what was there already is noted by itself,
    as is what was refused.
    """
    store = Together(lambda: clock.ms)
    given: dict[str, Any] = {"scopes": ["operate"], "now": NOW}
    shop = await tokens.create(store, tenant="shop", name="till", **given)
    desk = await tokens.create(store, name="desk", **given)
    async with served(store=store) as client:
        store.puts = store.submits = 0
        ours, theirs = client.as_(desk), client.as_(shop)
        body = {"document": ONE, "key": "k"}
        made = await asyncio.gather(
            *(one.post("/jobs", {"document": ONE}) for one in (ours, theirs, ours)),
            ours.post("/jobs", body),
        )
        assert [one.status for one in made] == [201] * 4
        assert (store.submits, store.puts) == (1, 0)
        again = await asyncio.gather(
            ours.post("/jobs", body), ours.post("/jobs", {"document": ONE})
        )
        assert [one.status for one in again] == [200, 201]
        refused = await ours.post("/jobs", {"document": "x"})
        store.fails = True
        lost = await ours.post("/jobs", {"document": ONE})
        assert (refused.status, lost.status) == (422, 503)
        wanted = [
            (one.headers["x-request-id"], one.status, one.json.get("id", ""))
            for one in (made[0], *made[2:], *again, refused, lost)
        ]
        found, others = await entries(store), await entries(store, "shop")
    assert sorted((e.request, e.status, e.target) for e in found) == sorted(wanted)
    assert {(e.actor, e.route, bool(e.token)) for e in found} == {("desk", "jobs.submit", True)}
    (one,) = others
    assert (one.actor, one.target, one.at) == ("till", made[1].json["id"], NOW)


async def test_an_entry_with_more_to_say_is_written_by_itself(clock: Clock) -> None:
    store = Together(lambda: clock.ms)
    async with served(store=store) as client:
        client.app.service.audit._left_out[""] = 3
        for _ in range(2):
            assert (await client.post("/jobs", {"document": ONE})).status == 201
        assert [one.left_out for one in await entries(store)] == [3, 0]


async def test_many_entries_of_one_commit_are_records_that_can_be_kept(clock: Clock) -> None:
    store = Together(lambda: clock.ms)
    log = Audit(store, clock)
    notes = [log.beforehand(SIF, route="r", peer="p" * 999, request="q" * 999) for _ in range(120)]
    puts = log.puts([one for one in notes if one is not None])
    assert [len(put.value) for put in puts if isinstance(put.value, list)] == [50, 50, 20]
    assert sorted(put.name for put in puts) == [put.name for put in puts]
