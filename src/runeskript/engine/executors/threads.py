"""Mode ``thread``: a bounded pool of the runtime's own threads.

A call starts when a thread is free for it, so its timeout does not run while it waits in the queue.
A thread cannot be stopped from outside: after a timeout or a cancel its handler runs on (it may
look at ``ctx.cancelled``), its result is dropped, and it holds its thread and its place until it
ends.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from queue import SimpleQueue

from ..handlers.failures import failure_of
from .base import Call, Host, Outcome, Ticket, begin, deliver, run_plain, swept, take


class ThreadPool:
    """Threads that run plain handlers; made on demand, at most ``size``."""

    def __init__(self, host: Host, size: int) -> None:
        self._host = host
        self._size = size
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        self._queue: deque[Ticket] = deque()
        self._given: SimpleQueue[Call | None] = SimpleQueue()
        self._ended: deque[tuple[Call, Outcome]] = deque()
        self._signalled = False
        self._threads: list[threading.Thread] = []
        self._busy = 0
        self._closed = False

    def submit(self, ticket: Ticket) -> None:
        """Queue a ticket."""
        self._queue.append(ticket)
        self._fill()

    def cancel(self, call: Call) -> None:
        """Nothing more to do: the context says so, and the result is dropped."""

    def waiting(self) -> int:
        """How many tickets stand in the queue."""
        return len(self._queue)

    def sweep(self) -> None:
        """Take the tickets that are no longer wanted out of the queue; they leave their lanes."""
        for ticket in swept(self._queue):
            ticket[2].release()

    def close(self) -> None:
        """Let idle threads go. Threads whose handler runs on are daemons and hold up nobody."""
        self._closed = True
        self._queue.clear()
        for _ in self._threads:
            self._given.put(None)

    def _fill(self) -> None:
        while self._busy < self._size:
            ticket = take(self._queue)
            if ticket is None:
                return
            self._busy += 1
            if self._busy > len(self._threads):
                self._start_thread()
            self._given.put(begin(self._host, ticket))

    def _start_thread(self) -> None:
        name = f"runeskript-handler-{len(self._threads) + 1}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        """The body of a thread."""
        while (call := self._given.get()) is not None:
            outcome: Outcome
            try:
                outcome = self._context.copy().run(run_plain, call, self._host.vault)
            except BaseException as exc:  # the thread must live on and the call must end
                outcome = False, failure_of(exc)
            self._ended.append((call, outcome))
            if not self._signalled:
                self._signalled = True
                try:
                    self._loop.call_soon_threadsafe(self._drain)
                except RuntimeError:
                    return  # the loop is closed: nobody waits any more

    def _drain(self) -> None:
        self._signalled = False
        while self._ended:
            call, outcome = self._ended.popleft()
            self._busy -= 1
            if self._closed:
                continue
            deliver(self._host, call, outcome)
            call.lane.release()
        if not self._closed:
            self._fill()
            self._host.poke()
