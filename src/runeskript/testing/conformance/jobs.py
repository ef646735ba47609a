"""Jobs: created once, read back whole, listed, changed as the machine allows."""

from __future__ import annotations

from typing import Any

from ...model.batches import unfold_events
from ...model.events import CallsDone, CancelRequested, Event, Finished, Started
from ...stores.base import OnConflict, ParentRef, RowChange, Unit
from ...stores.queries import JobFilter
from .world import DONE, ME, RUNNING, Checks, World, equal, event, job, unit

CHECKS = Checks()
_VALUE: Any = {
    "deep": [1, -1.5, "\u00e9\U0001f600", None, True, {"": []}],
    "big": 2**63 - 1,
    "n": -(2**63),
}


@CHECKS
async def a_job_is_created_once(w: World) -> None:
    """Submitting the same id again changes nothing."""
    first, again = await w.store.submit([job("a", input=1), job("a", input=2)])
    equal((first.outcome, again.outcome), ("created", "exists"))
    equal((await w.row("a")).input, 1)
    equal(first.row, await w.row("a"))


@CHECKS
async def a_row_comes_back_as_it_was_given(w: World) -> None:
    """All fields, values of every kind in the order they had."""
    given = job(
        "a",
        key="k",
        labels={"z": "1", "a": "2"},
        version=3,
        input=_VALUE,
        data={"b": 1, "a": 2},
        depth=2,
        parent=ParentRef("p", (1, 2, -1), 3, "/do/0"),
        tenant="acme",
        kind="call",
        handlers=("a", "b"),
        queue="fast",
        priority=-3,
    )
    (done,) = await w.store.submit([given])
    wanted = given._replace(number=1, due=w.clock.ms)
    equal(done.row, wanted)
    row = await w.row("a")
    equal(row, wanted)
    equal(list(row.labels), ["z", "a"])
    equal(list(row.data) if isinstance(row.data, dict) else None, ["b", "a"])


@CHECKS
async def unknown_jobs_are_none(w: World) -> None:
    """Nothing is made up for an id that nobody has."""
    equal(await w.store.get(["a", "b"]), [None, None])
    equal(await w.store.load("a"), None)
    equal(await w.store.journal("a", 0, 10), [])


@CHECKS
async def a_key_is_unique_per_tenant(w: World) -> None:
    """While its job is kept."""
    await w.store.submit([job("a", key="k")])
    never: tuple[OnConflict, ...] = ("reject", "return")
    for on_conflict in never:
        (second,) = await w.store.submit([job("b", key="k")], on_conflict)
        equal((second.outcome, second.row.id), ("exists", "a"))
    (other,) = await w.store.submit([job("c", key="k", tenant="other")])
    equal(other.outcome, "created")
    equal(await w.ids(), ["c", "a"])


@CHECKS
async def jobs_in_numbers_are_submitted_as_each_would_be(w: World) -> None:
    """Each with its own outcome, whatever stands beside it."""
    await w.beat(ME)
    large = "x" * 100_000
    rows = [
        job(f"j{n}", key=f"k{n % 6}" if n % 2 else None, labels={"n": str(n)}, input=[n, large])
        for n in range(9)
    ]
    rows += [job("mine", owner="me", data={"n": 1}), job("theirs", owner="nobody", priority=3)]
    said = await w.store.submit(rows)
    taken = {7: "j1"}
    for n, (row, done) in enumerate(zip(rows, said, strict=True)):
        there = taken.get(n, row.id)
        equal((done.outcome, done.row.id), ("exists" if n in taken else "created", there))
        equal(done.row, await w.row(there))
    equal((await w.row("mine")).owner, "me")
    equal((await w.row("j3")).input, [3, large])
    found, _ = await w.store.query(JobFilter(labels={"n": "5"}), None, 9)
    equal([row.id for row in found], ["j5"])
    equal(await w.outcomes(unit("mine", row=RUNNING)), ["ok"])
    more = [job(f"more{n}") for n in range(9)]
    equal(
        [one.outcome for one in await w.store.submit([*more, rows[0]])],
        ["created"] * 9 + ["exists"],
    )
    fresh = [job(f"fresh{n}") for n in range(9)]
    made = await w.store.submit(fresh)
    equal([one.outcome for one in made], ["created"] * 9)
    numbers = [one.row.number for one in made]
    equal(numbers, list(range(numbers[0], numbers[0] + 9)))
    equal([one.row for one in made], await w.store.get([row.id for row in fresh]))
    equal((await w.ids())[:9], [row.id for row in reversed(fresh)])
    changed, _ = await w.store.changes(0, 1_000)
    equal([one.job for one in changed[-9:]], [row.id for row in fresh])


