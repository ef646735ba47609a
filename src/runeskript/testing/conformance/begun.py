"""Jobs that have begun, or ended, before they are created: their journals say what led there."""

from __future__ import annotations

from typing import Any, Final

from ...stores.base import HELD, Command
from ...stores.queries import JobFilter
from .world import DONE, LEASE, ME, YOU, Checks, World, equal, event, job, unit

CHECKS: Final = Checks()
_BEGUN: Final[dict[str, Any]] = {"status": "Running", "state": "Running", "updated_at": 5}
_ENDED: Final[dict[str, Any]] = {"status": "Completed", "state": "Completed", "updated_at": 9}
_FAILED: Final[dict[str, Any]] = {"status": "Failed", "state": "Failed", "updated_at": 9}


@CHECKS
async def what_has_begun_is_created_as_far_as_it_is(w: World) -> None:
    """By itself or among many: it goes on behind its journal, as if that were its owner's units."""
    await w.beat(ME)
    for name, many in (("a", 0), ("b", 8)):
        begun = job(name, owner="me", **_BEGUN)
        rows = [begun, *(job(f"{name}{n}") for n in range(many))]
        made = await w.store.submit(rows, "return", {name: [event(0), event(1)]})
        row = await w.row(name)
        equal(made[0].row, row)
        equal((row.status, row.owner, row.seq, row.epoch), ("Running", "me", 2, 1))
        equal(await w.outcomes(unit(name, 1), unit(name, 2)), ["already", "ok"])
        equal(await w.outcomes(unit(name, 3, row=DONE)), ["ok"])
        equal(await w.journal(name), [event(n) for n in range(4)])
    left = job("c", owner="nobody", **_BEGUN)
    await w.store.submit([left], "return", {"c": [event(0)]})
    equal(await w.claim(ME, 9, "c"), ["c"])
    equal(await w.outcomes(unit("c", 1)), ["ok"])


@CHECKS
async def what_has_begun_is_no_suspect(w: World) -> None:
    """Its owner dies behind its first events: that was no claim in vain."""
    await w.beat(ME)
    rows = [job("a", owner="me", **_BEGUN), job("b", owner="me")]
    await w.store.submit(rows, "return", {"a": [event(0)]})
    w.clock.ms += LEASE + 1
    await w.beat(YOU)
    equal(sorted(await w.claim(YOU)), ["a", "b"])
    equal(((await w.row("a")).claims, (await w.row("b")).claims), (1, 2))


@CHECKS
async def what_has_ended_is_created_at_its_end(w: World) -> None:
    """By itself or among many: nobody owns or claims it, it takes nothing, and what ends like it is
    found with it.
    """
    await w.beat(ME)
    large = "x" * 100_000
    for name, many in (("a", 0), ("b", 8)):
        rows = [
            job(name, key=name, owner="me", input=large, output=[7, large], **_ENDED),
            job(f"{name}-bad", owner="me", error={"type": "a.b"}, **_FAILED),
            *(job(f"{name}{n}", due=HELD) for n in range(many)),
        ]
        made = await w.store.submit(rows, "return", {row.id: [event(0)] for row in rows[:2]})
        row, bad = await w.row(name), await w.row(f"{name}-bad")
        equal([one.row for one in made[:2]], [row, bad])
        equal((row.status, row.output, row.input), ("Completed", [7, large], large))
        equal((row.seq, row.owner, row.due, row.updated_at), (1, None, None, 9))
        equal((bad.status, bad.error), ("Failed", {"type": "a.b"}))
        equal(await w.journal(name), [event(0)])
        equal(await w.outcomes(unit(name, 1), unit(name, 0)), ["fenced"] * 2)
        equal(await w.store.post([Command(name, "cancel")]), ["unknown"])
    equal(await w.claim(), [])
    counted = await w.store.tally()
    equal((counted["Completed"], counted["Failed"]), (2, 2))
    found, _ = await w.store.query(JobFilter(status="Completed"), None, 9)
    equal([row.id for row in found], ["b", "a"])
    changed, _ = await w.store.changes(0, 100)
    equal([one.job for one in changed].count("a"), 1)
    (done,) = await w.store.submit([job("c", key="a")], "replace")
    equal(done.outcome, "replaced")
    equal(await w.store.post([Command("b-bad", "retry")]), ["accepted"])
    equal(await w.claim(ME, 9, "b-bad"), ["b-bad"])
    equal(await w.outcomes(unit("b-bad", 1)), ["ok"])
