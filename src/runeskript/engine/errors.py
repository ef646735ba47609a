"""Exceptions of the runtime that carry more than a message."""

from __future__ import annotations

from collections.abc import Collection

from ..errors import RuneskriptError
from ..model.nearest import did_you_mean
from ..model.values import Value


class UnknownHandlerError(RuneskriptError):
    """A Blueprint calls a handler that the runtime does not have."""

    code = "RUNE-6005"

    def __init__(self, name: str, known: Collection[str]) -> None:
        hint = did_you_mean(name, known)
        super().__init__(f"no handler is called `{name}`" + (f"; {hint}" if hint else ""))
        self.name = name


class UnknownSkriptError(RuneskriptError):
    """Nothing is deployed under this name (and version)."""

    code = "RUNE-6006"


class VersionConflictError(RuneskriptError):
    """A skript with this name and version but another content is deployed already."""

    code = "RUNE-6007"


class LoopRunningError(RuneskriptError):
    """The synchronous ``run`` was called where an event loop runs; await ``Runtime`` there."""

    code = "RUNE-6008"


class RuntimeOptionError(RuneskriptError):
    """An option of the runtime, or of one of its methods, has a value it cannot have."""

    code = "RUNE-6009"


class JobFailedError(RuneskriptError):
    """The job whose result was awaited failed; ``error`` is its error object."""

    code = "RUNE-6010"

    def __init__(self, job: str, error: dict[str, Value]) -> None:
        super().__init__(f"job {job} failed: {error.get('type')}: {error.get('message')}")
        self.job = job
        self.error = error


class JobCancelledError(RuneskriptError):
    """The job whose result was awaited was cancelled; ``error`` is its error object."""

    code = "RUNE-6011"

    def __init__(self, job: str, error: dict[str, Value]) -> None:
        super().__init__(f"job {job} was cancelled: {error.get('message')}")
        self.job = job
        self.error = error
