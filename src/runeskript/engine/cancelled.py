"""What the journal of a cancelled job says of its cancel: since when, why, and whether by force."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from ..errors import StoreError
from ..model.events import GRACE_ALL, GRACE_ASKED, CancelRequested, Event, GraceGiven, TimerFired
from ..model.rows import NamedTuple
from ..stores.base import JobRow, Store

_PRUNED: Final = "RUNE-7011"
#: The latest events of a job among which its cancel is looked for.
FAR: Final = 20_000


class Cancelled(NamedTuple):
    """Times are milliseconds since 1970. ``due``: when the grace time that runs is over; ``over``:
    when one last was, whether or not something had to be given up; ``forced``: the same of one for
    everything, in which whatever was under way was left.
    """

    at: int
    reason: str
    over: int | None = None
    forced: int | None = None
    due: int | None = None

    def shown(self) -> dict[str, Any]:
        """As JSON."""
        return self._asdict()


async def cancel_of(store: Store, row: JobRow) -> Cancelled | None:
    """The cancel of a job; None where there was none, or so long ago that nobody looks.

    Raises StoreError where the journal cannot be read.
    """
    start = max(row.seq - FAR, 0)
    try:
        return cancel_in(await store.journal(row.id, start, FAR))
    except StoreError as exc:
        if exc.code != _PRUNED:
            raise
    loaded = await store.load(row.id)
    return None if loaded is None else cancel_in(loaded.events)


def cancel_in(events: Iterable[Event]) -> Cancelled | None:
    """The same, from a stretch of the journal."""
    found: Cancelled | None = None
    due: dict[int, int] = {}
    for event in events:
        if isinstance(event, CancelRequested):
            found = Cancelled(event.at, event.reason)
        elif found is not None and isinstance(event, GraceGiven):
            over = event.at + event.grace
            if event.everything and due.get(GRACE_ASKED, over) < over:
                del due[GRACE_ASKED]  # it is prolonged
            due[GRACE_ALL if event.everything else GRACE_ASKED] = over
        elif found is not None and isinstance(event, TimerFired) and event.m in due:
            del due[event.m]
            if event.m == GRACE_ALL:
                found = found._replace(forced=event.at)
            else:
                found = found._replace(over=event.at)
    return found if found is None else found._replace(due=min(due.values(), default=None))
