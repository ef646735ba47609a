"""The jobs of a schedule: each tick has one, whenever the processes that look at it die."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from crash.stage import HANDLER, OPERATIONS, Killer, Story, sides
from runeskript.engine.runtime import Runtime
from runeskript.engine.schedules import tick_text

SKRIPT = """
skript: ticks
schedule: {every: 1s, missed: all, overlap: queue}
do:
  - call: work
    with: {what: "${job.key}"}
    into: done
  - return: ${done}
"""
#: The clock of the first process, and by how much that of the next one is ahead: it stands still
#: in each of them, so it is known which ticks are due there.
BEGIN: Final = 1_700_000_000_250
AHEAD: Final = 2_500


class Tick(Story):
    """The schedule, its jobs, and one process that works."""

    boundaries: ClassVar = {
        "worker": (*sides(*OPERATIONS, "tick", "commit", "result", "end"), *HANDLER),
    }
    turns: ClassVar = (2, 5)
    expected: ClassVar = []
    clock = 0

    def now(self) -> int:
        """See ``AHEAD``."""
        if not self.clock:
            self.clock = BEGIN + AHEAD * len(self.lines("clock"))
            self.note("clock", self.clock)
        return self.clock

    def handlers(self, killer: Killer) -> list[Any]:
        """It does what its tick is."""

        return [self.work(killer)]

    async def submit(self, runtime: Runtime) -> None:
        """Register it."""
        await runtime.schedule(SKRIPT)

    def wanted(self) -> list[tuple[str, frozenset[str]]]:
        """A job for each tick between the first clock and the last one."""
        clocks = [ms for (ms,) in self.lines("clock")]
        ticks = range(clocks[0] // 1000 + 1, clocks[-1] // 1000 + 1)
        return [("ticks", frozenset((f"ticks {tick_text(tick * 1000)}",))) for tick in ticks]
