"""The default job machine: the table every job's ``status`` obeys."""

from __future__ import annotations

from typing import Final

from .events import Status

#: status -> statuses it may change to. Failed -> Running is an operator's retry.
TRANSITIONS: Final[dict[Status, frozenset[Status]]] = {
    "Pending": frozenset(("Running", "Suspended", "Failed", "Cancelled")),
    "Running": frozenset(("Suspended", "Completed", "Failed", "Cancelled")),
    "Suspended": frozenset(("Running", "Cancelled", "Failed")),
    "Failed": frozenset(("Running",)),
    "Completed": frozenset(),
    "Cancelled": frozenset(),
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
