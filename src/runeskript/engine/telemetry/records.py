"""Every record of a job's history, for the reference page: what it says, and when it is told.

Journaled ones have the fields of their event (``model/events.py``); of the transient ones this is
the table. Tests hold both to the code.
"""

from __future__ import annotations

from typing import Final

from ...model.events import TimerFired
from ...model.rows import NamedTuple
from ..watch import _HEAD, GRACES, KINDS

#: Kind of a journaled event -> what it says.
JOURNALED: Final[dict[str, str]] = {
    "job.started": "The first: what the run was given.",
    "call.done": "Call `n` succeeded.",
    "call.failed": "An attempt of call `n` failed; perhaps another follows.",
    "call.pending": "A handler has returned, and somebody outside will complete the call.",
    "timer.fired": "A wait, a retry, the timeout of a listen or the deadline of a block is due.",
    "message.received": "A message reached a listener.",
    "child.done": "A child job ended.",
    "cancel.requested": "The job is to end as Cancelled.",
    "cancel.grace": "How long what a cancel asks to stop has to end.",
    "cancel.overdue": "That time is over.",
    "cancel.forced": "That time is over, for `finally` and `undo` blocks too.",
    "job.finished": "The last.",
    "job.retried": "An operator's retry: the `back` records before it count no more.",
    "job.forked": "The job began as a copy of another one's journal.",
    "event.sent": "An event was fired at a machine's or a bare job.",
    "transition.done": "A machine is in state `to`.",
    "transition.refused": "An event changed nothing.",
    "transition.failed": "A transition's action failed: the state is as it was.",
}


class Transient(NamedTuple):
    """A record that is not journaled. ``always``: fields of each; ``some``: those of some."""

    kind: str
    always: tuple[str, ...]
    some: tuple[str, ...]
    text: str


TRANSIENT: Final = (
    Transient(
        "step.started",
        ("what",),
        ("handler", "skript", "job", "topic", "key", "due"),
        "A step began that takes time; `what`: call, run, wait or listen.",
    ),
    Transient(
        "step.retrying",
        ("error",),
        ("attempt",),
        "An attempt failed, and another follows.",
    ),
    Transient("step.done", ("ms",), (), "A step ended well, `ms` milliseconds after it began."),
    Transient("step.failed", ("ms",), ("error", "attempt"), "A step ended with an error."),
    Transient("step.cancelled", ("ms",), (), "A step is needed no more."),
    Transient(
        "progress",
        ("done", "total", "message", "n", "handler", "attempt"),
        (),
        "A handler reported (`ctx.progress`).",
    ),
    Transient("log", ("level", "text"), (), "A `log` step."),
)


def journaled() -> list[tuple[str, tuple[str, ...], str]]:
    """Kind, fields and text of every journaled record, the order of the table above."""
    types = {kind: type_ for type_, kind in KINDS.items()}
    types |= dict.fromkeys(GRACES.values(), TimerFired)
    return [
        (kind, tuple(name for name in types[kind]._fields if name not in _HEAD), text)
        for kind, text in JOURNALED.items()
    ]
