"""A job with a loop of branches, retries, an undo, a timer, a message and a child."""

from __future__ import annotations

from typing import Any, ClassVar

from crash.stage import HANDLER, OPERATIONS, Killer, Story, sides
from runeskript.engine.runtime import Runtime
from runeskript.errors import StepError

ORDER = """
skript: order
vars: {got: null, heard: null, part: null}
do:
  - try:
      - for: i
        in: range(4)
        parallel: 2
        collect: got
        do:
          - call: work
            with: {what: "item ${i}"}
            into: r
            retry: {max: 3, backoff: 5ms..10ms}
          - yield: r
      - call: work
        with: {what: joined, got: "${got}"}
      - call: work
        with: {what: reserve}
        into: held
        undo: {call: work, with: {what: release, held: "${held}"}}
      - wait: 30ms
      - parallel:
          sends:
            - emit: ping
              key: job.id
              keep: 1h
              with: {n: 1}
          hears:
            - listen: ping
              key: job.id
              into: heard
      - run: part
        into: part
      - raise: {type: stop, compensate: true}
    catch:
      - when: error.type == 'stop'
        do:
          - call: work
            with: {what: caught, part: "${part}"}
            into: last
  - return: ["${got}", "${heard}", "${part}", "${last}"]
"""
PART = """
skript: part
do:
  - call: work
    with: {what: child}
    into: r
  - wait: 10ms
  - return: ${r}
"""


class Order(Story):
    """The job, its child, and one process that works."""

    boundaries: ClassVar = {
        "worker": (
            *sides(*OPERATIONS, "commit", "timer", "compensation", "result", "snapshot", "child"),
            *sides("listen", "child-end", "message", "end"),
            *HANDLER,
        )
    }
    turns: ClassVar = (2, 4)
    expected: ClassVar = [
        (
            "order",
            frozenset((*(f"item {i}" for i in range(4)), "joined", "reserve", "release", "caught")),
        ),
        ("part", frozenset(("child",))),
    ]

    def handlers(self, killer: Killer) -> list[Any]:
        """What it returns differs each time it is run."""

        def refuse(what: str, ctx: Any) -> None:
            if what == "item 1" and ctx.attempt == 1:
                raise StepError("flaky", "not yet", retryable=True)

        return [self.work(killer, refuse)]

    async def submit(self, runtime: Runtime) -> None:
        """Not started: that is for the worker."""
        await runtime.deploy(PART)
        await runtime.submit_job(ORDER, key="one", start=False)
