"""Results of calls that only end a branch or lead on to its next call, taken in short ways.

What happens here is by definition what ``call_done`` and the loop of ``vm.py`` would do; a fan-out
does little else. Whatever needs more is left to them. Not for replay, which has to stop where the
journal says.
"""

from __future__ import annotations

from typing import Any

from ..model.batches import completions, piece
from ..model.events import CallDone, CallsDone
from ..model.isa import Op
from ..model.limits import PURE_WORK
from ..model.run import Fork, Token, TokenState
from ..model.values import Value
from .control import arrive, count_end
from .dispatch import dispatch_call
from .numbering import skip
from .ready import Vm

_ARRIVE, _CALL = int(Op.ARRIVE), int(Op.CALL)
_CALLING = TokenState.CALLING


def is_pending(token: Token, n: int, attempt: int) -> bool:
    """Whether this attempt of a call is to be completed from outside."""
    return token.state == TokenState.PENDING and (token.n, token.attempt) == (n, attempt)


# --- one result after the other -----------------------------------------------------------------
def take_results(vm: Vm) -> None:
    """Take CallDones from the inbox as long as each only ends a branch or leads on to a call.

    What needs more is left to the loop of ``vm.py``.
    """
    run, events = vm.run, vm.out.events
    inbox, calls, ready = run.inbox, run.calls, run.ready
    while vm.left > 1 and inbox and type(inbox[0]) is CallDone:
        event: CallDone = inbox[0]
        at, path, n, _, attempt, result = event
        token = calls.get(path)
        if token is None:
            break
        if token.n != n or token.attempt != attempt or token.state != TokenState.CALLING:
            if is_pending(token, n, attempt):
                break
            inbox.popleft()
            continue
        before = run.now
        if at > before:
            run.now = run.context.now_ms = at
        if not _go_on(vm, token, result):
            run.now = run.context.now_ms = before
            break
        inbox.popleft()
        events.append(event)
        if ready or run.finished is not None:
            break


def _go_on(vm: Vm, token: Token, result: Value) -> bool:
    """Apply the result of a call that ends the branch or leads on to its next call.

    False, and nothing done, where that is not all there is to do.
    """
    program, pc = vm.program, token.pc
    _, _, _, into, _, undo, _, _ = program.code[pc]
    ins = program.code[pc + 1]
    if undo is not None or token.cancelling is not None:
        return False
    fork, frame = token.fork, token.frame
    if ins[0] == _ARRIVE and type(fork) is Fork and not token.scopes:
        if into is not None:
            frame[into] = result
        token.pc = pc + 1
        del vm.run.calls[token.path]
        arrive(vm, fork, token)
        return True
    if ins[0] != _CALL or program.entropy:
        return False
    if into is not None:
        before, frame[into] = frame[into], result
    token.pc = pc + 1
    n, attempt = token.n, token.attempt
    if vm.run.floor:
        skip(vm.run, token)
    token.n += 1
    token.attempt, token.made = 1, vm.run.now
    context = vm.run.context
    context.fuel = PURE_WORK
    vm.ended = token
    try:
        dispatch_call(vm, token, ins)
    except Exception:  # the loop meets it, too, and knows where it goes
        context.depth = 0
        token.pc, token.attempt = pc, attempt
        token.n = n
        if into is not None:
            frame[into] = before
        return False
    token.turns = token.turns + 2 | 1
    vm.left -= 1 + (PURE_WORK - context.fuel >> 4)
    return True


# --- a batch of results -------------------------------------------------------------------------
def tokens_done(vm: Vm, event: CallsDone) -> CallsDone | None:
    """CallsDone, where the branches are tokens; what of it was accepted.

    What none of them can take at once comes singly.
    """
    _, prefix, n, _, indexes, results = event
    run = vm.run
    calls, ready, number = run.calls, run.ready, len(indexes)
    position = _row(vm, event) if number and not run.replaying else 0
    taken = list(range(position))
    while position < number:
        if taken and (ready or vm.left <= 1):
            run.inbox.appendleft(piece(event, position, number))
            break
        token = None if run.replaying else calls.get((*prefix, indexes[position]))
        if token is not None and (
            token.n != n or token.attempt != 1 or token.state != TokenState.CALLING
        ):
            position += 1
            continue
        if token is None or not _go_on(vm, token, results[position]):
            rest = piece(event, position, number)
            run.inbox.extendleft(reversed(list(completions(rest))))
            break
        taken.append(position)
        position += 1
    return taken_of(event, taken)