@CHECKS
async def replace_replaces_what_has_ended(w: World) -> None:
    """And only that; the old job is gone."""
    await w.own("a", key="k")
    (kept,) = await w.store.submit([job("b", key="k")], "replace")
    equal((kept.outcome, kept.row.id), ("exists", "a"))
    await w.run("a")
    await w.end("a")
    (done,) = await w.store.submit([job("b", key="k")], "replace")
    equal((done.outcome, done.row.id), ("replaced", "b"))
    equal(await w.store.get(["a"]), [None])
    equal(await w.journal("a"), [])
    (again,) = await w.store.submit([job("c", key="k")])
    equal((again.outcome, again.row.id), ("exists", "b"))


@CHECKS
async def a_fork_begins_with_events(w: World) -> None:
    """``journals`` gives a new job the beginning of another's journal."""
    await w.store.submit([job("a")], "return", {"a": [event(0), event(1)]})
    equal(await w.journal("a"), [event(0), event(1)])
    await w.beat()
    equal(await w.claim(), ["a"])
    equal(await w.outcomes(unit("a", 2), unit("a", 0)), ["ok", "already"])
    equal((await w.row("a")).seq, 3)


@CHECKS
async def status_obeys_the_machine(w: World) -> None:
    """A refused change leaves everything as it was; an ended job takes nothing more."""
    await w.own("a")
    equal(await w.outcomes(unit("a", row=DONE)), ["conflict"])
    equal(await w.journal("a"), [])
    equal(await w.outcomes(unit("a", row=RUNNING), unit("a", 1, row=DONE)), ["ok", "ok"])
    row = await w.row("a")
    equal((row.status, row.state, row.output, row.updated_at), ("Completed", "Completed", 7, 9))
    equal((row.seq, row.owner, row.due), (2, None, None))
    equal(await w.outcomes(unit("a", 2, row=RUNNING), unit("a", 2)), ["fenced", "fenced"])


@CHECKS
async def what_begins_may_end_at_once(w: World) -> None:
    """In one unit, if that says that it begins: nothing ends that was never Running. It may have
    stood still before its first event.
    """
    await w.own("a", "b", "c")
    still = RowChange("Suspended", 5, reason="parked")
    equal(await w.outcomes(unit("c", row=still, count=0, part=1)), ["ok"])
    equal(await w.outcomes(unit("c", row=DONE)), ["conflict"])
    equal(await w.outcomes(unit("c", row=DONE._replace(begins=True))), ["ok"])
    equal((await w.row("c")).status, "Completed")
    equal(await w.outcomes(unit("a", row=DONE)), ["conflict"])
    equal((await w.row("a")).status, "Pending")
    equal(await w.outcomes(unit("a", 0, 2, row=DONE._replace(begins=True))), ["ok"])
    row = await w.row("a")
    equal((row.status, row.output, row.updated_at), ("Completed", 7, 9))
    equal((row.seq, row.owner, row.due), (2, None, None))
    await w.run("b")
    await w.end("b", 1, DONE)
    again = RowChange("Cancelled", 9, begins=True)
    equal(await w.outcomes(unit("b", 2, row=again)), ["fenced"])


@CHECKS
async def errors_and_outputs_are_kept(w: World) -> None:
    """With the final status they come with."""
    await w.own("a")
    await w.run("a")
    error: Any = {"type": "x", "message": "m", "data": _VALUE}
    await w.end("a", 1, RowChange("Failed", 9, None, error))
    row = await w.row("a")
    equal((row.status, row.output, row.error), ("Failed", None, error))


