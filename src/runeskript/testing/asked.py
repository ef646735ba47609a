"""Calls of a simulation that do not stop when they are asked to: when they are given up."""

from __future__ import annotations

from ..kernel import by_deadline, stopping
from ..model.effects import CallDrop
from ..model.events import CallFailed, Path
from ..model.faults import ABANDONED
from ..model.run import Run
from ..model.values import Value

_TEXT = "the call did not end in the time that it had to stop, and was given up"


class Asked:
    """As ``engine/stopping.py`` does it. ``grace``: ms that they have."""

    def __init__(self, grace: int) -> None:
        self.grace = grace
        self._ends: dict[tuple[Path, int], tuple[int, CallFailed]] = {}

    def add(self, drop: CallDrop, now: int) -> None:
        """A call was asked to stop."""
        error: dict[str, Value] = {"type": ABANDONED, "message": _TEXT}
        failed = CallFailed(0, drop.path, drop.n, drop.step, drop.attempt, error)
        self._ends[drop.path, drop.n] = now + self.grace, failed

    def next(self, run: Run) -> tuple[int, CallFailed] | None:
        """The first that a deadline asked, and that has not ended: when it is given up, and how it
        ends then.
        """
        found = [
            end
            for key, end in self._ends.items()
            if (token := stopping(run, *key)) is not None and by_deadline(run, token)
        ]
        return min(found, key=lambda end: end[0], default=None)
