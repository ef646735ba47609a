"""Units: each atomic, each guarded, none in the way of another."""

from __future__ import annotations

import asyncio

from ...model.events import CancelRequested
from ...stores.base import Command, RowChange, Timer, Unit
from .world import DONE, ME, RUNNING, YOU, Checks, World, equal, event, job, listener, message, unit

CHECKS = Checks()


@CHECKS
async def the_same_unit_again_is_already(w: World) -> None:
    """However much it carries, it happens once."""
    await w.own("a", "b")
    await w.store.commit([unit("b", listens=[listener("b", 1, "t")])])
    one = unit(
        "a",
        0,
        2,
        row=RUNNING,
        messages=[message("m", keep=1_000)],
        children=[job("kid")],
        timers=[Timer((), 1, 99, "wait", "s")],
    )
    equal(await w.outcomes(one, one), ["ok", "already"])
    equal(await w.outcomes(one), ["already"])
    equal(len(await w.journal("a")), 2)
    equal(len(await w.inbox()), 1)


@CHECKS
async def the_last_unit_again_is_already(w: World) -> None:
    """Though the job has no owner any more."""
    await w.own("a")
    await w.run("a")
    last = unit("a", 1, row=DONE)
    equal(await w.outcomes(last), ["ok"])
    equal(await w.outcomes(last), ["already"])
    await w.own("b")
    rest = unit("b", row=RowChange("Running", 5, rest=True))
    equal(await w.outcomes(rest, rest), ["ok", "already"])


@CHECKS
async def another_unit_at_a_taken_place_conflicts(w: World) -> None:
    """So does one that leaves a gap, one that overlaps, and one without anything."""
    await w.own("a")
    await w.store.commit([unit("a", 0, 2)])
    other = Unit("a", 1, 0, [CancelRequested(1, "no")])
    overlap = unit("a", 1, 2)
    equal(await w.outcomes(other, unit("a", 5), overlap, Unit("a", 1, 2, [])), ["conflict"] * 4)
    equal(await w.journal("a"), [event(0), event(1)])


@CHECKS
async def who_does_not_own_the_job_writes_nothing(w: World) -> None:
    """Not with an old epoch, not without one, not for a job that is not there."""
    await w.store.submit([job("a")])
    equal(await w.outcomes(unit("a", epoch=0), unit("a"), unit("nobody")), ["fenced"] * 3)
    await w.beat()
    equal(await w.claim(), ["a"])
    equal(await w.outcomes(unit("a", epoch=0), unit("a", epoch=2)), ["fenced", "fenced"])
    equal(await w.outcomes(unit("a")), ["ok"])
    equal(await w.journal("a"), [event(0)])


@CHECKS
async def a_stale_owner_is_fenced(w: World) -> None:
    """Its lease ran out, another took the job: what it still sends is refused."""
    await w.own("a")
    await w.run("a")
    w.clock.pass_ms(60_000)
    await w.beat(YOU)
    equal(await w.claim(YOU), ["a"])
    equal(await w.outcomes(unit("a", 1)), ["fenced"])
    equal(await w.outcomes(unit("a", 1, epoch=2)), ["ok"])
    equal(await w.outcomes(unit("a", 0, row=RUNNING)), ["fenced"])


@CHECKS
async def one_refused_unit_does_not_fail_the_others(w: World) -> None:
    """Each has an outcome of its own."""
    await w.own("a", "b", "c")
    units = (unit("a", 3), unit("b"), unit("x"), unit("c", row=DONE), unit("b", 1))
    equal(await w.outcomes(*units), ["conflict", "ok", "fenced", "conflict", "ok"])
    equal(len(await w.journal("b")), 2)
    equal(await w.journal("c"), [])


