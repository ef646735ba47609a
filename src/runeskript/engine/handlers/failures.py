"""What an exception of a handler means to the language: the error object of a CallFailed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from ...errors import NotAValueError, StepError
from ...model.catalog import ParamProblem
from ...model.faults import catchable
from ...model.values import Value, normalise

#: Characters of an error's message; what is longer is cut.
MESSAGE: Final = 4_000
_TYPE: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", re.ASCII)


class ParamsError(Exception):
    """The parameters of a call do not suit the handler (type ``params``)."""

    def __init__(self, problems: Iterable[ParamProblem]) -> None:
        super().__init__("wrong parameters")
        self.problems = list(problems)


def failure(
    type_: str, message: str, data: Value = None, *, retryable: bool = False
) -> dict[str, Value]:
    """The error object of a failed attempt."""
    return {"type": type_, "message": clean(message), "data": data, "retryable": retryable}


def failure_of(error: BaseException) -> dict[str, Value]:
    """The typed error an exception of a handler becomes.

    StepError keeps its type; wrong parameters are ``params``; any other exception is
    ``handler.ClassName``. ``cancel`` and ``limit.*`` belong to the runtime, so a handler that
    raises them gets ``handler.`` in front.
    """
    if isinstance(error, StepError):
        return _step_failure(error)
    if isinstance(error, ParamsError):
        return params_failure(error.problems)
    name = type(error).__name__
    return failure(f"handler.{name}", str_of(error) or name)


def params_failure(problems: Iterable[ParamProblem]) -> dict[str, Value]:
    """Type ``params``; ``data.problems`` lists every problem."""
    found = list(problems)
    texts = [
        p.message if p.key is None or f"`{p.key}`" in p.message else f"`{p.key}`: {p.message}"
        for p in found
    ]
    rows: list[Value] = [{"key": p.key, "message": clean(p.message), "hint": p.hint} for p in found]
    return failure("params", "; ".join(texts) or "wrong parameters", {"problems": rows})


def result_failure(error: NotAValueError) -> dict[str, Value]:
    """Type ``result``: what the handler returned is no value."""
    return failure("result", f"the handler's result is no value: {error.message}")


def _step_failure(error: StepError) -> dict[str, Value]:
    type_ = error.type if isinstance(error.type, str) and _TYPE.fullmatch(error.type) else ""
    if not type_ or not catchable(type_):
        type_ = f"handler.{type_ or type(error).__name__}"
    message = error.message if isinstance(error.message, str) else str_of(error)
    try:
        data = normalise(error.data)
    except NotAValueError as bad:
        data = None
        message = f"{message} (the error's data is no value: {bad.message})"
    return failure(type_, message, data, retryable=error.retryable is True)


def str_of(error: BaseException) -> str:
    """``str(error)`` of somebody else's exception, which may itself fail."""
    try:
        return str(error)
    except Exception as inner:
        return f"(no message: {type(inner).__name__})"


def clean(text: str) -> str:
    """A text that is a value, of bounded length."""
    if len(text) > MESSAGE:
        text = text[: MESSAGE - 1] + "…"
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def problems_of(answer: Any) -> list[ParamProblem]:
    """What a handler's own ``validate`` returned: None, or problems in one of three forms.

    A problem is a text, a pair (key, message), or a ParamProblem.
    """
    if answer is None or answer is True:
        return []
    if isinstance(answer, str):
        answer = [answer]
    found: list[ParamProblem] = []
    for item in answer:
        if isinstance(item, ParamProblem):
            found.append(item)
        elif isinstance(item, tuple | list) and len(item) == 2:
            key, message = item
            found.append(ParamProblem(None if key is None else str(key), str(message)))
        else:
            found.append(ParamProblem(None, str(item)))
    return found
