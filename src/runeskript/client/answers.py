"""Answers as what they stand for: a value of the declared type, or the exception of the service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from .. import errors
from ..errors import (
    CompileError,
    ForbiddenError,
    JobCancelledError,
    JobExistsError,
    JobFailedError,
    RateLimitedError,
    RequestError,
    RuneskriptError,
    ServiceError,
    StepError,
    StoreDamagedError,
    StoreError,
    TransitionFailedError,
    TransitionRefusedError,
    UnknownHandlerError,
    VersionMismatchError,
)
from ..service.routes import BYTES, METRICS
from ..service.types import JobView, Problem
from .ask import Ask, Reply

#: Characters of an answer that is not understood which are shown.
SHOWN: Final = 200
#: Members of problem details that exceptions have under the same names.
_MEMBERS: Final = ("allowed", "error", "state", "version", "hint")
#: What exceptions have that are made without their constructors, where nothing is known of it.
_DEFAULTS: Final[dict[type[RuneskriptError], dict[str, Any]]] = {
    TransitionRefusedError: {"job": "", "state": "", "event": "", "allowed": (), "error": {}},
    TransitionFailedError: {"job": "", "state": "", "event": "", "error": {}},
    JobExistsError: {"job": "", "key": None},
    VersionMismatchError: {"job": "", "version": 0, "expected": None},
    RequestError: {"status": 0, "hint": None, "allow": ()},
    ServiceError: {"status": None},
    ForbiddenError: {"route": "", "scope": ""},
    StoreDamagedError: {"job": None, "record": None, "version": 0},
    UnknownHandlerError: {"name": ""},
    StepError: {"type": "", "data": None, "retryable": False},
}


class LaterError(Exception):
    """The service says of a stream: not now."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


def output_of(job: JobView) -> Any:
    """The output of a job that has ended. Raises JobFailedError, JobCancelledError."""
    if job.status == "Failed":
        raise JobFailedError(job.id, job.error or {})
    if job.status == "Cancelled":
        raise JobCancelledError(job.id, job.error or {})
    return job.output


def answer_of(ask: Ask[Any], reply: Reply) -> Any:
    """What a reply says. Raises the exception that it stands for."""
    if reply.status not in ask.route.ok:
        raise exception_of(reply, ask)
    if ask.answer == BYTES:
        found: Any = reply.body
    elif ask.answer == METRICS:
        found = reply.body.decode("utf-8", "replace")
    else:
        found = decoded(reply.body, ask.answer)
    return (reply.status, found) if ask.told else found


def decoded(data: bytes, kind: Any) -> Any:
    """JSON of a type. Raises ServiceError."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise ServiceError(f"the service's answer is not understood: {exc}") from None


def exception_of(reply: Reply, ask: Ask[Any]) -> RuneskriptError:
    """The exception that the service refused with: of the class that has its code."""
    problem = _problem(reply)
    if problem is None:
        text = reply.body[:SHOWN].decode("utf-8", "replace").strip()
        where = f"{ask.route.method} {ask.route.path}"
        found: RuneskriptError = ServiceError(
            f"{where} was answered with {reply.status}, which is none of the service's answers: "
            f"{text!r}"
        )
    else:
        found = _made(_class_of(problem.code), problem, reply, ask)
        for name in _MEMBERS:
            value = getattr(problem, name)
            if value is not None:
                setattr(found, name, tuple(value) if name == "allowed" else value)
    if isinstance(found, ServiceError | RequestError):
        found.status = reply.status
    return found


def _made(
    kind: type[RuneskriptError], problem: Problem, reply: Reply, ask: Ask[Any]
) -> RuneskriptError:
    """An exception with the service's own words: constructors would word them anew."""
    found = kind.__new__(kind)
    RuneskriptError.__init__(found, problem.detail or problem.title, code=problem.code)
    for base, names in _DEFAULTS.items():
        if isinstance(found, base):
            for name, value in names.items():
                setattr(found, name, value)
    if isinstance(found, CompileError):
        found.diagnostics = tuple(problem.diagnostics or ())
    elif isinstance(found, RateLimitedError):
        asked = reply.headers.get("retry-after", "")
        found.retry_after = int(asked) if asked.isascii() and asked.isdigit() else 1
    elif isinstance(found, TransitionRefusedError | TransitionFailedError):
        found.job, found.event = ask.params.get("id", ""), getattr(ask.body, "event", None) or ""
    elif isinstance(found, VersionMismatchError):
        found.job = ask.params.get("id", "")
        found.expected = int(ask.headers.get("if-match", "").strip('"') or 0)
    elif isinstance(found, JobExistsError):
        found.key = getattr(ask.body, "key", None)
    return found


def _problem(reply: Reply) -> Problem | None:
    if not reply.headers.get("content-type", "").startswith("application/problem+json"):
        return None
    try:
        return msgspec.json.decode(reply.body, type=Problem)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


def _classes() -> Iterator[tuple[str, type[RuneskriptError]]]:
    """Codes and their classes; a class that only inherits its code is not the one."""
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, RuneskriptError) and "code" in vars(kind):
            yield kind.code, kind


def _class_of(code: str) -> type[RuneskriptError]:
    known = _BY_CODE.get(code)
    return known or next(
        (kind for start, kind in _FAMILIES if code.startswith(start)), ServiceError
    )


_BY_CODE: Final = dict(_classes())
#: Codes that are one of several of their class.
_FAMILIES: Final = (("RUNE-652", RequestError), ("RUNE-7", StoreError))
