"""Applying one event to a run: find the token that rests on it and make it ready.

An event for something that is no longer pending (the late result of a cancelled call) is refused:
it is not journaled and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Any, Final

from ..errors import KernelInvariantError, ReplayMismatchError, StepError
from ..model import limits
from ..model.blueprint import Policy
from ..model.events import (
    CallDone,
    CallFailed,
    CallPending,
    CallsDone,
    CancelRequested,
    ChildDone,
    Event,
    Forked,
    GraceGiven,
    MessageIn,
    Retried,
    Sent,
    SentIf,
    Started,
    TimerFired,
    is_force,
)
from ..model.faults import DEFAULT_RETRY, Fault, catchable, matches
from ..model.isa import Op
from ..model.run import MachineState, Token, TokenState
from ..model.values import copy_value
from .calls import call_done, calling, calls_done, go_on_cancelling, is_out
from .control import cancel, raise_fault
from .dispatch import (
    as_at_first,
    dispatch_again,
    evaluate,
    milliseconds,
    refresh,
    register_undo,
    set_timer,
)
from .faulting import fault_of
from .forcing import abandoned, force, give_grace, is_cancelled
from .machine import sent, sent_if, time_is_over
from .numbering import raise_floor, skip_draws
from .ready import Vm
from .scopes import drop_child, drop_wait


def check_step(vm: Vm, event: Event) -> None:
    """Replay: the step that waits must be the step the journal names."""
    if isinstance(event, CallsDone):
        fork = vm.run.forks.get(event.path) if event.n == 1 else None
        if fork is None:
            return  # taken apart, and checked one by one
        what = f"the call of the branches of fork {event.path}"
        pc = vm.program.bodies[fork.bodies[0]].entry
    elif isinstance(event, CallDone | CallFailed | CallPending | ChildDone | Retried):
        what = f"call {event.n} of token {event.path}"
        pc = _waits_at(vm, event)
        if pc < 0:
            raise ReplayMismatchError(
                f"the journal completes {what} ({event.step}), which replay never made"
            )
    else:
        return
    step = vm.program.step_at(pc)
    if step != event.step:
        raise ReplayMismatchError(f"{what} is step {step} in replay, {event.step} in the journal")


def _waits_at(vm: Vm, event: CallDone | CallFailed | CallPending | ChildDone | Retried) -> int:
    """The address of the call or child that an event completes; -1 where nothing waits for it."""
    token = vm.run.calls.get(event.path)
    if token is not None:
        return token.pc if token.n == event.n else -1
    fork = is_out(vm, event.path) if event.n == 1 else None
    return -1 if fork is None else vm.program.bodies[fork.bodies[0]].entry


def _started(vm: Vm, event: Started) -> Started | None:
    run, program = vm.run, vm.program
    if run.root is not None:
        return None
    run.job, run.env = event.job, event.env
    context = run.context
    context.seed = bytes.fromhex(event.seed)
    context.path, context.draws = (), 0
    frame = program.frame(0, None)
    known: dict[str, Any] = {"input": event.input, "env": event.env, "job": event.job}
    for name, slot in program.blueprint.roots:
        frame[slot] = known[name]
    if program.blueprint.machine is not None:
        run.machine = MachineState()
    run.root = Token((), 0, program.bodies[0].entry, frame, None, 0)
    run.root.state = TokenState.DONE
    vm.wake(run.root)
    return event


def _call_failed(vm: Vm, event: CallFailed) -> CallFailed | None:
    token = calling(vm, event)
    if token is None:
        return None
    if token.cancelling is not None:
        abandoned(vm, token, event.error)
        return event
    error = event.error
    type_ = str(error.get("type") or "handler")
    fault = Fault(
        type_ if catchable(type_) else f"handler.{type_}",
        str(error.get("message") or ""),
        event.step,
        event.attempt,
        error.get("data"),
        error.get("cause"),
        retryable=error.get("retryable") is True,
    )
    _fail_attempt(vm, token, fault)
    return event


def _call_pending(vm: Vm, event: CallPending) -> CallPending | None:
    """What the call comes to is told from outside; its timeout is the run's own from now on."""
    run = vm.run
    known = run.calls.get(event.path)
    if known is not None and known.state == TokenState.PENDING:
        return None
    token = calling(vm, event)
    if token is None:
        return None
    if token.cancelling is not None:
        go_on_cancelling(vm, token)
        return event
    token.state = TokenState.PENDING
    run.calls[token.path] = token
    policy = vm.program.code[token.pc][4]
    if policy is not None and policy.timeout is not None:
        try:
            with as_at_first(vm, token):
                delay = milliseconds(evaluate(vm, token, policy.timeout))
            set_timer(vm, token, delay, "timeout")
        except StepError as exc:
            del run.calls[token.path]
            raise_fault(vm, token, fault_of(vm.program, token.pc, exc, token.attempt))
    return event


