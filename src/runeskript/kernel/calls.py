"""FORKCALL: branches that are one call each, started as one effect and ended by one event.

What a batch does is by definition what the single calls would do, one after the other, each branch
a token. It costs less because a branch whose call succeeds at once is never made a token: it is a
byte in ``Calls.out``. Whatever else happens to a branch (its parameters cannot be computed, its
call fails or has to be awaited although it was cancelled) happens to a token, made for it then.
"""

from __future__ import annotations

from typing import Any, Final

from ..errors import StepError
from ..model.batches import piece
from ..model.effects import CallsOut
from ..model.events import CallDone, CallFailed, CallPending, CallsDone, Retried
from ..model.isa import Op
from ..model.limits import PURE_WORK
from ..model.run import Calls, Fork, Token, TokenState
from ..model.values import Value, type_name
from .branches import branch_token, calling_token
from .control import arrive, cancel, count_end, raise_fault
from .dispatch import milliseconds, register_undo
from .faulting import fault_of
from .load import CallBody
from .onward import is_pending, taken_of, tokens_done
from .ready import Vm, first_ready
from .scopes import drop_wait

_ARRIVE = int(Op.ARRIVE)
_new = tuple.__new__
#: More branches than any fork has.
_ALL: Final = 1 << 62


# --- starting -----------------------------------------------------------------------------------
def start_calls(vm: Vm, calls: Calls, left: int) -> int:
    """Dispatch the calls of branches that may start until ``left`` turns are spent; what is left.

    Where it ends before the last one, ``calls`` stand among the ready tokens again.
    """
    fork = calls.fork
    while calls.state == TokenState.STARTING:
        first = calls.at
        end = min(fork.next, first + max(left, 0), _stop(vm, calls))
        if first == end:
            if first < fork.next:
                vm.queue(calls)
            else:
                calls.state = TokenState.DONE
            break
        fault, work = _dispatch(vm, calls, end, left)
        left -= calls.at - first + work
        if fault is not None:
            token = branch_token(vm, fork, calls.at - 1)
            raise_fault(vm, token, fault_of(vm.program, token.pc, fault))
    return left


def _stop(vm: Vm, calls: Calls) -> int:
    """Before which branch a journal that is replayed says to stop."""
    stop = vm.run.stop
    if stop is None or stop[0][:-1] != calls.prefix or stop[1] != calls.turns:
        return _ALL
    return stop[0][-1] if stop[0][-1] >= calls.at else _ALL


def _dispatch(vm: Vm, calls: Calls, end: int, left: int) -> tuple[Exception | None, int]:
    """Let the calls of branches up to ``end`` out, and the turns that took besides one each.

    It ends early where ``left`` turns are spent, and behind a branch that raises an exception.
    """
    fork, program, context = calls.fork, vm.program, vm.run.context
    body = program.bodies[fork.bodies[0]]
    _, name, with_, _, policy, _, step, _ = program.code[body.entry]
    timeout = queue = None
    if policy is not None:
        timeout, queue = policy.timeout, policy.queue
    first, index, work = calls.at, end, 0
    fault: Exception | None = None
    params: list[Any] = []
    timeouts: list[int] = []
    if with_ is not None or timeout is not None:
        item, position, items = body.item, body.index, fork.items or []
        # One frame for all: nothing that is evaluated here writes to it or keeps it.
        frame = [] if fork.base is None else fork.base.copy()
        exprs: list[Any] = program.exprs  # each fetched anew: functions are made on first use
        for index in range(first, end):
            if item is not None:
                frame[item] = items[index]
            if position is not None:
                frame[position] = index
            context.fuel = PURE_WORK
            try:
                if with_ is not None:
                    given = exprs[with_](frame, context)
                    if type(given) is not dict:
                        text = f"`with` must be an object, not {type_name(given)}"
                        raise StepError("type", text)
                    params.append(given)
                if timeout is not None:
                    timeouts.append(milliseconds(exprs[timeout](frame, context)))
            except Exception as exc:
                context.depth = 0
                fault = exc
                break
            work += PURE_WORK - context.fuel >> 4
            if work and index - first + work >= left:
                index += 1
                break
        else:
            index = end
    number = index - first
    if number:
        calls.out[first:index] = b"\1" * number
        given = None if with_ is None else params[:number]
        bounds = None if timeout is None else timeouts
        out = (calls.prefix, 1, step, name, range(first, index), given, bounds, queue)
        vm.out.effects.append(_new(CallsOut, out))
    calls.at = index if fault is None else index + 1
    return fault, work


# --- ending -------------------------------------------------------------------------------------
def is_out(vm: Vm, path: tuple[int, ...]) -> Fork | None:
    """The FORKCALL of which the branch with this path waits for its call and is no token."""
    fork = vm.run.forks.get(path[:-1])
    if fork is None or fork.calls is None:
        return None
    out, index = fork.calls.out, path[-1]
    return fork if 0 <= index < len(out) and out[index] else None


