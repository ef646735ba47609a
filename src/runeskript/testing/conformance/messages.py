"""Messages and commands: to whom they go, how long they wait, that they count once."""

from __future__ import annotations

from ...model.events import Status
from ...model.limits import LOADED_MESSAGES
from ...stores.base import HELD, Command, RowChange, Unit
from .world import DONE, ME, Checks, World, equal, job, listener, message, unit

CHECKS = Checks()


@CHECKS
async def every_matching_listener_gets_a_copy(w: World) -> None:
    """Keys are equal as in the language: 1 is 1.0, but not true."""
    await w.own("a", "b", "c")
    await w.store.commit(
        [
            unit("a", listens=[listener("a", 1, "t", 1)]),
            unit("b", listens=[listener("b", 2, "t", 1.0)]),
            unit("c", listens=[listener("c", 3, "t", True), listener("c", 4, "x", 1)]),
        ]
    )
    equal(await w.send(message("m", "t", 1)), ["accepted"])
    equal(await w.arrived(), [("a", "message", 1, "hi"), ("b", "message", 2, "hi")])
    (row, _) = await w.inbox()
    equal(row.data, {"id": "m", "topic": "t", "key": 1, "data": "hi"})


@CHECKS
async def without_a_listener_it_is_gone(w: World) -> None:
    """Unless it is kept."""
    await w.own("a")
    await w.send(message("m"))
    await w.store.commit([unit("a", listens=[listener("a", 0, "t")])])
    equal(await w.arrived(), [])


@CHECKS
async def a_kept_message_waits_until_taken(w: World) -> None:
    """Those who listen before somebody took it get it, those who come later do not."""
    await w.own("a", "b", "c")
    await w.send(message("m", keep=500), message("n", data="second", keep=500))
    await w.store.commit([unit("a", listens=[listener("a", 0, "t")])])
    await w.store.commit([unit("b", listens=[listener("b", 0, "t")])])
    first, second, *others = await w.inbox()
    equal([row.job for row in others], ["b", "b"])
    await w.store.commit([unit("a", 1, inbox=[first.number, second.number], taken=["m"])])
    await w.store.commit([unit("c", listens=[listener("c", 1, "t")])])
    equal(
        await w.arrived(),
        [("b", "message", 0, "hi"), ("b", "message", 0, "second"), ("c", "message", 1, "second")],
    )


@CHECKS
async def an_id_is_remembered_without_its_message(w: World) -> None:
    """For as long as was asked for; who listens later gets nothing."""
    await w.own("a")
    once = message("m")._replace(remember=500)
    equal(await w.send(once), ["accepted"])
    await w.store.commit([unit("a", listens=[listener("a", 0, "t")])])
    equal(await w.arrived(), [])
    w.clock.pass_ms(499)
    equal(await w.send(once), ["duplicate"])
    equal(await w.arrived(), [])
    w.clock.pass_ms(1)
    equal(await w.send(once), ["accepted"])
    equal(await w.arrived(), [("a", "message", 0, "hi")])


@CHECKS
async def a_kept_message_expires(w: World) -> None:
    """After ``keep`` milliseconds, not before."""
    await w.own("a")
    await w.send(message("m", keep=500), message("n", keep=501))
    w.clock.pass_ms(500)
    await w.store.commit([unit("a", listens=[listener("a", 0, "t")])])
    equal([row.data["id"] for row in await w.inbox() if isinstance(row.data, dict)], ["n"])


@CHECKS
async def ids_are_deduplicated_as_long_as_kept(w: World) -> None:
    """Per tenant; a message that was taken is still a duplicate."""
    one = message("m", keep=500)
    equal(
        await w.send(one, one, one._replace(tenant="other")), ["accepted", "duplicate", "accepted"]
    )
    await w.own("a")
    await w.store.commit([unit("a", taken=["m"])])
    equal(await w.send(one), ["duplicate"])
    w.clock.pass_ms(500)
    equal(await w.send(one, message("m", data="again", keep=5)), ["accepted", "duplicate"])


@CHECKS
async def to_one_job(w: World) -> None:
    """To its listeners of the topic, whatever their key."""
    await w.own("a", "b")
    await w.store.commit([unit("a", listens=[listener("a", 1, "t", "x"), listener("a", 2, "u")])])
    await w.store.commit([unit("b", listens=[listener("b", 1, "t", "x")])])
    equal(await w.send(message("m", to="a"), message("n", to="nobody")), ["accepted", "unknown"])
    equal(await w.arrived(), [("a", "message", 1, "hi")])


