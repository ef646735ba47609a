"""Failures between a program and its store: an operation that is asked again happens once."""

from __future__ import annotations

from typing import Any

from ...stores.base import Command
from ...stores.slots import Limit, Take
from ..faults import FAULTS, Fault, FaultyStore, InjectedError, Once
from .world import DONE, ME, RUNNING, Checks, World, equal, event, job, listener, message, unit

CHECKS = Checks()
_TAKES = [Take((), 1, (Limit("l", 1),))]


async def _twice(w: World, fault: Fault, operation: str, *args: object) -> Any:
    """Ask for an operation that meets a fault, and again if it failed; its last reply."""
    ask = getattr(FaultyStore(w.store, Once(operation, fault)), operation)
    try:
        return await ask(*args)
    except InjectedError:
        return await ask(*args)


@CHECKS
async def a_commit_whose_reply_was_lost(w: World) -> None:
    """The unit is there once, and so is all it carries."""
    for number, fault in enumerate(FAULTS):
        a, b, kid = f"a{number}", f"b{number}", f"kid{number}"
        await w.own(a, b)
        await w.store.commit([unit(b, listens=[listener(b, 1, "t", number)])])
        sent = [message(f"m{number}", "t", number, keep=9), Command(b, "event", 1, "id")]
        one = unit(a, row=RUNNING, messages=sent, children=[job(kid)], takes=_TAKES)
        (result,) = await _twice(w, fault, "commit", [one])
        equal(result.outcome, "ok" if fault == "before" else "already")
        equal(await w.journal(a), [event(0)])
        kinds = [row.kind for row in await w.inbox() if row.job == b]
        equal(kinds, ["message", "event"])
        equal((await w.row(kid)).status, "Pending")
        last = unit(a, 1, row=DONE)
        (result,) = await _twice(w, fault, "commit", [last])
        equal(result.outcome, "ok" if fault == "before" else "already")
        equal((await w.row(a)).output, 7)
    equal(await w.ids(), ["kid2", "b2", "a2", "kid1", "b1", "a1", "kid0", "b0", "a0"])


@CHECKS
async def a_submit_whose_reply_was_lost(w: World) -> None:
    """The job is there once, and its row comes back."""
    for number, fault in enumerate(FAULTS):
        one = job(f"a{number}", key=f"k{number}", input=number)
        (done,) = await _twice(w, fault, "submit", [one], "replace")
        equal((done.row.id, done.row.input), (one.id, number))
    equal(len(await w.ids()), len(FAULTS))


@CHECKS
async def a_post_whose_reply_was_lost(w: World) -> None:
    """What has an id arrives once."""
    await w.own("a")
    await w.store.commit([unit("a", listens=[listener("a", 1, "t")])])
    for number, fault in enumerate(FAULTS):
        items = [message(f"m{number}", keep=9), Command("a", "pause", None, f"c{number}")]
        reply = await _twice(w, fault, "post", items)
        equal(reply, ["accepted"] * 2 if fault == "before" else ["duplicate"] * 2)
    equal([row.kind for row in await w.inbox()], ["message", "pause"] * len(FAULTS))


@CHECKS
async def a_claim_whose_reply_was_lost(w: World) -> None:
    """The worker finds what it owns by asking for it."""
    from ...stores.queries import JobFilter

    await w.store.submit([job("a"), job("b")])
    await w.beat()
    await _twice(w, "after", "claim", ME, 9)
    mine, _ = await w.store.query(JobFilter(owner="me"), None, 9)
    equal([(row.id, row.epoch) for row in mine], [("b", 1), ("a", 1)])
    equal(await w.outcomes(unit("a"), unit("b")), ["ok", "ok"])


@CHECKS
async def a_record_whose_reply_was_lost(w: World) -> None:
    """The version tells whether it was written."""
    for number, fault in enumerate(FAULTS):
        name = f"r{number}"
        reply = await _twice(w, fault, "put_record", "audit", name, number, 0)
        if fault != "before":
            equal(reply, None)
        found = await w.store.get_record("audit", name)
        equal(found and (found.version, found.value), (1, number))
