"""Workers: leases, claims, dormant jobs, and jobs that get nowhere."""

from __future__ import annotations

from ...stores.base import CLAIMS, SUSPECT, Command, RowChange, Timer
from ...stores.leases import Release, Worker
from .world import LEASE, ME, RUNNING, YOU, Checks, World, equal, job, listener, message, unit

CHECKS = Checks()
_REST = RowChange("Running", 5, rest=True)


@CHECKS
async def leases_live_by_the_stores_clock(w: World) -> None:
    """A heartbeat says whether the lease was alive."""
    equal(await w.beat(), False)
    equal(await w.beat(), True)
    w.clock.pass_ms(LEASE - 1)
    equal(await w.beat(), True)
    w.clock.pass_ms(LEASE)
    equal(await w.beat(), False)
    await w.beat(YOU)
    found = await w.store.workers()
    equal([(row.worker, row.until) for row in found],
          [(ME, w.clock.ms + LEASE), (YOU, w.clock.ms + LEASE)])  # fmt: skip
    await w.store.release("me")
    equal([row.worker for row in await w.store.workers()], [YOU])


@CHECKS
async def without_a_lease_nothing_is_claimed(w: World) -> None:
    """Neither before the first heartbeat nor after the last."""
    await w.store.submit([job("a")])
    equal(await w.claim(), [])
    await w.beat()
    w.clock.pass_ms(LEASE)
    equal(await w.claim(), [])
    await w.beat()
    equal(await w.claim(), ["a"])


@CHECKS
async def a_job_is_claimed_once(w: World) -> None:
    """Each claim raises the epoch; what has an owner is not claimed."""
    await w.store.submit([job("a"), job("b")])
    await w.beat()
    await w.beat(YOU)
    equal((await w.store.claim(ME, 1)).jobs, [("a", 1)])
    row = await w.row("a")
    equal((row.owner, row.epoch, row.due), ("me", 1, None))
    equal(await w.claim(YOU), ["b"])
    equal(await w.claim(), [])
    await w.store.release("me", [Release("a", 1)])
    equal((await w.store.claim(YOU, 9)).jobs, [("a", 2)])
    equal((await w.row("a")).owner, "you")


@CHECKS
async def a_worker_takes_what_it_can_run(w: World) -> None:
    """All handlers, and the queue."""
    await w.store.submit(
        [
            job("none"),
            job("a", handlers=("a",)),
            job("ab", handlers=("a", "b")),
            job("c", handlers=("a", "c")),
            job("fast", queue="fast"),
            job("slow", queue="slow"),
        ]
    )
    await w.beat()
    await w.beat(YOU)
    equal(await w.claim(YOU), ["none", "a"])
    equal(await w.claim(ME), ["ab", "fast"])
    other = Worker("other", frozenset(("a", "c")), frozenset(("slow",)))
    await w.beat(other)
    equal(await w.claim(other), ["slow"])


@CHECKS
async def claims_go_by_priority_then_by_due_time(w: World) -> None:
    """Then by age."""
    now = w.clock.ms
    await w.store.submit(
        [
            job("late", due=now - 1),
            job("first", due=now - 9),
            job("high", priority=5),
            job("low", priority=-5, due=1),
            job("late2", due=now - 1),
            job("future", priority=9, due=now + 100),
        ]
    )
    await w.beat()
    found = await w.store.claim(ME, 3)
    equal([one.job for one in found.jobs], ["high", "first", "late"])
    equal(found.due, now)
    found = await w.store.claim(ME, 9)
    equal(([one.job for one in found.jobs], found.due), (["late2", "low"], now + 100))
    w.clock.pass_ms(100)
    equal(await w.claim(), ["future"])


@CHECKS
async def a_worker_may_ask_for_one_job(w: World) -> None:
    """And gets no other."""
    await w.store.submit([job("a"), job("b"), job("c", due=w.clock.ms + 5)])
    await w.beat()
    equal(await w.claim(ME, 9, "b", "c", "nobody", "b"), ["b"])
    found = await w.store.claim(ME, 9, ["c"])
    equal((found.jobs, found.due), ([], w.clock.ms + 5))
    w.clock.pass_ms(5)
    equal(await w.claim(ME, 9, "c"), ["c"])


@CHECKS
async def what_a_dead_worker_owned_is_claimed(w: World) -> None:
    """Once its lease has run out, whatever it waited for."""
    await w.own("a", "b")
    await w.run("a")
    await w.store.commit([unit("a", 1, timers=[Timer((), 1, w.clock.ms + 10**9, "wait", "s")])])
    w.clock.pass_ms(LEASE - 1)
    await w.beat(YOU)
    found = await w.store.claim(YOU, 9)
    equal((found.jobs, found.due), ([], w.clock.ms + 1))
    w.clock.pass_ms(1)
    equal(await w.claim(YOU), ["a", "b"])
    equal((await w.row("a")).epoch, 2)
    equal([row.worker.id for row in await w.store.workers()], ["you"])
    equal(await w.beat(), False)


