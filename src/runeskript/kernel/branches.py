"""Starting the branches of a fork, in waves.

Twenty thousand tokens made at once would hold the loop for a hundredth of a second. Branches run in
order, so a wave need not be made before the last branch of the wave before it is about to run. That
branch carries the fork as its ``child`` and starts the next wave (:func:`start_more`). No branch
has done anything before it runs: how many are started in advance cannot be observed.
"""

from __future__ import annotations

from ..model.limits import WAVE
from ..model.run import Calls, Fork, Token, TokenState
from .ready import Vm


def start_branches(vm: Vm, fork: Fork) -> None:
    """Start the next wave of branches, as many as the limit allows."""
    start = fork.next
    end = fork.total if fork.calls is not None else min(fork.total, start + WAVE)
    if fork.limit:
        end = min(end, start + fork.limit - fork.under_way)
    if end <= start:
        return
    fork.next = end
    if fork.calls is not None:
        _let_go(vm, fork, fork.calls, end - start)
        return
    if fork.items is None:
        started = [_branch(vm, fork, index) for index in range(start, end)]
    else:
        started = _same_body(vm, fork, start, end)
    if end < fork.total:
        started[-1].child = fork
    live = fork.live
    for token in started:
        live[token.index] = token
    started.reverse()
    ready = vm.run.ready
    # Branches follow their owner's path and precede all that is ready; only a later wave may meet
    # siblings, and is merged in order.
    if not ready or started[0].path < ready[-1].path:
        ready.extend(started)
    else:
        for token in started:
            vm.queue(token)


def start_more(vm: Vm, token: Token) -> None:
    """The last branch of a wave is about to run: start the next wave."""
    fork, token.child = token.child, None
    if type(fork) is Fork and fork is token.fork:
        start_branches(vm, fork)


def branch_of(vm: Vm, fork: Fork, index: int) -> Token:
    """A token for one branch of any fork but a FORKCALL."""
    if fork.items is None:
        return _branch(vm, fork, index)
    return _same_body(vm, fork, index, index + 1)[0]


def _branch(vm: Vm, fork: Fork, index: int) -> Token:
    """A branch of a FORK: each has a body of its own."""
    program, owner = vm.program, fork.owner
    body = fork.bodies[index]
    frame = program.frame(body, owner.frame)
    path = (*owner.path, fork.n, index)
    return Token(path, body, program.bodies[body].entry, frame, fork, index)


def _let_go(vm: Vm, fork: Fork, calls: Calls, branches: int) -> None:
    """Have further branches of a FORKCALL started (``kernel/calls.py``) when it is their turn."""
    if fork.base is None:
        fork.base = vm.program.frame(fork.bodies[0], fork.owner.frame)
    fork.virtual += branches
    if calls.state != TokenState.STARTING:
        calls.state = TokenState.STARTING
        vm.queue(calls)


def branch_token(vm: Vm, fork: Fork, index: int) -> Token:
    """A branch of a FORKCALL becomes a token, which stands at its call."""
    row = vm.program.bodies[fork.bodies[0]]
    frame = [] if fork.base is None else fork.base.copy()
    if row.item is not None and fork.items is not None:
        frame[row.item] = fork.items[index]
    if row.index is not None:
        frame[row.index] = index
    path = (*fork.owner.path, fork.n, index)
    token = Token(path, fork.bodies[0], row.entry, frame, fork, index)
    token.n, token.attempt, token.made = 1, 1, vm.run.now
    fork.virtual -= 1
    fork.live[index] = token
    return token


def calling_token(vm: Vm, fork: Fork, index: int) -> Token:
    """The token of a branch whose call is out; it rests on it."""
    if fork.calls is not None:
        fork.calls.out[index] = 0
    token = branch_token(vm, fork, index)
    token.state = TokenState.CALLING
    vm.run.calls[token.path] = token
    return token


def _same_body(vm: Vm, fork: Fork, start: int, end: int) -> list[Token]:
    """The branches of a FORKN: each begins as a copy of one captured frame."""
    body = fork.bodies[0]
    row = vm.program.bodies[body]
    if fork.base is None:
        fork.base = vm.program.frame(body, fork.owner.frame)
    base, items, entry, item, position = fork.base, fork.items, row.entry, row.item, row.index
    prefix = (*fork.owner.path, fork.n)
    started = []
    for index in range(start, end):
        frame = base.copy()
        if item is not None and items is not None:
            frame[item] = items[index]
        if position is not None:
            frame[position] = index
        started.append(Token((*prefix, index), body, entry, frame, fork, index))
    return started
