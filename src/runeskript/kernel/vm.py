"""The kernel's one entry: ``advance`` consumes events and moves a run until all its tokens rest.

Pure: no IO, no clock, no randomness, no asyncio. The same events give the same run, on every
store, in every process. ``advance`` mutates the run in place (linear use).
"""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import ReplayMismatchError, StepError
from ..expr.runtime import Context
from ..model.events import CallDone, CancelRequested, Event, Sent, TimerFired
from ..model.isa import Op
from ..model.limits import PURE_WORK, SLICE_TURNS
from ..model.run import Run, Token, TokenState
from .apply import APPLY, check_step
from .branches import start_more
from .calls import start_calls
from .chain import MOST_TURNS, Halt, go_on, next_call
from .control import raise_fault
from .faulting import fault_of
from .load import LOOPED, Program
from .loops import run_loops
from .machine import choose
from .moving import take_events
from .numbering import skip_draws
from .onward import take_results
from .ops import OPS
from .pure import LEAST, run_branches
from .ready import Ready, Vm, first_ready

_STARTING, _BEGINNING = TokenState.STARTING, TokenState.BEGINNING
_JUMP, _PURE, _LOOP = int(Op.JUMP), int(Op.PURE), int(Op.LOOP)
_LEAST = LEAST


def new_run(program: Program) -> Run:
    """A run that waits for its Started event."""
    return Run(Context())


def advance(
    program: Program,
    run: Run,
    events: Iterable[Event] = (),
    turns: int = SLICE_TURNS,
    halt: Halt | None = None,
) -> Ready:
    """Apply events in order, each after all tokens rest, within a slice of ``turns``.

    ``turns`` counts loop turns and started tokens. An event that finds nothing waiting for it is
    dropped. ``halt``: where ``next_call`` has just stopped. Raises ReplayMismatchError where an
    event's ``stop`` cannot be reached.
    """
    out = Ready()
    if _ended(run):
        return out
    vm = Vm(program, run, out)
    inbox = run.inbox
    inbox.extend(events)
    if run.ready and inbox and not run.replaying:
        _interrupt(vm)
    left = turns if turns > _LEAST else _LEAST
    fuel = PURE_WORK if halt is None else go_on(vm, halt)
    while run.finished is None:
        if run.ready:
            run.stop = getattr(inbox[0], "stop", None) if inbox and run.replaying else None
            left = execute(vm, left, fuel)
            fuel = PURE_WORK
            if run.ready:
                if not _stopped(run):
                    out.more = True
                    break
            elif run.stop is not None:
                raise ReplayMismatchError("the run rested before the turn its journal names")
        if not inbox or run.finished is not None:
            break
        if type(inbox[0]) is CallDone and not run.forks and not _stops_next(run):
            if run.replaying:
                check_step(vm, inbox[0])
            found = next_call(program, run, inbox[0], left)
            if found is not None:
                event = inbox.popleft()
                if isinstance(found, Halt):
                    fuel = go_on(vm, found)
                else:
                    out.events.append(event)
                    out.effects.append(found)
                    left -= 1
                continue
        if type(inbox[0]) is CallDone and not run.replaying:
            vm.left = left
            take_results(vm)
            left = vm.left
            if run.ready or not inbox or _ended(run):
                continue
        vm.left = left
        if type(inbox[0]) is Sent and not run.replaying:
            take_events(vm)
            left = vm.left
            if not inbox:
                continue
            if left <= 0:
                out.more = True
                break
        _take(vm, inbox.popleft())
        if vm.left != left:
            left = vm.left
            if left < _LEAST and inbox:
                out.more = True
                break
    if run.finished is not None:
        inbox.clear()
        out.finished = run.finished
        out.events.append(run.finished)
    return out


def _ended(run: Run) -> bool:
    return run.finished is not None


