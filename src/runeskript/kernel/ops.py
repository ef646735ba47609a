"""One function per opcode that is not inlined in the loop of ``vm.py``.

Each takes (vm, token, instruction) and returns True where the token goes on at ``token.pc``, False
where it rests or has ended. Errors are raised as StepError and routed by the loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ..errors import KernelInvariantError, StepError
from ..model import ids, limits
from ..model.effects import ListenSet, LogOut, MessageOut, TimerSet
from ..model.faults import UNCATCHABLE, Fault, matches
from ..model.isa import Op
from ..model.run import Calls, Compensation, Fork, Scope, Token, TokenState
from ..model.values import UNSET, type_name
from . import machine
from .branches import start_branches
from .control import (
    arrive,
    end_token,
    join_fork,
    next_undo,
    raise_fault,
    unwind_cancel,
)
from .dispatch import dispatch_call, dispatch_child, evaluate, milliseconds, set_timer
from .ending import finish
from .numbering import skip
from .pure import begin_branches
from .ready import Vm
from .scopes import close_scope, shielded, take_undos


# --- calls --------------------------------------------------------------------------------------
def op_call(vm: Vm, token: Token, ins: Any) -> bool:
    """CALL."""
    if vm.run.floor:
        skip(vm.run, token)
    token.n += 1
    token.attempt = 1
    token.drawn, token.made = vm.run.context.draws, vm.run.now  # see ``as_at_first``
    dispatch_call(vm, token, ins)
    return False


def op_run(vm: Vm, token: Token, ins: Any) -> bool:
    """RUN."""
    if vm.run.floor:
        skip(vm.run, token)
    token.n += 1
    token.attempt = 1
    token.drawn, token.made = vm.run.context.draws, vm.run.now
    return dispatch_child(vm, token, ins)


# --- forks --------------------------------------------------------------------------------------
def op_fork(vm: Vm, token: Token, ins: Any) -> bool:
    """FORK."""
    _, bodies, need = ins
    _begin(vm, _fork(vm, token, bodies, len(bodies), need, None, 0))
    return True


def op_forkn(vm: Vm, token: Token, ins: Any) -> bool:
    """FORKN."""
    _, body, over, limit, need = ins
    _begin(vm, _forkn(vm, token, body, over, limit, need))
    return True


def op_forkpure(vm: Vm, token: Token, ins: Any) -> bool:
    """FORKPURE. Branches run in order, each to its end: a limit bounds nothing but its value."""
    _, bodies, over, limit, need = ins
    if over is None:
        fork = _fork(vm, token, bodies, len(bodies), need, None, 0)
    else:
        fork = _forkn(vm, token, bodies[0], over, limit, need)
        fork.limit = 0
    begin_branches(vm, fork)
    return True


def op_forkcall(vm: Vm, token: Token, ins: Any) -> bool:
    """FORKCALL. It is tokens that count draws and know when a call was made: where its branches
    need either, the same as FORKN.
    """
    _, body, over, limit, need = ins
    fork = _forkn(vm, token, body, over, limit, need)
    if not vm.program.call_body(body).tokens:
        calls = fork.calls = Calls(fork)
        vm.run.forks[calls.prefix] = fork
    _begin(vm, fork)
    return True


def _forkn(vm: Vm, token: Token, body: int, over: int, limit: int | None, need: int) -> Fork:
    items = evaluate(vm, token, over)
    if type(items) is not list:
        raise StepError("type", f"a `for` goes over a list, not {type_name(items)}")
    most = 0
    if limit is not None:
        most = evaluate(vm, token, limit)
        if most is True or most is None:
            most = 0
        elif type(most) is not int or most < 1:
            raise StepError("value", "`parallel` must be a whole number of at least 1, or true")
    return _fork(vm, token, (body,), len(items), need, items, most)


def _fork(
    vm: Vm, token: Token, bodies: Any, total: int, need: int, items: list[Any] | None, most: int
) -> Fork:
    if total > limits.BRANCHES:
        raise StepError("limit.branches", f"a fork has at most {limits.BRANCHES} branches")
    if len(token.path) >= 2 * limits.FORK_DEPTH:
        raise StepError("limit.depth", f"forks nest at most {limits.FORK_DEPTH} deep")
    if vm.run.floor:
        skip(vm.run, token)
    token.n += 1
    fork = Fork(token, token.n, bodies, total, need, items, most)
    token.child = fork
    token.pc += 1
    return fork


def _begin(vm: Vm, fork: Fork) -> None:
    """Start the first branches, unless there are too few of them to meet the join."""
    if fork.total >= fork.need:
        start_branches(vm, fork)


def op_join(vm: Vm, token: Token, ins: Any) -> bool:
    """JOIN."""
    token.state = TokenState.JOINING
    join_fork(vm, token.child)
    return False


def op_arrive(vm: Vm, token: Token, ins: Any) -> bool:
    """ARRIVE."""
    fork = token.fork
    if type(fork) is Fork and not token.scopes:
        arrive(vm, fork, token)
    else:
        end_token(vm, token, None)
    return False


# --- waiting and talking ------------------------------------------------------------------------
def op_wait(vm: Vm, token: Token, ins: Any) -> bool:
    """WAIT."""
    _, due, clock, listen, _ = ins
    delay: int | None = None
    if due is not None:
        value = evaluate(vm, token, due)
        if clock == "until":
            if type(value) is not int:
                raise StepError("type", "`until` must be an instant")
            value = max(value - vm.run.now, 0)
        delay = milliseconds(value)
    topic = key = None
    if listen is not None:
        row = vm.program.blueprint.listens[listen]
        topic = message_topic(evaluate(vm, token, row.topic))
        key = message_key(evaluate(vm, token, row.key))
    token.state = TokenState.WAITING
    if delay is not None:
        set_timer(vm, token, delay, "wait" if listen is None else "timeout")
    else:
        token.m += 1
        token.timer = token.m
    if topic is not None:
        vm.run.listens[(token.path, token.m)] = token
        step = vm.program.step_at(token.pc)
        vm.effect(ListenSet(token.path, token.m, step, topic, key))
    return False


def message_topic(topic: Any) -> str:
    """A topic must be a text that says something."""
    if type(topic) is not str or not topic or len(topic) > limits.TOPIC:
        raise StepError("value", f"a topic is a text of 1 to {limits.TOPIC} characters")
    return topic


def message_key(key: Any) -> Any:
    """A key is a scalar: containers have no cheap identity across stores."""
    if isinstance(key, list | dict):
        raise StepError("type", f"a message key is a scalar, not {type_name(key)}")
    return key


def op_emit(vm: Vm, token: Token, ins: Any) -> bool:
    """EMIT."""
    _, topic, key, to, with_, keep = ins
    if vm.run.floor:
        skip(vm.run, token)
    token.n += 1
    name = message_topic(evaluate(vm, token, topic))
    target = evaluate(vm, token, to)
    if target is not None and type(target) is not str:
        raise StepError("type", f"`to` is a job id, not {type_name(target)}")
    kept = 0 if keep is None else milliseconds(evaluate(vm, token, keep))
    message = ids.derive("message", str(vm.run.job.get("id", "")), token.path, token.n)
    step = vm.program.step_at(token.pc)
    vm.effect(
        MessageOut(
            message,
            step,
            name,
            message_key(evaluate(vm, token, key)),
            target,
            evaluate(vm, token, with_),
            kept,
        )
    )
    token.pc += 1
    return True


def op_log(vm: Vm, token: Token, ins: Any) -> bool:
    """LOG."""
    _, text, level = ins
    value = evaluate(vm, token, text)
    shown = value if type(value) is str else str(value)
    vm.effect(LogOut(vm.program.step_at(token.pc), level, shown))
    token.pc += 1
    return True


# --- scopes and errors --------------------------------------------------------------------------
def op_enter(vm: Vm, token: Token, ins: Any) -> bool:
    """ENTER."""
    _, kind, deadline = ins
    timer = None
    step = vm.program.step_at(token.pc)
    delay = None if deadline is None else milliseconds(evaluate(vm, token, deadline))
    if token.scopes is None:
        token.scopes = []
    if delay is not None:
        token.m += 1
        timer = token.m
        due = min(vm.run.now + delay, limits.INT_MAX)
        vm.effect(TimerSet(token.path, timer, step, due, "deadline"))
    scope = Scope(len(token.undo) if token.undo else 0, kind == "shield", timer, step)
    if timer is not None:
        vm.run.timers[(token.path, timer)] = (token, scope)
    token.scopes.append(scope)
    token.pc += 1
    return True


def op_leave(vm: Vm, token: Token, ins: Any) -> bool:
    """LEAVE."""
    if not token.scopes:
        raise KernelInvariantError("LEAVE without a scope")
    scope = token.scopes.pop()
    close_scope(vm, token, scope)
    deferred = token.deferred
    if deferred is not None and scope.shield and not shielded(token, deferred.scope):
        token.deferred = None
        if deferred.scope < len(token.scopes):
            unwind_cancel(vm, token, deferred)
            return token.state == TokenState.READY
    token.pc += 1
    return True


def op_raise(vm: Vm, token: Token, ins: Any) -> bool:
    """RAISE."""
    error = evaluate(vm, token, ins[1])
    if type(error) is not dict:
        raise StepError("type", f"`raise` takes an object, not {type_name(error)}")
    type_ = error.get("type")
    if type(type_) is not str or not type_ or len(type_) > limits.NAME:
        raise StepError("value", f"an error type is a text of 1 to {limits.NAME} characters")
    if any(matches(type_, reserved) for reserved in UNCATCHABLE):
        raise StepError("value", f"the error type `{type_}` is reserved")
    message = error.get("message")
    fault = Fault(
        type_,
        message if type(message) is str else type_,
        vm.program.step_at(token.pc),
        data=error.get("data"),
        compensate=bool(error.get("compensate")),
    )
    raise_fault(vm, token, fault)
    return token.state == TokenState.READY


def op_reraise(vm: Vm, token: Token, ins: Any) -> bool:
    """RERAISE."""
    fault = Fault.load(token.frame[ins[1]])
    if fault.type == "cancel":
        if fault.scope >= len(token.scopes or ()):
            # The compiler's code does not leave a scope with an error that unwinds to it.
            raise StepError("value", "what is raised again belongs to a block that is over")
        unwind_cancel(vm, token, fault)
    else:
        raise_fault(vm, token, fault)
    return token.state == TokenState.READY


def op_compensate(vm: Vm, token: Token, ins: Any) -> bool:
    """COMPENSATE."""
    if not token.scopes:
        raise KernelInvariantError("COMPENSATE without a scope")
    fault = Fault.load(token.frame[ins[1]])
    entries = take_undos(token, token.scopes[-1].height) if fault.compensate else []
    if not entries:
        fault.compensate = False
        token.frame[ins[1]] = fault.stored()
        token.pc += 1
        return True
    token.state = TokenState.COMPENSATING
    token.child = Compensation(entries, token)
    next_undo(vm, token.child)
    return False


def op_return(vm: Vm, token: Token, ins: Any) -> bool:
    """RETURN."""
    value = evaluate(vm, token, ins[1])
    token.state = TokenState.DONE
    finish(vm, "Completed", None if value is UNSET else value, None)
    return False


#: Opcode -> function; a list, because indexing it is what the loop does most.
OPS: Final[list[Callable[[Vm, Token, Any], bool] | None]] = [None] * (max(Op) + 1)
OPS[Op.CALL] = op_call
OPS[Op.FORK] = op_fork
OPS[Op.FORKN] = op_forkn
OPS[Op.FORKCALL] = op_forkcall
OPS[Op.FORKPURE] = op_forkpure
OPS[Op.ARRIVE] = op_arrive
OPS[Op.JOIN] = op_join
OPS[Op.WAIT] = op_wait
OPS[Op.EMIT] = op_emit
OPS[Op.RUN] = op_run
OPS[Op.LOG] = op_log
OPS[Op.ENTER] = op_enter
OPS[Op.LEAVE] = op_leave
OPS[Op.RAISE] = op_raise
OPS[Op.RERAISE] = op_reraise
OPS[Op.COMPENSATE] = op_compensate
OPS[Op.RETURN] = op_return
OPS[Op.AWAIT] = machine.op_await
OPS[Op.PASS] = machine.op_pass
OPS[Op.REFUSE] = machine.op_refuse
OPS[Op.MOVE] = machine.op_move
OPS[Op.FAIL] = machine.op_fail
OPS[Op.EVENT] = machine.op_event
