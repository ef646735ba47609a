"""A job in memory: its run, what arrived for it, and what it has outside the kernel."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from ..errors import StoreError
from ..kernel import Program, Ready
from ..model.batches import size, within
from ..model.effects import CallOut, Effect
from ..model.events import GRACE_ALL, GRACE_ASKED, CallsDone, Event, Path
from ..model.limits import BATCH_BYTES, BATCH_EVENTS
from ..model.run import Run, TokenState
from ..model.values import Value
from ..stores.base import JobRow, ParentRef
from .executors.base import Call, Lane
from .narrate import Narrator
from .queued import origin_of, restored
from .timers import Timer
from .watch import Watch


class GivenBackError(StoreError):
    """The job was given back to the store: it waits there, or stands still."""


class Gathered:
    """Results of one fork's calls that arrived in a row: a batch that still grows."""

    __slots__ = ("indexes", "n", "path", "results", "size", "step")

    def __init__(self, path: Path, n: int, step: str) -> None:
        self.path = path
        self.n = n
        self.step = step
        self.indexes: list[int] = []
        self.results: list[Value] = []
        #: Upper bound of the bytes of the results that are no scalars.
        self.size = 0


class Live:
    """One live job. The driver alone changes it."""

    __slots__ = (
        "ahead",
        "arrivals",
        "busy",
        "called",
        "calls",
        "dropped",
        "ended",
        "fired",
        "gathered",
        "held",
        "held_until",
        "id",
        "inbox",
        "later",
        "lined",
        "mail",
        "narrator",
        "part",
        "pausing",
        "place",
        "placed",
        "program",
        "queued",
        "ready",
        "row",
        "run",
        "scheduled",
        "seq",
        "slots",
        "started",
        "tail",
        "timers",
        "turns",
        "urgent",
        "waiters",
        "watches",
        "written",
    )

    def __init__(self, row: JobRow, program: Program, run: Run) -> None:
        self.id = row.id
        self.row = row
        #: Whose call it makes, where it is the job of one.
        self.called = origin_of(row)
        self.program = program
        self.run = run
        #: Events that wait for the next tick, and those that came from rows of the store's inbox
        #: with the rows' numbers, until a unit has used them up. The former are as many as the run
        #: has calls, timers and children under way, and as there are of the latter, of which
        #: ``Inboxes`` lets in so many.
        self.inbox: list[Event] = []
        self.arrivals: list[tuple[Event | None, int]] = []
        #: Calls to be made anew once what may make them needless was taken.
        self.later: list[Effect] = []
        #: Number of the last row of the store's inbox that was taken, and those of later ones that
        #: were, because they could not wait.
        self.mail = 0
        self.ahead: set[int] = set()
        #: Stands behind the inbox; closed as soon as anything else arrives or the tick begins.
        self.gathered: Gathered | None = None
        #: Whether the last slice was used up before the run rested, and what may interrupt it now.
        self.busy = False
        self.urgent: list[Event] = []
        #: What the last slice came to, where that is not prepared yet.
        self.ready: Ready | None = None
        #: Whether it stands in the driver's list of runs to advance.
        self.scheduled = False
        self.started = False
        self.ended = False
        #: What was done since the last commit, which waits for the group of calls to go on, and
        #: until when it waits at most (``monotonic``).
        self.held: Ready | None = None
        self.held_until = 0.0
        #: Length of the journal, and how many units there were behind it without events.
        self.seq = 0
        self.part = 0
        #: Number of the inbox row that asked for a pause, until the job stands still; or 0.
        self.pausing = 0
        #: Units since the run was written down, and how many bytes it took.
        self.tail = 0
        self.written = 0
        #: Loop turns of the next slice; adapts to what this run costs.
        self.turns = 0
        self.queued = 0
        self.dropped: set[tuple[Path, int]] = set()
        self.calls: dict[tuple[Path, int], Call] = {}
        #: Limited calls: those that hold slots or stand in line, and of these the ones in line.
        self.slots: set[tuple[Path, int]] = set()
        self.lined: dict[tuple[Path, int], CallOut] = {}
        #: Calls on queues that are under way, and their jobs.
        self.placed: dict[tuple[Path, int], str] = {}
        self.timers: dict[tuple[Path, int], Timer] = {}
        #: Timers that have fired and are still in the store, until a unit takes their events.
        self.fired: set[tuple[Path, int]] = set()
        #: Who awaits the end, and who watches the events.
        self.waiters: list[asyncio.Future[JobRow]] = []
        self.watches: list[Watch] = []
        self.narrator: Narrator | None = None
        #: Whether whoever submits the next job waits for its end (of children nobody does).
        self.place = False

    @property
    def parent(self) -> ParentRef | None:
        """The step that waits for this job, if one does."""
        return self.row.parent

    def gather(self, path: Path, n: int, step: str, index: int, result: Value, at: int) -> None:
        """Call ``n`` of branch ``index`` of a fork succeeded: add it to the batch."""
        more = 0 if result is None else size(result)
        found = self.gathered
        if (
            found is None
            or found.path != path
            or found.n != n
            or found.step != step
            or len(found.indexes) >= BATCH_EVENTS
            or found.size + more > BATCH_BYTES
        ):
            self.close_batch(at)
            found = self.gathered = Gathered(path, n, step)
        found.indexes.append(index)
        found.results.append(result)
        found.size += more

    def close_batch(self, at: int) -> None:
        """What was gathered becomes an event."""
        found, self.gathered = self.gathered, None
        if found is not None:
            indexes = tuple(found.indexes)
            event = CallsDone(at, found.path, found.n, found.step, indexes, found.results)
            self.inbox.append(event)

    def batch(self, at: int) -> list[Event]:
        """The events of the next slice.

        What is left of an earlier slice comes first: until the run rests it takes only what may
        interrupt it. A completion takes a turn at least, so no more than ``turns`` are of use.
        """
        if self.gathered is not None:
            self.close_batch(at)
        if self.busy:
            events, self.urgent = self.urgent, []
        elif len(self.inbox) <= self.turns // BATCH_EVENTS:
            events, self.inbox = self.inbox, []
        else:
            number = within(self.inbox, self.turns)
            events = self.inbox[:number]
            del self.inbox[:number]
        return events

    def tell(
        self,
        kind: str,
        at: int,
        step: str | None,
        path: Path,
        data: dict[str, Any],
        after: int | None = None,
    ) -> None:
        """Tell the watchers something that is not journaled.

        It stands before journal position ``after`` (None: behind all there is).
        """
        position = self.seq if after is None else after
        for watch in self.watches:
            watch.tell(position, kind, at, step, path, data)

    def tell_end(self) -> None:
        """Give the row, which is final now, to whoever awaits it."""
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(self.row)

    def fail(self, exc: Exception) -> None:
        """Give whoever awaits the end the reason why there will be none."""
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_exception(exc)
                waiter.exception()  # whoever still awaits it gets it; nobody has to


