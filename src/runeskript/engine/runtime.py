"""The Python API: ``Runtime`` runs jobs inside your event loop.

::

    async with Runtime(handlers=[greet]) as runtime:
        result = await runtime.run_job("hello.yaml", {"name": "Ada"})
        print(result.unwrap())
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from ..errors import (
    RuntimeClosedError,
    RuntimeOptionError,
)
from ..kernel import Program
from ..model.events import Status
from ..model.limits import CANCEL_GRACE_MS
from ..model.values import Value
from ..stores import Store, open_store
from ..stores.base import JobRow, OnConflict, Submitted, Worker
from . import requests
from .assembly import Given, Observer, assemble
from .cancelling import grace_ms
from .catalog import full_registry
from .clock import Clock, SystemClock
from .compiling import Skript, Source
from .control import Control
from .deployed import Deployed
from .driver import Driver
from .executors.lanes import DEFAULT_PROCESSES, DEFAULT_TASKS, DEFAULT_THREADS, Lanes
from .following import follow
from .handlers.limits import Limits, limits_of
from .handlers.loading import Source as Handlers
from .handlers.registry import HandlerRegistry
from .ids import Ids, SystemIds
from .jobs import Job, JobResult, job_of, result_of
from .lease import LEASE, Lease
from .live import Live
from .recovery import Recovery
from .resources import Resources
from .secrets import Source as Secrets
from .secrets import Vault
from .skripts import Skripts
from .submissions import Note, Notes, Receipt, Submission, skript_of
from .submitting import Submitting
from .watch import JobEvent

if TYPE_CHECKING:
    from .builtin.common import Resolver
    from .policy import Policy

MAX_JOBS: Final = 10_000


class Runtime(Control):
    """Runs jobs. An async context manager; its methods are for the event loop that entered it."""

    def __init__(
        self,
        *,
        store: str | Store = "memory://",
        handlers: Handlers = (),
        allow_hosts: Sequence[str] = (),
        allow: Collection[str] = (),
        secrets: Secrets = None,
        env: Mapping[str, str] | None = None,
        clock: Clock | None = None,
        ids: Ids | None = None,
        resolver: Resolver | None = None,
        max_jobs: int = MAX_JOBS,
        max_tasks: int = DEFAULT_TASKS,
        max_threads: int = DEFAULT_THREADS,
        max_processes: int = DEFAULT_PROCESSES,
        discover_handlers: bool = True,
        lease: str | int = LEASE,
        limits: Mapping[str, Limits] | None = None,
        grace: str | int = CANCEL_GRACE_MS,
        queues: Collection[str] | None = None,
        telemetry: Observer | None = None,
        policy: Policy | None = None,
        runs: bool = True,
    ) -> None:
        """``store``: a URL or a store object. ``handlers``: functions under ``@handler``, modules,
        files, registries, or lists of them; those of installed packages are found by themselves
        unless ``discover_handlers`` is False. ``allow_hosts``: private hosts that ``http.*`` may
        reach. ``allow``: what is off by default (``exec``). ``secrets``: a mapping or function; by
        default ``RUNE_SECRET_<NAME>`` of the environment. ``env``: in place of the environment.
        ``clock``, ``ids``, ``resolver``: for tests. ``max_jobs``: jobs alive at once; past it
        ``submit_job`` waits, and so, in the store, do children while :meth:`work` claims jobs.
        ``max_tasks``, ``max_threads``, ``max_processes``: handlers of each
        mode that run at once. ``lease``: after how much silence others take its jobs.
        ``limits``: by handler, what is limited besides what the handler itself declares
        (``{"http.get": rate(10, "1s")}``). ``grace``: how long what a cancel asks to stop has to
        end, where whoever cancels does not say. ``queues``: those it takes jobs from, and calls on
        them (``("", "gpu")``; ``""`` is the unnamed one); by default the unnamed one, and those
        that calls of the jobs it runs itself are on. ``telemetry``: a ``Telemetry`` of its own
        (metrics, spans, logs). ``policy``: what documents may use (``engine.policy``); by default
        all there is. ``runs`` False: what is told to jobs here is for the workers of the store, and
        none is gone on with here.

        Raises RuntimeOptionError, HandlerDefinitionError, StoreError.
        """
        for name, number in (
            ("max_jobs", max_jobs),
            ("max_tasks", max_tasks),
            ("max_threads", max_threads),
            ("max_processes", max_processes),
        ):
            if type(number) is not int or number < 1:
                raise RuntimeOptionError(f"{name} is a number, at least 1")
        self._clock = clock or SystemClock()
        self._ids = ids or SystemIds()
        self._store = open_store(store, self._clock.now_ms) if isinstance(store, str) else store
        # Handlers are there before what knows the programs that call them.
        rule = None if policy is None else lambda job: self._skripts.grants(job)  # noqa: PLW0108
        self._registry = full_registry(
            handlers, allow_hosts, allow, resolver, discover_handlers, rule
        )
        self._env = os.environ if env is None else env
        self._vault = Vault(secrets)
        self._max_jobs = max_jobs
        self._lease = requests.lease_ms(lease)
        self._grace = grace_ms(grace)
        self._queues = requests.queues(queues)
        self._telemetry = telemetry
        #: Whether jobs are run here; to be changed before it is entered.
        self.runs = runs
        #: What becomes of the notes that come with jobs; to be set before it is entered.
        self.notes: Notes | None = None
        self._limits = {name: limits_of(given) for name, given in (limits or {}).items()}
        self._sizes = (max_tasks, max_threads, max_processes)
        self._source = Source(self._registry)
        self._resources = Resources()
        self._skripts = Skripts(self._store, self._registry, self._resources, policy)
        self._driver: Driver | None = None
        self._recovery: Recovery
        self._follower: asyncio.Task[None] | None = None
        self._lanes: Lanes
        self._places: asyncio.Semaphore
        self._submitting: Submitting

    # --- life -----------------------------------------------------------------------------------
    async def __aenter__(self) -> Self:
        if self._driver is not None:
            raise RuntimeOptionError("the runtime is running already")
        # Only those that are loaded by now: nobody asks what it can run before it claims jobs.
        handlers = frozenset(handler.name for handler in self._registry.loaded())
        queues = frozenset(self._queues or ("",))
        worker = Worker(self._ids.worker_id(), handlers, queues)
        lease = Lease(self._store, worker, self._lease)
        try:
            await self._resources.set_up(self._registry.loaded())
            await lease.start()
        except BaseException:
            await self._resources.tear_down()
            raise
        driver, self._lanes, self._recovery = assemble(
            Given(
                self._store,
                lease,
                self._clock,
                self._ids,
                self._vault,
                partial(requests.declared, self._env),
                self._resources,
                self._registry,
                self._skripts,
                self._sizes,
                self._limits,
                self._queues,
                self._telemetry,
            )
        )
        self._recovery.runs = self.runs
        driver.on_end = self._leave
        driver.grace = self._grace
        driver.places = self._max_jobs
        if driver.snapshots:
            self._follower = asyncio.get_running_loop().create_task(self._recovery.follow())
        self._places = asyncio.Semaphore(self._max_jobs)
        self._driver = driver
        self._submitting = Submitting(
            driver,
            self._ids,
            self._clock,
            self._source,
            self._skripts,
            self._places,
            self._telemetry,
            self.notes,
        )
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop. Jobs that are not done are lost with a memory store; handlers are cancelled."""
        driver, self._driver = self._driver, None
        if driver is None:
            return
        self._submitting.closed = True
        if self._follower is not None:
            self._follower.cancel()
        try:
            await self._recovery.close()
            await driver.close(RuntimeClosedError("the runtime was closed while the job ran"))
            await self._lanes.close()
        finally:
            await self._resources.tear_down()
            await driver.lease.end()
            if self._telemetry is not None:
                self._telemetry.closed()
            await self._store.close()

    def _running(self) -> Driver:
        if self._driver is None:
            raise RuntimeClosedError("the runtime is not running; use it as `async with Runtime()`")
        return self._driver

    @property
    def handlers(self) -> HandlerRegistry:
        """All handlers, which is also the catalog that documents are compiled with."""
        return self._registry

    @property
    def store(self) -> Store:
        """Where its jobs are kept."""
        return self._store

    @property
    def skripts(self) -> Skripts:
        """What it knows by name and by hash."""
        return self._skripts

    # --- jobs -----------------------------------------------------------------------------------
    async def submit_job(
        self,
        skript: Skript,
        input: object = None,  # noqa: A002 - the language's word
        *,
        key: str | None = None,
        labels: Mapping[str, str] | None = None,
        on_conflict: OnConflict = "return",
        start: bool = True,
        hold: bool = False,
        priority: int = 0,
        tenant: str = "",
    ) -> Job:
        """Create a job and let it run; returns at once, or when fewer than ``max_jobs`` live.

        ``start`` False: it is only stored, for whoever claims it (:meth:`work`, ``rune worker``).
        ``hold``: nobody begins it before :meth:`resume_job`, or something else that is sent to it.

        ``key``: a kept job of the tenant with this key is returned instead (``return``), replaced
        where it has ended (``replace``), or an error (``reject``: JobExistsError).

        ``priority``, from -100 to 100: jobs of a higher one are claimed first, and beside others
        they compute for longer at a time (twice as long from 1 on, half as long at -1, an eighth
        from -3 on); none ever waits for ever. Children have that of their parent.

        ``tenant``: who it belongs to. Its children, messages and the skripts that it runs by name
        are that one's, too.

        Raises CompileError, InputError, RuntimeOptionError and the errors of a Blueprint that
        cannot be loaded.
        """
        what = skript_of(skript)
        item = Submission(
            what, input, None, key, labels, on_conflict, start, hold, priority, tenant
        )
        return job_of((await self._submitter().one(item)).row)

    async def submit(self, item: Submission, note: Note | None = None) -> Submitted:
        """Create one job, in one commit with those that are submitted so in other tasks at the same
        time, and with what it comes to at once: what became of it, and the row that has its id or
        its key now. ``note``: is written with it, as ``notes`` says. Raises what :meth:`submit_job`
        does.
        """
        return await self._submitter().one(item, joined=True, note=note)

    async def submit_many(self, items: Sequence[Submission]) -> list[Receipt]:
        """Create up to 10,000 jobs, in their order, and let them run: what :meth:`submit_job` does
        for each, in a tenth of the time. What became of each, in their order.

        One that is refused harms no other: its receipt has the error that :meth:`submit_job` would
        raise. Raises RuntimeOptionError for more than that, RuntimeClosedError.
        """
        return await self._submitter().many(items)

    async def run_job(
        self,
        skript: Skript,
        input: object = None,  # noqa: A002 - the language's word
        *,
        key: str | None = None,
        labels: Mapping[str, str] | None = None,
        on_conflict: OnConflict = "return",
        tenant: str = "",
    ) -> JobResult:
        """Submit a job and await its end; a failed job is a result, not an exception."""
        what = skript_of(skript)
        item = Submission(what, input, None, key, labels, on_conflict, tenant=tenant)
        submitter, joined = self._submitter(), bool(self._running().lives)
        # Where others are live, others do the same now: one commit for all of them.
        waiter = asyncio.get_running_loop().create_future()
        made = await submitter.one(item, joined=joined, waiter=waiter)
        known = None if made.outcome == "exists" else waiter
        return result_of(await self._recovery.end_of(made.row.id, known))

    def _submitter(self) -> Submitting:
        self._running()
        return self._submitting

    async def _load(self, skript: Skript, tenant: str = "", *, deploying: bool = False) -> Program:
        blueprint, children = self._source.blueprints(skript)
        return await self._skripts.put_all(blueprint, children, tenant, deploying=deploying)

    def _leave(self, live: Live) -> None:
        """A live job has ended."""
        if live.queued:
            self._lanes.gave_up(live.queued)
        if live.place:
            live.place = False
            self._places.release()

    async def result(self, id: str) -> Value:  # noqa: A002 - it is one
        """The output, once the job has ended.

        Raises JobFailedError and JobCancelledError with its ``error``, JobNotFoundError, and
        RuntimeClosedError where the runtime closes before.
        """
        return result_of(await self._end_of(id)).unwrap()

    async def _end_of(self, id_: str) -> JobRow:
        self._running()
        return await self._recovery.end_of(id_)

    async def work(self, *, until_idle: bool = False) -> dict[Status, int]:
        """Claim jobs that nobody runs and that this runtime has the handlers for, and run them.

        New ones, and those whose worker is gone: these go on behind their last durable event.
        ``until_idle``: return when every such job has ended, stands still, or waits for nothing
        but a message; what waits is left to whoever comes next. Otherwise it goes on until it is
        cancelled. How many jobs have ended here, by status. Raises StoreError.
        """
        driver = self._running()
        await self._recovery.work(until_idle=until_idle)
        return dict(driver.ended)

    # --- history --------------------------------------------------------------------------------
    async def events(self, id: str, start: int = 0) -> AsyncIterator[JobEvent]:  # noqa: A002
        """A job's records from journal position ``start`` on, as they come, until it has ended.

        Journaled ones are never missed; of the transient ones in between (``step.started``,
        ``step.retrying``, ``step.done``, ``step.failed``, ``step.cancelled``, ``progress``,
        ``log``) only those that happen while the iteration is under way are seen. Raises
        JobNotFoundError.
        """
        async for record in follow(self._running(), id, start):
            yield record

    # --- skripts --------------------------------------------------------------------------------
    async def deploy(self, skript: Skript, *, tenant: str = "") -> Deployed:
        """Make a skript known by its name, for ``run: NAME`` in jobs of the tenant. Raises
        VersionConflictError, RuntimeOptionError.
        """
        self._running()
        whose = requests.tenant(tenant)
        program = await self._load(skript, whose, deploying=True)
        return await self._skripts.deploy(program.blueprint, whose)
