"""Slots: never more taken than there are, all of them free in the end, nobody overtaken."""

from __future__ import annotations

from typing import Any

from ...stores.base import Committed, RowChange
from ...stores.slots import Limit, Take
from .world import DONE, LEASE, RUNNING, YOU, Checks, World, equal, unit

CHECKS = Checks()
_ONE = (Limit("one", 1),)
_TWO = (Limit("two", 2),)
_BOTH = _ONE + _TWO


def _take(n: int, limits: Any, path: tuple[int, ...] = ()) -> list[Take]:
    return [Take(path, n, limits)]


async def _committed(w: World, *units: Any) -> list[Committed]:
    return list(await w.store.commit(units))


@CHECKS
async def calls_over_the_limit_stand_in_line(w: World) -> None:
    """They are named in the outcome, and told when they have a slot."""
    await w.own("a", "b")
    found = await _committed(
        w,
        unit("a", takes=_take(1, _TWO)),
        unit("b", takes=[*_take(1, _TWO), *_take(2, _TWO, (1, 0))]),
        unit("a", 1, takes=_take(2, _TWO)),
    )
    limited = [Committed("limited", (((1, 0), 2),)), Committed("limited", (((), 2),))]
    equal(found, [Committed("ok"), *limited])
    equal(await w.arrived(), [])
    equal(await w.outcomes(unit("a", 2, frees=[((), 1)])), ["ok"])
    equal([(row.job, row.kind, row.path, row.n) for row in await w.inbox()],
          [("b", "slot", (1, 0), 2)])  # fmt: skip
    loaded = await w.store.load("a")
    if loaded is None:
        raise AssertionError("the job is not there")
    equal([(one.path, one.n, one.limits) for one in loaded.queued], [((), 2, _TWO)])
    await _committed(w, unit("b", 1, frees=[((), 1)]))
    equal([(row.job, row.n) for row in await w.inbox()], [("b", 2), ("a", 2)])


@CHECKS
async def the_same_unit_takes_once(w: World) -> None:
    """And says again who stands in line."""
    await w.own("a", "b")
    await _committed(w, unit("a", takes=_take(1, _ONE)))
    waiting = unit("b", takes=_take(1, _ONE))
    equal(await _committed(w, waiting), [Committed("limited", (((), 1),))])
    equal(await _committed(w, waiting), [Committed("already", (((), 1),))])
    await _committed(w, unit("a", 1, frees=[((), 1)]))
    equal(await _committed(w, waiting), [Committed("already")])
    equal(len(await w.inbox()), 1)
    await _committed(w, unit("b", 1, frees=[((), 1)]), unit("a", 2, takes=_take(2, _ONE)))
    equal(len(await w.inbox()), 1)


@CHECKS
async def a_slot_that_is_freed_is_taken_in_the_same_unit(w: World) -> None:
    """Freeing comes first; but who stood in line comes before."""
    await w.own("a", "b")
    await _committed(w, unit("a", takes=_take(1, _ONE)))
    again = unit("a", 1, frees=[((), 1)], takes=_take(1, _ONE))
    equal(await _committed(w, again), [Committed("ok")])
    await _committed(w, unit("b", takes=_take(1, _ONE)))
    behind = unit("a", 2, frees=[((), 1)], takes=_take(1, _ONE))
    equal(await _committed(w, behind), [Committed("limited", (((), 1),))])
    equal([(row.job, row.n) for row in await w.inbox()], [("b", 1)])


@CHECKS
async def all_or_none(w: World) -> None:
    """A call holds no slot while it waits for another, and is not overtaken on its way."""
    await w.own("a", "b", "c", "d")
    await _committed(w, unit("a", takes=_take(1, _ONE)), unit("b", takes=_take(1, _BOTH)))
    equal((await _committed(w, unit("c", takes=_take(1, _TWO))))[0].outcome, "limited")
    equal((await _committed(w, unit("d", takes=_take(1, _ONE))))[0].outcome, "limited")
    await _committed(w, unit("a", 1, frees=[((), 1)]))
    equal([row.job for row in await w.inbox()], ["b", "c"])
    await _committed(w, unit("b", 1, frees=[((), 1)]))
    equal([row.job for row in await w.inbox()], ["b", "c", "d"])


@CHECKS
async def who_leaves_the_line_lets_others_forward(w: World) -> None:
    """A call that is dropped while it waits."""
    await w.own("a", "b", "c")
    await _committed(w, unit("a", takes=_take(1, _ONE)), unit("b", takes=_take(1, _BOTH)))
    await _committed(w, unit("c", takes=_take(1, _TWO)))
    equal(await w.arrived(), [])
    await _committed(w, unit("b", 1, frees=[((), 1)]))
    equal([row.job for row in await w.inbox()], ["c"])


@CHECKS
async def a_rate_counts_starts(w: World) -> None:
    """Two in a second, however soon they end; time lets the next one go."""
    rate = (Limit("rate", 2, 1_000),)
    await w.own("a")
    await _committed(w, unit("a", takes=_take(1, rate)))
    w.clock.pass_ms(400)
    await _committed(w, unit("a", 1, frees=[((), 1)], takes=_take(2, rate)))
    found = await _committed(w, unit("a", 2, frees=[((), 2)], takes=_take(3, rate)))
    equal(found, [Committed("limited", (((), 3),))])
    await w.beat()
    claimed = await w.store.claim(YOU, 1)
    await w.beat(YOU)
    claimed = await w.store.claim(YOU, 1)
    equal(claimed.due, w.clock.ms + 600)
    w.clock.pass_ms(599)
    await w.claim(YOU)
    equal(await w.arrived(), [])
    w.clock.pass_ms(1)
    await w.claim(YOU)
    equal([(row.kind, row.n) for row in await w.inbox()], [("slot", 3)])


@CHECKS
async def slots_outlive_their_worker_but_not_their_job(w: World) -> None:
    """A call in doubt keeps its slot until its job has dealt with it."""
    await w.own("a")
    await w.own("b")
    await w.run("a")
    await _committed(w, unit("a", 1, takes=_take(1, _ONE)))
    await _committed(w, unit("b", takes=_take(1, _ONE)))
    w.clock.pass_ms(LEASE)
    await w.beat(YOU)
    equal(await w.claim(YOU), ["a", "b"])
    equal(await w.arrived(YOU), [])
    done = unit("a", 2, epoch=2, row=DONE)
    equal(await w.outcomes(done), ["ok"])
    equal([(row.job, row.kind) for row in await w.inbox(YOU)], [("b", "slot")])


@CHECKS
async def a_slot_wakes_a_dormant_job(w: World) -> None:
    """That waits for nothing else."""
    await w.own("a", "b")
    await _committed(w, unit("a", takes=_take(1, _ONE)))
    rest = RowChange("Running", 5, rest=True)
    found = await _committed(w, unit("b", row=rest, takes=_take(1, _ONE)))
    equal(found[0].outcome, "limited")
    equal((await w.row("b")).due, None)
    equal(await w.outcomes(unit("a", 1, row=RUNNING), unit("a", 2, row=DONE)), ["ok", "ok"])
    equal((await w.row("b")).due, w.clock.ms)
    equal(await w.claim(), ["b"])


@CHECKS
async def no_limits_are_no_limit(w: World) -> None:
    """A call that names none goes at once."""
    await w.own("a")
    equal(await _committed(w, unit("a", takes=_take(1, ()))), [Committed("ok")])
