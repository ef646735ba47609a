"""A job's first slice, taken before the job is written: then both are one commit.

Nothing of it has left by then, and nobody knows the job: where the store has it already, or cannot
take it, the draft is dropped. Only what a row and a journal can say is written so. Where a slice
asks for more (a timer, a child, a message, a slot), the job is written as a new one, and the next
tick goes on with what the slice came to.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..kernel import Ready
from ..model.effects import CallOut, CallsOut, LogOut
from ..model.machine import FINAL
from ..model.values import UNSET
from ..stores.base import JobRow, Unit
from .executors.base import Lane
from .live import Live
from .turn import Turn


class Draft:
    """The first turn of a job that is about to be written.

    ``row``: the job as it is behind that turn, with which its events are written; None where it is
    written as a new one.
    """

    __slots__ = ("row", "turn")

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.row: JobRow | None = None


def fits_a_row(live: Live, ready: Ready, lanes: Mapping[str, Lane]) -> bool:
    """Whether a first slice comes to nothing but calls that may go at once, and lines of the log,
    and its unit is going to be events and a change of the row.
    """
    for effect in ready.effects:
        if isinstance(effect, CallOut | CallsOut):
            if effect.queue is not None or lanes[effect.handler].limits:
                return False
        elif not isinstance(effect, LogOut):
            return False
    blueprint, end = live.program.blueprint, ready.finished
    if end is not None:
        return end.status != "Failed" or blueprint.on_failure is None
    return not (ready.more and live.program.speaks)  # else it is written down: see ``Snapshots``


def row_behind(row: JobRow, unit: Unit) -> JobRow | None:
    """A new job's row behind its first unit, where that is not more than this and its events."""
    change = unit.row
    if change is None or unit.furnished or unit.snapshot is not None:
        return None
    return row._replace(
        status=change.status,
        state=change.status if change.state is None else change.state,
        updated_at=change.at,
        output=change.output,
        error=change.error,
        data=row.data if change.data is UNSET else change.data,
        owner=None if change.status in FINAL else row.owner,
    )
