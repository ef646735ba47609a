"""The lanes of one runtime and the executors behind them, each made when it is first needed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from ..handlers.registry import HandlerRegistry
from .base import Lane, Pool
from .tasks import TaskPool
from .worker import TaskHost

if TYPE_CHECKING:
    from ..handlers.limits import CallLimit
    from .processes import ProcessPool
    from .threads import ThreadPool


#: How many handlers run at once: suspended ones on the event loop, threads, worker processes.
DEFAULT_TASKS: Final = 20_000
DEFAULT_THREADS: Final = min(32, (os.cpu_count() or 1) + 4)
DEFAULT_PROCESSES: Final = os.cpu_count() or 1


class Lanes(dict[str, Lane]):
    """Handler name -> its lane. ``sizes``: how many handlers run at once per executor: tasks,
    threads, processes. ``limits``: by handler, besides its own. KeyError for a handler the registry
    does not have."""

    def __init__(
        self,
        host: TaskHost,
        registry: HandlerRegistry,
        sizes: tuple[int, int, int],
        limits: Mapping[str, tuple[CallLimit, ...]],
    ) -> None:
        super().__init__()
        self._host = host
        self._registry = registry
        self._sizes = sizes
        self._limits = limits
        self.tasks = TaskPool(host, sizes[0])
        self._threads: ThreadPool | None = None
        self._processes: ProcessPool | None = None

    def __missing__(self, name: str) -> Lane:
        registered = self._registry.get(name)
        if registered is None:
            raise KeyError(name)
        limits = (*registered.limits, *self._limits.get(name, ()))
        lane = self[name] = Lane(registered, self._pool(registered.mode), limits)
        if lane.pool is self.tasks and lane.limit is None:
            lane.direct = self.tasks.queue
        return lane

    def _pool(self, mode: str) -> Pool:
        if mode == "async":
            return self.tasks
        if mode == "thread":
            if self._threads is None:
                from .threads import ThreadPool

                self._threads = ThreadPool(self._host, self._sizes[1])
            return self._threads
        if self._processes is None:
            from .processes import ProcessPool

            self._processes = ProcessPool(self._host, self._sizes[2])
        return self._processes

    async def close(self) -> None:
        """Stop the threads and the worker processes; the driver closes its tasks itself."""
        if self._threads is not None:
            self._threads.close()
        if self._processes is not None:
            await self._processes.close()
