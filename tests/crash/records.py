"""A bare job, which those who send it events move themselves, where no worker does."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, ClassVar, Final

from crash.judge import Finding
from crash.stage import OPERATIONS, Killer, Story, sides
from runeskript.engine import bare
from runeskript.engine.runtime import Runtime
from runeskript.engine.sending import EventFor, event_command
from runeskript.errors import TransitionRefusedError, VersionMismatchError

#: Id, event, what comes with it, for which version if for one, and the answer it has to have.
EVENTS: Final = (
    ("a", "start", {"a": 1}, 0, "moved"),
    ("b", "start", {"b": 1}, 0, "VersionMismatchError"),
    ("c", "resume", {"c": 1}, None, "TransitionRefusedError"),
    ("d", "suspend", {"d": 1}, None, "moved"),
    ("e", "complete", {"e": 1}, None, "TransitionRefusedError"),
    ("f", "fail", {"f": 1}, None, "moved"),
    ("g", "retry", {"a": None}, None, "moved"),
    ("h", "complete", {"h": 1}, None, "moved"),
)
#: Seconds that the sender waits for an answer: for somebody's lease to end.
PATIENCE: Final = 0.5


class Record(Story):
    """The job, one process that works, and one that sends. Each event counts once."""

    boundaries: ClassVar = {
        "worker": sides(*OPERATIONS, "commit", "moved"),
        "operator": sides(*OPERATIONS, "event", "commit", "moved", "snapshot", "end"),
    }
    turns: ClassVar = (3, 8)
    expected: ClassVar = [("", frozenset[str]())]

    def handlers(self, killer: Killer) -> list[Any]:
        """None: whoever comes decides."""
        return []

    def _runtime(self, killer: Killer, handlers: list[Any]) -> Runtime:
        bare.SNAPSHOT = 3  # type: ignore[misc]
        return super()._runtime(killer, handlers)

    async def submit(self, runtime: Runtime) -> None:
        """With its first event, which nobody has decided on."""
        self.note("began", "nothing", None)
        job = await runtime.create_job({"n": 0})
        id_, event, data, version, _ = EVENTS[0]
        one = EventFor(job.id, event, data, if_version=version)
        await runtime._store.post([event_command(one, id_)])

    async def operate(self, runtime: Runtime) -> None:
        """Send what has no answer yet, in order, with its id."""
        answered = {id_ for id_, _ in self.lines("answered")}
        ((job, _, _),) = self.rows()
        for id_, event, data, version, _ in EVENTS:
            if id_ in answered:
                continue
            answer = "moved"
            with suppress(TimeoutError):
                try:
                    async with asyncio.timeout(PATIENCE):
                        await runtime.send(job, event, data, event_id=id_, if_version=version)
                except (TransitionRefusedError, VersionMismatchError) as exc:
                    answer = type(exc).__name__
                self.note("answered", id_, answer)
                continue
            return  # those behind it are sent when it is answered

    def over(self) -> bool:
        """Whether each event has an answer, too."""
        return super().over() and len(self.lines("answered")) == len(EVENTS)

    def judge(self) -> list[Finding]:
        """The answers are those of the job machine, and the data those of the events that moved."""
        told = dict(map(tuple, self.lines("answered")))
        return super().judge() + [
            Finding("changed", f"event {id_} was answered by {told.get(id_)}, not {wanted}")
            for id_, *_, wanted in EVENTS
            if told.get(id_) != wanted
        ]