def taken_of(event: CallsDone, positions: list[int]) -> CallsDone | None:
    """The part of a batch that was accepted."""
    if len(positions) == len(event.indexes):
        return event
    if not positions:
        return None
    indexes = tuple([event.indexes[i] for i in positions])
    return event._replace(indexes=indexes, results=[event.results[i] for i in positions])


def _row(vm: Vm, event: CallsDone) -> int:
    """Take the first results of a batch as ``_go_on`` takes each, as long as their tokens stand at
    the same call: what comes behind it is looked at once for all. How many there were.
    """
    program = vm.program
    first = vm.run.calls.get((*event.path, event.indexes[0]))
    if first is None or type(first.fork) is not Fork:
        return 0
    fork: Fork = first.fork
    call, ins = program.code[first.pc], program.code[first.pc + 1]
    if call[5] is not None:  # an undo
        return 0
    if ins[0] == _ARRIVE:
        simple = not (fork.limit or fork.need or fork.closing)
        return _arrivals(vm, event, fork, first.pc) if simple and vm.left > 1 else 0
    if ins[0] != _CALL or program.entropy or fork.items is None or ins[4] is not None:
        return 0
    return _next_calls(vm, event, first, ins)


def _arrivals(vm: Vm, event: CallsDone, fork: Fork, pc: int) -> int:
    """Results behind which there is nothing but the end of the branch."""
    _, prefix, n, _, indexes, results = event
    calls, into = vm.run.calls, vm.program.code[pc][3]
    tokens: list[Token] = []
    for position, index in enumerate(indexes):
        path = (*prefix, index)
        token = calls.get(path)
        if (
            token is None
            or token.pc != pc
            or token.n != n
            or token.attempt != 1
            or token.state != _CALLING
            or token.cancelling is not None
            or token.scopes
        ):
            break
        tokens.append(token)
        del calls[path]
        token.pc = pc + 1
        if into is not None:
            token.frame[into] = results[position]
    _arrive_together(vm, fork, tokens)
    return len(tokens)


def _arrive_together(vm: Vm, fork: Fork, tokens: list[Token]) -> None:
    """Branches of a fork that wants all of them, with one body, reached their ends: ``arrive`` for
    each, where only the last one can decide anything.
    """
    if not tokens:
        return
    body = vm.program.bodies[tokens[0].body]
    if body.outs or body.result is not None:
        for token in tokens:
            arrive(vm, fork, token)
        return
    live, wins = fork.live, fork.wins
    for token in tokens:
        token.state = TokenState.DONE
        del live[token.index]
        wins.append(token.index)
        if token.undo:
            fork.undo.extend(token.undo)
    if not live:
        count_end(vm, fork)


def _next_calls(vm: Vm, event: CallsDone, first: Token, ins: Any) -> int:
    """Results behind which there is a call without a policy: those leave in one batch."""
    _, prefix, n, _, indexes, results = event
    pc, run = first.pc, vm.run
    if first.n != n or first.attempt != 1 or first.state != _CALLING:
        return 0
    if not _go_on(vm, first, results[0]):
        return 0
    batch: Any = vm.batch  # it opened or joined this one, so whoever is behind it joins it too
    _, _, _, _, members, given, _, _ = batch
    into, with_, exprs = vm.program.code[pc][3], ins[2], vm.program.exprs
    calls, context, left = run.calls, run.context, vm.left
    number, made = first.n, first.made
    for position in range(1, len(indexes)):
        token = calls.get((*prefix, indexes[position]))
        if (
            left <= 1
            or token is None
            or token.pc != pc
            or token.n != n
            or token.attempt != 1
            or token.state != _CALLING
            or token.cancelling is not None
        ):
            break
        frame = token.frame
        if into is not None:
            before, frame[into] = frame[into], results[position]
        if with_ is not None:
            context.fuel = PURE_WORK
            try:
                params = exprs[with_](frame, context)
            except Exception:
                context.depth, params = 0, None
            if type(params) is not dict:  # ``_go_on`` meets it again, and who comes after it
                if into is not None:
                    frame[into] = before
                break
            given.append(params)
            left -= PURE_WORK - context.fuel >> 4
        members.append(token.index)
        token.pc, token.n, token.turns = pc + 1, number, token.turns + 2 | 1
        token.made = made
        left -= 1
        vm.ended = token
    else:
        position = len(indexes)
    vm.left = left
    return position
