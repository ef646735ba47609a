"""What a store may forget, and what it did forget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from ..model.events import Status
from ..model.records import record
from ..model.rows import NamedTuple
from ..model.values import Value
from .queries import RecordTable


@record
class Policy:
    """What to forget. Only jobs that have ended are ever forgotten, each with all it left.

    ``jobs``: these, whatever else the policy says. ``ended_before``: those that ended before this
    time; ``status``: of those, only the ones that ended so. ``keep``: those beyond this many,
    the ones that ended first. ``journals``: events before the latest snapshot of a job, so that it
    can no longer be looked at as it was before. ``records``: by table, records put before a time.
    ``removals_before``: from the feed, that jobs were removed before this time. What nothing refers
    to any more (blobs, expired messages) goes in any case, blobs an hour after they were put.
    """

    jobs: tuple[str, ...] = ()
    ended_before: int | None = None
    status: Status | None = None
    keep: int | None = None
    journals: bool = False
    records: Mapping[RecordTable, int] = field(default_factory=dict)
    removals_before: int | None = None


class Pruned(NamedTuple):
    """How much was forgotten."""

    jobs: int = 0
    events: int = 0
    records: int = 0
    removals: int = 0
    blobs: int = 0
    messages: int = 0


#: ``unfinished``: it has not ended, or was asked to go on.
EraseOutcome = Literal["erased", "unfinished", "unknown"]
#: What remains of the error of a job that was erased.
_KEPT = ("code", "type", "step", "attempts")


def error_erased(error: Mapping[str, Value] | None) -> dict[str, Value] | None:
    """An error without what it says of the data of a job."""
    return None if error is None else {name: error[name] for name in _KEPT if name in error}


#: Milliseconds for which a blob is kept though nothing refers to it: it is put before the job is.
BLOB_GRACE = 3_600_000
