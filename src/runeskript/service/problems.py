"""Problem details (RFC 9457): every exception of ours as an answer, with the code it has anywhere.

``type`` leads to the page of the code, ``title`` is its line in the table of codes, ``detail`` the
message.
What is no exception of ours is a defect: its text stays in the log.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from ..engine.pages import page_of
from ..errors import (
    BlueprintError,
    CompileError,
    CompletionError,
    EraseError,
    ExportError,
    ForbiddenError,
    ForkError,
    HostError,
    InputError,
    InvalidCursorError,
    JobExistsError,
    JobNotFoundError,
    MediaTypeError,
    NoMachineError,
    NotAllowedError,
    NotAValueError,
    OriginError,
    PositionError,
    RateLimitedError,
    RequestError,
    RetryError,
    RuneskriptError,
    RuntimeClosedError,
    RuntimeOptionError,
    ScheduleNotFoundError,
    StoreBusyError,
    StoreError,
    StoreFullError,
    StoreTooLargeError,
    TransitionFailedError,
    TransitionForbiddenError,
    TransitionRefusedError,
    UnauthorizedError,
    UnknownHandlerError,
    UnknownSkriptError,
    VersionConflictError,
    VersionMismatchError,
)
from ..model.codes import CODES
from ..model.diagnostics import Diagnostic
from .types import Finding, Problem

#: What stands before a code in the path of its page, and what the type is of what has none.
PAGES: Final = "/errors/"
NO_PAGE: Final = "about:blank"
#: Exception -> status; the first row that fits counts.
STATUS: Final[tuple[tuple[type[RuneskriptError], int], ...]] = (
    (CompileError, 422),
    (InputError, 422),
    (NotAValueError, 422),
    (BlueprintError, 422),
    (UnknownHandlerError, 422),
    (RuntimeOptionError, 422),
    (PositionError, 422),
    (InvalidCursorError, 422),
    (JobNotFoundError, 404),
    (UnknownSkriptError, 404),
    (ScheduleNotFoundError, 404),
    (VersionMismatchError, 412),
    (TransitionForbiddenError, 403),
    (TransitionRefusedError, 409),
    (TransitionFailedError, 409),
    (NoMachineError, 409),
    (JobExistsError, 409),
    (VersionConflictError, 409),
    (RetryError, 409),
    (ForkError, 409),
    (EraseError, 409),
    (ExportError, 409),
    (CompletionError, 409),
    (UnauthorizedError, 401),
    (ForbiddenError, 403),
    (NotAllowedError, 403),
    (OriginError, 403),
    (HostError, 421),
    (MediaTypeError, 415),
    (RateLimitedError, 429),
    (RuntimeClosedError, 503),
    (StoreBusyError, 503),
    (StoreFullError, 503),
    (StoreTooLargeError, 413),
    (StoreError, 500),
)
#: Codes whose exceptions are too wide for the table: what was asked for is forgotten.
_BY_CODE: Final = {"RUNE-7010": 409, "RUNE-7011": 409}
#: What a defect is called.
DEFECT: Final = "RUNE-9000"


def status_of(error: BaseException) -> int:
    """The status of an exception; 500 for what should not have happened."""
    if isinstance(error, RequestError):
        return error.status
    if isinstance(error, RuneskriptError):
        found = _BY_CODE.get(error.code)
        if found is not None:
            return found
        for kind, status in STATUS:
            if isinstance(error, kind):
                return status
    return 500


def problem_of(error: BaseException, instance: str = "", root: str = "") -> Problem:
    """An exception as what is answered. ``root``: what stands before the paths of the service."""
    if not isinstance(error, RuneskriptError):
        return _made(DEFECT, 500, "a defect of Runeskript; its log says more", instance, root)
    found = _made(error.code, status_of(error), error.message, instance, root)
    found.hint = getattr(error, "hint", None)
    if isinstance(error, CompileError):
        found.diagnostics = findings(error.diagnostics)
    allowed = getattr(error, "allowed", None)
    if allowed is not None:
        found.allowed = list(allowed)
    found.state = getattr(error, "state", None)
    version: Any = getattr(error, "version", None)
    found.version = version if isinstance(version, int) and version else None
    details: Any = getattr(error, "error", None)
    found.error = details if isinstance(details, dict) and details else None
    return found


def findings(diagnostics: Iterable[Diagnostic]) -> list[Finding]:
    """What is wrong with a document."""
    return [Finding(**one.to_dict()) for one in diagnostics]


def _made(code: str, status: int, detail: str, instance: str, root: str) -> Problem:
    row = CODES.get(code)
    title = "Something is wrong" if row is None else row.title
    return Problem(
        type=NO_PAGE if page_of(code) is None else f"{root}{PAGES}{code}",
        title=title,
        status=status,
        code=code,
        detail=detail,
        instance=instance,
    )
