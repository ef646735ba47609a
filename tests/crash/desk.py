"""A job that waits for somebody outside, fails, is retried, and is forked in the end."""

from __future__ import annotations

from typing import Any, ClassVar

from crash.judge import Told
from crash.stage import HANDLER, OPERATIONS, Killer, Story, sides
from runeskript.engine.handlers import handler
from runeskript.engine.runtime import Runtime
from runeskript.errors import CompletionError, JobExistsError, RetryError, StepError

DESK = """
skript: desk
do:
  - call: work
    with: {what: first}
    into: first
  - id: shaky
    call: ask
    retry: {max: 3, backoff: 5ms..10ms}
    into: asked
  - parallel:
      risky:
        - call: work
          with: {what: risky, asked: "${asked}"}
          into: risky
      asks:
        - call: ask
          into: other
    join: all
  - wait: 10ms
  - call: work
    with: {what: last, given: ["${first}", "${asked}", "${risky}", "${other}"]}
    into: last
  - return: ${last}
"""
#: Behind which event the fork begins: the first call's result.
POSITION = 2


class Desk(Story):
    """The job, its fork, one process that works, and one for whoever is outside."""

    boundaries: ClassVar = {
        "worker": (
            *sides(*OPERATIONS, "commit", "pending", "told", "retried", "result", "snapshot"),
            *sides("timer", "end"),
            *HANDLER,
        ),
        "operator": sides("complete", "fail", "retry", "fork"),
    }
    turns: ClassVar = (4, 16)
    expected: ClassVar = [
        ("desk", frozenset(("first", "risky", "last"))),
        ("desk", frozenset(("risky", "last"))),
    ]

    def handlers(self, killer: Killer) -> list[Any]:
        """``work`` fails at what is risky until that was mended; ``ask`` leaves its result."""

        def refuse(what: str, ctx: Any) -> None:
            if what == "risky" and not self.lines("mended"):
                raise StepError("risky", "not mended yet")

        @handler("ask")
        async def ask(params: Any, ctx: Any) -> Any:
            killer.at("handler start")
            self.note("asked", ctx.token, ctx.step == "shaky" and ctx.attempt == 1)
            killer.at("handler end")
            return ctx.pending()

        return [self.work(killer, refuse), ask]

    async def submit(self, runtime: Runtime) -> None:
        """Not started: that is for the worker."""
        await runtime.submit_job(DESK, key="one", start=False)

    async def operate(self, runtime: Runtime) -> None:
        """Answer what was asked, mend and retry what has failed, fork what has completed. Who does
        not know whether it was done does it again, with another answer.
        """
        answered = {token for token, _, outcome in self.lines("told") if outcome != "unknown"}
        for token, fails in self.lines("asked"):
            if token not in answered:
                answered.add(token)
                await self._answer(runtime, token, fails)
        rows = self.rows()
        for id_, _, status in rows:
            if status == "Failed":
                self.note("mended")
                try:
                    await runtime.retry_job(id_)
                except RetryError as exc:
                    self.note("refused", str(exc))
            elif status == "Completed" and len(rows) == 1:
                try:
                    await runtime.fork_job(id_, at=POSITION, key="fork", start=False)
                except JobExistsError as exc:
                    self.note("refused", str(exc))

    async def _answer(self, runtime: Runtime, token: str, fails: bool) -> None:
        value = f"answer {len(self.lines('telling'))}"
        self.note("telling", token, value)
        try:
            if fails:
                outcome = await runtime.fail_call(token, value, retryable=True)
            else:
                outcome = await runtime.complete_call(token, value)
        except CompletionError:
            outcome: str = "unknown"  # the job has failed meanwhile: perhaps it takes it later
        self.note("told", token, value, outcome)

    def told(self) -> list[Told]:
        """The answers, and what was said to them."""
        outcomes = {value: outcome for _, value, outcome in self.lines("told")}
        return [Told(*line, outcomes.get(line[1], "")) for line in self.lines("telling")]
