"""Starting the branches of a fork."""

from __future__ import annotations

from ..model.run import Fork, Token, TokenState
from .ready import Vm


def start_branches(vm: Vm, fork: Fork) -> None:
    """Start as many branches as the limit allows."""
    start, end = fork.next, fork.total
    if fork.limit:
        end = min(end, start + fork.limit - len(fork.live))
    if end <= start:
        return
    fork.next = end
    started = _same_body(vm, fork, start, end) if fork.items is not None else []
    if fork.items is None:
        program, owner = vm.program, fork.owner
        for index in range(start, end):
            body = fork.bodies[index]
            frame = program.frame(body, owner.frame)
            path = (*owner.path, fork.n, index)
            started.append(Token(path, body, program.bodies[body].entry, frame, fork, index))
    live = fork.live
    for token in started:
        live[token.index] = token
    started.reverse()
    ready = vm.run.ready
    # Branches follow their owner's path and precede all that is ready; only a later wave of a
    # limited fork may meet siblings, and is merged in order.
    if not ready or started[0].path < ready[-1].path:
        ready.extend(started)
    else:
        for token in started:
            token.state = TokenState.DONE  # so that wake() inserts it
            vm.wake(token)


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
