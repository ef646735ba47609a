"""Cancel by force: what does not end in its grace time is given up.

A cancel waits for what it has asked to stop: calls whose undo depends on how they end, and child
jobs; and it lets ``finally`` blocks and undos run. A grace time bounds the first of these, or all
of it. What is given up counts as not done: a call's undo is not registered, since nobody knows what
it would have to undo, and the call is named among the errors of the cancel.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..model import limits
from ..model.effects import CallDrop, ChildDrop, LogOut, TimerDrop, TimerSet
from ..model.events import GRACE_ALL, GRACE_ASKED, Path
from ..model.faults import ABANDONED, Fault
from ..model.run import Fork, Run, Token, TokenState
from .branches import calling_token
from .calls import go_on_cancelling
from .control import raise_fault
from .ready import Vm
from .scopes import drop_wait

_STATES = TokenState
#: What a token can be made to leave, and what it was.
_RESTS = {
    _STATES.CALLING: "the call",
    _STATES.PENDING: "the pending call",
    _STATES.CHILD: "the child job",
    _STATES.RETRYING: "the wait for the next attempt",
    _STATES.WAITING: "the wait",
}


def is_cancelled(root: Token) -> bool:
    """Whether the run was cancelled, and its main flow has not come to its end.

    Both may be set: in a ``finally`` the cancel is deferred, and a block in it may have timed out.
    """
    return any(
        fault is not None and fault.type == "cancel" and fault.scope < 0
        for fault in (root.cancelling, root.deferred)
    )


def give_grace(vm: Vm, grace: int, *, everything: bool) -> bool:
    """Bound what a cancel waits for from now on; False where it waits for nothing.

    The latest word counts, sooner or later than the one before; and a time for everything is one
    for what was asked to stop, too, so it prolongs that one's.
    """
    run = vm.run
    if run.root is None or run.finished is not None:
        return False
    ending = None if run.ending is None else run.ending[0]
    if not is_cancelled(run.root) and ending != "Cancelled" and not (everything and ending):
        return False
    m = GRACE_ALL if everything else GRACE_ASKED
    due = min(run.now + max(grace, 0), limits.INT_MAX)
    if everything and run.graces.get(GRACE_ASKED, due) < due:
        _drop_grace(vm, run.root, GRACE_ASKED)
    _drop_grace(vm, run.root, m)
    key = (run.root.path, m)
    run.timers[key], run.graces[m] = (run.root, None), due
    vm.effect(TimerSet(*key, "", due, "grace"))
    for path in sorted(run.calls):
        token = run.calls[path]
        if token.state == _STATES.CHILD and token.cancelling is not None:
            vm.effect(ChildDrop(token.path, token.n, token.child, grace, everything))
    return True


def _drop_grace(vm: Vm, root: Token, m: int) -> None:
    """Forget a grace time, if it runs."""
    vm.run.graces.pop(m, None)
    if vm.run.timers.pop((root.path, m), None) is not None:
        vm.effect(TimerDrop(root.path, m))


def force(vm: Vm, m: int) -> None:
    """The grace time is over: give up what was asked to stop, or (GRACE_ALL) all that is awaited.

    All tokens rest. What follows from it (a ``finally`` block, an undo) is not given up with it.
    """
    everything = m == GRACE_ALL
    for token in sorted(_resting(vm, everything), key=lambda one: one.path):
        if token.state == _STATES.CHILD and not everything:
            continue  # it was told the same, and comes to its end
        if token.state in _RESTS and (everything or token.cancelling is not None):
            _give_up(vm, token)


def _resting(vm: Vm, everything: bool) -> list[Token]:
    """The tokens that wait for something, each once."""
    run = vm.run
    if everything:
        _take_apart(vm)
    found = {id(token): token for token in _waiting(run)}
    return list(found.values())


def _waiting(run: Run) -> Iterator[Token]:
    yield from run.calls.values()
    yield from run.listens.values()
    for (_, m), (token, scope) in run.timers.items():
        if scope is None and m > 0:
            yield token


def _take_apart(vm: Vm) -> None:
    """Make tokens of the branches of FORKCALLs whose calls are out."""
    for prefix in sorted(vm.run.forks):
        fork = vm.run.forks[prefix]
        if fork.calls is not None:
            for index in [i for i, out in enumerate(fork.calls.out) if out]:
                calling_token(vm, fork, index)


def stopping(run: Run, path: Path, n: int) -> Token | None:
    """The token of a call that was asked to stop, and is awaited for its undo; None where there is
    none any more.
    """
    token = run.calls.get(path)
    if token is None or token.n != n or token.state != _STATES.CALLING or token.cancelling is None:
        return None
    return token


def all_stopping(run: Run) -> list[tuple[Path, int]]:
    """Path and n of all such calls."""
    known = [(path, token.n) for path, token in sorted(run.calls.items())]
    return [key for key in known if stopping(run, *key)]


def by_deadline(run: Run, token: Token) -> bool:
    """Whether a token is cancelled because a deadline has passed, that of a block around it; not
    where a cancel of the whole run says how long that may take.
    """
    one: Token | None = token
    while one is not None and one.cancelling is not None and not run.graces:
        if one.cancelling.type == "cancel" and one.cancelling.scope >= 0:
            return True
        one = one.fork.owner if isinstance(one.fork, Fork) else None
    return False


def abandoned(vm: Vm, token: Token, error: Mapping[str, Any]) -> None:
    """A call that was asked to stop has ended; where it was given up, it is named by the cancel."""
    stopped = token.cancelling
    if stopped is not None and error.get("type") == ABANDONED:
        step = vm.program.step_at(token.pc)
        text = str(error.get("message") or "")
        vm.effect(LogOut(step, "warning", f"step {step}: {text}"))
        fault = Fault(ABANDONED, text, step, token.attempt)
        token.cancelling = stopped.with_list("others", [fault.public()])
    go_on_cancelling(vm, token)


def _give_up(vm: Vm, token: Token) -> None:
    """End what a token waits for, and go on: with the cancel, or out of the block it is in."""
    run, step = vm.run, vm.program.step_at(token.pc)
    what = _RESTS[token.state]
    if token.state in (_STATES.CALLING, _STATES.PENDING, _STATES.CHILD):
        del run.calls[token.path]
    if token.state == _STATES.CALLING:
        vm.effect(CallDrop(token.path, token.n, step, token.attempt))
    elif token.state == _STATES.CHILD:
        if token.cancelling is None:  # else it was told by when (``drop_child``), and forces itself
            vm.effect(ChildDrop(token.path, token.n, token.child, 0, True))
        token.child = None
    drop_wait(vm, token)
    text = f"{what} did not end in the grace time of the cancel, and was given up"
    vm.effect(LogOut(step, "warning", f"step {step}: {text}"))
    fault = Fault(ABANDONED, text, step, token.attempt)
    stopped = token.cancelling
    if stopped is not None and stopped.type == "cancel":
        token.cancelling = stopped.with_list("others", [fault.public()])
        go_on_cancelling(vm, token)
    else:
        token.cancelling = None
        raise_fault(vm, token, fault)
