"""Workers, their leases, and what they take and give back."""

from __future__ import annotations

from ..model.events import Event, Path
from ..model.rows import NamedTuple
from .rows import InboxRow, JobRow, Listener, Timer, Worker
from .slots import Limit

__all__ = ["Claimed", "Loaded", "Owned", "Queued", "Release", "Worker", "WorkerRow"]


class WorkerRow(NamedTuple):
    """A worker, and when its lease runs out."""

    worker: Worker
    until: int


class Owned(NamedTuple):
    """A job that was taken, and the epoch that it is the worker's in."""

    job: str
    epoch: int


class Claimed(NamedTuple):
    """Jobs that were taken, and when it is next worth asking (None: only after a change).

    ``withheld``: whether suspects were due that would have been too many; see ``Store.claim``.
    """

    jobs: list[Owned]
    due: int | None
    withheld: bool = False


class Release(NamedTuple):
    """A job that is given back.

    ``rest``: it only waits for its timers and for messages; else it may be claimed at once.
    ``park``: why nobody should go on with it before somebody says so.
    """

    job: str
    epoch: int
    rest: bool = False
    park: str | None = None


class Queued(NamedTuple):
    """A call that stands in line for slots."""

    path: Path
    n: int
    limits: tuple[Limit, ...]


class Loaded(NamedTuple):
    """A job as it has to be known to go on with it.

    ``events`` begin at sequence number ``first``, where the snapshot, if there is one, was taken.
    ``inbox`` has of messages the first ``limits.LOADED_MESSAGES``, and all other rows;
    ``Store.inbox`` reads on behind those. ``part``: how many units without events there were behind
    the last event.
    """

    row: JobRow
    snapshot: bytes | None
    first: int
    events: list[Event]
    timers: list[Timer]
    listeners: list[Listener]
    inbox: list[InboxRow]
    queued: list[Queued]
    part: int = 0
