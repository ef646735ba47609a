"""The kernel's one entry: ``advance`` consumes events and moves a run until all its tokens rest.

Pure: no IO, no clock, no randomness, no asyncio. The same events give the same run, on every
store, in every process. ``advance`` mutates the run in place (linear use).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import ReplayMismatchError, StepError
from ..expr.generate import fault_site
from ..expr.runtime import Context
from ..model import limits
from ..model.events import CancelRequested, Event, TimerFired
from ..model.faults import Fault
from ..model.isa import Op
from ..model.run import Run, Token, TokenState
from .apply import apply, check_step
from .control import raise_fault
from .load import Program
from .ops import OPS
from .ready import Ready, Vm

_JUMP, _PURE, _LOOP = int(Op.JUMP), int(Op.PURE), int(Op.LOOP)
#: ``Token.turns`` rises by two a turn.
_MOST_TURNS = 2 * limits.LOOP_TURNS


def new_run(program: Program) -> Run:
    """A run that waits for its Started event."""
    return Run(Context())


def advance(
    program: Program,
    run: Run,
    events: Iterable[Event] = (),
    turns: int = limits.SLICE_TURNS,
) -> Ready:
    """Apply events in order, each after all tokens rest, within a slice of ``turns``.

    ``turns`` counts loop turns and started tokens. An event that finds nothing waiting for it is
    dropped. Raises ReplayMismatchError where an event's ``stop`` cannot be reached.
    """
    out = Ready()
    vm = Vm(program, run, out)
    inbox = run.inbox
    inbox.extend(events)
    if run.ready and inbox and not run.replaying:
        _interrupt(vm)
    left = turns
    while run.finished is None:
        if run.ready:
            run.stop = getattr(inbox[0], "stop", None) if inbox else None
            left = execute(vm, left)
            if run.ready:
                if not _stopped(run):
                    out.more = True
                    break
            elif run.stop is not None:
                raise ReplayMismatchError("the run rested before the turn its journal names")
        if not inbox or run.finished is not None:
            break
        _take(vm, inbox.popleft())
    if run.finished is not None:
        inbox.clear()
    return out


def _take(vm: Vm, event: Event) -> None:
    before = vm.run.now
    if vm.run.replaying:
        check_step(vm, event)
    vm.run.now = max(event.at, before)
    vm.run.context.now_ms = vm.run.now
    if apply(vm, event):
        # An event and what it caused stand in order; Finished is appended by `finish`.
        events = vm.out.events
        if vm.run.finished is not None and events and events[-1] is vm.run.finished:
            events.insert(len(events) - 1, event)
        else:
            events.append(event)
    else:
        vm.run.now = before
        vm.run.context.now_ms = before


def _stopped(run: Run) -> bool:
    token = run.ready[-1]
    return run.stop is not None and run.stop == (token.path, token.turns)


def _interrupt(vm: Vm) -> None:
    """A cancel or a deadline does not wait for a pure region to end: take it at this loop head."""
    run = vm.run
    while run.ready and run.ready[-1].state != TokenState.READY:
        run.ready.pop()
    if not run.ready:
        return
    top = run.ready[-1]
    for event in run.inbox:
        if not isinstance(event, CancelRequested | TimerFired) or event.stop is not None:
            continue
        if isinstance(event, TimerFired):
            found = run.timers.get((event.path, event.m))
            if found is None or found[1] is None:
                continue  # it wakes a token at rest: that can wait
        run.inbox.remove(event)
        _take(vm, event._replace(stop=(top.path, top.turns)))
        return


def execute(vm: Vm, left: int) -> int:
    """Run ready tokens in token-path order until all rest or ``left`` turns are spent."""
    run, program = vm.run, vm.program
    ready, context, entropy = run.ready, run.context, program.entropy
    while ready:
        token = ready[-1]
        if token.state != TokenState.READY:
            ready.pop()
            continue
        if left <= 0 or (run.stop is not None and run.stop == (token.path, token.turns)):
            break
        ready.pop()
        left -= 1
        context.fuel = limits.PURE_WORK
        context.depth = 0
        if entropy:
            context.path, context.draws = token.path, token.draws
        left = run_token(vm, token, left)
        if entropy:
            token.draws = context.draws
    return left


def run_token(vm: Vm, token: Token, left: int) -> int:
    """Run one token until it rests, ends or the slice is used up; returns what is left of it."""
    run, program = vm.run, vm.program
    code, regions, context, frame = program.code, program.regions, run.context, token.frame
    pc = token.pc
    while True:
        try:
            while True:
                ins: Any = code[pc]
                op = ins[0]
                if op == _PURE:
                    pc = ins[2][regions[ins[1]](frame, context)]
                elif op == _JUMP:
                    pc = ins[1]
                elif op == _LOOP:
                    left -= 1 + (limits.PURE_WORK - context.fuel >> 4)
                    if (left < 0 or run.stop is not None) and _yields(run, token, left):
                        token.pc = pc
                        run.ready.append(token)
                        return min(left, 0)
                    token.turns += 2 - (token.turns & 1)
                    if token.turns > _MOST_TURNS:
                        raise StepError("limit.work", "the loop has used up its turns")
                    context.fuel = limits.PURE_WORK
                    pc = ins[2][regions[ins[1]](frame, context)]
                else:
                    token.pc = pc
                    if not OPS[op](vm, token, ins):
                        return left
                    pc = token.pc
        except Exception as exc:
            token.pc = pc
            raise_fault(vm, token, _fault(program, token, exc))
            if token.state != TokenState.READY:
                return left
            pc = token.pc


def _yields(run: Run, token: Token, left: int) -> bool:
    """Stop at this loop head? Not where the token was just woken: a stop must name one place."""
    return not token.turns & 1 and (left < 0 or run.stop == (token.path, token.turns))


def _fault(program: Program, token: Token, exc: Exception) -> Fault:
    """The typed error of what an instruction raised; anything else is a defect and goes on up."""
    if not isinstance(exc, StepError):
        raise exc
    site = fault_site(exc)
    step = program.step_at(token.pc) if site is None else program.steps[site]
    code = None if exc.code == StepError.code else exc.code
    return Fault(exc.type, exc.message, step, data=exc.data, retryable=exc.retryable, code=code)
