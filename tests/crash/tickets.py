"""A job of a machine, and somebody who sends it events, each until it is answered."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, ClassVar, Final

from crash.judge import Finding
from crash.stage import HANDLER, OPERATIONS, Killer, Story, sides
from runeskript.engine.runtime import Runtime
from runeskript.errors import (
    TransitionFailedError,
    TransitionForbiddenError,
    TransitionRefusedError,
)

TICKET = """
machine: ticket
initial: open
states:
  open: {}
  looked:
    do:
      - call: work
        with: {what: look, n: "${data.n}"}
      - wait: 10ms
  closed: {final: true}
transitions:
  - from: open
    event: note
    to: open
    do:
      - call: work
        with: {what: "note ${event.id}"}
        into: data.last
      - set: {data.n: "${data.n + 1}"}
  - from: open
    event: fail
    to: closed
    do:
      - call: work
        with: {what: reserve}
        into: held
        undo: {call: work, with: {what: release, held: "${held}"}}
      - raise: {type: no.way}
  - {from: open, event: look, to: looked, guard: data.n == 3, allow: [clerk]}
  - {from: looked, event: done, to: closed}
"""
#: Id, event, roles of who sends it, and the answer it has to have.
EVENTS: Final = (
    ("a", "note", ["guest"], "moved"),
    ("b", "look", ["clerk"], "TransitionRefusedError"),
    ("c", "note", ["guest"], "moved"),
    ("d", "fail", ["guest"], "TransitionFailedError"),
    ("e", "look", ["guest"], "TransitionForbiddenError"),
    ("f", "note", ["guest"], "moved"),
    ("g", "look", ["clerk"], "moved"),
)
#: Seconds that the sender waits for an answer: nobody works while it does.
PATIENCE: Final = 0.02


class Ticket(Story):
    """The job, one process that works, and one that sends. Each event has its effect once."""

    boundaries: ClassVar = {
        "worker": (
            *sides(
                *OPERATIONS, "commit", "timer", "compensation", "result", "moved", "snapshot", "end"
            ),
            *HANDLER,
        ),
        "operator": sides("event"),
    }
    turns: ClassVar = (3, 10)
    expected: ClassVar = [
        (
            "ticket",
            frozenset(("note a", "note c", "note f", "reserve", "release", "look")),
        ),
    ]

    def handlers(self, killer: Killer) -> list[Any]:
        """What it is told, once."""
        return [self.work(killer)]

    async def submit(self, runtime: Runtime) -> None:
        """Not started: that is for the worker. All but the last event are there by then."""
        job = await runtime.submit_job(TICKET, {"n": 0}, start=False)
        async with self._runtime(Killer(None, 0), []) as sender:
            for id_, event, roles, _ in EVENTS[:-1]:
                await self._send(sender, job.id, id_, event, roles)

    async def operate(self, runtime: Runtime) -> None:
        """Send what has no answer yet, in order; who does not know whether it arrived sends it
        again, with its id.
        """
        answered = {id_ for id_, _ in self.lines("answered")}
        ((job, _, _),) = self.rows()
        for id_, event, roles, _ in EVENTS:
            if id_ not in answered:
                answer = await self._send(runtime, job, id_, event, roles)
                if answer is not None:
                    self.note("answered", id_, answer)

    async def _send(
        self, runtime: Runtime, job: str, id_: str, event: str, roles: list[str]
    ) -> str | None:
        with suppress(TimeoutError):
            try:
                async with asyncio.timeout(PATIENCE):
                    await runtime.send(job, event, actor="x", roles=roles, event_id=id_)
            except (
                TransitionFailedError,
                TransitionForbiddenError,
                TransitionRefusedError,
            ) as exc:
                return type(exc).__name__
            return "moved"
        return None

    def over(self) -> bool:
        """Whether each event has an answer, too."""
        return super().over() and len(self.lines("answered")) == len(EVENTS)

    def judge(self) -> list[Finding]:
        """The answers are those of the machine's rules."""
        told = dict(map(tuple, self.lines("answered")))
        return super().judge() + [
            Finding("changed", f"event {id_} was answered by {told.get(id_)}, not {wanted}")
            for id_, _, _, wanted in EVENTS
            if told.get(id_) != wanted
        ]