@CHECKS
async def kept_for_one_job(w: World) -> None:
    """No other gets it."""
    await w.own("a", "b")
    await w.send(message("m", to="a", keep=500), message("n", keep=500, data="all"))
    await w.store.commit([unit("b", listens=[listener("b", 1, "t")])])
    await w.store.commit([unit("a", listens=[listener("a", 1, "t", "any")])])
    equal(await w.arrived(), [("b", "message", 1, "all"), ("a", "message", 1, "hi")])
    await w.store.commit([unit("a", 1, listens=[listener("a", 2, "t")])])
    equal((await w.arrived())[2:], [("a", "message", 2, "hi"), ("a", "message", 2, "all")])


@CHECKS
async def tenants_do_not_hear_each_other(w: World) -> None:
    """Whatever a unit or a message says of them."""
    await w.own("a", tenant="one")
    await w.own("b", tenant="two")
    await w.store.commit([unit("a", listens=[listener("a", 1, "t")._replace(tenant="two")])])
    await w.store.commit([unit("b", listens=[listener("b", 1, "t")])])
    equal(await w.send(message("m", tenant="two"), message("n")), ["accepted", "accepted"])
    equal(await w.arrived(), [("b", "message", 1, "hi")])
    equal(await w.send(message("o", to="a", tenant="two")), ["unknown"])
    sent = [message("p", tenant="two", data="p"), Command("b", "cancel", "no")]
    await w.store.commit([unit("a", 1, messages=sent)])
    equal((await w.arrived())[1:], [("a", "message", 1, "p")])


@CHECKS
async def an_ended_job_listens_no_more(w: World) -> None:
    """And what was kept for it alone is gone."""
    await w.own("a")
    await w.run("a")
    await w.store.commit([unit("a", 1, listens=[listener("a", 1, "t")])])
    await w.send(message("m"), message("n", "x", to="a", keep=500))
    await w.end("a", 2)
    equal(await w.send(message("o"), message("p", to="a")), ["accepted", "unknown"])
    equal(await w.arrived(), [])


@CHECKS
async def what_arrived_for_a_listener_goes_with_it(w: World) -> None:
    """It could never become anything."""
    await w.own("a")
    await w.store.commit([unit("a", listens=[listener("a", 1, "t"), listener("a", 2, "t")])])
    await w.send(message("m"))
    await w.store.commit([unit("a", 1, unlistens=[((), 1), ((), 9)])])
    equal(await w.arrived(), [("a", "message", 2, "hi")])
    await w.send(message("n", data="later"))
    equal((await w.arrived())[1:], [("a", "message", 2, "later")])


@CHECKS
async def a_unit_sends_messages(w: World) -> None:
    """Once, to the listeners there are when it is committed, its own included."""
    await w.own("a", "b")
    await w.store.commit([unit("b", listens=[listener("b", 1, "t")])])
    sent = unit(
        "a",
        listens=[listener("a", 1, "t")],
        messages=[message("m", keep=9), Command("b", "event", {"data": "go"}, "id", (1, 2), 3)],
    )
    equal(await w.outcomes(sent, sent), ["ok", "already"])
    equal(
        await w.arrived(),
        [("a", "message", 1, "hi"), ("b", "message", 1, "hi"), ("b", "event", 3, "go")],
    )
    equal((await w.inbox())[2].path, (1, 2))


@CHECKS
async def commands_reach_live_jobs_only(w: World) -> None:
    """And retry those only that have failed."""
    await w.store.submit([job("a")])
    await w.ended("b")
    kinds = ("cancel", "pause", "resume", "complete", "fail", "child", "event")
    for kind in kinds:
        posted = await w.send(*(Command(id_, kind) for id_ in "abc"))  # type: ignore[arg-type]
        equal(posted, ["accepted", "unknown", "unknown"])
    equal(await w.send(*(Command(id_, "retry") for id_ in "abc")), ["unknown"] * 3)
    await w.own("d")
    await w.run("d")
    await w.end("d", 1, DONE._replace(status="Failed", output=None))
    equal(await w.send(Command("d", "cancel"), Command("d", "retry")), ["unknown", "accepted"])
    await w.beat()
    equal(await w.claim(), ["a", "d"])
    equal([kind for job_, kind, *_ in await w.arrived() if job_ == "a"], list(kinds))
    equal(await w.outcomes(unit("d", 2, epoch=2, row=DONE._replace(status="Running"))), ["ok"])
    row = await w.row("d")
    equal((row.status, row.output, row.error), ("Running", None, None))


