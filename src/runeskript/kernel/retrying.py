"""Retry from the failed step: which records of a failed job's journal it takes back, if it may.

The failed call is the last one whose failure has the step of the job's error. What came behind it
led to the end alone (branches that were cancelled, ``finally`` blocks), and is taken back with it:
the run stands again where that call was under way, and makes it anew, with the same idempotency
key. A ``finally`` block runs again when the run comes to it.

That is no way out where undos have run: what the run would go on from is not there any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..errors import RetryError
from ..model.batches import unfold_events
from ..model.events import CallDone, CallFailed, ChildDone, Event, Finished, Retried
from ..model.retries import standing
from ..model.run import Fork, Run, TokenState
from .load import Program
from .numbering import next_floor, tokens_of
from .replay import replay

_FORK = "fork the job instead, from a position before that (`rune jobs fork`)"


def plan_retry(program: Program, journal: Sequence[Event], at: int) -> Retried:
    """The record that takes the end of a failed job's whole journal back, at the time ``at``.

    Raises RetryError where there is no way back, and ReplayMismatchError.
    """
    events = list(unfold_events(standing(journal)))
    end = events[-1] if events else None
    if not isinstance(end, Finished) or end.status != "Failed" or end.error is None:
        raise RetryError("the job has not failed: only failed jobs are retried")
    number = _failure(events, end.error)
    failed = events[number]
    if not isinstance(failed, CallFailed | ChildDone):
        raise RetryError(f"no call of the step that failed would end otherwise; {_FORK}")
    run = replay(program, events[:number])
    behind = events[number + 1 : -1]
    if _compensated(program, run, behind):
        raise RetryError(f"its undos have run, so there is nothing to go on from; {_FORK}")
    token = run.calls.get(failed.path)
    others = (one for one in run.calls.values() if one is not token)
    if any(one.state == TokenState.CHILD for one in others):
        raise RetryError(f"child jobs of other branches were cancelled with it; {_FORK}")
    attempt = failed.attempt if isinstance(failed, CallFailed) else (token.attempt if token else 1)
    path, n, step = failed.path, failed.n, failed.step
    return Retried(at, path, n, step, attempt, len(events) - number, next_floor(journal))


def _failure(events: Sequence[Event], error: Mapping[str, Any]) -> int:
    """The number of the event that the job failed by; that of the last one where there is none."""
    for number in range(len(events) - 1, -1, -1):
        event = events[number]
        if isinstance(event, CallFailed):
            cause: Mapping[str, Any] | None = event.error
        elif isinstance(event, ChildDone) and event.status != "Completed":
            cause = event.error
        else:
            continue
        if event.step != error.get("step") or -1 in event.path:
            continue
        # The same step may have failed before, in another turn of a loop, and been caught.
        if error.get("type") == "timeout" or (cause or {}).get("message") == error.get("message"):
            return number
    return len(events) - 1


def _compensated(program: Program, run: Run, behind: Iterable[Event]) -> bool:
    """Whether the end of a run that stood so, and took these events then, has run undos."""
    for token in tokens_of(run):
        child = token.child
        if token.undo or (isinstance(child, Fork) and (child.undo or child.lost)):
            return True
    for event in behind:
        if -1 in getattr(event, "path", ()):
            return True
        # It was cancelled, and succeeded all the same.
        if isinstance(event, CallDone | ChildDone):
            waiting = run.calls.get(event.path)
            if waiting is not None and program.code[waiting.pc][5] is not None:
                return True
    return False
