"""What the executors share: a call under way, a handler's lane, and what they need of the driver.

A *ticket* (job, effect, lane) stands in a queue until it starts; then it is a :class:`Call`. A call
is *settled* once its outcome is decided: it ended, timed out, or is no longer wanted. What a
handler does after that is ignored, but its slot is held until it ends.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from ...errors import NotAValueError
from ...model.batches import member
from ...model.effects import CallOut, CallsOut
from ...model.events import Path
from ...model.values import Value, normalise
from ..handlers.failures import failure, failure_of, result_failure
from ..handlers.pending import Pending, pending_outcome
from ..handlers.registry import Registered
from ..handlers.sink import Origin, Sink
from ..secrets import Vault, open_params

if TYPE_CHECKING:
    from ..handlers.context import HandlerContext
    from ..handlers.limits import CallLimit


class CallJob(Protocol):
    """A live job, as far as executors need it."""

    id: str
    called: Origin | None
    ended: bool
    #: Tickets that stand in queues, and those of them that are no longer wanted.
    queued: int
    dropped: set[tuple[Path, int]]
    calls: dict[tuple[Path, int], Call]


_log = logging.getLogger("runeskript.engine")

Ticket: TypeAlias = "tuple[CallJob, CallOut, Lane]"
#: What a handler that ran elsewhere came to: (True, its result) or (False, an error object).
Outcome: TypeAlias = tuple[bool, Any]


class Member(CallOut):
    """A call that left in a batch; what it comes to goes into a batch again."""

    __slots__ = ()


class Batch:
    """Calls of one job to one handler on their way through the task pool, to be started in order.

    Either effects, or the one effect that stands for all of them.
    """

    __slots__ = ("effects", "job", "lane", "next", "number", "one")

    def __init__(self, job: CallJob, lane: Lane, effects: list[CallOut] | CallsOut) -> None:
        self.job = job
        self.lane = lane
        self.effects: list[CallOut] = []
        self.one: CallsOut | None = None
        if isinstance(effects, CallsOut):
            self.one, self.number = effects, len(effects.indexes)
        else:
            self.effects, self.number = effects, len(effects)
        #: The position of the one that starts next.
        self.next = 0

    def key(self, position: int) -> tuple[Path, int]:
        """What identifies the call at a position: its token's path and its n."""
        if self.one is None:
            effect = self.effects[position]
            return effect.path, effect.n
        return (*self.one.path, self.one.indexes[position]), self.one.n


def members(batch: CallsOut) -> Iterator[Member]:
    """The calls of a batch, each by itself."""
    for position in range(len(batch.indexes)):
        yield Member._make(member(batch, position))


class Pool(Protocol):
    """An executor, as a lane sees it."""

    def submit(self, ticket: Ticket) -> None:
        """Queue a ticket whose lane has a free place."""

    def cancel(self, call: Call) -> None:
        """The call is settled: end its handler if the mode can."""

    def waiting(self) -> int:
        """How much stands in its queue."""

    def sweep(self) -> None:
        """Take what is no longer wanted out of the queue."""


class Host(Sink, Protocol):
    """The driver, as executors see it. All but ``progress`` from the loop's thread only."""

    vault: Vault

    def at(self) -> int:
        """The time of an event that is seen now, ms since 1970."""

    def done(self, job: CallJob, call: CallOut, result: Value) -> None:
        """A call succeeded."""

    def member_done(self, job: CallJob, batch: CallsOut, position: int, result: Value) -> None:
        """The call at a position of a batch succeeded without suspending."""

    def failed(self, job: CallJob, call: CallOut, error: dict[str, Value]) -> None:
        """An attempt failed."""

    def poke(self) -> None:
        """Completions were reported from outside the workers: see that a tick takes them."""

    def started(self, call: Call) -> None:
        """A call is under way: from now on its timeout runs and it can be cancelled."""


class Call:
    """One attempt that is under way. There may be a hundred thousand that wait."""

    __slots__ = ("context", "job", "key", "lane", "missed", "owner", "settled", "timer")

    def __init__(self, job: CallJob, lane: Lane, context: HandlerContext) -> None:
        self.job = job
        self.lane = lane
        self.context = context
        effect = context.call
        #: Where it stands among the job's calls.
        self.key = effect.path, effect.n
        self.settled = False
        #: Whether it was settled because it took too long, and not since nobody needs it.
        self.missed = False
        #: The executor's own: the worker that runs it.
        self.owner: Any = None
        #: The driver's own: the timeout.
        self.timer: Any = None

    @property
    def effect(self) -> CallOut:
        """What let it out; a Member where that was a batch, from which it is made anew."""
        effect = self.context.call
        return Member._make(effect) if type(self.context._call) is CallsOut else effect

    def enter(self) -> None:
        """Stand among the job's calls."""
        self.job.calls[self.key] = self

    def settle(self) -> None:
        """Decide it: nothing the handler does from now on counts."""
        self.settled = True
        self.context._cancelled = True
        if self.job.calls.get(self.key) is self:
            del self.job.calls[self.key]
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Sent(Protocol):
    """Who watches a handler's calls, as worker processes see it."""

    def sent(self, job: CallJob, effect: CallOut) -> str | None:
        """A call is sent to a worker process; the context of a trace that it takes along."""

    def trace(self, job: CallJob, effect: CallOut) -> str | None:
        """That context again."""

    def over(self, job: CallJob, effect: CallOut, outcome: Outcome | None) -> None:
        """It has ended; None: its process has, and it is made anew in another."""

    def took(self, us: int) -> None:
        """How many microseconds the handler ran."""


