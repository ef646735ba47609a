"""FORKPURE: branches that only compute run one after the other in one function, and are no tokens.

What such a fork does is by definition what its branches would do as tokens. It costs less because a
branch that ends is never made one: it is a turn of a generated loop (``expr/branches.py``). A
branch that does not end there, because it fails or outlasts the slice, is begun anew as a token; it
has done nothing that could be seen. So errors, catches and interrupts are those of tokens.
"""

from __future__ import annotations

from operator import length_hint
from typing import TYPE_CHECKING, Any, Final

from ..errors import StepError
from ..expr.turns import SPENT, allow
from ..model.limits import PURE_WORK
from ..model.run import Branches, Fork, TokenState
from ..model.values import UNSET
from .branches import branch_of
from .control import count_end
from .ready import Vm

if TYPE_CHECKING:
    from ..expr.branches import BranchLoop

#: What a token needs to begin with: its waking, and the loop head behind it. At that head it cannot
#: be stopped, since the place has its name from the waking.
LEAST: Final = 2
_BEGINNING: Final = TokenState.BEGINNING


def begin_branches(vm: Vm, fork: Fork) -> None:
    """Have the branches run when it is their turn."""
    if fork.total >= fork.need and fork.total:
        fork.next = fork.virtual = fork.total
        fork.pure = Branches(fork)
        vm.queue(fork.pure)


def run_branches(vm: Vm, branches: Branches, left: int) -> int:
    """Run branches until the slice is used up, one has to be a token, or the fork is decided.

    ``branches`` are not among the ready tokens; they are again, if any are left that may begin.
    """
    fork, program, stop = branches.fork, vm.program, vm.run.stop
    while branches.state == _BEGINNING:
        if left < LEAST or (stop is not None and stop == (branches.path, 1)):
            vm.queue(branches)
            break
        body = fork.bodies[0 if fork.items is not None else branches.at]
        number = _together(vm, branches)
        function = None if branches.single or not number else program.branch_loop(body)
        if function is not None:
            number = min(number, (left - LEAST + 1) * function.per_turn)
            ended, left = _run(vm, branches, function, number, left)
            if ended:
                continue
        if branches.state == _BEGINNING:
            _become_token(vm, branches)
        break
    return left


def _together(vm: Vm, branches: Branches) -> int:
    """How many branches may run in one go; 0 where a journal says to stop inside the next one."""
    fork, at = branches.fork, branches.at
    number = fork.total - at if fork.items is not None else 1
    if fork.need:
        number = min(number, fork.need - len(fork.wins))
    stop = vm.run.stop
    if stop is not None:
        size = len(branches.prefix)
        if stop[0][:size] == branches.prefix and len(stop[0]) > size and stop[0][size] >= at:
            number = min(number, stop[0][size] - at)
    return number


def _run(
    vm: Vm, branches: Branches, function: BranchLoop, number: int, left: int
) -> tuple[bool, int]:
    """Run up to ``number`` branches; whether it ended before one that has to be a token, and what
    is left of the slice."""
    fork, program, context, first = branches.fork, vm.program, vm.run.context, branches.at
    elements: Any = (None,)
    if fork.items is None:
        frame = program.frame(fork.bodies[first], fork.owner.frame)
    else:
        if fork.base is None:
            fork.base = program.frame(fork.bodies[0], fork.owner.frame)
        frame, elements = fork.base, fork.items
        if number < fork.total:
            elements = elements[first : first + number]
    results: list[Any] = []
    outs: list[Any] = []
    context.fuel = PURE_WORK
    allow(context, left)
    try:
        spent = function(frame, context, elements, first, results, outs) == SPENT
        failed = False
    except StepError:
        context.depth = 0
        spent, failed = False, True
    done = len(results)
    left = length_hint(context.budget) - (PURE_WORK - context.fuel >> 4)
    left -= -(-done // function.per_turn)
    if done:
        _ended(vm, branches, results, outs, function.yields)
    elif spent:
        branches.single = True  # one took all that was left; so may the others
    return not failed and (done > 0 or not spent), left


def _ended(vm: Vm, branches: Branches, results: list[Any], outs: list[Any], yields: bool) -> None:
    """Branches reached their end, in order: what ``control.arrive`` does for one."""
    fork, first, done = branches.fork, branches.at, len(results)
    indexes = range(first, first + done)
    branches.at += done
    fork.virtual -= done
    fork.wins.extend(indexes)
    if yields and len(branches.yields) == first:
        branches.yields = branches.yields + results if first else results
    else:
        pairs = zip(indexes, results, strict=True)
        fork.results.update([pair for pair in pairs if pair[1] is not UNSET])
    if outs:
        fork.outs = fork.outs or {}
        fork.outs.update(zip(indexes, outs, strict=True))
    if branches.at == fork.total:
        branches.state = TokenState.DONE
    if fork.need or not fork.under_way:
        count_end(vm, fork)


def _become_token(vm: Vm, branches: Branches) -> None:
    """The next branch is a token; the others wait behind it."""
    fork = branches.fork
    token = branch_of(vm, fork, branches.at)
    branches.at += 1
    fork.virtual -= 1
    fork.live[token.index] = token
    if branches.at < fork.total:
        vm.queue(branches)
    else:
        branches.state = TokenState.DONE
    vm.queue(token)
