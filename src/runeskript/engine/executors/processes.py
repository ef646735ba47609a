"""Mode ``process``: the runtime's own worker processes.

A worker is given a chunk of calls and runs them in order, so quick handlers share the cost of the
way there and back; how many make a chunk follows from how long the handler has taken so far. A
worker is killed, with all it has started, when the call it is in times out or is no longer wanted;
the rest of its chunk has not begun and goes to another. A call's timeout runs from when the worker
comes to it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from contextlib import suppress
from typing import Any, Final

from ...model.values import Value
from ..handlers.failures import clean, failure, failure_of
from ..secrets import open_params
from ..telemetry.logs import call_fields
from .base import Call, Host, Lane, Outcome, Ticket, begin, deliver, swept, take, wanted
from .frames import HEAD, GarbledError, TooLargeError, answer, pack, size_of
from .killing import APART, kill_all_of

#: Calls of one chunk, and the microseconds that a chunk should take.
CHUNK: Final = 64
CHUNK_US: Final = 5_000
#: Weight of the latest duration in a handler's average.
LATEST: Final = 0.2
#: Seconds in which a worker at rest tears down and ends.
GRACE: Final = 5.0
_PIECE: Final = 64 * 1024
_MAIN: Final = "from runeskript.engine.executors.process_worker import main; main()"

_log = logging.getLogger("runeskript.engine")


class ProcessPool:
    """Worker processes, started on demand, at most ``size``."""

    def __init__(self, host: Host, size: int) -> None:
        self._host = host
        self._size = size
        self._queue: deque[Ticket] = deque()
        self._workers: list[_Worker] = []
        self._closed = False
        #: Average microseconds of a handler's calls.
        self.average: dict[Lane, float] = {}

    def submit(self, ticket: Ticket) -> None:
        """Queue a ticket."""
        self._queue.append(ticket)
        for worker in self._workers:
            if worker.rest():
                return
        if len(self._workers) < self._size:
            self._workers.append(_Worker(self, self._host))

    def cancel(self, call: Call) -> None:
        """Kill the worker that is in this call."""
        worker: _Worker = call.owner
        worker.kill(call)

    def waiting(self) -> int:
        """How many tickets stand in the queue."""
        return len(self._queue)

    def sweep(self) -> None:
        """Take the tickets that are no longer wanted out of the queue; they leave their lanes."""
        for ticket in swept(self._queue):
            ticket[2].release()

    async def close(self) -> None:
        """Kill all workers and wait until they are gone."""
        self._closed = True
        self._queue.clear()
        for worker in self._workers:
            worker.task.cancel()
        await asyncio.gather(*(w.task for w in self._workers), return_exceptions=True)

    @property
    def closed(self) -> bool:
        """Whether workers are to end."""
        return self._closed

    def chunk(self) -> list[Ticket]:
        """The tickets a free worker gets next: some of one another's company, or none."""
        found: list[Ticket] = []
        share = -(-len(self._queue) // max(self._size, 1))
        budget = float(CHUNK_US)
        while self._queue and len(found) < min(CHUNK, max(share, 1)):
            expected = self.average.get(self._queue[0][2], float(CHUNK_US))
            if found and expected > budget:
                break
            ticket = take(self._queue)
            if ticket is None:
                break
            budget -= expected
            ticket[0].queued += 1  # until the worker comes to it
            found.append(ticket)
        return found

    def give_back(self, tickets: list[Ticket]) -> None:
        """Tickets that were sent to a worker which died before it came to them."""
        self._queue.extendleft(reversed(tickets))

    def took(self, lane: Lane, us: int) -> None:
        """Note how long a call took."""
        before = self.average.get(lane)
        self.average[lane] = us if before is None else before + LATEST * (us - before)
        if lane.probe is not None:
            lane.probe.took(us)


class _Worker:
    """One place for a process, and the task that talks to it."""

    def __init__(self, pool: ProcessPool, host: Host) -> None:
        self._pool = pool
        self._host = host
        self._process: Process | None = None
        self._resting: asyncio.Future[None] | None = None
        #: What was sent and has not ended; the worker is in the first, ``_current``.
        self._sent: deque[tuple[int, Ticket]] = deque()
        self._current: Call | None = None
        self._ids = 0
        self.task = asyncio.get_running_loop().create_task(self._live())

    def rest(self) -> bool:
        """Wake the worker if it rests; whether it did."""
        resting, self._resting = self._resting, None
        if resting is None or resting.done():
            return False
        resting.set_result(None)
        return True

    def kill(self, call: Call) -> None:
        """Kill the process if it is in this call."""
        if self._current is call and self._process is not None:
            kill_all_of(self._process)

    async def _live(self) -> None:
        try:
            while not self._pool.closed:
                tickets = self._pool.chunk()
                if not tickets:
                    self._resting = asyncio.get_running_loop().create_future()
                    await self._resting
                    continue
                await self._serve(tickets)
        finally:
            if self._process is not None:
                await self._stop(self._process)

    async def _stop(self, process: Process) -> None:
        """End the process: at rest it may tear down first, in a call it is killed."""
        if self._sent or process.stdin is None:
            kill_all_of(process)
        else:
            process.stdin.close()
        try:
            async with asyncio.timeout(GRACE):
                await process.wait()
        except TimeoutError:
            _log.warning("a worker process did not end by itself")
            kill_all_of(process)
            await process.wait()

    async def _serve(self, tickets: list[Ticket]) -> None:
        """Send a chunk and take its results in."""
        try:
            if self._process is None:
                self._process = await self._start()
            process = self._process
        except (OSError, EOFError) as exc:
            for ticket in tickets:
                ticket[0].queued -= 1
                error = failure("handler.ProcessDied", f"no worker process could start: {exc}")
                self._end(begin(self._host, ticket), (False, error))
            self._host.poke()
            return
        calls = [row for ticket in tickets if (row := self._row(ticket)) is not None]
        self._next()
        try:
            if calls and process.stdin is not None:
                process.stdin.write(pack("run", calls))
                await process.stdin.drain()
        except (ConnectionError, OSError):
            _log.debug("a worker process died while it was given work")
        try:
            while self._sent:
                self._receive(await _read(process))
        except EOFError:
            await self._died(process)
        except TooLargeError as exc:
            await self._died(process, failure("result", f"the result is too large: {exc}"))
        except GarbledError as exc:
            text = f"the worker process sent {exc}"
            await self._died(process, failure("handler.ProcessDied", text))
        self._host.poke()

    async def _start(self) -> Process:
        level = logging.getLogger("runeskript").getEffectiveLevel()
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _MAIN, str(level), stdin=PIPE, stdout=PIPE, env=env, **APART
        )
        try:
            await _read(process)
        except (TooLargeError, GarbledError) as exc:
            kill_all_of(process)
            await _ended(process)
            raise EOFError(f"the worker process sent {exc}") from exc
        except BaseException:
            kill_all_of(process)
            await process.wait()
            raise
        return process

    def _row(self, ticket: Ticket) -> list[Any] | None:
        """What the worker is told of a call; None where it failed before it could be sent."""
        _, effect, lane = ticket
        origin = lane.registered.origin
        self._ids += 1
        try:
            params = open_params(effect.params, self._host.vault)
        except Exception as exc:
            ticket[0].queued -= 1
            self._end(begin(self._host, ticket), (False, failure_of(exc)))
            return None
        self._sent.append((self._ids, ticket))
        return [
            self._ids,
            *(origin or ()),
            lane.name,
            params,
            ticket[0].id,
            effect.step,
            effect.attempt,
            effect.path,
            effect.n,
            ticket[0].called,
            None if lane.probe is None else lane.probe.sent(ticket[0], effect),
        ]

    # --- what comes back ------------------------------------------------------------------------
    def _next(self) -> None:
        """The worker has come to the first of what was sent."""
        self._current = None
        if self._sent:
            ticket = self._sent[0][1]
            ticket[0].queued -= 1
            if wanted(ticket):
                self._current = begin(self._host, ticket)
                self._current.owner = self
                if ticket[2].probe is not None:
                    self._current.context._trace = ticket[2].probe.trace(*ticket[:2])
            elif self._process is not None:
                # The process is in a call that nobody wants, without a timeout of its own.
                kill_all_of(self._process)

    def _receive(self, frame: list[Any]) -> None:
        word, call = frame[0], self._current
        if word == "log":
            _, name, level, text, job, step = frame
            extra = {} if call is None else call_fields(call.context)
            extra.update({} if job is None else {"job": job, "step": step})
            logging.getLogger(str(name)).log(level, "%s", self._host.masked(text), extra=extra)
            return
        id_ = frame[1]
        if not self._sent or self._sent[0][0] != id_:
            return
        if word == "progress":
            if call is not None:
                self._host.progress(call.context, *frame[2:])
            return
        _, ticket = self._sent.popleft()
        _over(ticket, (word == "done", frame[2]))
        self._pool.took(ticket[2], frame[3])
        if call is None:
            ticket[2].release()
        else:
            self._end(call, (word == "done", frame[2]))
        self._next()
        self._host.poke()

    def _end(self, call: Call, outcome: Outcome) -> None:
        deliver(self._host, call, outcome)
        call.lane.release()

    async def _died(self, process: Process, error: dict[str, Value] | None = None) -> None:
        """The process is gone, or sends what cannot be read (``error``): so is the call it was in;
        the others of the chunk go elsewhere."""
        self._process = None
        kill_all_of(process)
        status = await _ended(process)
        sent = [ticket for _, ticket in self._sent]
        self._sent.clear()
        call, self._current = self._current, None
        if sent:
            text = clean(f"the worker process ended with status {status}")
            outcome = False, error or failure("handler.ProcessDied", text)
            _over(sent[0], outcome)
            if call is None:
                sent[0][2].release()
            else:
                self._end(call, outcome)
            for ticket in sent[1:]:
                _over(ticket, None)
            self._pool.give_back(sent[1:])


def _over(ticket: Ticket, outcome: Outcome | None) -> None:
    """Tell who watches a handler's calls that one is over, or its process is gone."""
    job, effect, lane = ticket
    if lane.probe is not None:
        lane.probe.over(job, effect, outcome)


async def _ended(process: Process) -> int:
    """The status of a process that was killed, or is gone. What it has written is thrown away:
    asyncio counts a process as ended only when its pipes are."""
    with suppress(TimeoutError):  # something it started has got away and holds the pipe
        async with asyncio.timeout(GRACE):
            while process.stdout is not None and await process.stdout.read(_PIECE):
                pass
            return await process.wait()
    return -signal.SIGKILL


async def _read(process: Process) -> list[Any]:
    """The next frame. Raises EOFError where the process is gone, and what ``frames`` raises."""
    out = process.stdout
    if out is None:
        raise EOFError("no pipe")
    try:
        size = size_of(await out.readexactly(HEAD.size))
        return answer(await out.readexactly(size))
    except asyncio.IncompleteReadError as exc:
        raise EOFError("the worker process ended") from exc
