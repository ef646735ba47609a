"""Records, blobs, the feed, what is forgotten, and the end of a store."""

from __future__ import annotations

import asyncio

from ...errors import StoreError
from ...model.values import Value
from ...stores.base import Command, RowChange
from ...stores.queries import Put
from ...stores.retention import BLOB_GRACE, Policy, Pruned
from .world import DONE, Checks, World, equal, event, job, message, raises, unit

CHECKS = Checks()


@CHECKS
async def a_record_is_written_by_version(w: World) -> None:
    """Who has not seen the latest writes nothing."""
    store = w.store
    equal(await store.get_record("skripts", "a@1"), None)
    equal(await store.put_record("skripts", "a@1", {"x": 1}, 1), None)
    first = await store.put_record("skripts", "a@1", {"x": 1}, 0, ["d2", "d1,", "d1,"])
    if first is None:
        raise AssertionError("a new record was refused")
    equal((first.version, first.value, first.at), (1, {"x": 1}, w.clock.ms))
    equal(first.blobs, ("d1,", "d2"))
    equal(await store.put_record("skripts", "a@1", {"x": 2}, 0), None)
    equal(await store.get_record("skripts", "a@1"), first)
    second = await store.put_record("skripts", "a@1", [None], 1)
    equal(second and (second.version, second.value, second.blobs), (2, [None], ()))
    equal(await store.get_record("machines", "a@1"), None)
    equal(await store.drop_record("skripts", "a@1", 1), False)
    equal(await store.drop_record("skripts", "a@1", 2), True)
    equal(await store.drop_record("skripts", "a@1", 0), False)
    equal(await store.get_record("skripts", "a@1"), None)


@CHECKS
async def records_are_listed_by_name(w: World) -> None:
    """By prefix, in pages; names are compared as texts of code points."""
    names = ["b", "a@10", "a@2", "a", "a\U0010ffff", "\u00e4", "\U0001f600", "%", "a%"]
    for name in names:
        await w.store.put_record("audit", name, name, 0)
    await w.store.put_record("tokens", "a@3", 1, 0)
    found = await w.store.list_records("audit")
    equal([record.name for record in found], sorted(names))
    found = await w.store.list_records("audit", "a")
    equal([record.name for record in found], ["a", "a%", "a@10", "a@2", "a\U0010ffff"])
    found = await w.store.list_records("audit", "a\U0010ffff")
    equal([record.name for record in found], ["a\U0010ffff"])
    found = await w.store.list_records("audit", "a", "a%", 2)
    equal([record.name for record in found], ["a@10", "a@2"])


@CHECKS
async def old_records_are_dropped(w: World) -> None:
    """Of one table, by the time of the latest put; what they held is not needed any more."""
    store, count = w.store, 600
    await store.put_blob("d", b"x")
    for number in range(count):
        await store.put_record("requests", f"{number * 7 % count:04d}", number, 0, ["d"])
    await store.put_record("audit", "0000", 1, 0)
    w.clock.pass_ms(1)
    equal(await store.drop_records("requests", w.clock.ms - 1), 0)
    for name in ("0000", "0300", "0599"):
        await store.put_record("requests", name, "again", 1)
    equal(await store.drop_records("requests", w.clock.ms), count - 3)
    equal(await store.drop_records("requests", w.clock.ms), 0)
    left = await store.list_records("requests")
    equal([one.name for one in left], ["0000", "0300", "0599"])
    equal(len(await store.list_records("audit")), 1)
    w.clock.pass_ms(BLOB_GRACE + 1)
    equal((await store.prune(Policy(journals=False))).blobs, 1)
    equal(await store.get_blob("d"), None)


