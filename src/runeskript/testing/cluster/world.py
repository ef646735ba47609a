"""A simulated cluster: several workers on one store, and everything that may go wrong between them.

The production kernel, driver, task executor and stores run unchanged, each process on an event loop
of its own (:mod:`.loop`); the time is virtual, and whose turn it is, how long things take and what
fails comes from a seed. What the handlers saw and what anybody was promised is in a ledger, and the
ledger judges (:mod:`.judge`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from ...compiler.pipeline import Compiled
from ...engine.completing import completed
from ...engine.handlers import HandlerContext
from ...kernel import Program
from ...model.blueprint import HandlerRef
from ...model.completions import read_token
from ...model.machine import FINAL
from ...model.values import Value
from ...stores.base import Command, JobRow, Store
from ...stores.memory import MemoryStore
from ..mocks import Mock
from .fate import Fate
from .judge import jobs, judge, now
from .ledger import Acted, Begun, Ledger
from .loop import SteppedLoop, VirtualTime
from .operators import Operators
from .process import Process
from .report import Job, Report
from .stage import quiet, virtual
from .stillness import Stillness

#: Processes that work, and the milliseconds of silence after which others take their jobs.
WORKERS: Final = 3
LEASE: Final = 5_000
#: Virtual seconds in which faults happen, and in which all has to end when they are over.
TROUBLE: Final = 20.0
BOUND: Final = 120.0
#: Steps after which a simulation is taken to go in circles.
STEPS: Final = 400_000
#: A rule that is broken on purpose, to see that it is found out: ``effects`` leave before what
#: caused them is durable; the store has no ``fencing``.
Broken = Literal["effects", "fencing"]


class Cluster:
    """One simulation; ``run`` is the whole of it.

    ``work``: the jobs that are submitted. ``deployed``: skripts that ``run: NAME`` finds.
    ``mocks``: what stands in for handlers; one that is missing gives its parameters back.
    ``folder``: where to make a SQLite store; without it the store is in memory. ``broken``: see
    ``Broken``. ``fate``: what goes wrong, where it is not drawn from the seed.
    ``trace``: keep a line for everything that happens.
    """

    def __init__(
        self,
        work: Sequence[Job],
        mocks: Mapping[str, Mock] | None = None,
        *,
        seed: int,
        deployed: Sequence[Compiled] = (),
        folder: Path | None = None,
        workers: int = WORKERS,
        lease: int = LEASE,
        env: Mapping[str, str] | None = None,
        broken: Broken | None = None,
        trace: bool = False,
        fate: Fate | None = None,
    ) -> None:
        self.seed = seed
        self.time = VirtualTime()
        self.fate = fate or Fate(seed)
        self.ledger = Ledger()
        self.lease = lease
        self.env = dict(env or {})
        self.broken = broken
        #: Seconds after which alarms look at the clock, which may have been set.
        self.patience = 60.0
        #: Virtual seconds by which all has to have ended.
        self.bound = TROUBLE + BOUND
        self._work = list(work)
        self._deployed = list(deployed)
        self._mocks = dict(mocks or {})
        self._workers = workers
        self._shared = None if folder else MemoryStore(self.time.now_ms)
        self._file = None if folder is None else folder / f"seed-{seed}.db"
        self._stores: list[Store] = []
        self._raw: Store
        self._processes: dict[str, Process] = {}
        self._buried: list[SteppedLoop] = []
        self._number = 0
        self._steps = 0
        self._deaths = 0
        self._stillness = Stillness(self.time, self.ledger)
        self._operators = Operators(self)
        #: What happens at a virtual time, in order.
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._asked = 0
        self._trace: list[str] | None = [] if trace else None
        self._programs: dict[str, Program] = {}

    # --- what processes ask ---------------------------------------------------------------------
    def open_store(self) -> Store:
        """The store, as one more process opens it."""
        if self._shared is not None:
            return self._shared
        from ...stores.sqlite import SqliteStore

        store = SqliteStore(str(self._file), self.time.now_ms, sync="normal")
        self._stores.append(store)
        return store

    def mocks(self) -> Iterator[tuple[HandlerRef, Mock]]:
        """Every handler that one of the skripts names, and what stands in for it."""
        refs: dict[str, HandlerRef] = {}
        for compiled in (*(job.skript for job in self._work), *self._deployed):
            for blueprint in (compiled.blueprint, *compiled.children.values()):
                for ref in blueprint.handlers:
                    known = refs.get(ref.name, ref)
                    pure, idempotent = ref.pure or known.pure, ref.idempotent or known.idempotent
                    refs[ref.name] = HandlerRef(ref.name, pure, idempotent)
        for name, ref in sorted(refs.items()):
            yield ref, self._mocks.get(name, dict)

    def row(self, job: str) -> JobRow | None:
        """A job's row as it is."""
        (row,) = now(self._raw.get([job]))
        return row

    def note(self, who: str, text: str) -> None:
        """A line of the trace."""
        if self._trace is not None:
            self._trace.append(f"{self.time.now:10.5f} {who}: {text}")

    def began(
        self, process: Process, name: str, params: dict[str, Value], ctx: HandlerContext
    ) -> None:
        """A handler was called."""
        call = read_token(ctx.token)  # where it is made: on a queue, in a job of its own
        self.note(process.name, f"call {name} of {call.job} {call.path}#{call.n} {params}")
        retried = self.ledger.retried.get(call.job, 0)
        if retried:
            row = self.row(call.job)
            if row is None or row.owner != process.ids.worker_id():
                return  # it is at what it knew before the retry, and will be told
        begun = Begun(process.name, name, ctx.attempt, params, retried)
        self.ledger.begun[ctx.idempotency_key].append(begun)
        if (call.job, call.path, call.n) in self.ledger.results:
            # Somebody who does not know yet that the job was taken from him may still do that.
            row = self.row(call.job)
            if row is not None and row.owner == process.ids.worker_id():
                text = f"{name}, {call.path}#{call.n} of job {call.job}, was made again"
                self.ledger.find("duplicated", f"{text} though its result was durable")

    def acted(self, process: Process, name: str, ctx: HandlerContext) -> None:
        """A handler has done its work: whatever comes next, that has happened."""
        call = ctx.call
        done = Acted(process.name, name, ctx.job_id, ctx.step, call.path, call.n, ctx.attempt)
        self.ledger.acted[ctx.idempotency_key].append(done)

    def left(self, token: str, result: Any, seconds: float) -> None:
        """A handler leaves its result to somebody outside, who tells it so much later, perhaps
        twice.
        """
        answers = self.ledger.left[token]

        def tell() -> None:
            command = completed(token, result)
            data: Any = command.data
            for _ in range(self.fate.faults.choice((1, 1, 2))):
                (outcome,) = now(self._raw.post([command]))
                self.note("outside", f"completes {token} with {data['result']}: {outcome}")
                if outcome == "accepted":
                    answers.append(data["result"])

        self.at(seconds, tell)

    @property
    def raw(self) -> Store:
        """The store as it is, for whoever stands outside."""
        return self._raw

    # --- the simulation -------------------------------------------------------------------------
    def run(self) -> Report:
        """Everything from the first submission to the verdict."""
        with virtual(self.time), quiet():
            try:
                self._raw = self.open_store()
                self._set_up()
                self._go()
                if not self.ledger.findings or self.broken:
                    judge(self._raw, self.ledger, self._programs)
                statuses: dict[str, int] = {}
                for row in jobs(self._raw):
                    statuses[row.status] = statuses.get(row.status, 0) + 1
            finally:
                self._tear_down()
        return Report(
            self.seed,
            self.ledger.findings,
            len(self.ledger.submitted),
            sum(map(len, self.ledger.begun.values())),
            self._deaths,
            self.time.now,
            self._steps,
            statuses,
            self._trace or [],
        )

    def _set_up(self) -> None:
        """Deploy what is to be found by name, and let the processes begin."""
        chance = self.fate.faults
        over, self.fate.over = self.fate.over, True
        first = Process(self, "setup", self._next())
        first.start(self._deploy)
        while not first.loop.dead:
            self._advance([first.loop])
        self._buried.append(first.loop)
        self.fate.over = over
        for number in range(self._workers):
            self.at(chance.choice((0.0, 0.0, 0.1, 1.0)), partial(self._start, f"w{number}"))
        for number, job in enumerate(self._work):
            self.at(chance.choice((0.0, 0.0, 0.05, 0.5)), partial(self._client, number, job))
        for _ in range(self.fate.stalls):
            self.at(chance.random() * 3, self._stall)
        for _ in range(self.fate.jumps):
            self.at(chance.random() * 5, self._jump)
        self.at(TROUBLE, self._calm)

    def at(self, seconds: float, action: Callable[[], None]) -> None:
        """Have something happen in so many virtual seconds."""
        self._agenda.append((self.time.now + seconds, len(self._agenda) + self._steps, action))
        self._agenda.sort(key=lambda one: one[:2])

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _go(self) -> None:
        """Steps, until every job has ended or none does."""
        end = self.bound
        looked = 0.0
        while self.time.now < end and self._steps < STEPS and not self.ledger.findings:
            while self._agenda and self._agenda[0][0] <= self.time.now:
                self._agenda.pop(0)[2]()
            self._advance([process.loop for process in self._processes.values()])
            if self.time.now > looked:
                looked = self.time.now + 0.05
                if self._all_ended():
                    return

    def _advance(self, loops: list[SteppedLoop]) -> None:
        """One step of one process, or time that passes."""
        dues = [(due, loop) for loop in loops if (due := loop.due()) is not None]
        ready = [loop for due, loop in dues if due <= self.time.now]
        if not ready:
            times = [due for due, _ in dues] + [one[0] for one in self._agenda[:1]]
            self.time.now = max(min(times, default=self.time.now + 1), self.time.now)
            return
        loop = ready[0] if len(ready) == 1 else self.fate.steps.choice(ready)
        self._steps += 1
        loop.step()
        for exc in loop.raised:
            self.ledger.find("defect", f"{type(exc).__name__} in a callback: {exc}")
        loop.raised.clear()
        if not loop.dead and self.fate.dies(0.0005):
            loop.die()
        if loop.dead:
            self._gone(loop)

    def _all_ended(self) -> bool:
        """Whether every job has ended; those that a crash loop has parked are resumed."""
        rows = jobs(self._raw)
        for row in rows:
            if row.status in FINAL:
                seen = (row.status, row.output, row.error)
                first = self.ledger.ended(row.id, seen)
                if first != seen:
                    text = f"job {row.id} ended as {first}, and then as {seen}"
                    self.ledger.find("changed", text)
                if not self.broken:
                    self._operators.look(row)
            else:
                self._stillness.look(self._raw, row)
                if row.reason is not None and "without getting on" in row.reason:
                    self.note("operator", f"resumes {row.id}: {row.reason}")
                    self._asked += 1
                    now(self._raw.post([Command(row.id, "resume", id=f"operator {self._asked}")]))
        return (
            len(self.ledger.submitted) == len(self._work)
            and all(row.status in FINAL for row in rows)
            and not self._operators.busy
        )

    # --- processes ------------------------------------------------------------------------------
    async def _deploy(self, process: Process) -> None:
        async with process.runtime() as runtime:
            for compiled in self._deployed:
                await runtime.deploy(compiled)

    def _start(self, name: str) -> None:
        """A worker begins."""
        process = self._processes[name] = Process(self, name, self._next())
        self.note(name, "begins")
        process.start(self._worker)

    async def _worker(self, process: Process) -> None:
        async with process.runtime() as runtime:
            await runtime.work()

    def _client(self, number: int, job: Job) -> None:
        """Somebody submits a job, and asks again until that is acknowledged."""
        name = f"c{number}"
        process = self._processes[name] = Process(self, name, self._next())
        process.start(lambda p: self._submit(p, name, job))

    async def _submit(self, process: Process, key: str, job: Job) -> None:
        chance = self.fate.faults
        async with process.runtime() as runtime:
            found = await runtime.submit_job(job.skript, job.input, key=key, start=False)
            self.ledger.submitted[found.id] = None
            self.note(process.name, f"job {found.id} is submitted")
            kind = chance.choice(("", "", "", "cancel", "pause"))
            self._operators.cares(found.id)
            if kind:
                soon = chance.choice((0.0, 0.01, 0.1, 1.0))
                self.at(soon, lambda: self._command(found.id, kind))
            if kind == "pause":
                later = soon + chance.choice((0.0, 0.05, 3.0))
                self.at(later, lambda: self._command(found.id, "resume"))

    def _command(self, job: str, kind: Any) -> None:
        """Somebody asks for something; now and then it is delivered twice."""
        self._asked += 1
        command = Command(job, kind, None, f"{self._asked}")
        if kind == "cancel":
            command = self._operators.cancel(job, f"{self._asked}")
        outcomes = [now(self._raw.post([command])) for _ in range(self.fate.faults.choice((1, 2)))]
        self.note("operator", f"{kind} {job}: {outcomes}")

    def _gone(self, loop: SteppedLoop) -> None:
        """A process has ended or died; those that somebody needs begin anew."""
        self._buried.append(loop)
        named = [one for one, process in self._processes.items() if process.loop is loop]
        if not named:
            return
        name = named[0]
        self._deaths += 1
        del self._processes[name]
        self.note(name, "is gone")
        chance = self.fate.faults
        if name.startswith("w"):
            self.at(chance.choice((0.0, 0.1, 1.0, 7.0)), partial(self._start, name))
        else:
            number = int(name[1:])
            known = {row.key for row in jobs(self._raw) if row.id in self.ledger.submitted}
            if name not in known:
                self.at(0.1, partial(self._client, number, self._work[number]))

    # --- trouble --------------------------------------------------------------------------------
    def _stall(self) -> None:
        """A process stands still for so long that others take its jobs, and does not know it."""
        workers = [one for name, one in sorted(self._processes.items()) if name.startswith("w")]
        if workers and not self.fate.over:
            process = self.fate.faults.choice(workers)
            process.loop.frozen = self.time.now + self.lease / 1000 + self.fate.faults.random() * 3
            self.note(process.name, f"stands still until {process.loop.frozen}")

    def _jump(self) -> None:
        """The wall clock is set."""
        self.time.shift += self.fate.faults.choice((-3_000, -700, -40, 15, 600, 4_000))
        self.note("clock", f"is set to {self.time.shift} ms")

    def _calm(self) -> None:
        """From here on nothing goes wrong any more."""
        self.fate.over = True
        self.note("world", "nothing goes wrong any more")

    def _tear_down(self) -> None:
        """Take apart what is left of all processes, and close the store."""
        for process in self._processes.values():
            self._buried.append(process.loop)
        for loop in self._buried:
            loop.bury()
        if self._stores:
            last = Process(self, "last", self._next())

            async def close(_: Process) -> None:
                for store in self._stores:
                    await store.close()

            last.start(close)
            while not last.loop.dead:
                last.loop.step()
            last.loop.bury()
