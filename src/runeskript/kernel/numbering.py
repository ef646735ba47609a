"""How a token's calls, forks and messages are numbered: no number means two things to the outside.

Idempotency keys and the ids of messages and children follow from a token's path and its number. A
retry takes back what came behind the failure, and what was done there had numbers, too: the tokens
that go on skip them.
"""

from __future__ import annotations

from typing import Any, Final

from ..model.run import Fork, Run, Token, TokenState

#: Numbers are skipped up to a multiple of this: what a token has sent in a row without a record in
#: the journal is less.
STRIDE: Final = 1 << 20


def skip(run: Run, token: Token) -> None:
    """Before a token's next number: skip those that a retry took back, once."""
    token.n = max(token.n, run.floors.pop(token.path, 0))


def skip_later(run: Run, floor: int) -> None:
    """Have each token that is there skip the numbers up to ``floor``; later ones have paths that
    are new.
    """
    if floor:
        for token in tokens_of(run):
            run.floors[token.path] = floor


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
