"""The typed errors that evaluating an expression can raise, one constructor each.

All are :class:`~runeskript.errors.StepError` with a type of the language and the code of its family
(``model/codes.py``). ``limit.*`` cannot be caught by a document.
"""

from __future__ import annotations

from typing import Any, NoReturn

from ..errors import RuneskriptError, StepError
from ..model.codes import code_for_type
from ..model.faults import UNCATCHABLE, matches
from ..model.limits import NAME
from ..model.values import type_name

#: A finding about an expression: (code, message, offset, length, hint); offsets in characters.
Problem = tuple[str, str, int, int, str | None]


class ExpressionError(RuneskriptError):
    """An expression that cannot be read; ``problems`` lists every finding, in order of the text."""

    code = "RUNE-2001"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        first = problems[0]
        super().__init__(first[1], code=first[0])
        self.problems = problems


def fault(type_: str, message: str) -> StepError:
    """A typed error with the code of its family."""
    return StepError(type_, message, code=code_for_type(type_))


def wrong_type(message: str) -> StepError:
    """``type``: an operator or function met a value of a type it does not take."""
    return fault("type", message)


def missing(message: str) -> StepError:
    """``missing``: a key, index or field that is not there."""
    return fault("missing", message)


def bad_value(message: str) -> StepError:
    """``value``: the type is right but the value is not."""
    return fault("value", message)


def too_big(message: str) -> StepError:
    """``limit.size``: a text, list or object past its bound."""
    return fault("limit.size", message)


def int_limit(message: str) -> StepError:
    """``limit.int``: an integer past 64 bits (or an intermediate past ``limits.INT_BITS``)."""
    return fault("limit.int", message)


def raise_unset(name: str | None = None) -> NoReturn:
    """``unset``: a variable was read that no step has set."""
    what = f"`{name}`" if name else "a variable"
    raise fault("unset", f"{what} was read before any step set it")


def raise_work() -> NoReturn:
    """``limit.work``: the evaluation spent all its units."""
    raise fault("limit.work", "the evaluation spent all its units of work")


def raised(error: Any, _c: object = None) -> NoReturn:
    """Raise what a ``raise`` step says: an object with ``type``, ``message``, ``data``."""
    if type(error) is not dict:
        raise StepError("type", f"`raise` takes an object, not {type_name(error)}")
    type_ = error.get("type")
    if type(type_) is not str or not type_ or len(type_) > NAME:
        raise StepError("value", f"an error type is a text of 1 to {NAME} characters")
    if any(matches(type_, reserved) for reserved in UNCATCHABLE):
        raise StepError("value", f"the error type `{type_}` is reserved")
    message = error.get("message")
    text = message if type(message) is str else type_
    raise StepError(type_, text, data=error.get("data"))