@CHECKS
async def those_who_write_at_once_harm_no_other(w: World) -> None:
    """As in a service: each is told what became of its own, and finds it once it is told."""
    w.store.be_for_many()
    w.store.be_for_many()
    await w.own("a", "b")

    async def commit(one: Unit) -> tuple[list[str], int]:
        return await w.outcomes(one), len(await w.journal(one.job))

    async def put(name: str, version: int) -> tuple[bool, int]:
        new = await w.store.put_record("audit", name, 1, version)
        return new is not None, len(await w.store.list_records("audit", name))

    units = (unit("a", 3), unit("a"), unit("b", epoch=9), unit("b"))
    commits = await asyncio.gather(*map(commit, units))
    equal([told for told, _ in commits], [["conflict"], ["ok"], ["fenced"], ["ok"]])
    equal([commits[at][1] for at in (1, 3)], [1, 1])
    equal(await asyncio.gather(put("x", 0), put("y", 7), put("z", 0)),
          [(True, 1), (False, 0), (True, 1)])  # fmt: skip
    await w.reopen()
    equal(await w.journal("a"), [event(0)])


@CHECKS
async def units_without_events_are_counted(w: World) -> None:
    """A run may have something to say between two events; each of these units happens once."""
    await w.own("a", "b")
    await w.store.commit([unit("b", listens=[listener("b", 1, "t")])])
    await w.run("a")
    one = Unit("a", 1, 1, [], messages=[message("m")], snapshot=b"one", part=1)
    two = Unit("a", 1, 1, [], children=[job("kid")], snapshot=b"two", part=2)
    for wrong in (
        two,
        one._replace(part=0),
        one._replace(part=-1),
        one._replace(first=2),
        one._replace(first=-1),
        one._replace(events=[event(1)]),
    ):
        equal(await w.outcomes(wrong), ["conflict"])
    equal(await w.outcomes(one, one, two, one, two), ["ok", "already", "ok", "already", "already"])
    await w.reopen()
    equal(await w.outcomes(two, one), ["already", "already"])
    equal(await w.arrived(), [("b", "message", 1, "hi")])
    loaded = await w.store.load("a")
    equal(loaded and (loaded.snapshot, loaded.first, loaded.row.seq), (b"two", 1, 1))
    equal(loaded and loaded.part, 2)
    equal(await w.outcomes(unit("a", 1), two, one), ["ok", "already", "already"])
    loaded = await w.store.load("a")
    equal(loaded and loaded.part, 0)
    again = Unit("a", 1, 2, [], row=RowChange("Running", 6, rest=True), part=1)
    equal(await w.outcomes(again, again), ["ok", "already"])
    equal((await w.row("a")).owner, None)
    equal(await w.outcomes(again._replace(part=2)), ["fenced"])


@CHECKS
async def inbox_rows_go_with_what_they_became(w: World) -> None:
    """An event, or nothing (a second cancel)."""
    await w.own("a")
    await w.send(Command("a", "cancel", "1"), Command("a", "cancel", "2"))
    first, second = await w.inbox()
    equal(await w.outcomes(unit("a", inbox=[first.number])), ["ok"])
    equal(await w.inbox(), [second])
    equal(await w.outcomes(Unit("a", 1, 1, [], inbox=[second.number], part=1)), ["ok"])
    equal(await w.inbox(), [])


@CHECKS
async def inbox_rows_go_in_numbers(w: World) -> None:
    """Those that are named, whether they stand together or not."""
    await w.own("a", "b")
    for n in range(10):
        await w.send(Command("a", "event", n), Command("a", "event", 100 + n))
        await w.send(Command("b", "event", n))
    rows = await w.inbox()
    mine = [row for row in rows if row.job == "a"]
    apart = [row.number for row in mine if row.data in range(1, 9)]
    equal(await w.outcomes(unit("a", inbox=[*apart, rows[2].number])), ["ok"])
    left = [row for row in rows if row.number not in apart]
    equal(await w.inbox(), left)
    together = [row.number for row in left if row.number < rows[20].number]
    equal(await w.outcomes(unit("a", 1, inbox=together)), ["ok"])
    gone = {row.number for row in left if row.job == "a"} & set(together)
    equal(await w.inbox(), [row for row in left if row.number not in gone])
    await w.send(*(Command("a", "event", n) for n in range(8)))
    rows = (await w.inbox())[-8:]
    equal(await w.outcomes(unit("a", 2, inbox=[row.number for row in rows[1:7]])), ["ok"])
    equal((await w.inbox())[-2:], [rows[0], rows[7]])


