"""How many suspect jobs a worker may have: those that may be what crashed the workers before it.

One at first. The longer it lives with some, the more, for what crashes a process mostly does so
soon; and the more of them got on, the more, so that the neighbours of the one that crashes need not
stand in line for long. ``stores/suspects.py`` says which of them are claimed.
"""

from __future__ import annotations

from typing import Final

from ..stores.base import SUSPECT, JobRow
from .driver import Driver
from .live import Live

#: Seconds after which a worker that has suspect jobs, and still lives, may have twice as many.
SPELL: Final = 5.0
#: Suspect jobs that got on, of which each doubles the number, too; no more than these.
CLEARED: Final = 8


class Suspects:
    """Those of one worker."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        #: Those that did not get on yet, since when there are any, and how many got on.
        self._ids: set[str] = set()
        self._since = 0.0
        self._cleared = 0

    def look(self) -> list[Live]:
        """The suspect jobs that did not get on yet; what happened since the last look is noted."""
        driver = self._driver
        found = [
            live
            for live in driver.lives.values()
            if live.row.claims > SUSPECT and live.seq == live.row.seq
        ]
        ids = {live.id for live in found}
        self._cleared = min(self._cleared + len(self._ids - ids), CLEARED)
        self._ids = ids
        if not ids:
            self._since = driver.clock.monotonic()
        return found

    def came(self, row: JobRow) -> None:
        """A job was claimed."""
        if row.claims > SUSPECT:
            self._ids.add(row.id)

    def rested(self) -> None:
        """Some were let go of, since they only wait: they did not get on, and do no harm."""
        self._ids &= self._driver.lives.keys()
        self.look()

    def allowed(self) -> int:
        """How many there may be now, those that are here included."""
        spells = int((self._driver.clock.monotonic() - self._since) / SPELL)
        return 1 << min(self._cleared + spells, 30)