@CHECKS
async def jobs_are_created_with_a_record(w: World) -> None:
    """Both or none: who has not seen the latest version creates nothing."""
    store = w.store
    await store.put_record("schedules", "s", 1, 0)
    stale = Put("schedules", "s", 9, 0)
    equal(await store.submit([job("a")], "return", record=stale), [])
    equal(await store.get(["a"]), [None])
    made = await store.submit([job("a"), job("b")], "return", record=stale._replace(version=1))
    equal([one.outcome for one in made], ["created", "created"])
    found = await store.get_record("schedules", "s")
    equal(found and (found.version, found.value), (2, 9))
    equal(await store.submit([job("c")], "return", record=stale._replace(version=1)), [])
    again = Put("schedules", "s", 10, 2, ("d",))
    equal(
        [one.outcome for one in await store.submit([job("a")], "return", record=again)], ["exists"]
    )
    equal(await store.submit([], "return", record=again._replace(version=3)), [])
    found = await store.get_record("schedules", "s")
    equal(found and (found.version, found.blobs), (4, ("d",)))


@CHECKS
async def notes_are_written_with_new_jobs(w: World) -> None:
    """Where all of them are new, or replace another; else none is."""
    store = w.store
    await w.own("over", key="over")
    await w.run("over")
    await w.end("over")
    await store.submit([job("kept", key="k")])

    async def noted(name: str, *jobs: str, key: str | None = None) -> tuple[list[str], bool]:
        notes = [Put("audit", f"{name}/{n}", {"n": n}, 0) for n in range(2)]
        rows = [job(id_, key=key) for id_ in jobs]
        made = await store.submit(rows, "replace", notes=notes)
        found = [await store.get_record("audit", note.name) for note in notes]
        for note, one in zip(notes, found, strict=True):
            equal(one and (one.version, one.value), one and (1, note.value))
        equal(found[0] is None, found[1] is None)
        return [one.outcome for one in made], found[0] is not None

    equal(await noted("one", "a"), (["created"], True))
    equal(await noted("many", *"bcdefgh"), (["created"] * 7, True))
    equal(await noted("some", "a", "i"), (["exists", "created"], False))
    equal(await noted("key", "j", key="k"), (["exists"], False))
    equal(await noted("replaced", "l", key="over"), (["replaced"], True))


@CHECKS
async def payloads_are_erased(w: World) -> None:
    """Of jobs that have ended; what happened to them stays known, and they are not gone on with."""
    store = w.store
    big = "x" * 200_000
    await w.own("a", "b", key=None, input={"secret": big})
    equal(await store.erase(["a", "b", "c"]), ["unfinished", "unfinished", "unknown"])
    await w.run("a")
    said: dict[str, Value] = {
        "code": "RUNE-5000",
        "type": "oh.no",
        "message": big,
        "data": [1],
        "step": "s",
    }
    await w.end("a", change=RowChange("Failed", w.clock.ms, None, said))
    before = await w.row("a")
    _, cursor = await store.changes(0, 9)
    equal(await store.erase(["a"]), ["erased"])
    after = await w.row("a")
    equal((after.status, after.reason), ("Failed", "erased"))
    equal((after.input, after.output, after.data), (None, None, None))
    equal(after.error, {"code": "RUNE-5000", "type": "oh.no", "step": "s"})
    equal((after.seq, after.updated_at), (before.seq, before.updated_at))
    equal([one.job for one in (await store.changes(cursor, 9))[0]], ["a"])
    await raises(StoreError, "RUNE-7011", store.journal("a", 0, 9))
    await raises(StoreError, "RUNE-7011", store.load("a", whole=True))
    equal(await store.journal("a", after.seq, 9), [])
    equal(await store.post([Command("a", "retry")]), ["unknown"])
    equal(await store.erase(["a"]), ["erased"])
    equal(await w.row("a"), after)
    equal((await w.row("b")).input, {"secret": big})
    equal((await store.prune(Policy(jobs=("a",)))).jobs, 1)


@CHECKS
async def blobs_are_kept_by_hash(w: World) -> None:
    """As the bytes they were."""
    data = bytes(range(256)) * 1_000
    await w.store.put_blob("d", data)
    await w.store.put_blob("d", data)
    equal(await w.store.get_blob("d"), data)
    equal(await w.store.get_blob("e"), None)