@CHECKS
async def nobody_consumes_what_is_anothers(w: World) -> None:
    """An inbox row goes with a unit of its own job only."""
    await w.own("a", "b")
    await w.send(Command("a", "cancel", "1"))
    (row,) = await w.inbox()
    equal(await w.outcomes(unit("b", inbox=[row.number])), ["ok"])
    equal(await w.inbox(), [row])


@CHECKS
async def snapshots_ride_with_events(w: World) -> None:
    """The latest is what one goes on from; the whole journal is there as well."""
    await w.own("a")
    await w.store.commit([unit("a", 0, 2, snapshot=b"two")])
    await w.store.commit([unit("a", 2, 3, snapshot=b"five" * 100_000), unit("a", 5)])
    loaded = await w.store.load("a")
    if loaded is None:
        raise AssertionError("the job is not there")
    equal((loaded.snapshot, loaded.first, loaded.events), (b"five" * 100_000, 5, [event(5)]))
    equal(loaded.row.seq, 6)
    whole = await w.store.load("a", whole=True)
    if whole is None:
        raise AssertionError("the job is not there")
    equal((whole.snapshot, whole.first), (None, 0))
    equal(whole.events, [event(n) for n in range(6)])


@CHECKS
async def what_a_job_waits_for_is_loaded(w: World) -> None:
    """Timers, listeners and inbox rows, as they are after what units set and cleared."""
    await w.own("a")
    timers = [Timer((1, 300), 1, 99, "wait", "s"), Timer((), 2, 50, "retry", "t")]
    listens = [listener("a", 1, "t", {"k": 1}), listener("a", 2, "u")]
    await w.store.commit([unit("a", timers=timers, listens=listens)])
    loaded = await w.store.load("a")
    if loaded is None:
        raise AssertionError("the job is not there")
    equal(loaded.timers, [timers[1], timers[0]])
    equal(loaded.listeners, listens)
    await w.send(message("m", "t", {"k": 1.0}), Command("a", "pause"))
    await w.store.commit([unit("a", 1, untimers=[((1, 300), 1), ((), 9)], unlistens=[((), 2)])])
    loaded = await w.store.load("a")
    if loaded is None:
        raise AssertionError("the job is not there")
    equal((loaded.timers, loaded.listeners), ([timers[1]], [listens[0]]))
    equal(loaded.inbox, await w.inbox())
    equal([row.kind for row in loaded.inbox], ["message", "pause"])


@CHECKS
async def many_jobs_are_loaded_at_once(w: World) -> None:
    """Each as it is by itself, in the order they are asked for; None where there is no job."""
    names = "a", "b", "c", "d"
    await w.own(*names)
    await w.store.submit([job("e", input={"x": 1})])
    await w.store.commit(
        [
            unit("a", 0, 3, row=RUNNING, timers=[Timer((), 1, 9, "wait", "s")], snapshot=b"a"),
            unit("b", 0, 2, row=RUNNING, listens=[listener("b", 1, "t")], snapshot=b"b"),
            unit("c", 0, 1, row=RUNNING),
        ]
    )
    await w.store.commit([unit("a", 3, 2), unit("a", 5, 1), unit("c", 1, 4)])
    await w.send(
        message("m", "t"), Command("c", "pause"), Command("a", "cancel"), message("n", "t")
    )
    await w.run("d")
    await w.end("d", 1)
    asked = ["c", "nobody", "a", "e", "d", "b"]
    for _ in range(2):
        found = await w.store.load_many(asked)
        equal(found, [await w.store.load(id_) for id_ in asked])
        equal([None if one is None else getattr(one, "first", -1) for one in found],
              [0, None, 3, 0, 0, 2])  # fmt: skip
        await w.reopen()
    equal(await w.store.load_many([]), [])


@CHECKS
async def an_ended_job_waits_for_nothing(w: World) -> None:
    """Its timers, listeners and inbox rows are gone."""
    await w.own("a")
    timers = [Timer((), 1, 99, "wait", "s")]
    await w.store.commit([unit("a", row=RUNNING, timers=timers, listens=[listener("a", 1, "t")])])
    await w.send(Command("a", "cancel"), message("m"))
    await w.end("a")
    loaded = await w.store.load("a")
    if loaded is None:
        raise AssertionError("the job is not there")
    equal((loaded.timers, loaded.listeners, loaded.inbox), ([], [], []))
    equal(await w.inbox(ME), [])
