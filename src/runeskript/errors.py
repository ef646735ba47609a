"""The whole exception tree: every exception Runeskript raises is defined here.

Imports nothing of ours, so that every floor may use it. Each class has a stable ``code``
(``RUNE-xxxx``) with a page in ``docs/errors``. Two families matter most to readers:

* :class:`CompileError` carries diagnostics: a document the user must change.
* :class:`StepError` is a *typed error* of the language, the thing ``catch`` sees as ``error``.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "BlueprintError",
    "CodecError",
    "CompileError",
    "CompletionError",
    "DamagedError",
    "EraseError",
    "ExportError",
    "ForbiddenError",
    "ForkError",
    "FormatVersionError",
    "HandlerDefinitionError",
    "HostError",
    "InputError",
    "InvalidCursorError",
    "JobCancelledError",
    "JobExistsError",
    "JobFailedError",
    "JobNotFoundError",
    "KernelInvariantError",
    "LoopRunningError",
    "MediaTypeError",
    "NotAValueError",
    "NotAllowedError",
    "OriginError",
    "PositionError",
    "RateLimitedError",
    "ReplayMismatchError",
    "RequestError",
    "RetryError",
    "RuneskriptError",
    "RuntimeClosedError",
    "RuntimeOptionError",
    "SealedError",
    "ServiceError",
    "ServiceUnreachableError",
    "StepError",
    "StoreBusyError",
    "StoreDamagedError",
    "StoreError",
    "StoreFormatError",
    "StoreFullError",
    "StoreReadOnlyError",
    "StoreUnavailableError",
    "TokenError",
    "TokenNotFoundError",
    "UnauthorizedError",
    "UnknownHandlerError",
    "UnknownPassError",
    "UnknownSkriptError",
    "VersionConflictError",
]


class RuneskriptError(Exception):
    """Base of every exception this package raises on purpose."""

    code: str = "RUNE-9000"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class CompileError(RuneskriptError):
    """A document has errors; ``diagnostics`` lists all of them (see ``model/diagnostics.py``)."""

    code = "RUNE-1000"

    def __init__(self, message: str, diagnostics: tuple[Any, ...]) -> None:
        super().__init__(message)
        self.diagnostics = diagnostics


class StepError(RuneskriptError):
    """A typed error of the language; raise it in a handler to fail a step with a type.

    ``type`` is dotted and matched by prefix (``http`` matches ``http.503``). ``data`` must be a
    value. ``retryable`` marks the error for a ``retry`` that names no types of its own.
    ``code`` defaults to the code of the type's family (``model/codes.py``).
    """

    code = "RUNE-5000"

    def __init__(
        self,
        type: str,  # noqa: A002 - the language calls it `type`
        message: str = "",
        *,
        data: Any = None,
        retryable: bool = False,
        code: str | None = None,
    ) -> None:
        super().__init__(message or type, code=code)
        self.type = type
        self.data = data
        self.retryable = retryable


class NotAValueError(RuneskriptError):
    """Something that is no value (bytes, a set, NaN, a huge int ...) reached a boundary."""

    code = "RUNE-5020"


class CodecError(RuneskriptError):
    """Bytes that are not a well-formed encoding of a value.

    ``limit``: they nest deeper, or hold more parts, than the reader was asked to take.
    """

    code = "RUNE-4001"

    def __init__(self, message: str, *, limit: bool = False) -> None:
        super().__init__(message)
        self.limit = limit


class BlueprintError(RuneskriptError):
    """A Blueprint that was refused; ``problems`` are the verifier's (``model.verify.Problem``)."""

    code = "RUNE-4002"

    def __init__(self, message: str, problems: tuple[Any, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class ReplayMismatchError(RuneskriptError):
    """Replaying a journal asked for something else than the journal records."""

    code = "RUNE-4010"


class DamagedError(RuneskriptError):
    """Stored bytes are not what was written: truncated, changed, or from another place."""

    code = "RUNE-4011"


class FormatVersionError(RuneskriptError):
    """Stored bytes were written by another version of Runeskript; they are never guessed at."""

    code = "RUNE-4012"


class ExportError(RuneskriptError):
    """A file is no exported job."""

    code = "RUNE-4014"


class SealedError(RuneskriptError):
    """Stored bytes are sealed by a codec that is not here, or does not open them."""

    code = "RUNE-4013"


class KernelInvariantError(RuneskriptError):
    """An assertion of the kernel failed: a defect in Runeskript itself, never in a document."""

    code = "RUNE-9001"


class InputError(RuneskriptError):
    """The job's input does not satisfy the document's ``input`` schema."""

    code = "RUNE-6001"


class HandlerDefinitionError(RuneskriptError):
    """A handler was declared or registered wrongly."""

    code = "RUNE-6002"


class JobNotFoundError(RuneskriptError):
    """No job has this id (or it belongs to another tenant)."""

    code = "RUNE-6003"


class InvalidCursorError(RuneskriptError):
    """A cursor is none of the search that it was given to."""

    code = "RUNE-6024"


class ScheduleNotFoundError(RuneskriptError):
    """No skript of this name has a schedule that is registered."""

    code = "RUNE-6016"


class RuntimeClosedError(RuneskriptError):
    """The runtime was not entered, or is closed."""

    code = "RUNE-6004"


class StoreError(RuneskriptError):
    """The store refused or failed an operation."""

    code = "RUNE-7000"


class StoreBusyError(StoreError):
    """Another process kept the store locked for too long; the same may be asked again."""

    code = "RUNE-7003"


class StoreFullError(StoreError):
    """There is no room left where the store lives; nothing was written."""

    code = "RUNE-7004"


class StoreTooLargeError(StoreError):
    """Something is larger than the store keeps in one piece; nothing was written."""

    code = "RUNE-7012"


class StoreReadOnlyError(StoreError):
    """The store's file or directory cannot be written."""

    code = "RUNE-7005"


class StoreUnavailableError(StoreError):
    """There is no store at this place, or it cannot be reached."""

    code = "RUNE-7006"


class StoreFormatError(StoreError):
    """The store was written by another version of Runeskript, or with another codec."""

    code = "RUNE-7007"


class StoreDamagedError(StoreError):
    """What the store holds is not what was written. ``job``, ``record``: the id or the name of the
    one it concerns, if one. ``version``: that of the record, with which it can be replaced or
    dropped; 0 where it is not known.
    """

    code = "RUNE-7008"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        job: str | None = None,
        record: str | None = None,
        version: int = 0,
    ) -> None:
        super().__init__(message, code=code)
        self.job = job
        self.record = record
        self.version = version


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


class UnknownPassError(RuneskriptError):
    """The optimizer has no pass of this name."""

    code = "RUNE-8010"

    def __init__(self, name: str, hint: str | None = None) -> None:
        super().__init__(f"no pass is called `{name}`" + (f"; {hint}" if hint else ""))
        self.name = name


class LoopRunningError(RuneskriptError):
    """The synchronous ``run`` was called where an event loop runs; await ``Runtime`` there."""

    code = "RUNE-6008"


class RuntimeOptionError(RuneskriptError):
    """An option of the runtime, or of one of its methods, has a value it cannot have."""

    code = "RUNE-6009"


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


class PositionError(RuneskriptError):
    """The journal of the job has no such position."""

    code = "RUNE-6030"


class EraseError(RuneskriptError):
    """The job, or one of its children, has not ended, so what they hold is not erased."""

    code = "RUNE-6017"


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


class UnauthorizedError(RuneskriptError):
    """Nobody is known to be the caller: there is no token, or it is unknown, expired or revoked."""

    code = "RUNE-6500"


class ForbiddenError(RuneskriptError):
    """The caller is known, and may not use the route; ``scope``: what it is for."""

    code = "RUNE-6501"

    def __init__(self, message: str, route: str = "", scope: str = "") -> None:
        super().__init__(message)
        self.route = route
        self.scope = scope


class TokenError(RuneskriptError):
    """A token cannot be made like this."""

    code = "RUNE-6502"


class TokenNotFoundError(RuneskriptError):
    """No token has this id."""

    code = "RUNE-6503"


class HostError(RuneskriptError):
    """A request calls the service by a name that is none of its own."""

    code = "RUNE-6504"


class OriginError(RuneskriptError):
    """A browser sent a request for a page of another site."""

    code = "RUNE-6505"


class MediaTypeError(RuneskriptError):
    """The body of a request is not said to be JSON."""

    code = "RUNE-6506"


class RateLimitedError(RuneskriptError):
    """A caller asks more often than it may; ``retry_after``: in how many seconds it may again."""

    code = "RUNE-6507"

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(f"{message}; again in {retry_after} s")
        self.retry_after = retry_after


class NotAllowedError(RuneskriptError):
    """A document names what the policy does not allow it. ``skript``: its name; ``kind``:
    ``handlers``, ``secrets`` or ``env``; ``names``: those it may not use.
    """

    code = "RUNE-6508"

    def __init__(self, skript: str, kind: str, names: tuple[str, ...]) -> None:
        shown = ", ".join(f"`{name}`" for name in names[:10])
        more = f" and {len(names) - 10} more" if len(names) > 10 else ""
        super().__init__(f"{skript} may not use these {kind}: {shown}{more}")
        self.skript = skript
        self.kind = kind
        self.names = names


class CompletionError(RuneskriptError):
    """No job waits for the call that a token names."""

    code = "RUNE-6015"


class RequestError(RuneskriptError):
    """A request that the service does not take. ``status``: that of HTTP; ``allow``: the methods
    there are in place of the one that was asked for.
    """

    code = "RUNE-6520"

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        code: str | None = None,
        hint: str | None = None,
        allow: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message, code=code)
        self.status = status
        self.hint = hint
        self.allow = allow


class ServiceError(RuneskriptError):
    """A client of the service got an answer that no service gives; ``status``: that of HTTP."""

    code = "RUNE-6540"

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class ServiceUnreachableError(ServiceError):
    """A client cannot reach the service, or lost it, and may ask again."""

    code = "RUNE-6541"


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
