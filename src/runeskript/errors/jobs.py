"""What is asked of a job and cannot be, and how it ended instead."""

from __future__ import annotations

from typing import Any

from .base import RuneskriptError


class JobNotFoundError(RuneskriptError):
    """No job has this id (or it belongs to another tenant)."""

    code = "RUNE-6003"


class JobFailedError(RuneskriptError):
    """The job whose result was awaited failed; ``error`` is its error object."""

    code = "RUNE-6010"

    def __init__(self, job: str, error: dict[str, Any]) -> None:
        super().__init__(f"job {job} failed: {error.get('type')}: {error.get('message')}")
        self.job = job
        self.error = error


class JobCancelledError(RuneskriptError):
    """The job whose result was awaited was cancelled; ``error`` is its error object."""

    code = "RUNE-6011"

    def __init__(self, job: str, error: dict[str, Any]) -> None:
        super().__init__(f"job {job} was cancelled: {error.get('message')}")
        self.job = job
        self.error = error


class JobExistsError(RuneskriptError):
    """A job with this key is there already, and the caller asked for an error then."""

    code = "RUNE-6012"

    def __init__(self, job: str, key: str | None) -> None:
        super().__init__(f"the key {key!r} is that of job {job}")
        self.job = job
        self.key = key


class RetryError(RuneskriptError):
    """The job cannot be retried from its failed step."""

    code = "RUNE-6013"


class ForkError(RuneskriptError):
    """The job cannot be forked from this position, or not with these variables."""

    code = "RUNE-6014"


class CompletionError(RuneskriptError):
    """No job waits for the call that a token names."""

    code = "RUNE-6015"


class EraseError(RuneskriptError):
    """The job, or one of its children, has not ended, so what they hold is not erased."""

    code = "RUNE-6017"


class InvalidCursorError(RuneskriptError):
    """A cursor is none of the search that it was given to."""

    code = "RUNE-6024"


class VersionMismatchError(RuneskriptError):
    """What was to be done to a job at one revision came when it had another one: nothing was.

    ``version``: the one that the job has; ``expected``: the one it was to have.
    """

    code = "RUNE-6025"

    def __init__(self, message: str, job: str, version: int, expected: int | None) -> None:
        super().__init__(message)
        self.job = job
        self.version = version
        self.expected = expected


class PositionError(RuneskriptError):
    """The journal of the job has no such position."""

    code = "RUNE-6030"


class NoMachineError(RuneskriptError):
    """An event was sent to a job that has no machine."""

    code = "RUNE-6023"


class TransitionRefusedError(RuneskriptError):
    """A machine did not take an event: its state stays as it was.

    ``state``: the one it is in; ``allowed``: the events that the same actor may fire there, guards
    aside; ``error``: type and message, where a guard failed that of the guard.
    """

    code = "RUNE-6020"

    def __init__(
        self,
        message: str,
        job: str,
        state: str,
        event: str,
        allowed: tuple[str, ...],
        error: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.job = job
        self.state = state
        self.event = event
        self.allowed = allowed
        self.error = error or {}


class TransitionForbiddenError(TransitionRefusedError):
    """A machine's transition is for roles that the actor has not."""

    code = "RUNE-6021"


class TransitionFailedError(RuneskriptError):
    """The action of a machine's transition failed, so its state stays as it was; ``error`` is the
    error object.
    """

    code = "RUNE-6022"

    def __init__(self, job: str, state: str, event: str, error: dict[str, Any]) -> None:
        super().__init__(
            f"job {job}: `{event}` failed in state `{state}`: {error.get('type')}: "
            f"{error.get('message')}"
        )
        self.job = job
        self.state = state
        self.event = event
        self.error = error