@CHECKS
async def a_clock_set_back_keeps_nobody_alive(w: World) -> None:
    """A lease that would run out further ahead than it is long has run out."""
    await w.own("a")
    w.clock.pass_ms(-(10**9))
    await w.beat(YOU)
    equal(await w.claim(YOU), ["a"])
    equal(await w.outcomes(unit("a")), ["fenced"])


@CHECKS
async def what_a_worker_gives_back_is_free(w: World) -> None:
    """One job, or all and the lease; nothing that is not its own."""
    await w.own("a", "b", "c")
    await w.store.release("you", [Release("a", 1)])
    await w.store.release("me", [Release("a", 2), Release("nobody", 1), Release("b", 1)])
    await w.beat(YOU)
    equal(await w.claim(YOU), ["b"])
    await w.store.release("me")
    equal(await w.claim(YOU), ["a", "c"])
    equal(await w.beat(), False)


@CHECKS
async def a_dormant_job_sleeps_until_its_timer(w: World) -> None:
    """It has no owner, and is due when its first timer is."""
    await w.own("a")
    now = w.clock.ms
    timers = [Timer((), 1, now + 500, "wait", "s"), Timer((), 2, now + 900, "wait", "s")]
    equal(await w.outcomes(unit("a", row=_REST, timers=timers)), ["ok"])
    row = await w.row("a")
    equal((row.status, row.owner, row.due), ("Running", None, now + 500))
    found = await w.store.claim(ME, 9)
    equal((found.jobs, found.due), ([], now + 500))
    w.clock.pass_ms(500)
    await w.beat()
    equal(await w.claim(), ["a"])
    await w.store.release("me", [Release("a", 2, rest=True)])
    equal((await w.row("a")).due, now + 500)


@CHECKS
async def a_dormant_job_sleeps_until_a_message(w: World) -> None:
    """Without a timer it is never due by itself."""
    await w.own("a")
    equal(await w.outcomes(unit("a", row=_REST, listens=[listener("a", 1, "t")])), ["ok"])
    found = await w.store.claim(ME, 9)
    equal((found.jobs, found.due), ([], None))
    await w.send(message("m", "other"))
    equal(await w.claim(), [])
    await w.send(message("m"))
    equal((await w.row("a")).due, w.clock.ms)
    equal(await w.claim(), ["a"])
    equal(await w.arrived(), [("a", "message", 1, "hi")])


@CHECKS
async def what_arrived_in_time_wakes_at_once(w: World) -> None:
    """A message that came before the job lay down is not slept through."""
    await w.own("a")
    await w.store.commit([unit("a", row=RUNNING, listens=[listener("a", 1, "t")])])
    await w.send(message("m"))
    equal(await w.outcomes(unit("a", 1, row=_REST)), ["ok"])
    equal((await w.row("a")).due, w.clock.ms)
    equal(await w.claim(), ["a"])
    await w.store.release("me", [Release("a", 2, rest=True)])
    equal((await w.row("a")).due, w.clock.ms)


@CHECKS
async def a_paused_job_wakes_for_commands_only(w: World) -> None:
    """To go on or to be cancelled; its timers keep their due times."""
    now = w.clock.ms
    await w.own("a")
    paused = RowChange("Suspended", 5, reason="paused by Ada", rest=True)
    timers = [Timer((), 1, now + 5, "wait", "s")]
    await w.store.commit([unit("a", row=RUNNING, timers=timers, listens=[listener("a", 1, "t")])])
    equal(await w.outcomes(unit("a", 1, row=paused)), ["ok"])
    row = await w.row("a")
    equal((row.status, row.reason, row.owner, row.due), ("Suspended", "paused by Ada", None, None))
    w.clock.pass_ms(100)
    await w.beat()
    await w.send(message("m"), Command("a", "pause"), Command("a", "complete"))
    equal(await w.claim(), [])
    await w.send(Command("a", "resume"))
    equal(await w.claim(), ["a"])
    equal(await w.outcomes(unit("a", 2, epoch=2, row=_REST)), ["ok"])
    equal((await w.row("a")).reason, None)
    equal(await w.claim(), ["a"])


