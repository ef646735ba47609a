"""Stepping through a journal: the run as it stood behind each of its events, forward and back.

Nothing leaves, and no handler is needed: what handlers answered is in the journal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..errors import ReplayMismatchError, RuneskriptError
from ..model.batches import unfold_events
from ..model.events import Event, Path, Retried
from ..model.rows import NamedTuple
from ..model.run import Fork, Run, Token, TokenState
from ..model.values import UNSET, Value
from .load import Program
from .numbering import tokens_of
from .replay import replay_onto
from .vm import new_run

#: What a token is doing, in words.
STATES: Final[dict[int, str]] = {
    TokenState.READY: "computes",
    TokenState.CALLING: "calls",
    TokenState.RETRYING: "waits to try again",
    TokenState.WAITING: "waits",
    TokenState.JOINING: "waits for its branches",
    TokenState.CHILD: "waits for its child job",
    TokenState.COMPENSATING: "waits for undos",
    TokenState.DONE: "has ended",
    TokenState.PENDING: "waits to be completed from outside",
}
#: Characters of an error that are kept: a journal's values may be large.
MESSAGE: Final = 500


class Standing(NamedTuple):
    """Where a token stands. ``branches``: of its fork, those that call and are no tokens.

    ``variables``: those that are set, by name; what only the compiler knows of is left out.
    """

    path: Path
    step: str
    state: str
    variables: dict[str, Value]
    branches: int


class Stepper:
    """A run at one position of its journal. Position ``n`` is behind the first ``n`` events."""

    def __init__(self, program: Program, journal: Sequence[Event]) -> None:
        self.program = program
        self.events: list[Event] = list(unfold_events(journal))
        self.position = 0
        self.run: Run = new_run(program)
        #: What the run's machine has said already, and the position is not behind yet.
        self._said: list[Event] = []

    def __len__(self) -> int:
        return len(self.events)

    def seek(self, position: int) -> None:
        """Go to a position; one past either end is that end.

        Back means from the start again, which costs as much as going there forward. Raises
        ReplayMismatchError where the journal is not what the program does; then the stepper is at
        the start.
        """
        position = min(max(position, 0), len(self.events))
        ahead = self.events[self.position : position]
        if position < self.position or any(map(_goes_back, ahead)):
            self._rewind()
            ahead = self.events[:position]
        if not ahead:
            return
        try:
            self._play(ahead)
        except Exception as exc:
            self._rewind()
            if isinstance(exc, RuneskriptError):
                raise ReplayMismatchError(_clipped(exc.message)) from exc
            # A journal that nobody vouches for can hold what no kernel wrote.
            text = f"the journal does not fit its Blueprint: {type(exc).__name__}: {exc}"
            raise ReplayMismatchError(_clipped(text)) from exc
        self.position = position

    def _rewind(self) -> None:
        self.position, self.run, self._said = 0, new_run(self.program), []

    def _play(self, ahead: list[Event]) -> None:
        """Go over the next events."""
        known = self._said[: len(ahead)]
        if ahead[: len(known)] != known:
            raise ReplayMismatchError(f"replay gives {known!r}, the journal has {ahead!r}")
        ahead, self._said = ahead[len(known) :], self._said[len(known) :]
        end = self.run.finished
        if not ahead:
            return
        if end is None:
            run = None if self.position == 0 else self.run
            self.run = replay_onto(self.program, run, ahead, [], rest=False, said=self._said)
        elif ahead != [end]:  # it has ended already: the last record only says so
            raise ReplayMismatchError(f"the run has ended, and the journal goes on with {ahead!r}")

    def standing(self) -> list[Standing]:
        """Where the tokens stand, by path; none before the start and behind the end."""
        if self.run.root is None or self.run.finished is not None:
            return []
        tokens = sorted(tokens_of(self.run), key=_path)
        return [standing_of(self.program, token) for token in tokens]


def standing_of(program: Program, token: Token) -> Standing:
    """Where a token stands; its variables are the run's own."""
    fork = token.child
    calls = fork.calls if isinstance(fork, Fork) else None
    branches = 0 if calls is None else sum(calls.out)
    variables, state = variables_of(program, token), STATES[token.state]
    return Standing(token.path, program.step_at(token.pc), state, variables, branches)


def variables_of(program: Program, token: Token) -> dict[str, Value]:
    """The variables of a token that are set, by name: those that the compiled skript keeps."""
    names = program.blueprint.debug.slot_names
    known = names[token.body] if token.body < len(names) else ()
    return {
        name: value
        for name, value in zip(known, token.frame, strict=False)
        if value is not UNSET and name and not name.startswith("$")
    }


def _goes_back(event: Event) -> bool:
    """Whether an event is about a place that the run is past by now: one in the middle of a loop,
    or where an operator's retry begins.
    """
    return type(event) is Retried or getattr(event, "stop", None) is not None


def _clipped(text: str) -> str:
    return text if len(text) <= MESSAGE else text[: MESSAGE - 3] + "..."


def _path(token: Token) -> Path:
    return token.path
