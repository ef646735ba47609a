"""Tokens by which somebody outside completes a call whose handler has returned "pending".

A token names the attempt of a call: job, token path, n, attempt, and a check against slips of the
pen. It is no secret beyond the job's id in it, and the same in every replay.
"""

from __future__ import annotations

from typing import Final

from ..errors import CompletionError
from .events import Path
from .ids import derive
from .rows import NamedTuple

#: Characters of the check.
_CHECK: Final = 12
_SEPARATOR: Final = "~"
#: Digits of a number: those of 64 bits.
_DIGITS: Final = 19


class Attempt(NamedTuple):
    """What a token names."""

    job: str
    path: Path
    n: int
    attempt: int


def completion_token(job: str, path: Path, n: int, attempt: int) -> str:
    """The token of an attempt of a call."""
    where = ".".join(map(str, path))
    check = derive("completion", job, (*path, attempt), n)[:_CHECK]
    return _SEPARATOR.join((job, where, str(n), str(attempt), check))


def read_token(token: str) -> Attempt:
    """What a token names. Raises CompletionError where it is none."""
    try:
        job, where, n, attempt, _ = token.rsplit(_SEPARATOR, 4)
        path = tuple(int(part[:_DIGITS]) for part in where.split(".")) if where else ()
        found = Attempt(job, path, int(n[:_DIGITS]), int(attempt[:_DIGITS]))
    except ValueError:
        raise CompletionError("this is no token of a pending call") from None
    if completion_token(*found) != token:
        raise CompletionError("this is no token of a pending call: it was changed")
    return found
