"""One service: a runtime that works, who may ask it, and what stands between requests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from itertools import count
from typing import Any, Final

from ..engine.ids import Ids, SystemIds
from ..engine.runtime import Runtime
from ..engine.telemetry.telemetry import Telemetry
from ..errors import JobNotFoundError, RequestError, StoreError
from ..model.recent import Recent
from ..stores import Store
from ..stores.base import JobRow
from . import tokens
from .access import Caller
from .audit import Audit
from .gate import Gate
from .kept import forget
from .programs import Programs
from .rates import Rates
from .settings import VIEWS, Settings
from .streams import Changes

#: Seconds between two looks for answers that are kept no longer.
TIDY: Final = 600.0
#: Jobs of which it is remembered what was told.
TOLD: Final = 1_000
_log = logging.getLogger("runeskript.service")


class Service:
    """What endpoints have in common. ``start`` and ``stop`` are for the loop that serves."""

    def __init__(
        self,
        runtime: Runtime,
        settings: Settings | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        """``telemetry``: that of the runtime, which requests are counted by, too."""
        self.runtime = runtime
        self.settings = settings or Settings()
        self.telemetry = telemetry
        if not self.settings.works:
            runtime.runs = False
        self.ids: Ids = SystemIds()
        #: How requests are called that bring no id: by a name of this process, and a number.
        self.name = self.ids.message_id()
        self.requests = count(1)
        self.store: Store = runtime.store
        self.gate = Gate(self.store, may_be_open=self.settings.may_be_open)
        self.rates = Rates(self.settings.rate)
        self.audit = Audit(self.store)
        runtime.notes = self.audit.puts
        self.changes = Changes(self.store)
        self.programs = Programs(runtime)
        #: What was last told of jobs: the row, its text, and the tag of that.
        self.told: Recent[str, tuple[JobRow, bytes, str]] = Recent(TOLD)
        #: Those that tell a journal once more wait here for each other.
        self.views = asyncio.Semaphore(VIEWS)
        self._tasks: list[asyncio.Task[Any]] = []
        self._background: set[asyncio.Task[Any]] = set()
        #: Why it can take no work any more.
        self.failure: BaseException | None = None
        self.closing = False
        #: Told when it can take requests, and when it can take no work any more.
        self.on_ready: Callable[[], None] = _nothing
        self.on_failure: Callable[[], None] = _nothing

    # --- life -----------------------------------------------------------------------------------
    async def start(self) -> None:
        """Enter the runtime, and begin to work."""
        self.store.be_for_many()
        await self.runtime.__aenter__()
        loop = asyncio.get_running_loop()
        if self.settings.works:
            work = loop.create_task(self.runtime.work())
            work.add_done_callback(self._stopped)
            self._tasks.append(work)
        self._tasks.append(loop.create_task(self._tidy()))
        self.on_ready()

    async def stop(self) -> None:
        """End streams, and give the jobs back to the store."""
        self.close()
        tasks = [*self._tasks, *self._background]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.audit.close()
        await self.runtime.close()

    def close(self) -> None:
        """Take no more requests, and have streams end."""
        self.closing = True
        self.changes.close()

    def _stopped(self, work: asyncio.Task[Any]) -> None:
        if not work.cancelled() and work.exception() is not None:
            self.failure = work.exception()
            _log.error("no more jobs are run here", exc_info=self.failure)
            self.on_failure()

    async def _tidy(self) -> None:
        while True:
            with suppress(StoreError):  # the next time is soon enough
                await forget(self.store, self.store.now())
            await asyncio.sleep(TIDY)

    def background(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Do what goes on when whoever asked for it waits no more."""
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._background.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waits for it gets it; nobody has to

    async def has_token(self) -> bool:
        """Whether there is any token in the store."""
        return await tokens.any_token(self.store)

    # --- what every endpoint asks -----------------------------------------------------------------
    async def ends(self, caller: Caller | None) -> None:
        """Return when a caller whose stream is open is let in no more."""
        while caller is None or await self._still(caller):
            await asyncio.sleep(self.settings.heartbeat)

    async def _still(self, caller: Caller) -> bool:
        try:
            return await self.gate.still(caller)
        except StoreError:
            return True  # a stream that cannot be read ends by itself

    async def row(self, caller: Caller, id_: str) -> JobRow:
        """A job of the caller's tenant: others' do not exist for it. Raises JobNotFoundError."""
        (row,) = await self.store.get([id_])
        if row is None or row.tenant != caller.tenant:
            raise JobNotFoundError("no job has this id")
        return row

    def check_open(self) -> None:
        """Refuse what would begin while it closes. Raises RequestError."""
        if self.closing:
            raise RequestError("the service is closing", status=503, code="RUNE-6526")


def _nothing() -> None:
    """Nobody is to be told."""
