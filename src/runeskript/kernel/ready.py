"""What one call of ``advance`` hands back, and the bundle its parts work on."""

from __future__ import annotations

from bisect import insort
from typing import Any, Final

from ..model.effects import CallsOut, Effect
from ..model.events import Event, Finished
from ..model.run import Branches, Calls, Fork, Run, Token, TokenState
from .load import Program


class Ready:
    """The outcome of ``advance``, field by field what must happen in which order.

    ``events`` must be durable before any of ``effects`` leaves; both are in order. Only those whose
    positions are in ``ahead`` may leave before: calls of a group (``model/groups.py``). ``more``:
    the slice is used up, advance again after other runs had their turn. ``finished``: it ended.
    """

    __slots__ = ("ahead", "effects", "events", "finished", "more", "moved")

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.effects: list[Effect] = []
        self.ahead: list[int] = []
        self.more = False
        #: Whether a machine is in another state, or at its first.
        self.moved = False
        self.finished: Finished | None = None


class Vm:
    """One turn of the kernel: the program, the run it moves and what it has to say."""

    __slots__ = ("ahead", "batch", "ended", "fork", "left", "out", "pc", "program", "run")

    def __init__(self, program: Program, run: Run, out: Ready) -> None:
        self.program = program
        self.run = run
        self.out = out
        #: Turns that the slice has left while an event is applied; a batch may use them up.
        self.left = 0
        #: The batch that the next call may be a part of: from the same place in the same fork.
        self.batch: CallsOut | None = None
        self.fork: Fork | None = None
        self.pc = 0
        self.ahead = False
        #: The token whose call ends by the event at hand: its next one may leave ahead.
        self.ended: Token | None = None

    def effect(self, effect: Effect) -> None:
        """Ask the driver for something; it leaves after the commit."""
        self.out.effects.append(effect)

    def wake(self, token: Token) -> None:
        """Make a resting token ready, in token-path order."""
        if not token.state:
            return
        token.state = TokenState.READY
        token.turns = token.turns + 2 | 1
        self.queue(token)

    def queue(self, token: Token | Calls | Branches) -> None:
        """Put a ready token, or branches that are to begin, among the others, by their paths."""
        ready = self.run.ready
        if not ready or token.path < ready[-1].path:
            ready.append(token)
        else:
            insort(ready, token, key=_reverse)

    def goto(self, token: Token, pc: int) -> None:
        """Continue a token at an address, waking it where it rests."""
        token.pc = pc
        self.wake(token)


_READY: Final = (TokenState.READY, TokenState.STARTING, TokenState.BEGINNING)


def first_ready(run: Run) -> Token | Calls | Branches | None:
    """What goes on next; None where all tokens rest. Forgets those that were cancelled."""
    ready = run.ready
    while ready:
        top: Token | Calls | Branches = ready[-1]
        if top.state in _READY:
            return top
        ready.pop()
    return None


class _Reverse:
    """Sort key that turns the order of paths round: the ready stack pops the smallest."""

    __slots__ = ("path",)

    def __init__(self, path: tuple[int, ...]) -> None:
        self.path = path

    def __lt__(self, other: _Reverse) -> bool:
        return other.path < self.path


def _reverse(token: Token | Calls | Branches) -> Any:
    return _Reverse(token.path)