@CHECKS
async def a_command_counts_once(w: World) -> None:
    """Per job and id, as long as the job is kept; without an id each counts."""
    await w.own("a", "b")
    one = Command("a", "cancel", "x", "id")
    posted = await w.send(one, one, one._replace(job="b"), one._replace(kind="pause"))
    equal(posted, ["accepted", "duplicate", "accepted", "duplicate"])
    equal(await w.send(one._replace(id=None), one._replace(id=None)), ["accepted", "accepted"])
    rows = [row for row in await w.inbox() if row.job == "a"]
    equal([row.data for row in rows], ["x", "x", "x"])
    numbers = [row.number for row in rows]
    equal(await w.outcomes(Unit("a", 1, 0, unit("a").events, inbox=numbers)), ["ok"])
    equal(await w.send(one), ["duplicate"])


@CHECKS
async def the_inbox_is_read_onwards(w: World) -> None:
    """By the owner, from where it stood."""
    await w.own("a")
    await w.store.submit([job("free")])
    await w.send(*(Command("a", "cancel", n) for n in range(5)), Command("free", "cancel", 9))
    rows = await w.store.inbox("me", 0, 3)
    equal([row.data for row in rows], [0, 1, 2])
    rest = await w.store.inbox("me", rows[-1].number, 9)
    equal([row.data for row in rest], [3, 4])
    equal(await w.store.inbox("me", rest[-1].number, 9), [])
    equal(await w.store.inbox("you", 0, 9), [])


@CHECKS
async def a_job_is_loaded_with_some_of_its_messages(w: World) -> None:
    """And with all commands; the other messages are read on behind them."""
    await w.own("a")
    await w.store.commit([unit("a", listens=[listener("a", 0, "t")])])
    await w.send(*(message(f"m{n}", data=n) for n in range(LOADED_MESSAGES + 2)))
    await w.send(Command("a", "pause"))
    loaded = await w.store.load("a")
    inbox = [] if loaded is None else loaded.inbox
    kinds = [row.kind for row in inbox]
    equal(kinds, ["message"] * LOADED_MESSAGES + ["pause"])
    rest = await w.store.inbox("me", inbox[-2].number, 9, "a")
    equal([row.kind for row in rest], ["message", "message", "pause"])


@CHECKS
async def the_inbox_of_one_job_is_read_by_itself(w: World) -> None:
    """Whoever has left some of it there goes on with that, past what others have."""
    await w.own("a")
    await w.own("b")
    for n in range(3):
        await w.send(Command("a", "cancel", n), Command("b", "cancel", 10 + n))
    rows = await w.store.inbox("me", 0, 2, "b")
    equal([row.data for row in rows], [10, 11])
    rest = await w.store.inbox("me", rows[-1].number, 9, "b")
    equal([(row.job, row.data) for row in rest], [("b", 12)])
    equal(await w.store.inbox("me", rest[-1].number, 9, "b"), [])
    equal(await w.store.inbox("you", 0, 9, "b"), [])
    equal(await w.store.inbox("me", 0, 9, "nobody"), [])


@CHECKS
async def what_one_job_has_may_be_left_out(w: World) -> None:
    """But for what does not wait for it."""
    await w.own("a", "b")
    for n in range(2):
        await w.send(Command("a", "event", n, f"event {n}"), Command("b", "event", 10 + n))
        await w.send(Command("a", "cancel", 20 + n))
    rows = await w.store.inbox("me", 0, 9, None, ["a", "nobody"])
    equal([(row.job, row.data) for row in rows], [("b", 10), ("a", 20), ("b", 11), ("a", 21)])
    rest = await w.store.inbox("me", rows[0].number, 2, None, ("a",))
    equal([row.data for row in rest], [20, 11])
    equal([row.data for row in await w.store.inbox("me", 0, 9, "a")], [0, 20, 1, 21])


