"""What became of each step of a job, in numbers: from its journal and what its run asked for.

A step in a fork of many branches, or in a loop, has one row of numbers for all of them. What is
kept is one row a step, and a place for each wait that is under way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..kernel import Program
from ..kernel.numbering import tokens_of
from ..kernel.retelling import Stretch
from ..model.effects import (
    CallDrop,
    CallOut,
    CallsOut,
    ChildOut,
    Effect,
    ListenDrop,
    ListenSet,
    MessageOut,
    TimerDrop,
    TimerSet,
)
from ..model.events import (
    CallDone,
    CallFailed,
    CallPending,
    ChildDone,
    Event,
    Path,
    Retried,
    TimerFired,
)
from ..model.records import mutable, record
from ..model.run import Fork, Run, Token, TokenState


@record
class Counts:
    """How often a step stands where, and how often it came to what.

    ``pending``: branches of a fork that have not begun. ``retrying``: waits for its next attempt.
    ``retries``: further attempts in all. ``first``, ``last``: when something was first, and last,
    heard of the step, in milliseconds since 1970.
    """

    pending: int = 0
    running: int = 0
    waiting: int = 0
    retrying: int = 0
    done: int = 0
    failed: int = 0
    cancelled: int = 0
    retries: int = 0
    first: int | None = None
    last: int | None = None


@mutable
class _Row:
    """One step. ``out``: attempts that were let out; ``broke``: those that failed."""

    out: int = 0
    done: int = 0
    broke: int = 0
    retries: int = 0
    #: Retries that were waited for to the end.
    came: int = 0
    timed_out: int = 0
    cancelled: int = 0
    #: Where the run stands now.
    pending: int = 0
    calling: int = 0
    computing: int = 0
    aside: int = 0
    waiting: int = 0
    retrying: int = 0
    first: int | None = None
    last: int | None = None

    def counts(self) -> Counts:
        """The same for others."""
        gone = self.out - self.done - self.broke - self.calling - self.aside
        dropped = self.retries - self.came - self.retrying
        return Counts(
            pending=self.pending,
            running=self.calling + self.computing,
            waiting=self.aside + self.waiting,
            retrying=self.retrying,
            done=self.done,
            failed=self.broke - self.retries + self.timed_out,
            cancelled=gone + dropped + self.cancelled,
            retries=self.retries,
            first=self.first,
            last=self.last,
        )


class Tally:
    """Counts by step; ``begin``, then ``take`` for every stretch, then ``end``."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._rows: dict[str, _Row] = {}
        #: Waits that are under way: (step, whether for a message).
        self._waits: dict[tuple[Path, int], tuple[str, bool]] = {}
        #: Timers of attempts: (step, whether it is the next one).
        self._attempts: dict[tuple[Path, int], tuple[str, bool]] = {}
        #: Calls that somebody outside completes.
        self._pending: dict[Path, str] = {}

    def begin(self, run: Run) -> None:
        """A run whose first events are not there: what is under way there."""
        for token in tokens_of(run):
            step, key = self._program.step_at(token.pc), (token.path, token.timer or 0)
            if token.state == TokenState.WAITING and token.timer is not None:
                self._waits[key] = (step, key in run.listens)
            elif token.state == TokenState.RETRYING:
                self._row(step).retries += 1
                self._row(step).broke += 1
                self._row(step).out += 1
                self._attempts[key] = (step, True)
            elif token.state == TokenState.PENDING:
                self._pending[token.path] = step
                if token.timer is not None:
                    self._attempts[key] = (step, False)
            if token.state in (TokenState.CALLING, TokenState.PENDING, TokenState.CHILD):
                self._row(step).out += 1
            fork = token.child
            if isinstance(fork, Fork) and fork.calls is not None:
                self._row(self._called(fork)).out += sum(fork.calls.out)

    def take(self, stretch: Stretch) -> None:
        """One stretch of the journal. What begins in it stands before what ends in it."""
        events, effects = stretch
        at = events[0].at
        for effect in effects:
            self._begins(effect, at)
        for event in events:
            self._told(event)
        for effect in effects:
            self._drops(effect, at)

    def end(self, run: Run) -> dict[str, Counts]:
        """The numbers by step, of those that were heard of, now that the run stands so."""
        if run.finished is not None:
            for step, _ in self._waits.values():
                self._row(step).cancelled += 1
            self._waits.clear()
        else:
            for step, _ in self._waits.values():
                self._row(step).waiting += 1
            for token in tokens_of(run):
                self._stands(token)
        return {step: row.counts() for step, row in self._rows.items()}

    # --- what begins, what is told, what is dropped ----------------------------------------------
    def _row(self, step: str, at: int | None = None) -> _Row:
        row = self._rows.get(step)
        if row is None:
            row = self._rows[step] = _Row()
        if at is not None:
            row.first = at if row.first is None else min(row.first, at)
            row.last = at if row.last is None else max(row.last, at)
        return row

    def _begins(self, effect: Effect, at: int) -> None:
        kind = type(effect)
        one: Any = effect
        if kind is CallsOut:
            self._row(one.step, at).out += len(one.indexes)
        elif kind is CallOut:
            self._row(one.step, at).out += 1
        elif kind is ChildOut:
            row = self._row(one.step, at)
            row.out += 1
            row.done += one.detach
        elif kind is MessageOut:
            row = self._row(one.step, at)
            row.out += 1
            row.done += 1
        elif kind is ListenSet:
            self._row(one.step, at)
            self._waits[one.path, one.m] = (one.step, True)
        elif kind is TimerSet and one.kind == "wait":
            self._row(one.step, at)
            self._waits.setdefault((one.path, one.m), (one.step, False))
        elif kind is TimerSet and one.kind == "retry":
            self._row(one.step, at).retries += 1
            self._attempts[one.path, one.m] = (one.step, True)
        elif kind is TimerSet and one.kind == "timeout":
            self._attempts[one.path, one.m] = (one.step, False)

    def _told(self, event: Event) -> None:
        kind = type(event)
        one: Any = event
        if kind is CallDone:
            self._row(one.step, one.at).done += 1
            self._pending.pop(one.path, None)
        elif kind is CallFailed:
            self._row(one.step, one.at).broke += 1
            self._pending.pop(one.path, None)
        elif kind is ChildDone:
            row = self._row(one.step, one.at)
            if one.status == "Completed":
                row.done += 1
            else:
                row.broke += 1
        elif kind is CallPending:
            self._row(one.step, one.at)
            self._pending[one.path] = one.step
        elif kind is Retried:
            self._retried(one)
        elif kind is TimerFired:
            self._fired(one)

    def _retried(self, event: Retried) -> None:
        """What was taken back is not waited for any more, nor is what was pending beside it: each
        is let out anew.
        """
        self._pending.pop(event.path, None)
        for step in (event.step, *self._pending.values()):
            self._row(step, event.at).out -= 1
        self._pending.clear()

    def _fired(self, event: TimerFired) -> None:
        key = (event.path, event.m)
        wait = self._waits.pop(key, None)
        attempt = self._attempts.pop(key, None)
        if wait is not None:
            row = self._row(wait[0], event.at)
            if wait[1]:
                row.timed_out += 1
            else:
                row.out += 1
                row.done += 1
        elif attempt is not None:
            row = self._row(attempt[0], event.at)
            if attempt[1]:
                row.came += 1
            else:
                row.broke += 1
                self._pending.pop(event.path, None)

    def _drops(self, effect: Effect, at: int) -> None:
        kind = type(effect)
        one: Any = effect
        if kind is ListenDrop:
            wait = self._waits.pop((one.path, one.m), None)
            if wait is not None:
                row = self._row(wait[0], at)
                if one.consumed is None:
                    row.cancelled += 1
                else:
                    row.out += 1
                    row.done += 1
        elif kind is CallDrop:
            self._pending.pop(one.path, None)
        elif kind is TimerDrop:
            self._attempts.pop((one.path, one.m), None)
            known = self._waits.get((one.path, one.m))
            if known is not None and not known[1]:
                del self._waits[one.path, one.m]
                self._row(known[0], at).cancelled += 1

    # --- where the run stands --------------------------------------------------------------------
    def _stands(self, token: Token) -> None:
        row = self._row(self._program.step_at(token.pc))
        state, fork = token.state, token.child
        if state == TokenState.CALLING:
            row.calling += 1
        elif state in (TokenState.PENDING, TokenState.CHILD):
            row.aside += 1
        elif state == TokenState.RETRYING:
            row.retrying += 1
        elif state == TokenState.READY:
            row.computing += 1
        if isinstance(fork, Fork) and state == TokenState.JOINING:
            out = 0 if fork.calls is None else sum(fork.calls.out)
            row.computing += len(fork.live) + out
            row.pending += max(fork.virtual - out, 0)
            if fork.items is not None:
                row.pending += fork.total - fork.next
            if out:
                self._row(self._called(fork)).calling += out

    def _called(self, fork: Fork) -> str:
        """The step of the one call in the body of a FORKCALL."""
        return self._program.step_at(self._program.bodies[fork.bodies[0]].entry)


def total(counts: Iterable[Counts]) -> Counts:
    """The numbers of several steps together."""
    rows = list(counts)
    times = [one.first for one in rows if one.first is not None]
    lasts = [one.last for one in rows if one.last is not None]
    names = ("pending", "running", "waiting", "retrying", "done", "failed", "cancelled", "retries")
    sums = {name: sum(getattr(one, name) for one in rows) for name in names}
    return Counts(**sums, first=min(times, default=None), last=max(lasts, default=None))