def _take(vm: Vm, event: Event) -> None:
    run = vm.run
    if run.replaying:
        check_step(vm, event)
    before = run.now
    if event.at > before:
        run.now = run.context.now_ms = event.at
    vm.ended = None
    applied = APPLY[type(event)](vm, event)
    if applied is not None:
        vm.out.events.append(applied)
        if run.machine is not None and run.machine.queue:
            choose(vm)
    else:
        run.now = run.context.now_ms = before


def _stops_next(run: Run) -> bool:
    """Whether what the event at hand leads to is interrupted, as the journal says."""
    inbox = run.inbox
    return run.replaying and len(inbox) > 1 and getattr(inbox[1], "stop", None) is not None


def _stopped(run: Run) -> bool:
    token = run.ready[-1]
    return run.stop is not None and run.stop == (token.path, token.turns)


def _interrupt(vm: Vm) -> None:
    """A cancel or a deadline does not wait for a pure region to end: take it at this loop head."""
    run = vm.run
    top = first_ready(run)
    if top is None:
        return
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


def execute(vm: Vm, left: int, fuel: int = PURE_WORK) -> int:
    """Run ready tokens in token-path order, each until it rests, or until ``left`` turns are spent.

    ``fuel``: the work that the first of them has left. One loop on purpose: a fan-out comes through
    here once per branch and once per completion.
    """
    run, program = vm.run, vm.program
    code, regions, entropy = program.code, program.regions, program.entropy
    ready, context, stop = run.ready, run.context, run.stop
    while ready:
        token = ready.pop()
        if token.state:
            if token.state == _BEGINNING:
                left = run_branches(vm, token, left)
                if ready and ready[-1] is token:
                    break
                continue
            if token.state != _STARTING:
                continue  # cancelled while it was ready
            left = start_calls(vm, token, left - _LEAST + 1) + _LEAST - 1
            if token.state == _STARTING:
                break
            continue
        if left < _LEAST or (stop is not None and stop == (token.path, token.turns)):
            ready.append(token)
            break
        left -= 1
        if token.child is not None:
            start_more(vm, token)
        context.fuel, fuel = fuel, PURE_WORK
        if entropy:
            if run.floor:
                skip_draws(run, token)
            context.path, context.draws = token.path, token.draws
        frame, pc = token.frame, token.pc
        while True:
            try:
                while True:
                    ins = code[pc]
                    op = ins[0]
                    if op == _PURE:
                        pc = ins[2][regions[ins[1]](frame, context)]
                    elif op == _JUMP:
                        pc = ins[1]
                    elif op == LOOPED:
                        token.pc = pc
                        left, pc = run_loops(vm, token, ins, left)
                        if pc < 0:
                            ready.append(token)
                            break
                    elif op == _LOOP:
                        left -= 1
                        if (left < 0 or stop is not None) and _yields(run, token, left):
                            token.pc = pc
                            ready.append(token)
                            break
                        token.turns += 2 - (token.turns & 1)
                        if token.turns > MOST_TURNS:
                            raise StepError("limit.work", "the loop has used up its turns")
                        # Work done since the last head counts too, sixteen units to a turn.
                        left -= PURE_WORK - context.fuel >> 4
                        context.fuel = PURE_WORK
                        pc = ins[2][regions[ins[1]](frame, context)]
                    else:
                        token.pc = pc
                        if not OPS[op](vm, token, ins):
                            break
                        pc = token.pc
                break
            except Exception as exc:
                token.pc = pc
                context.depth = 0
                raise_fault(vm, token, fault_of(program, token.pc, exc))
                if _rests(token):
                    break
                pc = token.pc
        left -= PURE_WORK - context.fuel >> 4
        if entropy:
            token.draws = context.draws
    return left


def _rests(token: Token) -> bool:
    return token.state != TokenState.READY


def _yields(run: Run, token: Token, left: int) -> bool:
    """Stop at this loop head? Not where the token was just woken: a stop must name one place."""
    return not token.turns & 1 and (left < 0 or run.stop == (token.path, token.turns))
