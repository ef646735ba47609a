"""What leaves for a token: calls, child jobs and timers; what a success of them registers.

The opcodes that begin these and the events that go on with them (a further attempt) meet here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from ..errors import StepError
from ..model import ids, limits
from ..model.effects import CallOut, CallsOut, ChildOut, TimerSet
from ..model.isa import Op
from ..model.run import Fork, Token, TokenState, UndoEntry
from ..model.values import type_name
from .ready import Vm

_new_tuple = tuple.__new__  # skips the NamedTuple's own constructor, half the cost of making one


def evaluate(vm: Vm, token: Token, expr: Any) -> Any:
    """The value of an operand of kind ``expr?``; None where it is absent."""
    if expr is None:
        return None
    return vm.program.exprs[expr](token.frame, vm.run.context)


def refresh(vm: Vm, token: Token, draws: int) -> None:
    """Full fuel and the token's own entropy, for what is evaluated while the token rests."""
    context = vm.run.context
    context.fuel, context.depth = limits.PURE_WORK, 0
    context.path, context.draws = token.path, draws


@contextmanager
def as_at_first(vm: Vm, token: Token) -> Iterator[None]:
    """Evaluate what belongs to a call that was made before, to the same as then: a key has one set
    of parameters, though they draw and tell the time.
    """
    refresh(vm, token, token.drawn)
    context = vm.run.context
    context.now_ms = token.made
    try:
        yield
    finally:
        context.now_ms = vm.run.now


def dispatch_again(vm: Vm, token: Token) -> None:
    """Send out attempt ``token.attempt`` of a call or child that was made before.

    Raises StepError.
    """
    ins = vm.program.code[token.pc]
    with as_at_first(vm, token):
        if ins[0] == Op.CALL:
            dispatch_call(vm, token, ins)
        else:
            dispatch_child(vm, token, ins)


def milliseconds(value: Any) -> int:
    """A duration as the kernel takes it: a whole number of ms, at least 0, bounded."""
    if type(value) is not int:
        raise StepError("duration", f"a duration is a whole number of ms, not {type_name(value)}")
    if value > limits.DURATION_MS:
        raise StepError("duration", "the duration is longer than 100 years")
    return max(value, 0)


def raise_no_object(params: Any) -> NoReturn:
    """The parameters of a call are none."""
    raise StepError("type", f"`with` must be an object, not {type_name(params)}")


def dispatch_call(vm: Vm, token: Token, ins: Any) -> None:
    """Send out attempt ``token.attempt`` of the call the token stands at."""
    _, name, with_, _, policy, _, step, grouped = ins
    run = vm.run
    params = {} if with_ is None else vm.program.exprs[with_](token.frame, run.context)
    if type(params) is not dict:
        raise_no_object(params)
    timeout = queue = None
    if policy is not None:
        queue = policy.queue
        if policy.timeout is not None:
            timeout = milliseconds(evaluate(vm, token, policy.timeout))
    path, n, fork, effects = token.path, token.n, token.fork, vm.out.effects
    token.state = TokenState.CALLING
    run.calls[path] = token
    ahead = grouped and vm.ended is token and token.attempt == 1
    if token.attempt > 1 or type(fork) is not Fork or fork.items is None:
        out = (path, n, step, name, params, token.attempt, timeout, queue)
        if ahead:
            vm.out.ahead.append(len(effects))
        effects.append(_new_tuple(CallOut, out))
        return
    # Branches of one fork that make the same call in a row make it in a batch.
    batch = vm.batch
    if (
        batch is None
        or vm.fork is not fork
        or vm.pc != token.pc
        or vm.ahead != ahead
        or batch[1] != n
        or effects[-1] is not batch
    ):
        given: Any = None if with_ is None else []
        timeouts: Any = None if timeout is None else []
        parts: Any = (path[:-1], n, step, name, [], given, timeouts, queue)
        batch = vm.batch = _new_tuple(CallsOut, parts)
        vm.fork, vm.pc, vm.ahead = fork, token.pc, ahead
        if ahead:
            vm.out.ahead.append(len(effects))
        effects.append(batch)
    made: Any = batch  # its lists grow until the slice ends
    _, _, _, _, indexes, given, timeouts, _ = made
    indexes.append(token.index)
    if with_ is not None:
        given.append(params)
    if timeout is not None:
        timeouts.append(timeout)


def dispatch_child(vm: Vm, token: Token, ins: Any) -> bool:
    """Create the child job of attempt ``token.attempt``; True where it is detached."""
    _, row, with_, into, policy, _, detach, step = ins
    data = evaluate(vm, token, with_)
    timeout = None
    if policy is not None and policy.timeout is not None:
        timeout = milliseconds(evaluate(vm, token, policy.timeout))
    path, n = token.path, token.n
    kind = "child" if token.attempt == 1 else f"child{token.attempt}"
    child = ids.derive(kind, str(vm.run.job.get("id", "")), path, n)
    vm.effect(ChildOut(path, n, step, child, row.name, row.version, row.digest, data, bool(detach)))
    if detach:
        if into is not None:
            token.frame[into] = child
        token.pc += 1
        return True
    token.state = TokenState.CHILD
    token.child = child
    vm.run.calls[path] = token
    if timeout is not None:
        set_timer(vm, token, timeout, "timeout")
    return False


def set_timer(vm: Vm, token: Token, delay: int, kind: Any) -> None:
    """Start the timer the token itself rests on."""
    token.m += 1
    token.timer = token.m
    vm.run.timers[(token.path, token.m)] = (token, None)
    due = min(vm.run.now + delay, limits.INT_MAX)
    vm.effect(TimerSet(token.path, token.m, vm.program.step_at(token.pc), due, kind))


def register_undo(vm: Vm, token: Token, body: int | None) -> None:
    """A call succeeded: push its undo with the frame it captures."""
    if body is None:
        return
    run = vm.run
    run.seq += 1
    captured = vm.program.frame(body, token.frame)
    step = vm.program.step_at(token.pc)
    if token.undo is None:
        token.undo = []
    token.undo.append(UndoEntry(run.seq, body, captured, token.path, token.n, step))
