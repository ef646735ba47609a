"""That every unfinished job which is not moving has one reason, and that the reason holds.

A job that waits for what cannot come is lost without anybody noticing: a timer that nobody looks
at, a child that has ended already, a call that nobody makes. So each reason that the engine gives
is looked at from the other side: is what is waited for there, and will it wake the job?
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ..engine.reasons import Reason, reason_of
from ..model.machine import FINAL
from ..stores.base import JobRow, Store

#: Milliseconds for which a timer may be overdue that a worker is just about to see.
SLACK: Final = 30_000


async def unexplained(store: Store, jobs: Iterable[JobRow], *, soon: bool = False) -> list[str]:
    """What is wrong with the reasons of jobs that have not moved for a while; nothing where each
    has one that holds.

    ``soon``: it is a short while, and a job may be about to move; otherwise it is longer than a
    lease and than a worker takes to claim a job.
    """
    found = []
    for row in jobs:
        if row.status in FINAL:
            continue
        reason = await reason_of(store, row)
        if soon and reason.kind == "moving":
            continue
        wrong = await _wrong(store, row, reason, SLACK if soon else 0)
        if wrong is not None:
            found.append(f"job {row.id} waits: {reason.text}; but {wrong}")
    return found


async def _wrong(store: Store, row: JobRow, reason: Reason, slack: int) -> str | None:
    """What speaks against a reason."""
    now = store.now()
    loaded = await store.load(row.id)
    if loaded is None:
        return "it is not there"
    due = min((timer.due for timer in loaded.timers), default=None)
    if reason.kind in ("paused", "parked", "unclaimed"):
        return None
    if reason.kind in ("ended", "moving", "lost"):
        return "it does not move, and that is no reason"
    # Earlier is no harm: somebody dropped it then, and the clock may have been set back since.
    if row.owner is None and due is not None and (row.due is None or row.due > due):
        return f"it is looked at at {row.due}, and its next timer is due at {due}"
    if reason.kind == "call" and row.owner is None:
        return "nobody makes the call"
    if reason.kind == "event" and reason.due is not None and reason.due + slack < now:
        return "the timeout of the state is over"
    if reason.kind == "timer" and (reason.due is None or reason.due + slack < now):
        return "that is over"
    if reason.kind == "child":
        (child,) = await store.get([str(reason.detail["child"])])
        if child is None or child.status in FINAL:
            return "the child has ended, or was never there"
    if reason.kind == "message" and not loaded.listeners:
        return "nobody listens"
    if reason.kind == "limit" and not loaded.queued:
        return "no call stands in line"
    return None