def call_done(vm: Vm, event: CallDone) -> CallDone | None:
    """CallDone: a result for a token, or for a branch that is none."""
    _, path, n, _, attempt, result = event
    calls = vm.run.calls
    token = calls.get(path)
    if token is None:
        fork = is_out(vm, path) if n == 1 and attempt == 1 else None
        if fork is None:
            return None
        if not _stops(vm, path):
            _end_branch(vm, fork, path[-1], result, vm.program.call_body(fork.bodies[0]))
            return event
        token = calling_token(vm, fork, path[-1])
    if token.n != n or token.attempt != attempt or token.state != TokenState.CALLING:
        if not is_pending(token, n, attempt):
            return None
        drop_wait(vm, token)
    del calls[path]
    vm.ended = token
    code, pc = vm.program.code, token.pc
    _, _, _, into, _, undo, _, _ = code[pc]
    if into is not None:
        token.frame[into] = result
    if undo is not None:
        register_undo(vm, token, undo)
    if token.cancelling is not None:
        go_on_cancelling(vm, token)
        return event
    token.pc = pc = pc + 1
    fork = token.fork
    if code[pc][0] == _ARRIVE and type(fork) is Fork and not token.scopes:
        # All that is left to the branch is to arrive: the same as waking it, in a third of the
        # time, and in a fan-out nearly every completion ends a branch.
        arrive(vm, fork, token)
    else:
        vm.wake(token)
    return event


def _stops(vm: Vm, path: tuple[int, ...]) -> bool:
    """Whether a journal that is replayed stops where this branch has its result and did not go on:
    then it has to be a token.
    """
    run = vm.run
    stop = getattr(run.inbox[0], "stop", None) if run.replaying and run.inbox else None
    return stop is not None and stop[0] == path


def calling(vm: Vm, event: CallFailed | CallPending | Retried) -> Token | None:
    """The token whose call an event ends, taken off the calls; made if the branch was none."""
    calls = vm.run.calls
    token = calls.get(event.path)
    if token is None and event.n == 1 and event.attempt == 1:
        fork = is_out(vm, event.path)
        token = None if fork is None else calling_token(vm, fork, event.path[-1])
    if (
        token is None
        or token.n != event.n
        or token.attempt != event.attempt
        or token.state != TokenState.CALLING
    ):
        if token is None or not is_pending(token, event.n, event.attempt):
            return None
        drop_wait(vm, token)
    del calls[event.path]
    return token


def go_on_cancelling(vm: Vm, token: Token) -> None:
    """What a cancelled token still had to wait for has ended."""
    stopped, token.cancelling = token.cancelling, None
    vm.wake(token)
    if stopped is not None:
        cancel(vm, token, stopped)


def calls_done(vm: Vm, event: CallsDone) -> CallsDone | None:
    """CallsDone: each of its results in turn, as if each came by itself.

    What is returned holds those that were accepted. Where a result sets something going that has to
    run before the next one is looked at, or the slice is used up, the batch is cut: the rest is put
    back into the inbox.
    """
    at, prefix, n, step, indexes, results = event
    run = vm.run
    fork = run.forks.get(prefix)
    if fork is None or fork.calls is None or n != 1:
        return tokens_done(vm, event)
    body = vm.program.call_body(fork.bodies[0])
    halts = bool(indexes) and _stops(vm, (*prefix, indexes[-1]))
    if body.plain and not halts and _all_at_once(vm, fork, indexes, results, body):
        return event
    calls, total, last = fork.calls, fork.total, len(indexes) - 1
    taken: list[int] = []
    for position, (index, result) in enumerate(zip(indexes, results, strict=True)):
        if 0 <= index < total and calls.out[index] and not (halts and position == last):
            _end_branch(vm, fork, index, result, body)
        elif call_done(vm, CallDone(at, (*prefix, index), 1, step, 1, result)) is None:
            continue
        taken.append(position)
        if position == last or prefix not in run.forks:
            break  # if it is settled, no branch is left that could take one of the others
        if first_ready(run) is calls:
            run.ready.pop()
            run.stop = None
            vm.left = start_calls(vm, calls, vm.left)
        if vm.left <= 0 or first_ready(run) is not None:
            run.inbox.appendleft(piece(event, position + 1, last + 1))
            break
    return taken_of(event, taken)


def _all_at_once(
    vm: Vm, fork: Fork, indexes: tuple[int, ...], results: list[Value], body: CallBody
) -> bool:
    """Take neighbours at once, where each only has to arrive and the last one may settle it."""
    calls, number = fork.calls, len(indexes)
    if calls is None or fork.limit or fork.need or not number:
        return False
    first, last = indexes[0], indexes[0] + number
    if (
        first < 0
        or last > fork.total
        or indexes != tuple(range(first, last))
        or calls.out.count(1, first, last) != number
    ):
        return False
    calls.out[first:last] = bytes(number)
    fork.virtual -= number
    fork.wins.extend(indexes)
    if body.yields:
        fork.results.update(zip(indexes, results, strict=True))
    if not fork.under_way:
        count_end(vm, fork)
    return True


def _end_branch(vm: Vm, fork: Fork, index: int, result: Value, body: CallBody) -> None:
    """The call of a branch that is no token succeeded."""
    if fork.calls is not None:
        fork.calls.out[index] = 0
    if body.plain:
        fork.virtual -= 1
        fork.wins.append(index)
        if body.yields:
            fork.results[index] = result
        if fork.limit or fork.need or not fork.under_way:
            count_end(vm, fork)
        return
    token = branch_token(vm, fork, index)
    if body.into is not None:
        token.frame[body.into] = result
    if body.undo is not None:
        register_undo(vm, token, body.undo)
    if body.region is not None:
        token.pc, context = body.tail, vm.run.context
        context.fuel = PURE_WORK
        try:
            vm.program.regions[body.region](token.frame, context)
        except Exception as exc:
            context.depth = 0
            raise_fault(vm, token, fault_of(vm.program, token.pc, exc))
            return
        finally:
            vm.left -= 1 + (PURE_WORK - context.fuel >> 4)
    arrive(vm, fork, token)
