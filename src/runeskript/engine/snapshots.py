"""When a run is written down, so that whoever goes on with it need not replay all of it."""

from __future__ import annotations

from typing import Final, Protocol

from ..kernel import Ready
from ..model.batches import weight
from ..model.limits import SNAPSHOT_BYTES
from ..stores.base import Unit
from .live import Live

#: Units after which a run is written down again, and bytes of the last time that are worth one.
TAIL: Final = 50
TAIL_BYTES: Final = 1_024


class Writer(Protocol):
    """The driver, as far as it says whether runs are written down."""

    snapshots: bool


class Snapshots:
    """Snapshots of runs, as parts of units."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def keep(self, live: Live, ready: Ready, unit: Unit) -> Unit:
        """The unit with a snapshot of the run, where it is time for one.

        It must be, where a run that may send messages or create children is in the middle of its
        work: whoever goes on with it has to know which of them have left already.
        """
        between = live.program.speaks and (ready.more or (not unit.events and unit.furnished))
        if not between and not (unit.events and self.due(live)):
            live.tail += 1
            return unit
        snapshot = self.snapshot(live, sum(map(weight, ready.events)))
        if snapshot is not None and len(snapshot) > SNAPSHOT_BYTES and not between:
            return unit  # the journal alone will do
        return unit._replace(snapshot=snapshot)

    def snapshot(self, live: Live, more: int) -> bytes | None:
        """The run as it is now, ``more`` events behind those that are durable."""
        if not self._writer.snapshots:
            return None
        from ..model.snapshot import encode_run
        from ..stores.fastcodec import dumps

        data = encode_run(live.run, live.program.digest, live.seq + more, dumps)
        live.tail, live.written = 0, len(data)
        return data

    def due(self, live: Live) -> bool:
        """Whether it is time to write the run down."""
        return (
            live.tail >= TAIL and live.tail >= live.written // TAIL_BYTES and self._writer.snapshots
        )
