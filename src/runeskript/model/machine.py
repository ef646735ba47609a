"""The default job machine: the table every job's ``status`` obeys."""

from __future__ import annotations

from typing import Final

from .events import Status

STATUSES: Final[tuple[Status, ...]] = (
    "Pending",
    "Running",
    "Suspended",
    "Completed",
    "Failed",
    "Cancelled",
)

#: The whole machine: from, event, to. The events are those that a bare job is sent; other jobs
#: change as their runs do, and as people ask for by commands of these names.
EVENTS: Final[tuple[tuple[Status, str, Status], ...]] = (
    ("Pending", "start", "Running"),
    ("Pending", "suspend", "Suspended"),
    ("Pending", "fail", "Failed"),
    ("Pending", "cancel", "Cancelled"),
    ("Running", "suspend", "Suspended"),
    ("Running", "complete", "Completed"),
    ("Running", "fail", "Failed"),
    ("Running", "cancel", "Cancelled"),
    ("Suspended", "resume", "Running"),
    ("Suspended", "fail", "Failed"),
    ("Suspended", "cancel", "Cancelled"),
    ("Failed", "retry", "Running"),
)

#: status -> statuses it may change to. Failed -> Running is an operator's retry.
TRANSITIONS: Final[dict[Status, frozenset[Status]]] = {
    status: frozenset(to for source, _, to in EVENTS if source == status) for status in STATUSES
}

#: A job in one of these has ended.
FINAL: Final[frozenset[Status]] = frozenset(("Completed", "Failed", "Cancelled"))


#: What the end of an activity raises; nobody else can.
DONE: Final = "done"
FAILED: Final = "failed"
RAISED: Final = frozenset((DONE, FAILED))


def may_change(before: Status, after: Status) -> bool:
    """Whether the default machine has this transition."""
    return after in TRANSITIONS[before]
