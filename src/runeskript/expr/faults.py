"""The typed errors that evaluating an expression can raise, one constructor each.

All are :class:`~runeskript.errors.StepError` with a type of the language and the code of its family
(``model/codes.py``). ``limit.*`` cannot be caught by a document.
"""

from __future__ import annotations

from typing import NoReturn

from ..errors import RuneskriptError, StepError
from ..model.codes import code_for_type

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