@CHECKS
async def a_job_that_gets_nowhere_is_parked(w: World) -> None:
    """After five claims in a row without a new event, until somebody says resume."""
    await w.store.submit([job("a"), job("b")])
    for n in range(CLAIMS):
        mortal = ME._replace(id=f"me{n}")
        await w.beat(mortal)
        equal(await w.claim(mortal), ["a", "b"])
        row = await w.row("b")
        equal(await w.outcomes(unit("b", row.seq, epoch=row.epoch)), ["ok"])
        w.clock.pass_ms(LEASE)
    equal((await w.row("a")).claims, CLAIMS)
    await w.beat()
    equal(await w.claim(), ["b"])
    row = await w.row("a")
    equal((row.status, row.state, row.owner, row.due), ("Suspended", "Suspended", None, None))
    if row.reason is None or str(CLAIMS) not in row.reason:
        raise AssertionError(f"the reason says nothing of {CLAIMS} claims: {row.reason}")
    equal(await w.claim(), [])
    equal(await w.send(Command("a", "resume")), ["accepted"])
    equal(await w.claim(), ["a"])
    equal((await w.row("a")).claims, 1)


@CHECKS
async def few_suspects_are_claimed_at_once(w: World) -> None:
    """So that the one that crashes its worker is found; and what gets on makes room."""
    ids = ["a", "b", "c", "d"]
    await w.store.submit([job(id_) for id_ in ids])
    for n in range(SUSPECT):
        mortal = ME._replace(id=f"me{n}")
        await w.beat(mortal)
        equal(await _among(w, mortal, 1), ids)
        w.clock.pass_ms(LEASE)
    await w.store.submit([job("new")])
    await w.beat()
    equal(await _among(w, ME, 1), ["a", "new"])
    equal(await _among(w, ME, 1), [])
    equal(await _among(w, ME, 1, "b"), [])
    equal(await _among(w, ME, 2), ["b"])
    row = await w.row("a")
    equal(await w.outcomes(unit("a", 0, epoch=row.epoch)), ["ok"])
    equal(await _among(w, ME, 2), ["c"])
    equal((await w.store.claim(ME, 9, (), 2))[0::2], ([], True))
    equal((await w.store.claim(ME, 9, ("d",), 2))[0::2], ([], True))
    equal([(await w.row(id_)).claims for id_ in ids], [3, 3, 3, 2])
    # What got on is like the rest. Those claimed most often come first, of three claims the newest,
    # and fewer of them may be there at once.
    w.clock.pass_ms(LEASE)
    await w.beat(YOU)
    equal(await _among(w, YOU, 0), ["a", "new"])
    equal((await w.row("a")).claims, 1)
    equal(await _among(w, YOU, 1), ["c"])
    equal(await _among(w, YOU, 9), ["d"])
    equal(await _among(w, YOU, 48), ["b"])
    equal((await w.store.claim(YOU, 9, (), 1))[0::2], ([], False))


async def _among(w: World, worker: Worker, suspects: int, *jobs: str) -> list[str]:
    """What is claimed where there may be so many suspects."""
    return [one.job for one in (await w.store.claim(worker, 9, jobs, suspects)).jobs]


@CHECKS
async def giving_back_is_no_crash(w: World) -> None:
    """Claims that end in a release are not counted."""
    await w.store.submit([job("a")])
    await w.beat()
    for n in range(2 * CLAIMS):
        equal(await w.claim(), ["a"])
        await w.store.release("me", [Release("a", n + 1)])
    equal((await w.row("a")).status, "Pending")
    await w.own("b")
    await w.store.release("me", [Release("b", 1)])
    equal((await w.row("b")).claims, 0)


@CHECKS
async def a_worker_parks_what_it_cannot_go_on_with(w: World) -> None:
    """With its reason; the others go on."""
    await w.own("a", "b", kind="machine", state="draft")
    await w.run("b")
    await w.store.release("me", [Release("a", 1, park="it cannot be read")])
    row = await w.row("a")
    equal((row.status, row.state, row.reason), ("Suspended", "draft", "it cannot be read"))
    equal((row.owner, row.due, row.updated_at), (None, None, w.clock.ms))
    equal(await w.outcomes(unit("a"), unit("b", 1)), ["fenced", "ok"])
    await w.send(Command("a", "cancel"))
    equal(await w.claim(), ["a"])


@CHECKS
async def an_owner_that_is_not_alive_owns_nothing(w: World) -> None:
    """A job submitted in its name may be claimed by others."""
    (done,) = await w.store.submit([job("a", owner="nobody")])
    equal((done.row.owner, done.row.epoch, done.row.due), (None, 0, w.clock.ms))
    await w.own("b")
    row = await w.row("b")
    equal((row.owner, row.epoch, row.due, row.claims), ("me", 1, None, 1))
    equal(await w.claim(), ["a"])