@CHECKS
async def states_are_their_machines(w: World) -> None:
    """``state`` follows the status unless a unit says what it is; ``data`` stays until changed."""
    await w.own("a", kind="machine", state="draft", data={"n": 1})
    change = RowChange("Running", 5, state="submitted", data={"n": 2})
    equal(await w.outcomes(unit("a", row=change)), ["ok"])
    row = await w.row("a")
    equal((row.status, row.state, row.data), ("Running", "submitted", {"n": 2}))
    equal(await w.outcomes(unit("a", 1, row=RowChange("Running", 6, state="paid"))), ["ok"])
    row = await w.row("a")
    equal((row.status, row.state, row.data, row.updated_at), ("Running", "paid", {"n": 2}, 6))
    by_state, _ = await w.store.query(JobFilter(state="paid"), None, 10)
    equal([one.id for one in by_state], ["a"])


@CHECKS
async def journals_are_read_in_stretches(w: World) -> None:
    """From any position, of any length."""
    await w.own("a")
    equal(await w.outcomes(unit("a", 0, 3), unit("a", 3, 2), unit("a", 5, 4)), ["ok"] * 3)
    for start in range(11):
        for limit in (0, 1, 3, 100):
            wanted = [event(n) for n in range(start, min(start + limit, 9))]
            equal(await w.store.journal("a", start, limit), wanted)


@CHECKS
async def beyond_its_end_a_journal_is_empty(w: World) -> None:
    """However far; the next job's events are not this one's."""
    await w.own("a", "b")
    equal(await w.outcomes(unit("a", 0, 3), unit("b", 0, 3)), ["ok"] * 2)
    for start in (
        3,
        *(2**bits + more for bits in (31, 32, 33, 47, 62, 63, 70) for more in (-1, 0)),
    ):
        equal(await w.store.journal("a", start, 100), [])
        equal(await w.store.journal("b", start, 2**70), [])
    equal(await w.store.journal("a", 1, 2**70), [event(1), event(2)])


@CHECKS
async def events_of_every_kind_come_back(w: World) -> None:
    """With all their fields, large ones, too."""
    events: list[Event] = [
        Started(1, "b", {"id": "a", "labels": {}}, _VALUE, {"E": None}, "00" * 16),
        event(1)._replace(path=(1, 2, -1), result=_VALUE),
        event(2)._replace(result="x" * 200_000),
        event(3)._replace(result=[{"k": "y" * 1000}] * 300),
        CancelRequested(5, "why", ((1, 0), 7)),
        Finished(6, "Failed", None, {"type": "t", "data": "z" * 100_000}),
    ]
    await w.own("a")
    equal(await w.outcomes(Unit("a", 1, 0, events)), ["ok"])
    equal(await w.journal("a"), events)
    equal(await w.outcomes(Unit("a", 1, 0, events)), ["already"])


@CHECKS
async def many_events_in_one_unit(w: World) -> None:
    """More than a segment holds."""
    await w.own("a")
    equal(await w.outcomes(unit("a", 0, 2_500), unit("a", 2_500, 1)), ["ok", "ok"])
    equal(await w.journal("a"), [event(n) for n in range(2_501)])
    equal(await w.outcomes(unit("a", 0, 2_500)), ["already"])
    equal(await w.store.journal("a", 1_998, 4), [event(n) for n in range(1_998, 2_002)])


@CHECKS
async def batches_count_as_what_they_stand_for(w: World) -> None:
    """And may be read from their middle."""
    batch = CallsDone(5, (1,), 1, "s", tuple(range(10, 2_010)), list(range(2_000)))
    await w.own("a")
    equal(await w.outcomes(unit("a"), Unit("a", 1, 1, [batch, event(2_001)])), ["ok", "ok"])
    equal((await w.row("a")).seq, 2_002)
    whole = list(unfold_events([event(0), batch, event(2_001)]))
    equal(list(unfold_events(await w.journal("a"))), whole)
    for start, limit in ((0, 2), (1, 1), (5, 3), (999, 5), (1_999, 10), (2_001, 5)):
        found = list(unfold_events(await w.store.journal("a", start, limit)))
        equal(found, whole[start : start + limit])
    equal(await w.outcomes(Unit("a", 1, 1, [batch, event(2_001)])), ["already"])
    equal(await w.outcomes(unit("a", 2_002)), ["ok"])


