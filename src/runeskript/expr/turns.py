"""The turns a region with loops may take, and how many it took.

The budget of a call is an iterator that every loop head of the region draws from: ``for _ in
budget``. Counting costs nothing, and when it is used up the head that drew in vain gives way. How
many turns were passed is what the budget has less than at the mark.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice, repeat
from operator import length_hint
from typing import Any, NoReturn

from ..model.limits import LOOP_TURNS, PURE_WORK
from .faults import fault, wrong_type
from .runtime import Context

#: What a region returns to say that it goes on as its general body, at label ``GENERAL - k``.
GENERAL = -1_000_000_000
#: What a loop over branches (``branches.py``) returns: all ended; the budget is used up; a test
#: failed, and another body has to begin the branch anew.
ENDED, SPENT, OTHER = 0, 1, 2


def grant(c: Context, turns: int, passed: int, depth: int, *, woken: bool) -> None:
    """Give a call its budget.

    ``passed``: turns and wakings of the token so far; ``depth``: of the label it enters at.
    ``woken``: since it was woken it has passed no head.
    """
    c.mark, c.turns = turns, passed
    c.woken = turns if woken else -1
    if turns <= 0 and passed >= LOOP_TURNS:
        c.budget = chain(repeat(None, depth), _spent())
    else:
        c.budget = repeat(None, turns + depth)


def _spent() -> Iterator[None]:
    """Fails at the head that draws from it."""
    yield from _fail()


def _fail() -> Iterator[None]:
    raise fault("limit.work", "the loop has used up its turns")


def allow(c: Context, turns: int) -> None:
    """Give the branches of a call (``branches.py``) a budget; none of them is a token."""
    c.mark = turns
    c.budget = repeat(None, turns)


def passed(c: Context) -> int:
    """Turns and wakings of the token by now."""
    return c.turns + c.mark - length_hint(c.budget)


def was_woken(c: Context) -> bool:
    """Whether the token has passed no head since it was woken."""
    return c.woken == length_hint(c.budget)


def work(c: Context) -> None:
    """At a head: work done since the last one counts too, sixteen units to a turn."""
    units = PURE_WORK - c.fuel >> 4
    c.fuel = PURE_WORK
    if units > 0:
        budget = c.budget
        before = length_hint(budget)
        for _ in islice(budget, units):
            pass
        c.mark -= before - length_hint(budget)


def used_up(c: Context) -> bool:
    """Behind a branch (``branches.py``): :func:`work`; whether the budget is used up then."""
    work(c)
    return not length_hint(c.budget)


class UnexpectedError(Exception):
    """A body for numbers met something else; never leaves ``branches.py``."""


def unexpected() -> NoReturn:
    """In an expression of such a body."""
    raise UnexpectedError


def turn_back(c: Context, depth: int, refund: int) -> None:
    """The general body takes over at a head ``depth`` loops inside; ``refund`` turns were drawn for
    what it will do again."""
    left = length_hint(c.budget)
    c.turns += c.mark - left - refund
    c.woken = left + refund if c.woken == left and not refund else -1
    c.mark = left + refund
    c.budget = repeat(None, left + refund + depth)


def counted(items: Any, at: Any) -> int:
    """How many elements the list of a loop has, which has come to index ``at``."""
    if type(items) is not list or type(at) is not int or at < 0:
        raise wrong_type("a loop goes over a list, by an index")
    return len(items)