@CHECKS
async def the_feed_has_no_gaps(w: World) -> None:
    """Each job stands where it changed last, and gone ones do, too."""
    await w.own("a", "b", "c")
    first, cursor = await w.store.changes(0, 2)
    equal([(one.job, one.row and one.row.status) for one in first],
          [("a", "Pending"), ("b", "Pending")])  # fmt: skip
    rest, cursor = await w.store.changes(cursor, 9)
    equal([one.job for one in rest], ["c"])
    equal(await w.store.changes(cursor, 9), ([], cursor))
    await w.run("a")
    await w.outcomes(unit("b"))
    changed, cursor = await w.store.changes(cursor, 9)
    equal([(one.job, one.row and one.row.status) for one in changed], [("a", "Running")])
    await w.end("a")
    await w.store.prune(Policy(jobs=("a",)))
    changed, cursor = await w.store.changes(cursor, 9)
    equal([(one.job, one.row) for one in changed], [("a", None)])
    again, _ = await w.store.changes(0, 9)
    equal([(one.job, one.row is None) for one in again],
          [("b", False), ("c", False), ("a", True)])  # fmt: skip


@CHECKS
async def the_end_of_the_feed_is_known(w: World) -> None:
    """A reader that asks for no change is told where all there is ends."""
    equal(await w.store.changes(0, 0), ([], 0))
    for id_ in ("a", "b"):
        await w.ended(id_)
    _, cursor = await w.store.changes(0, 9)
    equal(await w.store.changes(0, 0), ([], cursor))
    await w.store.prune(Policy(jobs=("a", "b")))
    _, cursor = await w.store.changes(0, 9)
    equal(await w.store.changes(0, 0), ([], cursor))
    w.clock.pass_ms(10)
    await w.store.prune(Policy(removals_before=w.clock.ms))
    equal(await w.store.changes(0, 0), ([], cursor))


@CHECKS
async def a_cursor_may_be_too_old(w: World) -> None:
    """Once removals are forgotten, a reader from before them has to begin anew."""
    await w.ended("a")
    _, old = await w.store.changes(0, 9)
    await w.store.prune(Policy(jobs=("a",)))
    _, new = await w.store.changes(0, 9)
    w.clock.pass_ms(10)
    pruned = await w.store.prune(Policy(removals_before=w.clock.ms))
    equal(pruned.removals, 1)
    await raises(StoreError, "RUNE-7010", w.store.changes(old, 9))
    equal(await w.store.changes(0, 9), ([], 0))
    await w.own("b")
    changed, _ = await w.store.changes(new, 9)
    equal([one.job for one in changed], ["b"])


@CHECKS
async def only_what_has_ended_is_forgotten(w: World) -> None:
    """By age, by number, by name; all that belonged to it goes."""
    await w.own("live", "a", "b", "c", "d")
    for n, id_ in enumerate("abcd"):
        await w.run(id_)
        await w.end(id_, 1, RowChange("Failed" if id_ == "b" else "Completed", 10 + n))
    equal((await w.store.prune(Policy(ended_before=10))).jobs, 0)
    pruned = await w.store.prune(Policy(ended_before=12, status="Failed"))
    equal((pruned.jobs, pruned.events), (1, 2))
    equal(await w.ids(), ["d", "c", "a", "live"])
    equal((await w.store.prune(Policy(keep=2))).jobs, 1)
    equal(await w.ids(), ["d", "c", "live"])
    equal((await w.store.prune(Policy(jobs=("c", "live", "nobody")))).jobs, 1)
    equal(await w.ids(), ["d", "live"])
    equal(await w.journal("c"), [])
    (again,) = await w.store.submit([job("c")])
    equal(again.outcome, "created")


@CHECKS
async def what_is_asked_to_go_on_is_not_forgotten(w: World) -> None:
    """A failed job that somebody wants to retry."""
    await w.own("a", key="k")
    await w.run("a")
    await w.end("a", 1, DONE._replace(status="Failed", output=None))
    equal(await w.send(Command("a", "retry")), ["accepted"])
    equal((await w.store.prune(Policy(keep=0))).jobs, 0)
    (kept,) = await w.store.submit([job("b", key="k")], "replace")
    equal(kept.outcome, "exists")
    equal(await w.claim(), ["a"])
    equal((await w.store.prune(Policy(keep=0))).jobs, 0)


