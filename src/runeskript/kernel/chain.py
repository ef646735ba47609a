"""A run that goes step by step: from the result of its one call straight to its next call.

What happens here is by definition what the loop of ``vm.py`` does; such a run is little else. What
comes up on the way that is more than that stops it where it stands, and the loop goes on there.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..errors import StepError
from ..model.effects import CallOut
from ..model.events import CallDone
from ..model.isa import Op
from ..model.limits import LOOP_TURNS, PURE_WORK
from ..model.run import Run, Token, TokenState
from .control import raise_fault
from .dispatch import milliseconds, raise_no_object
from .faulting import fault_of
from .load import Program
from .ready import Vm

_JUMP, _PURE, _LOOP = int(Op.JUMP), int(Op.PURE), int(Op.LOOP)
_CALL = int(Op.CALL)
_READY, _CALLING = int(TokenState.READY), int(TokenState.CALLING)
#: ``Token.turns`` rises by two a turn and a waking.
MOST_TURNS = 2 * LOOP_TURNS
#: Jumps that are skipped between a call and what comes behind it.
_JUMPS = 4
_UNKNOWN: Any = object()
_new = tuple.__new__  # skips the NamedTuple's own constructor, half the cost of making one


class Halt(NamedTuple):
    """Where ``next_call`` stopped: the result is taken, and the token stands at what comes next.

    ``fuel``: the work it has left there. ``raised``: what the instruction there raised.
    """

    event: CallDone
    token: Token
    fuel: int
    raised: Exception | None


def next_call(program: Program, run: Run, event: CallDone, left: int) -> CallOut | Halt | None:
    """The call that a result leads to, where there is nothing else to it and it takes less than
    ``left`` turns. Else what is to be gone on with; None, and nothing done, where the result is not
    of the run's one token, or there is more to do with it than to keep it.

    Only while the run rests, and in replay only where the journal does not say where it stops.
    """
    at, path, n, _, attempt, result = event
    token = run.calls.get(path)
    if (
        token is None
        or token.n != n
        or token.attempt != attempt
        or token.state != _CALLING
        or token.cancelling is not None
    ):
        return None
    way = program.ways.get(token.pc, _UNKNOWN)
    if way is _UNKNOWN:
        way = program.ways[token.pc] = _way(program, token.pc)
    if way is None:
        return None
    into, pc, ins = way
    context, frame, turns = run.context, token.frame, token.turns + 2 | 1
    if at > run.now:
        run.now = context.now_ms = at
    if into is not None:
        frame[into] = result
    context.fuel = PURE_WORK
    raised = None
    try:
        while True:
            op = ins[0]
            if op == _CALL:
                _, name, with_, _, policy, _, step, grouped = ins
                if grouped:
                    break
                n = (n if n >= run.floor else run.floor) + 1
                token.pc, token.n, token.turns, token.attempt = pc, n, turns, 1
                token.drawn, token.made = context.draws, run.now
                timeout = queue = None
                if with_ is None:
                    params = {}
                elif type(params := program.exprs[with_](frame, context)) is not dict:
                    raise_no_object(params)
                if policy is not None:
                    queue = policy.queue
                    if policy.timeout is not None:
                        timeout = milliseconds(program.exprs[policy.timeout](frame, context))
                return _new(CallOut, (path, n, step, name, params, 1, timeout, queue))
            if op == _LOOP:
                if left <= 1:
                    break
                left -= 1 + (PURE_WORK - context.fuel >> 4)
                turns += 2 - (turns & 1)
                if turns > MOST_TURNS:
                    raise StepError("limit.work", "the loop has used up its turns")
                context.fuel = PURE_WORK
                pc = ins[2][program.regions[ins[1]](frame, context)]
            elif op == _PURE:
                pc = ins[2][program.regions[ins[1]](frame, context)]
            elif op == _JUMP:
                pc = ins[1]
            else:
                break
            ins = program.code[pc]
    except Exception as exc:
        raised = exc
    token.pc, token.turns = pc, turns
    return Halt(event, token, context.fuel, raised)


def _way(program: Program, pc: int) -> tuple[int | None, int, Any] | None:
    """Where the result of a call goes, and what comes behind it: its address and itself.

    None where there is more to do with the result, or the call is a branch's or an undo's.
    """
    code, main = program.code, program.bodies[0]
    _, _, _, into, _, undo, _, _ = code[pc]
    if undo is not None or program.entropy or not main.entry <= pc < main.end:
        return None
    pc += 1
    for _ in range(_JUMPS):
        if code[pc][0] == _JUMP:
            pc = code[pc][1]
    return into, pc, code[pc]


def go_on(vm: Vm, halt: Halt) -> int:
    """Make the token ready where ``next_call`` stopped; the work it has left."""
    _, token, fuel, raised = halt
    run: Any = vm.run
    vm.out.events.append(halt.event)
    vm.ended = token
    del run.calls[token.path]
    token.state = _READY
    if raised is not None:
        run.context.depth = 0
        raise_fault(vm, token, fault_of(vm.program, token.pc, raised))
    if token.state == _READY:
        run.ready.append(token)
        return fuel
    return PURE_WORK
