"""What stands in for handlers in a simulation, and how their answers become events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ..errors import NotAValueError, StepError
from ..model.effects import CallOut
from ..model.events import CallDone, CallFailed
from ..model.values import Value, copy_value, normalise

#: A mock returns this to never complete (its timeout, if it has one, still fires).
HANG: Final = object()


#: As HANG, and a cancel does not end it either: only its timeout does, or a cancel by force.
DEAF: Final = object()


@dataclass(frozen=True, slots=True)
class After:
    """A mock returns this to complete later, ``ms`` of virtual time from dispatch.

    A ``result`` that is an exception fails the call then.
    """

    ms: int
    result: Any


#: In the place of the ms for a call that no cancel ends.
NEVER: Final = -1

#: Takes a copy of the parameters; returns a result, HANG, DEAF or After, or raises.
Mock = Callable[[dict[str, Any]], Any]


def answer(mock: Mock | None, call: CallOut) -> tuple[int, CallDone | CallFailed | None]:
    """The event a call ends in, and after how many ms; None where it never ends by itself, after
    NEVER where a cancel does not end it either.

    Exceptions become typed errors as in the engine, but for AssertionError: it is the test's own.
    """
    delay = 0
    try:
        if mock is None:
            raise StepError("handler.missing", f"no mock for handler {call.handler!r}")
        result = mock(copy_value(call.params))
        if isinstance(result, After):
            delay, result = result.ms, result.result
        if isinstance(result, Exception):
            raise result
        if result is HANG:
            return 0, None
        if result is DEAF:
            return NEVER, None
        return delay, CallDone(0, call.path, call.n, call.step, call.attempt, normalise(result))
    except AssertionError:
        raise
    except StepError as exc:
        error = {"type": exc.type, "message": exc.message, "data": exc.data}
        return delay, failed(call, {**error, "retryable": exc.retryable})
    except NotAValueError as exc:
        return delay, failed(call, {"type": "result", "message": exc.message, "data": None})
    except Exception as exc:
        type_ = f"handler.{type(exc).__name__}"
        return delay, failed(call, {"type": type_, "message": str(exc), "data": None})


def failed(call: CallOut, error: dict[str, Value]) -> CallFailed:
    """The attempt ended with an error."""
    return CallFailed(0, call.path, call.n, call.step, call.attempt, error)
