"""Jobs that fail and tell so: one is mended and retried, one has undone what it did and is left."""

from __future__ import annotations

from typing import Any, ClassVar

from crash.stage import HANDLER, OPERATIONS, Killer, Story, sides
from runeskript.engine.runtime import Runtime
from runeskript.errors import RetryError, StepError

TELLS = """
on_failure:
  call: work
  with: {what: "told ${error.type}", of: "${job.id}", seen: "${error.message}"}
  retry: {on: [flaky], max: 3, backoff: 5ms..10ms}
"""
SHAKY = f"""
skript: shaky
do:
  - call: work
    with: {{what: first}}
  - call: work
    with: {{what: risky}}
    into: risky
  - return: ${{risky}}
{TELLS}"""
HOPELESS = f"""
skript: hopeless
do:
  - call: work
    with: {{what: book}}
    into: room
    undo: {{call: work, with: {{what: free, room: "${{room}}"}}}}
  - raise: {{type: no.way}}
{TELLS}"""


class Alarm(Story):
    """Two jobs, what tells of each, a process that works, and one that mends and retries."""

    boundaries: ClassVar = {
        "worker": (
            *sides(*OPERATIONS, "commit", "notice", "retried", "compensation", "timer", "end"),
            *HANDLER,
        ),
        "operator": sides("retry"),
    }
    turns: ClassVar = (3, 10)
    expected: ClassVar = [
        ("shaky", frozenset(("first", "risky"))),
        ("shaky.on_failure", frozenset(("told risky",))),
        ("hopeless", frozenset(("book", "free"))),
        ("hopeless.on_failure", frozenset(("told no.way",))),
    ]
    ends: ClassVar = {"hopeless": "Failed"}

    def handlers(self, killer: Killer) -> list[Any]:
        """What is risky fails until it was mended; whoever tells does so at the second attempt."""

        def refuse(what: str, ctx: Any) -> None:
            if what == "risky" and not self.lines("mended"):
                raise StepError("risky", "not mended yet")
            if what.startswith("told") and ctx.attempt == 1:
                raise StepError("flaky", "the line is engaged")

        return [self.work(killer, refuse)]

    async def submit(self, runtime: Runtime) -> None:
        """Not started: that is for the worker."""
        for text in (SHAKY, HOPELESS):
            await runtime.submit_job(text, start=False)

    async def operate(self, runtime: Runtime) -> None:
        """Mend what is risky, and have the job go on; who does not know that it was done does it
        again.
        """
        for id_, skript, status in self.rows():
            if skript == "shaky" and status == "Failed":
                self.note("mended")
                try:
                    await runtime.retry_job(id_)
                except RetryError as exc:
                    self.note("refused", str(exc))