@CHECKS
async def commands_in_numbers_are_posted_as_each_would_be(w: World) -> None:
    """In their order, each id once for its job, whatever stands beside them."""
    await w.own("a", "b", "c")
    await w.ended("over")
    due = w.store.now() + 60_000
    await w.store.submit([job("free", due=due), job("late", due=due)])
    items = [Command("a", "event", n, f"event {n % 7}") for n in range(10)]
    items += [Command("b", "event", n, f"event {n}") for n in range(3)]
    items += [Command("over", "event", 1, "event 1"), Command("nobody", "event", 1, "event 1")]
    items += [Command("c", "event", 5), Command("c", "pause", None, "pause", (1, 2), 3)]
    items += [Command("free", "event", 1, "event 1")]
    said = ["accepted"] * 7 + ["duplicate"] * 3 + ["accepted"] * 3 + ["unknown"] * 2
    equal(await w.send(*items), [*said, *["accepted"] * 3])
    rows = await w.inbox()
    arrived = [*range(7), *range(3), 5, None]
    equal([row.data for row in rows], arrived)
    equal([row.number for row in rows], sorted(row.number for row in rows))
    equal([(row.path, row.n) for row in rows], [((), 0)] * 11 + [((1, 2), 3)])
    equal(await w.claim(ME), ["free"])
    again = [Command(job, "event", 99, "event 1") for job in ("a", "b", "free")]
    equal(await w.send(*again), ["duplicate"] * 3)
    only = [Command(job, "event", 7, "event x") for job in ("a", "b", "late")]
    equal(await w.send(*only), ["accepted"] * 3)
    equal(await w.claim(ME), ["late"])
    equal([row.data for row in (await w.inbox())[-4:]], [1, 7, 7, 7])
    equal(await w.send(*only), ["duplicate"] * 3)


@CHECKS
async def a_paused_job_is_not_woken_by_events(w: World) -> None:
    """Though it takes them, however many come."""
    await w.own("a")
    await w.run("a")
    await w.store.commit([unit("a", 1, row=RowChange("Suspended", 2, rest=True))])
    await w.send(*(Command("a", "event", n, f"event {n}") for n in range(9)))
    equal(await w.claim(ME), [])
    await w.send(Command("a", "resume"))
    equal(await w.claim(ME), ["a"])
    equal(len(await w.inbox()), 10)


@CHECKS
async def an_event_wakes_a_bare_job_whatever_its_status(w: World) -> None:
    """Failed, too: it may be one that has it go on. What has ended for good takes none."""
    await w.beat()
    await w.store.submit([job("a", kind="bare", due=HELD)])
    equal(await w.claim(), [])
    moves: tuple[Status, ...] = ("Suspended", "Failed", "Running", "Completed")
    for n, status in enumerate(moves):
        equal(await w.send(Command("a", "event", n, str(n))), ["accepted"])
        equal(await w.claim(), ["a"])
        (row,) = await w.inbox()
        equal(row.data, n)
        change = RowChange(status, n, data={"n": n}, rest=True)
        one = unit("a", n, epoch=n + 1, row=change, inbox=[row.number])
        equal(await w.outcomes(one), ["ok"])
        equal(await w.inbox(), [])
        equal(await w.claim(), [])
        found = await w.row("a")
        equal((found.status, found.state, found.data), (status, status, {"n": n}))
        equal((found.owner, found.seq), (None, n + 1))
    equal(await w.send(Command("a", "event", 9, "9")), ["unknown"])


@CHECKS
async def an_event_wakes_no_other_job_that_stands_still(w: World) -> None:
    """It is there when the job goes on; one that has failed takes none."""
    await w.own("a", kind="machine")
    still = unit("a", row=RowChange("Suspended", 5, reason="paused", rest=True))
    equal(await w.outcomes(still), ["ok"])
    equal(await w.send(Command("a", "event", 1)), ["accepted"])
    equal(await w.claim(), [])
    await w.send(Command("a", "resume"))
    equal(await w.claim(), ["a"])
    equal([row.kind for row in await w.inbox()], ["event", "resume"])
    equal(await w.outcomes(unit("a", 1, epoch=2, row=RowChange("Failed", 6))), ["ok"])
    equal(await w.send(Command("a", "event", 2)), ["unknown"])