def quiet(live: Live) -> bool:
    """Whether nobody watches a job, and nothing but its calls is to be done for it."""
    return (
        live.started
        and not (live.ended or live.watches or live.pausing or live.later or live.arrivals)
        and not (live.slots or live.fired)
        and live.narrator is None
    )


def one_more(live: Live, ready: Ready, lanes: Mapping[str, Lane]) -> bool:
    """Whether a turn took one event and leads to one call, and there is nothing else to it.

    ``lanes``: those of the handlers that were called before.
    """
    effects, events = ready.effects, ready.events
    return (
        len(effects) == 1
        and len(events) == 1
        and type(effects[0]) is CallOut
        and effects[0].queue is None
        and effects[0].handler in lanes
        and not lanes[effects[0].handler].limits
        and type(events[0]) is not CallsDone
        and not ready.more
        and ready.finished is None
        and live.held is None
        and quiet(live)
    )


def waits(live: Live) -> bool:
    """Whether nothing of a job is under way here: it waits for timers, messages, children and calls
    on queues alone.
    """
    if live.busy or live.scheduled or live.inbox or live.gathered is not None:
        return False
    run = live.run
    if live.calls or live.queued or run.ready:
        return False
    placed = live.placed
    for prefix, fork in run.forks.items():
        if fork.calls is not None:
            under_way = (index for index, out in enumerate(fork.calls.out) if out)
            if not all(((*prefix, index), 1) in placed for index in under_way):
                return False
    rests = (TokenState.CHILD, TokenState.PENDING)
    return all(
        token.state in rests or (path, token.n) in placed for path, token in run.calls.items()
    )


def wanted(effect: Effect, live: Live) -> bool:
    """Whether a call is still waited for, and was not dropped before it began."""
    if not isinstance(effect, CallOut):
        return False
    path, run = effect.path, live.run
    token = run.calls.get(path)
    if token is None:  # a branch that is none?
        fork = run.forks.get(path[:-1])
        return fork is not None and fork.calls is not None and bool(fork.calls.out[path[-1]])
    return (
        token.state == TokenState.CALLING
        and (token.n, token.attempt) == (effect.n, effect.attempt)
        and (path, effect.n) not in live.dropped
    )


def own_calls(live: Live, effects: list[Effect]) -> list[Effect]:
    """The effects of a run; where it is that of a call on a queue, with the parameters as whoever
    made the call wrote them.
    """
    if live.called is None:
        return effects
    return [restored(one, live.row) if isinstance(one, CallOut) else one for one in effects]


def force_is_due(live: Live, now: int) -> bool:
    """Whether the grace time of a cancel is over at ``now``, and the run has not taken that yet.

    Until it has, no call of before a crash is made anew: it might have its effect once more, only
    to be given up, and nobody would undo it.
    """
    for m in (GRACE_ASKED, GRACE_ALL):
        key = ((), m)
        if key in live.run.timers:
            timer = live.timers.get(key)
            if key in live.fired or (timer is not None and timer.due <= now):
                return True
    return False
