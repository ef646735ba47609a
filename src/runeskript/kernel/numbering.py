"""How a token's calls, forks, messages and draws are numbered: no number means two things outside.

Idempotency keys, and the ids of messages and children, follow from a token's path and its number;
what ``uuid()`` and ``random()`` draw, from the path and the number of the draw. A retry takes back
what came behind the failure, and what was done there had numbers, too. So behind a retry all
numbers that are given are above its *floor*, and the one below which everything before it was
numbered is lower. Only the calls that a retry makes again have the numbers that they had.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from ..model.events import Event, Retried
from ..model.run import Fork, Run, Token, TokenState
from .branches import calling_token
from .ready import Vm

#: From one floor to the next. No token comes to that many numbers or draws between two retries: at
#: a million a second it would take twelve days.
STRIDE: Final = 1 << 40


def next_floor(journal: Iterable[Event]) -> int:
    """The floor of one more retry, given the whole journal with all that was taken back."""
    floors = [event.floor for event in journal if isinstance(event, Retried)]
    return max(floors, default=0) + STRIDE


def raise_floor(vm: Vm, floor: int) -> None:
    """Have all numbers that are given from here on be above ``floor``. All tokens rest.

    A call of a FORKCALL has the number 1 as long as its branch is no token. Branches that have not
    begun may have, in what was taken back; they become tokens when they do, as in a FORKN.
    """
    run = vm.run
    run.floor = floor
    for prefix in sorted(run.forks):
        fork = run.forks[prefix]
        if fork.calls is not None and fork.next < fork.total:
            for index in [i for i, out in enumerate(fork.calls.out) if out]:
                calling_token(vm, fork, index)
            fork.calls = None
            del run.forks[prefix]


def skip(run: Run, token: Token) -> None:
    """Before a token's next number, behind a retry: be above the floor."""
    if token.n < run.floor and not _is_new(run, token):
        token.n = run.floor


def skip_draws(run: Run, token: Token) -> None:
    """Before a token's next draw, behind a retry: the same."""
    if token.draws < run.floor and not _is_new(run, token):
        token.draws = run.floor


def _is_new(run: Run, token: Token) -> bool:
    """Whether a token is of a fork that was made behind the retry: its path is new, and with it all
    of its numbers.
    """
    floor = run.floor
    return any(n > floor for n in token.path[::2])


def tokens_of(run: Run) -> list[Token]:
    """All tokens that have not ended."""
    found: dict[int, Token] = {}
    ready = [one for one in run.ready if isinstance(one, Token)]
    timed = [token for token, _ in run.timers.values()]
    waiting: list[Any] = [run.root, *ready, *run.calls.values(), *run.listens.values(), *timed]
    while waiting:
        token = waiting.pop()
        if token is None or id(token) in found:
            continue
        found[id(token)] = token
        if isinstance(token.child, Fork):
            waiting += token.child.live.values()
        if isinstance(token.fork, Fork):
            waiting.append(token.fork.owner)
    return [token for token in found.values() if token.state != TokenState.DONE]
