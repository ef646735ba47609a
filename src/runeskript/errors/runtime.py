"""What the runtime is given, and what it does not have: options, handlers, skripts."""

from __future__ import annotations

from .base import RuneskriptError


class InputError(RuneskriptError):
    """The job's input does not satisfy the document's ``input`` schema."""

    code = "RUNE-6001"


class HandlerDefinitionError(RuneskriptError):
    """A handler was declared or registered wrongly."""

    code = "RUNE-6002"


class RuntimeClosedError(RuneskriptError):
    """The runtime was not entered, or is closed."""

    code = "RUNE-6004"


class UnknownHandlerError(RuneskriptError):
    """A Blueprint calls a handler that the runtime does not have."""

    code = "RUNE-6005"

    def __init__(self, name: str, hint: str | None = None) -> None:
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


class ScheduleNotFoundError(RuneskriptError):
    """No skript of this name has a schedule that is registered."""

    code = "RUNE-6016"