def _fail_attempt(vm: Vm, token: Token, fault: Fault) -> None:
    """Retry the attempt if the policy says so, else raise."""
    row = vm.program.code[token.pc][4]
    if row is not None and token.attempt % row.max_attempts and _retries(row, fault):
        token.state = TokenState.RETRYING
        set_timer(vm, token, _backoff(vm, token, row), "retry")
    else:
        raise_fault(vm, token, fault)


def _retries(policy: Policy, fault: Fault) -> bool:
    if policy.retry_on:
        return any(matches(fault.type, pattern) for pattern in policy.retry_on)
    return fault.retryable or any(matches(fault.type, pattern) for pattern in DEFAULT_RETRY)


def _backoff(vm: Vm, token: Token, policy: Policy) -> int:
    """Exponential, jittered to between half and all of it by a keyed function of the seed.

    After "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015), its "equal jitter".
    """
    doublings = min((token.attempt - 1) % policy.max_attempts, 60)
    delay = min(policy.backoff_ms << doublings, policy.backoff_max_ms, limits.DURATION_MS)
    text = f"{token.path}|{token.n}|{token.attempt}".encode()
    raw = blake2b(text, digest_size=8, key=vm.run.context.seed, person=b"rune-backoff").digest()
    return delay // 2 + int.from_bytes(raw, "big") * (delay - delay // 2) // (1 << 64)


def _timer_fired(vm: Vm, event: TimerFired) -> TimerFired | None:
    run = vm.run
    key = (event.path, event.m)
    found = run.timers.pop(key, None)
    if found is None:
        return None
    token, scope = found
    if is_force(event):
        run.graces.pop(event.m, None)
        force(vm, event.m)
    elif scope is not None:
        scope.timer = None
        index = (token.scopes or []).index(scope)
        cancel(vm, token, Fault("cancel", "the block took too long", scope=index))
    elif token.state == TokenState.RETRYING:
        token.timer = None
        token.attempt += 1
        _again(vm, token)
    elif token.state == TokenState.WAITING:
        if key in run.listens:
            drop_wait(vm, token)
            step = vm.program.step_at(token.pc)
            raise_fault(vm, token, Fault("timeout", "no message arrived in time", step))
        elif vm.program.code[token.pc][0] == Op.AWAIT:
            time_is_over(vm, token)
        else:
            token.timer = None
            vm.goto(token, token.pc + 1)
    elif token.state == TokenState.PENDING:
        token.timer = None
        del run.calls[token.path]
        step = vm.program.step_at(token.pc)
        text = "nobody completed the pending call in time"
        _fail_attempt(vm, token, Fault("timeout", text, step, token.attempt))
    elif token.state == TokenState.CHILD:
        token.timer = None
        if token.cancelling is None:
            step = vm.program.step_at(token.pc)
            token.cancelling = Fault("timeout", "the child job took too long", step, token.attempt)
            drop_child(vm, token)
    else:
        raise KernelInvariantError("a timer woke a token that does not rest on it")
    return event


def _again(vm: Vm, token: Token) -> None:
    """The next attempt of a call or child; its parameters are evaluated anew, to the same."""
    try:
        dispatch_again(vm, token)
    except StepError as exc:
        raise_fault(vm, token, fault_of(vm.program, token.pc, exc, token.attempt))


def _message_in(vm: Vm, event: MessageIn) -> MessageIn | None:
    token = vm.run.listens.get((event.path, event.m))
    if token is None:
        return None
    _, _, _, listen, into = vm.program.code[token.pc]
    data = event.message.get("data")
    if not vm.program.accepts(listen, data):
        return event
    context = vm.run.context
    if vm.run.floor:
        skip_draws(vm.run, token)
    refresh(vm, token, token.draws)
    try:
        matched = vm.program.where(listen, token.frame, context, event.message)
        token.draws = context.draws
        if not matched:
            return event
    except StepError as exc:
        drop_wait(vm, token)
        raise_fault(vm, token, fault_of(vm.program, token.pc, exc))
        return event
    drop_wait(vm, token, str(event.message.get("id", "")))
    if into is not None:
        token.frame[into] = data
    vm.goto(token, token.pc + 1)
    return event