@CHECKS
async def lists_are_filtered_and_paged(w: World) -> None:
    """Newest first; a cursor stays good while jobs come and go."""
    for i in range(6):
        await w.own(f"j{i}", labels={"odd": str(i % 2)}, created_at=100 + i, skript=f"s{i % 3}")
    wanted = JobFilter(labels={"odd": "1"})
    page, cursor = await w.store.query(wanted, None, 2)
    equal([row.id for row in page], ["j5", "j3"])
    await w.own("j6", labels={"odd": "1"})
    rest, end = await w.store.query(wanted, cursor, 2)
    equal(([row.id for row in rest], end), (["j1"], None))
    await w.run("j2")
    for one, ids in (
        (JobFilter(status="Running"), ["j2"]),
        (JobFilter(state="Running"), ["j2"]),
        (JobFilter(status="Failed"), []),
        (JobFilter(skript="s1"), ["j4", "j1"]),
        (JobFilter(created_from=102, created_before=104), ["j3", "j2"]),
        (JobFilter(updated_from=5), ["j2"]),
        (JobFilter(owner=ME.id, skript="s0"), ["j3", "j0"]),
        (JobFilter(labels={"odd": "0"}, status="Pending"), ["j4", "j0"]),
        (JobFilter(tenant="other"), []),
        (JobFilter(kind="machine"), []),
        (JobFilter(parent="x"), []),
    ):
        found, more = await w.store.query(one, None, 10)
        equal(([row.id for row in found], more), (ids, None))
    counted = await w.store.tally()
    equal({status: n for status, n in counted.items() if n}, {"Pending": 6, "Running": 1})


@CHECKS
async def lists_look_into_data(w: World) -> None:
    """Fields by dotted path, equal as the language has it."""
    await w.store.submit(
        [
            job("a", input={"user": {"level": 1}}),
            job("b", input={"user": {"level": 1.0}}),
            job("c", input={"user": {"level": True}}),
            job("d", input={"user": {"level": 1}}, data={"user": {"level": 2}}),
            job("e", input=[1]),
        ]
    )
    found, _ = await w.store.query(JobFilter(data={"user.level": 1}), None, 10)
    equal([row.id for row in found], ["b", "a"])
    found, _ = await w.store.query(JobFilter(data={"user.level": 2}), None, 10)
    equal([row.id for row in found], ["d"])
    first, cursor = await w.store.query(JobFilter(data={"user.level": 1}), None, 1)
    second, end = await w.store.query(JobFilter(data={"user.level": 1}), cursor, 1)
    equal(([row.id for row in first + second], end), (["b", "a"], None))


@CHECKS
async def children_are_created_once(w: World) -> None:
    """By the units that name them, for their parent's tenant."""
    await w.own("a", tenant="t")
    kid = job("kid", parent=ParentRef("a", (), 1, "s"), tenant="elsewhere")
    equal(await w.outcomes(unit("a", children=[kid]), unit("a", 1, children=[kid])), ["ok", "ok"])
    equal(await w.ids(), ["kid", "a"])
    equal((await w.row("kid")).tenant, "t")
    found, _ = await w.store.query(JobFilter(parent="a"), None, 10)
    equal([row.id for row in found], ["kid"])


@CHECKS
async def nothing_is_forgotten_on_closing(w: World) -> None:
    """By a store that keeps anything."""
    await w.own("a", input=_VALUE, labels={"x": "y"})
    await w.run("a")
    before = await w.row("a")
    await w.reopen()
    equal(await w.row("a"), before)
    equal(await w.journal("a"), [event(0)])
    equal(await w.outcomes(unit("a", 1)), ["ok"])
