"""Jobs of a simulation that do not move: each is asked why, and the answer has to hold."""

from __future__ import annotations

from typing import Final

from ...stores.base import JobRow, Store
from ..still import unexplained
from .judge import now
from .ledger import Ledger
from .loop import VirtualTime

#: Virtual seconds after which a job is asked why it does not move.
GLANCE: Final = 1.0
#: Virtual seconds after which nothing can be about to happen: longer than what makes a job wait
#: that could go on (a lease, a stall, a store that fails).
LONG: Final = 30.0


class Stillness:
    """Since when each job stands where it stands."""

    def __init__(self, time: VirtualTime, ledger: Ledger) -> None:
        self._time = time
        self._ledger = ledger
        #: Job -> what its row was, and since when.
        self._seen: dict[str, tuple[object, float]] = {}
        #: Jobs that were asked after so long that nothing can be about to happen.
        self._asked: set[str] = set()

    def look(self, store: Store, row: JobRow) -> None:
        """Look at a job that has not ended; what cannot be explained is a finding."""
        stands = (row.seq, row.status, row.owner, row.epoch)
        known, since = self._seen.get(row.id, (None, 0.0))
        still = self._time.now - since
        if stands != known:
            self._seen[row.id] = (stands, self._time.now)
            self._asked.discard(row.id)
        elif still > GLANCE and row.id not in self._asked:
            if still > LONG:
                self._asked.add(row.id)
            for text in now(unexplained(store, [row], soon=still <= LONG)):
                self._ledger.find("unexplained", text)
