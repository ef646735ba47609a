"""Completing or failing a pending call from outside: the commands, and what they are to a run."""

from __future__ import annotations

from typing import Any

from ..errors import CompletionError, NotAValueError, RuntimeOptionError, StepError
from ..kernel import Program
from ..model.completions import read_token
from ..model.events import CallDone, CallFailed, Path
from ..model.run import Run
from ..model.values import Value, normalise
from ..stores.base import Command, PostOutcome, Store
from ..stores.rows import InboxRow
from .handlers.failures import failure_of


def completed(token: str, result: object) -> Command:
    """The command that gives a pending call its result. Raises CompletionError."""
    where = read_token(token)
    try:
        value = normalise(result)
    except NotAValueError as exc:
        raise RuntimeOptionError(f"the result is no value: {exc.message}") from None
    data: dict[str, Value] = {"attempt": where.attempt, "result": value}
    return Command(where.job, "complete", data, f"end {token}", where.path, where.n)


def failed(token: str, type_: str, message: str, data: object, retryable: bool) -> Command:
    """The command that fails a pending call. Raises CompletionError."""
    where = read_token(token)
    error = failure_of(StepError(type_, message, data=data, retryable=retryable))
    body: dict[str, Value] = {"attempt": where.attempt, "error": error}
    return Command(where.job, "fail", body, f"end {token}", where.path, where.n)


async def post(store: Store, command: Command) -> PostOutcome:
    """``accepted``, or ``duplicate`` where the call was completed or failed before.

    Raises CompletionError where no job takes it.
    """
    (outcome,) = await store.post([command])
    return known(outcome)


def known(outcome: PostOutcome) -> PostOutcome:
    """The outcome. Raises CompletionError where no job takes it."""
    if outcome == "unknown":
        raise CompletionError("the job of this token is gone, or has ended")
    return outcome


def event_of(program: Program, run: Run, row: InboxRow, at: int) -> CallDone | CallFailed | None:
    """The event that a row becomes; None where the run does not wait for that call any more."""
    data: Any = row.data
    step = _step(program, run, row.path, row.n)
    if step is None or not isinstance(data, dict):
        return None
    if row.kind == "complete":
        return CallDone(at, row.path, row.n, step, data["attempt"], data["result"])
    return CallFailed(at, row.path, row.n, step, data["attempt"], data["error"])


def _step(program: Program, run: Run, path: Path, n: int) -> str | None:
    token = run.calls.get(path)
    if token is not None:
        return program.step_at(token.pc) if token.n == n else None
    fork = run.forks.get(path[:-1])
    if n != 1 or fork is None or fork.calls is None or not path:
        return None
    if not 0 <= path[-1] < len(fork.calls.out) or not fork.calls.out[path[-1]]:
        return None
    return program.step_at(program.bodies[fork.bodies[0]].entry)
