"""Mode ``async``: handlers on the event loop, without a task per call.

A pool of *worker* tasks does two things in turns: the handlers that a tick let out, and the next
tick. The worker that takes a ticket awaits the handler itself. A handler that never suspends is
over when the await returns: no task was made and the event loop was not involved. If it suspends,
the worker simply stays with it: from its first step on it *is* the handler's task, so
``asyncio.timeout``, ``TaskGroup``, ``current_task`` and anyio's scopes work; another worker goes
on with the queue.

How the pool learns of it: whenever a handler is about to run, a ``call_soon`` of ``_look`` is under
way. The event loop can only come to it once the worker has suspended, and comes to it before it can
resume that worker. So it finds exactly the handlers that suspended, and those that do not suspend
pay nothing for it.

A worker's context is compared after every handler and a worker whose context was changed is
retired, so no handler sees another's context variables. A worker is cancelled only while its
handler is suspended, and the cancels are undone (``Task.uncancel``) when the handler ends; a worker
with any other cancel on it is retired too.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections import deque
from collections.abc import Generator
from itertools import islice
from time import monotonic
from types import coroutine
from typing import Final

from ..handlers.failures import failure, failure_of
from ..secrets import SCALARS, open_params
from .base import Batch, Call, Outcome, Ticket, deliver, outcome_of
from .worker import TaskHost, Then, Worker

#: Seconds a worker runs before it lets the event loop have a turn.
SLICE: Final = 0.005
#: Workers kept for the next handlers that suspend.
IDLE: Final = 256
#: Workers woken at once when handlers keep suspending.
BURST: Final = 512
#: Seconds that handlers get to unwind when the pool closes.
GRACE: Final = 5.0

_log = logging.getLogger("runeskript.engine")


class TaskPool:
    """The workers. ``size``: handlers that may be suspended at once."""

    def __init__(self, host: TaskHost, size: int) -> None:
        self._host = host
        self._size = size
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        #: Tickets ready to start; the driver appends to it and calls ``ensure``.
        self.queue: deque[Batch] = deque()
        self._workers: set[Worker] = set()
        self._idle: list[Worker] = []
        #: Workers that run, or will in this turn of the loop, without having suspended.
        self._active: dict[Worker, None] = {}
        self._suspended = 0
        self._burst = 1
        self._looking = False
        self._closed = False

    # --- from outside --------------------------------------------------------------------------
    def submit(self, ticket: Ticket) -> None:
        """Queue a ticket."""
        job, effect, lane = ticket
        self.queue.append(Batch(job, lane, [effect]))
        self.ensure()

    def cancel(self, call: Call) -> None:
        """Cancel the handler of a call that has suspended."""
        worker: Worker = call.owner
        worker.cancels += 1
        worker.task.cancel()

    def waiting(self) -> int:
        """How many batches stand in the queue."""
        return len(self.queue)

    def sweep(self) -> None:
        """Take what is no longer wanted out of the queue: single calls, and the batches of jobs
        that have ended. Not the head, which workers may be in the middle of.
        """
        gone = [batch for batch in islice(self.queue, 1, None) if _is_over(batch)]
        if not gone:
            return
        over = set(map(id, gone))
        kept = [batch for batch in self.queue if id(batch) not in over]
        self.queue.clear()
        self.queue.extend(kept)
        for batch in gone:
            batch.job.queued -= batch.number - batch.next
            if not batch.job.ended:
                batch.job.dropped.discard(batch.key(batch.next))
            batch.lane.release()  # where it has a limit, a batch is one call

    def ensure(self, workers: int = 1) -> None:
        """See to it that somebody works if there is work."""
        host = self._host
        startable = min(self._waiting(), self._size - self._suspended)
        if self._active or self._closed or not (startable or (host.pending and not host.ticking)):
            return
        for _ in range(max(min(workers, startable), 1)):
            worker = self._rested() or self._spawn()
            self._active[worker] = None
            worker.wake.set_result(None)

    def _waiting(self) -> int:
        """How many calls wait in the queue, of batches only the first."""
        if not self.queue:
            return 0
        head = self.queue[0]
        return len(self.queue) - 1 + head.number - head.next

    async def close(self) -> None:
        """Cancel every handler and wait for them, at most ``GRACE`` seconds."""
        self._closed = True
        self.queue.clear()
        tasks = [worker.task for worker in self._workers]
        for task in tasks:
            task.cancel()
        if tasks:
            _, left = await asyncio.wait(tasks, timeout=GRACE)
            if left:
                _log.warning("%d handlers ignored their cancellation", len(left))

    @property
    def tasks(self) -> int:
        """How many workers there are."""
        return len(self._workers)

    # --- workers -------------------------------------------------------------------------------
    def _rested(self) -> Worker | None:
        while self._idle:
            worker = self._idle.pop()
            if not worker.wake.done():  # else somebody else's cancel has hit it
                return worker
        return None

    def _spawn(self) -> Worker:
        worker = Worker()
        worker.wake = self._loop.create_future()
        worker.task = self._loop.create_task(
            self._work(worker), name="runeskript-worker", context=self._context.copy()
        )
        self._workers.add(worker)
        return worker

    async def _work(self, me: Worker) -> None:
        """The body of a worker: handlers and ticks in turns, as long as there is work.

        One coroutine on purpose, besides ``_serve``: each handler that suspends keeps them.
        """
        host, queue = self._host, self.queue
        try:
            while True:
                await me.wake
                del me.wake  # nobody needs it while a handler is suspended
                then = Then.REST
                until = monotonic() + SLICE
                while not self._closed:
                    if queue and self._suspended < self._size:
                        then = await self._serve(me, until)
                        if then is not Then.GO_ON:
                            break
                    if host.pending and not host.ticking:
                        if len(self._active) > 1:
                            self._find_suspended(me)
                        await host.tick()
                    elif not queue or self._suspended >= self._size:
                        break
                    if monotonic() >= until:
                        await _turn()
                        until = monotonic() + SLICE
                if then is Then.RESUMED:
                    self._arm()
                if then is Then.RETIRE or len(self._idle) >= IDLE:
                    return
                me.wake = self._loop.create_future()
                self._active.pop(me, None)
                self._idle.append(me)
        except asyncio.CancelledError:
            return  # the pool closes, or a cancel meant for a handler that is over: go
        finally:
            self._workers.discard(me)
            self._active.pop(me, None)
            if me in self._idle:
                self._idle.remove(me)
            self.ensure()

    async def _serve(self, me: Worker, until: float) -> Then:
        """Run queued handlers until the queue is empty, the slice is used up or one suspended.

        Every call of every job comes through here, so nothing is called that can be avoided. A
        batch stays at the head of the queue, for others to go on with, until its last call begins.
        """
        host, queue, vault, pristine = self._host, self.queue, self._host.vault, self._context
        task = me.task
        while queue:
            batch = me.batch = queue[0]
            job, lane, effects, one = batch.job, batch.lane, batch.effects, batch.one
            make, prepare, function, is_async = lane.parts
            params = None if one is None else one.params
            number = batch.number
            while (position := batch.next) < number:
                batch.next = position + 1
                if batch.next == number:
                    queue.popleft()
                job.queued -= 1
                if (job.ended or job.dropped) and not self._wanted(batch, position):
                    continue
                if not self._looking:
                    self._arm()
                if one is None:
                    effect = effects[position]
                    context = me.current = make(job, effect, host)
                    given = effect.params.copy()
                else:
                    context = me.current = make(job, one, host, False, None, None, position)
                    if params is None:
                        given = {}
                    else:
                        # Nobody asks for them again: a further attempt computes its own.
                        given, params[position] = params[position].copy(), None
                good = True
                try:
                    for item in given.values():
                        if type(item) not in SCALARS:
                            given = open_params(given, vault)
                            break
                    if prepare is not None:
                        given = prepare(given)
                    result = function(given, context)
                    if is_async:
                        result = await result
                except BaseException as exc:
                    good, result = self._raised(exc)
                else:
                    if result is not None:
                        good, result = outcome_of(result)
                me.current = None
                now = monotonic()
                if now >= host.fresh_until:
                    host.read_clock(now)
                if me.call is not None:
                    me.batch = None  # an idle worker must not keep a job alive
                    self._resumed(me, (good, result))
                    return Then.RESUMED if self._is_clean(me) else Then.RETIRE
                try:
                    clean = contextvars.copy_context() == pristine and not task.cancelling()
                except Exception:  # somebody's value cannot be compared
                    clean = False
                if not good:
                    host.failed(job, context.call, result)
                elif one is not None:
                    host.member_done(job, one, position, result)
                elif number > 1 or queue or host.pending or host.ticking or not clean:
                    host.done(job, effect, result)
                elif (step := host.lead(batch, effect, result)) is not None:
                    after = await host.follow(batch, *step)
                    if after is not None:
                        queue.append(after)
                if lane.limit is not None:
                    lane.release()
                if not clean or now >= until:
                    me.batch = None
                    return Then.GO_ON if clean else Then.RETIRE
                if queue and queue[0] is not batch:
                    break
        me.batch = None
        return Then.GO_ON

    def _wanted(self, batch: Batch, position: int) -> bool:
        """Whether a call that was just taken is to be started; if not, it leaves its lane."""
        job = batch.job
        keep = not job.ended and (not job.dropped or batch.key(position) not in job.dropped)
        if not job.queued:
            job.dropped.clear()
        if not keep:
            batch.lane.release()
        return keep

    def _is_clean(self, me: Worker) -> bool:
        """Whether the next handler finds this task as the first one did."""
        try:
            same = contextvars.copy_context() == self._context
        except Exception:
            return False
        return same and not me.task.cancelling()

    def _raised(self, exc: BaseException) -> Outcome:
        """What it means that a handler ended with an exception."""
        if isinstance(exc, asyncio.CancelledError):
            if self._closed:
                raise exc
            # Where it was us, the call is settled and nobody looks at this.
            return False, failure("handler.CancelledError", "the handler cancelled itself")
        ending = isinstance(exc, GeneratorExit) and not self._loop.is_running()
        if ending or isinstance(exc, KeyboardInterrupt):
            raise exc  # this task, or the process, is being ended
        return False, failure_of(exc)

    # --- suspension ----------------------------------------------------------------------------
    def _arm(self) -> None:
        """Have ``_look`` called once what is running or about to run has had its turn."""
        if not self._looking:
            self._looking = True
            self._loop.call_soon(self._look)

    def _look(self) -> None:
        """Runs when the workers that were active have all suspended or are done.

        What was resumed in the same turn of the loop has been so by now: one tick takes it all.
        """
        self._looking = False
        found = self._find_suspended(None)
        self._burst = min(self._burst * 2, BURST) if found else 1
        self.ensure(self._burst)

    def _find_suspended(self, me: Worker | None) -> int:
        """Note the calls of workers that are in the middle of a handler; how many are new."""
        found = 0
        for worker in list(self._active):
            context, batch = worker.current, worker.batch
            if worker is me or context is None or batch is None:
                continue
            call = Call(batch.job, batch.lane, context)
            call.owner = worker
            worker.call = call
            del self._active[worker]
            self._suspended += 1
            found += 1
            call.enter()
            self._host.started(call)
        return found

    def _resumed(self, me: Worker, outcome: Outcome) -> None:
        """A handler that had suspended is over."""
        call, me.call = me.call, None
        self._suspended -= 1
        while me.cancels:
            me.cancels -= 1
            me.task.uncancel()
        if call is not None:
            deliver(self._host, call, outcome)
            call.lane.release()


@coroutine
def _turn() -> Generator[None, None, None]:
    """Let the event loop have one turn."""
    yield


def _is_over(batch: Batch) -> bool:
    """Whether none of a batch's calls will be made, as far as that is said quickly."""
    job = batch.job
    if job.ended or not job.dropped or batch.number - batch.next > 1:
        return job.ended
    return batch.key(batch.next) in job.dropped
