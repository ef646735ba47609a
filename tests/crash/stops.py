"""A job that is cancelled by force, with its child: what does not end is given up, the rest undone."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, ClassVar, Final

from crash.stage import HANDLER, OPERATIONS, Killer, Story, sides
from runeskript.engine.handlers import handler
from runeskript.engine.runtime import Runtime

STAYS = """
skript: stays
do:
  - call: work
    with: {what: book}
    into: room
    undo: {call: work, with: {what: free, room: "${room}"}}
  - parallel:
      own:
        - call: deaf
          with: {cancels: true}
          undo: {call: work, with: {what: never}}
      below:
        - run: below
"""
BELOW = """
skript: below
do:
  - call: work
    with: {what: reserve}
    into: held
    undo: {call: work, with: {what: release, held: "${held}"}}
  - call: deaf
    with: {cancels: false}
    undo: {call: work, with: {what: never}}
"""
#: Milliseconds of the grace time, and seconds that a deaf handler goes on.
GRACE: Final = 30
DEAF: Final = 0.4


class Stop(Story):
    """The job, its child, and one process that works; the job's own handler has it cancelled."""

    boundaries: ClassVar = {
        "worker": (
            *sides(*OPERATIONS, "commit", "cancel", "grace", "forced", "compensation", "child"),
            *sides("child-end", "end"),
            *HANDLER,
        )
    }
    turns: ClassVar = (2, 4)
    expected: ClassVar = [
        ("stays", frozenset(("book", "free"))),
        ("below", frozenset(("reserve", "release"))),
    ]
    ends: ClassVar = {"stays": "Cancelled", "below": "Cancelled"}

    def handlers(self, killer: Killer) -> list[Any]:
        """``deaf`` goes on however it is asked."""

        @handler("deaf")
        async def deaf(params: Any, ctx: Any) -> Any:
            count = self.began(ctx, params)
            if params["cancels"]:
                while not self._child_is_there():
                    await asyncio.sleep(0.002)
                await self.runtime.cancel_job(ctx.job_id, "enough", grace=GRACE)
            loop = asyncio.get_running_loop()
            until = loop.time() + DEAF
            while loop.time() < until:
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(0.01)
            return f"deaf #{count}"

        return [self.work(killer), deaf]

    def _child_is_there(self) -> bool:
        return any(params == {"cancels": False} for _, params, _ in self.lines("began"))

    async def submit(self, runtime: Runtime) -> None:
        """Not started: that is for the worker."""
        await runtime.deploy(BELOW)
        await runtime.submit_job(STAYS, start=False)