def _child_done(vm: Vm, event: ChildDone) -> ChildDone | None:
    token = vm.run.calls.get(event.path)
    if token is None or token.n != event.n or token.state != TokenState.CHILD:
        return None
    del vm.run.calls[event.path]
    drop_wait(vm, token)
    token.child = None
    _, _, _, into, _, undo, _, _ = vm.program.code[token.pc]
    if event.status == "Completed":
        if into is not None:
            token.frame[into] = event.output
        register_undo(vm, token, undo)
    stopped, token.cancelling = token.cancelling, None
    if stopped is not None and stopped.type == "cancel":
        vm.wake(token)
        cancel(vm, token, stopped)
    elif event.status == "Completed":
        vm.goto(token, token.pc + 1)
    else:
        _fail_attempt(vm, token, stopped or _child_fault(event, token))
    return event


def _retried(vm: Vm, event: Retried) -> Retried | None:
    """The call that the run failed by is made again, with all of its attempts before it, and so
    are those that were pending beside it.

    Attempts are counted on from a multiple of the most there may be: child jobs and the tokens of
    pending calls have an id for each attempt, and those of before are used up.
    """
    token = vm.run.calls.get(event.path)
    if token is not None and token.state == TokenState.CHILD and token.n == event.n:
        del vm.run.calls[event.path]
        drop_wait(vm, token)
        token.child = None
    else:
        token = calling(vm, event)
        if token is None:
            return None
    pending = [one for one in vm.run.calls.values() if one.state == TokenState.PENDING]
    for other in pending:  # the failure cancelled it: an answer that came then was taken by nobody
        drop_wait(vm, other)
    for one in (token, *pending):
        policy = vm.program.code[one.pc][4]
        most = 1 if policy is None else policy.max_attempts
        one.attempt += most - (one.attempt - 1) % most
        _again(vm, one)
    if event.floor:
        raise_floor(vm, event.floor)
    return event


def _forked(vm: Vm, event: Forked) -> Forked | None:
    run = vm.run
    if run.root is None:
        return None
    names = vm.program.blueprint.debug.slot_names
    known = names[0] if names else ()
    for name, value in event.variables.items():
        if name not in known:
            raise ReplayMismatchError(f"the fork sets `{name}`, which the program does not have")
        run.root.frame[known.index(name)] = copy_value(value)
    run.context.seed = bytes.fromhex(event.seed)
    pending = [one for one in run.calls.values() if one.state == TokenState.PENDING]
    for token in pending:  # nobody outside knows the fork: its calls are made anew
        drop_wait(vm, token)
        _again(vm, token)
    return event


def _child_fault(event: ChildDone, token: Token) -> Fault:
    cause = event.error or {}
    type_ = str(cause.get("type") or "child")
    if not catchable(type_):
        type_ = f"child.{type_}"
    message = str(cause.get("message") or "the child job failed")
    return Fault(type_, message, event.step, token.attempt, cause.get("data"), event.error)


def _cancel_requested(vm: Vm, event: CancelRequested) -> CancelRequested | None:
    run = vm.run
    if run.root is None or run.ending is not None or run.finished is not None:
        return None
    if is_cancelled(run.root):
        # Journals may have a second one: that a job was cancelled was once overlooked where a block
        # in its `finally` had timed out. It changed nothing.
        return event if run.replaying else None
    cancel(vm, run.root, Fault("cancel", event.reason or "cancelled"))
    return event


def _grace_given(vm: Vm, event: GraceGiven) -> GraceGiven | None:
    return event if give_grace(vm, event.grace, everything=event.everything is True) else None


#: Event -> function that applies it: what was applied, None where nothing was waiting for it.
APPLY: Final[dict[type[Any], Callable[[Vm, Any], Event | None]]] = {
    Started: _started,
    CallDone: call_done,
    CallsDone: calls_done,
    CallFailed: _call_failed,
    CallPending: _call_pending,
    TimerFired: _timer_fired,
    MessageIn: _message_in,
    ChildDone: _child_done,
    CancelRequested: _cancel_requested,
    GraceGiven: _grace_given,
    Retried: _retried,
    Forked: _forked,
    Sent: sent,
    SentIf: sent_if,
}