class Lane:
    """A handler with its queue: at most ``limit`` of its calls have left it and not ended."""

    __slots__ = (
        "active",
        "context",
        "direct",
        "function",
        "is_async",
        "limit",
        "limits",
        "name",
        "parts",
        "pool",
        "prepare",
        "probe",
        "registered",
        "timeout_ms",
        "waiting",
    )

    def __init__(
        self, registered: Registered, pool: Pool, limits: tuple[CallLimit, ...] = ()
    ) -> None:
        # Here and not above: contexts are msgspec structs, and that library is not worth loading
        # before there is a handler to call.
        from ..handlers.context import HandlerContext

        self.context = HandlerContext
        self.registered = registered
        self.name = registered.name
        self.function: Callable[[Any, Any], Any] = registered.function
        self.is_async = registered.is_async
        self.prepare = registered.prepare
        self.limit = registered.limit
        #: What all workers of the store share; see ``lines.py``.
        self.limits = limits
        self.timeout_ms = registered.timeout_ms
        #: What the task pool needs for every call, fetched as one.
        self.parts = (HandlerContext, self.prepare, self.function, self.is_async)
        self.pool = pool
        #: Where calls go at once if nothing bounds the handler; whoever appends sees to the rest.
        self.direct: deque[Batch] | None = None
        #: Who watches its calls, if somebody does; asked by what talks to worker processes alone.
        self.probe: Sent | None = None
        self.active = 0
        #: As in the queues of the pools: each call that a run waits for once, and of those that
        #: were given up no more than ``Lanes.gave_up`` leaves.
        self.waiting: deque[Ticket] = deque()

    def admit(self, ticket: Ticket) -> None:
        """Pass a ticket on, or queue it where the limit is reached."""
        if self.limit is None:
            self.pool.submit(ticket)
        elif self.active < self.limit:
            self.active += 1
            self.pool.submit(ticket)
        else:
            self.waiting.append(ticket)

    def release(self) -> None:
        """A call (or a ticket that was no longer wanted) has left: let the next one in."""
        if self.limit is None:
            return
        self.active -= 1
        while self.waiting:
            ticket = self.waiting.popleft()
            if wanted(ticket):
                self.active += 1
                self.pool.submit(ticket)
                return
            ticket[0].queued -= 1

    def sweep(self) -> None:
        """Take the tickets that are no longer wanted out of the queue; they have no place yet."""
        swept(self.waiting)


def swept(queue: deque[Ticket]) -> list[Ticket]:
    """The tickets that are no longer wanted, which leave the queue."""
    gone = [ticket for ticket in queue if not wanted(ticket)]
    if gone:
        kept = [ticket for ticket in queue if wanted(ticket)]
        queue.clear()
        queue.extend(kept)
        for job, effect, _ in gone:
            job.queued -= 1
            job.dropped.discard((effect.path, effect.n))
            if not job.queued:
                job.dropped.clear()
    return gone


def wanted(ticket: Ticket) -> bool:
    """Whether a queued ticket is still worth starting."""
    job, effect, _ = ticket
    return not job.ended and (not job.dropped or (effect.path, effect.n) not in job.dropped)


def take(queue: deque[Ticket]) -> Ticket | None:
    """The next ticket that is still wanted; those that are not leave their lanes."""
    while queue:
        ticket = queue.popleft()
        job = ticket[0]
        job.queued -= 1
        keep = wanted(ticket)
        if not job.queued and job.dropped:
            job.dropped.clear()
        if keep:
            return ticket
        ticket[2].release()
    return None


def begin(host: Host, ticket: Ticket) -> Call:
    """Make the call of a ticket that starts now, and announce it."""
    job, effect, lane = ticket
    call = Call(job, lane, lane.context(job, effect, host))
    call.enter()
    host.started(call)
    return call


def arguments(call: CallOut, lane: Lane, vault: Vault) -> Any:
    """The parameters as the handler gets them: its own copy, secrets filled in, validated."""
    params = open_params(call.params, vault)
    return params if lane.prepare is None else lane.prepare(params)


def outcome_of(value: object) -> Outcome:
    """A returned result as an outcome."""
    try:
        return True, normalise(value)
    except NotAValueError as exc:
        if isinstance(value, Pending):
            return False, pending_outcome()
        return False, result_failure(exc)
    except Exception as exc:  # a container of the handler's own that fails when it is read
        return False, failure("result", f"the result cannot be read: {type(exc).__name__}")


def run_plain(call: Call, vault: Vault) -> Outcome:
    """Run a plain function to its end, in the calling thread."""
    try:
        given = arguments(call.effect, call.lane, vault)
        value = call.lane.function(given, call.context)
    except (Exception, SystemExit) as exc:
        return False, failure_of(exc)
    return outcome_of(value)


def deliver(host: Host, call: Call, outcome: Outcome) -> None:
    """Settle a call with what it came to, unless it is settled already."""
    if call.settled:
        if outcome[0] and call.missed:  # it may have had its effect, which nobody knows of
            text = "job %s, step %s: the result of attempt %d of %s came too late, and is refused"
            effect = call.effect
            _log.warning(text, call.job.id, effect.step, effect.attempt, effect.handler)
        return
    call.settle()
    good, value = outcome
    host.at()
    if good:
        host.done(call.job, call.effect, value)
    else:
        host.failed(call.job, call.effect, value)
