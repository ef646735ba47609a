"""What a token holds on to, and how it lets go: scopes, deadlines, waits, undo entries."""

from __future__ import annotations

from ..model.effects import ChildDrop, ListenDrop, TimerDrop
from ..model.events import GRACE_ALL
from ..model.run import Scope, Token, UndoEntry
from .ready import Vm


def drop_scopes(vm: Vm, token: Token, depth: int) -> None:
    """Pop scopes until ``depth`` are left, forgetting their deadlines."""
    scopes = token.scopes
    while scopes and len(scopes) > depth:
        close_scope(vm, token, scopes.pop())


def close_scope(vm: Vm, token: Token, scope: Scope) -> None:
    """Forget the deadline of a scope that has been popped."""
    if scope.timer is None:
        return
    if vm.run.timers.pop((token.path, scope.timer), None) is not None:
        vm.effect(TimerDrop(token.path, scope.timer))


def shielded(token: Token, scope: int, depth: int | None = None) -> bool:
    """Whether a shield stands between the token and the scope index a cancel unwinds to."""
    scopes = token.scopes
    if not scopes:
        return False
    return any(s.shield for s in scopes[scope + 1 : depth])


def drop_wait(vm: Vm, token: Token, consumed: str | None = None) -> None:
    """Forget the timer and the listener a token rests on."""
    if token.timer is None:
        return
    key = (token.path, token.timer)
    if vm.run.timers.pop(key, None) is not None:
        vm.effect(TimerDrop(*key))
    if vm.run.listens.pop(key, None) is not None:
        vm.effect(ListenDrop(token.path, token.timer, consumed))
    token.timer = None


def drop_child(vm: Vm, token: Token) -> None:
    """Ask the child job to stop that a token waits for; where the run's cancel has grace times, it
    has what is left of them.
    """
    run = vm.run
    if not run.graces:
        vm.effect(ChildDrop(token.path, token.n, token.child))
    for m, due in sorted(run.graces.items(), reverse=True):
        left = max(due - run.now, 0)
        vm.effect(ChildDrop(token.path, token.n, token.child, left, m == GRACE_ALL))


def take_undos(token: Token, height: int) -> list[UndoEntry]:
    """Remove the entries registered since ``height`` from a token's undo list."""
    if not token.undo or len(token.undo) <= height:
        return []
    entries = token.undo[height:]
    del token.undo[height:]
    return entries