@CHECKS
async def events_before_a_snapshot_may_go(w: World) -> None:
    """The job goes on from the snapshot; who wants what is gone is told so."""
    await w.own("a", "b")
    await w.store.commit([unit("a", 0, 3, snapshot=b"three"), unit("a", 3, 2), unit("b", 0, 2)])
    pruned = await w.store.prune(Policy(journals=True))
    equal(pruned, Pruned(events=3))
    equal(await w.store.journal("a", 3, 9), [event(3), event(4)])
    await raises(StoreError, "RUNE-7011", w.store.journal("a", 0, 9))
    await raises(StoreError, "RUNE-7011", w.store.load("a", whole=True))
    loaded = await w.store.load("a")
    equal(loaded and (loaded.snapshot, loaded.first, len(loaded.events)), (b"three", 3, 2))
    equal(await w.outcomes(unit("a", 5, snapshot=b"six"), unit("a", 0, 3)), ["ok", "conflict"])
    equal((await w.store.prune(Policy(journals=True))).events, 3)
    await w.reopen()
    equal(await w.outcomes(unit("a", 6)), ["ok"])
    equal(await w.store.journal("a", 6, 9), [event(6)])
    equal((await w.row("a")).seq, 7)
    equal(await w.journal("b"), [event(0), event(1)])


@CHECKS
async def blobs_stay_while_something_needs_them(w: World) -> None:
    """A job's Blueprint and what that needs, a record's blobs; a new one has an hour."""
    store = w.store
    await store.put_blob("b", b"1", ["c"])
    await store.put_blob("c", b"2", ["d"])
    for digest in ("d", "record", "unused"):
        await store.put_blob(digest, b"3")
    await w.ended("a")
    await store.put_record("skripts", "x", 1, 0, ["record"])
    equal((await store.prune(Policy())).blobs, 0)
    w.clock.pass_ms(BLOB_GRACE + 1)
    equal((await store.prune(Policy())).blobs, 1)
    equal(await store.get_blob("unused"), None)
    equal(await store.get_blob("d"), b"3")
    equal((await store.prune(Policy(jobs=("a",), records={"skripts": w.clock.ms}))).blobs, 4)
    equal(await store.get_record("skripts", "x"), None)
    equal(await store.get_blob("c"), None)


@CHECKS
async def expired_messages_go(w: World) -> None:
    """And records that were put too early."""
    await w.send(message("m", keep=10), message("n", keep=99))
    await w.store.put_record("audit", "1", 1, 0)
    w.clock.pass_ms(10)
    await w.store.put_record("audit", "2", 2, 0)
    equal(await w.store.prune(Policy(records={"audit": w.clock.ms})), Pruned(records=1, messages=1))
    equal([record.name for record in await w.store.list_records("audit")], ["2"])


@CHECKS
async def waiting_ends_with_a_change(w: World) -> None:
    """Or with the time."""
    mark = await w.store.wait(0, 60)
    equal(await w.store.wait(mark, 0.001), mark)
    waiting = asyncio.create_task(w.store.wait(mark, 60))
    await asyncio.sleep(0)
    await w.store.submit([job("a")])
    new = await asyncio.wait_for(waiting, 30)
    if new == mark:
        raise AssertionError("waiting ended, and the mark says that nothing changed")
    equal(await w.store.wait(mark, 60), new)


@CHECKS
async def a_closed_store_says_so(w: World) -> None:
    """Whatever is asked of it; closing it again is harmless."""
    await w.own("a")
    await w.store.close()
    await w.store.close()
    store = w.store
    await raises(StoreError, "RUNE-7002", store.get(["a"]))
    await raises(StoreError, "RUNE-7002", store.commit([unit("a")]))
    await raises(StoreError, "RUNE-7002", store.post([message("m")]))
    await raises(StoreError, "RUNE-7002", store.journal("a", 0, 1))
    await raises(StoreError, "RUNE-7002", store.wait(0, 1))
    await raises(StoreError, "RUNE-7002", store.prune(Policy()))
