"""Going on with a run where its journal ends.

A run is rebuilt from a snapshot and the events behind it, or from all its events. What it then
still waits for it says again: its calls from the run itself, since their parameters are computed
anew, to the same; timers and listeners as they were set, for whoever did not keep them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import StepError
from ..model.effects import CallsOut, ChildOut, Effect, ListenSet, TimerSet
from ..model.events import CallFailed, Event, Path
from ..model.isa import Op
from ..model.limits import PURE_WORK
from ..model.run import Calls, Run, TokenState
from ..model.values import Value
from .dispatch import dispatch_again, milliseconds
from .load import Program
from .ready import Ready, Vm
from .replay import replay_onto


class Resumed:
    """A run that stands where its journal ends.

    ``timers`` and ``listens``: those that were set since the snapshot and still are, by (path, m);
    ``children``: those that were created since and are still waited for, by path.
    """

    __slots__ = ("children", "listens", "run", "said", "timers")

    def __init__(self, run: Run, effects: Sequence[Effect], said: list[Event]) -> None:
        self.run = run
        #: What its machine says behind the end of the journal.
        self.said = said
        self.timers: dict[tuple[Path, int], TimerSet] = {}
        self.listens: dict[tuple[Path, int], ListenSet] = {}
        self.children: dict[Path, ChildOut] = {}
        for effect in effects:
            if type(effect) is ChildOut:
                token = run.calls.get(effect.path)
                if token is not None and token.child == effect.id:
                    self.children[effect.path] = effect
            elif type(effect) is TimerSet and (effect.path, effect.m) in run.timers:
                self.timers[effect.path, effect.m] = effect
            elif type(effect) is ListenSet and (effect.path, effect.m) in run.listens:
                self.listens[effect.path, effect.m] = effect


def resume(
    program: Program, events: Sequence[Event], run: Run | None = None, *, rest: bool = True
) -> Resumed:
    """The run behind ``events``, which begin where ``run`` (from a snapshot) stands, or at the
    start.

    ``rest``: move it until all its tokens rest, which is where it stood when its last unit was
    written; else it may stand in the middle of a loop. Raises ReplayMismatchError.
    """
    effects: list[Effect] = []
    said: list[Event] = []
    state = replay_onto(program, run, events, effects, rest=rest, said=said)
    return Resumed(state, effects, said)


def outstanding(
    program: Program, run: Run, at: int, fresh: Path | bool = False, *, placed: bool = False
) -> tuple[list[Effect], list[CallFailed]]:
    """The calls that are under way, to be made again, in the order of their paths; and what becomes
    at ``at`` of those that must not be (``on_crash: fail``).

    ``fresh``: the token whose call cannot have begun; True: none of them can. ``placed``: calls on
    queues are under way elsewhere, and what becomes of them is told from there.
    """
    vm = Vm(program, run, Ready())
    lost: list[CallFailed] = []
    for path in sorted(run.calls):
        token = run.calls[path]
        if token.state != TokenState.CALLING:
            continue
        ins = program.code[token.pc]
        if _fails(ins, placed) and fresh is not True and path != fresh:
            lost.append(_interrupted(at, path, token.n, ins[6], token.attempt))
            continue
        try:
            dispatch_again(vm, token)
        except StepError as exc:  # by a limit that was higher before
            lost.append(_failed(at, path, token.n, ins[6], token.attempt, exc.type, exc.message))
    for prefix in sorted(run.forks):
        calls = run.forks[prefix].calls
        if calls is not None and any(calls.out):
            _again(vm, calls, at, lost, fresh is True, placed)
    return vm.out.effects, lost


def _fails(ins: Any, placed: bool) -> bool:
    if ins[0] != Op.CALL or ins[4] is None or (placed and ins[4].queue is not None):
        return False
    fails: bool = ins[4].on_crash == "fail"
    return fails


def _interrupted(at: int, path: Path, n: int, step: str, attempt: int) -> CallFailed:
    text = "the process ended while the call was under way; it may have had its effect"
    return _failed(at, path, n, step, attempt, "interrupted", text)


def _failed(
    at: int, path: Path, n: int, step: str, attempt: int, type_: str, message: str
) -> CallFailed:
    error: dict[str, Value] = {
        "type": type_,
        "message": message,
        "data": None,
        "retryable": False,
    }
    return CallFailed(at, path, n, step, attempt, error)


def _again(
    vm: Vm, calls: Calls, at: int, lost: list[CallFailed], fresh: bool, placed: bool
) -> None:
    """The calls of branches that are no tokens."""
    program, fork, context = vm.program, calls.fork, vm.run.context
    body = program.bodies[fork.bodies[0]]
    ins = program.code[body.entry]
    _, name, with_, _, policy, _, step, _ = ins
    indexes = tuple(index for index, out in enumerate(calls.out) if out)
    if _fails(ins, placed) and not fresh:
        lost += [_interrupted(at, (*calls.prefix, index), 1, step, 1) for index in indexes]
        return
    timeout = None if policy is None else policy.timeout
    params: list[Any] = []
    timeouts: list[int] = []
    frame: list[Any] = [] if fork.base is None else fork.base.copy()
    for index in indexes:
        if body.item is not None:
            frame[body.item] = (fork.items or [])[index]
        if body.index is not None:
            frame[body.index] = index
        context.fuel = PURE_WORK
        if with_ is not None:
            params.append(program.exprs[with_](frame, context))
        if timeout is not None:
            timeouts.append(milliseconds(program.exprs[timeout](frame, context)))
    vm.effect(
        CallsOut(
            calls.prefix,
            1,
            step,
            name,
            indexes,
            None if with_ is None else params,
            None if timeout is None else timeouts,
            None if policy is None else policy.queue,
        )
    )
