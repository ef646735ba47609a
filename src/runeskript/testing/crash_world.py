"""The world in which one job is crashed: one worker, mocks, a virtual clock, and what is planned.

A simulated cluster in which everything goes well, but for what happens at the boundaries that were
chosen; each boundary that the job comes to is noted down.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from ..compiler.pipeline import Compiled
from ..engine import recovery
from ..engine.handlers import HandlerContext
from ..model import limits
from ..model.events import Path
from ..model.isa import Op
from ..model.values import Value
from ..stores.base import JobRow, Message, Store
from .cluster.fate import Fate, Kind, Moment
from .cluster.judge import jobs, now
from .cluster.process import Process, ProcessIds
from .cluster.programs import decode
from .cluster.report import Job
from .cluster.stillness import Stillness
from .cluster.world import Cluster
from .mocks import Mock

#: The job's id, which a mocked message may name as its key.
JOB: Final = "job-1"
#: Milliseconds: as long as a lease may be, so that heartbeats of long waits are few. A worker that
#: dies here has its lease ended at once.
LEASE: Final = 3_600_000
#: Virtual seconds after which a run is given up.
BOUND: Final = 400 * 86_400.0


class Point(NamedTuple):
    """A boundary: the ``number``-th time (from 1) that ``where`` came by."""

    where: str
    number: int

    def __str__(self) -> str:
        return _SAID[self.where].format(self.number)


_SAID: Final = {
    "die before commit": "the process dies before commit {}",
    "die after commit": "the process dies right after commit {}",
    "twice commit": "commit {} is delivered twice",
    "die after claim": "the process dies right after claim {}",
    "start": "the process dies as handler call {} begins",
    "end": "the process dies when handler call {} has done its work",
}
#: What happens to an operation -> where.
_FAULTS: Final[Mapping[str, tuple[Kind, ...]]] = {
    "commit": ("die before", "die after", "twice"),
    "claim": ("die after",),
}


class _First:
    """Chance that always takes the first, so that runs differ in one thing only."""

    def choice(self, options: Sequence[Any]) -> Any:
        return options[0]

    def random(self) -> float:
        return 1.0


class _Planned(Fate):
    """Everything goes well, but for what happens at some boundaries, one after the other."""

    def __init__(self, struck: Sequence[Point]) -> None:
        super().__init__(0)
        chance: Any = _First()
        self.steps = self.faults = chance
        self.left = self.stalls = self.jumps = self.slow = self.outside = 0
        self.actions = self.deaf = 0
        self.planned = tuple(struck)
        self.over = True  # until the worker begins
        self.seen: dict[str, int] = {}
        self.points: list[Point] = []
        self.struck: list[Point] = []
        #: How many boundaries were come to when something last happened.
        self.last = 0
        self.claimable: Callable[[], bool] = lambda: False

    def _strikes(self, where: str) -> bool:
        if self.over:
            return False
        number = self.seen[where] = self.seen.get(where, 0) + 1
        point = Point(where, number)
        self.points.append(point)
        if self.planned[len(self.struck) :][:1] == (point,):
            self.struck.append(point)
            self.last = len(self.points)
            return True
        return False

    def delay(self) -> float:
        return 0.0

    def operation(self, name: str) -> Kind | None:
        if name == "claim" and not self.claimable():
            return None  # it takes nothing, and so holds nothing up
        hits = [kind for kind in _FAULTS.get(name, ()) if self._strikes(f"{kind} {name}")]
        return hits[0] if hits else None

    def handler(self, moment: Moment) -> bool:
        return self._strikes(moment)

    def dies(self, rate: float) -> bool:
        return False


class _Ids(ProcessIds):
    """Ids of one job alone."""

    __slots__ = ()

    def job_id(self) -> str:
        return JOB


class _Leaps(Stillness):
    """Time passes in leaps: a job that waits for days is what it should be."""

    def look(self, store: Store, row: JobRow) -> None:
        pass


class World(Cluster):
    """One job, one worker; it is followed by another one when it dies."""

    def __init__(
        self,
        skript: Compiled,
        given: Value,
        mocks: Mapping[str, Mock],
        messages: Sequence[tuple[str, Value, Value]],
        env: Mapping[str, str],
        deployed: Sequence[Compiled],
        struck: Sequence[Point],
    ) -> None:
        self.plan = _Planned(struck)
        super().__init__(
            [Job(skript, given)],
            mocks,
            seed=0,
            deployed=deployed,
            workers=1,
            lease=LEASE,
            env=env,
            fate=self.plan,
        )
        self.patience = self.bound = BOUND
        self._stillness = _Leaps(self.time, self.ledger)
        self._messages = messages
        self._idle = False
        #: What happened, a line each, and how long it was each time that a call did its work.
        self.story: list[str] = []
        self.marks: dict[str, list[int]] = {}
        #: Tokens (job, path) that called a handler.
        self.callers: set[tuple[str, Path]] = set()
        self.row_of: JobRow | None = None

    # --- what is different from a cluster in trouble --------------------------------------------
    def run_once(self) -> None:
        """Run, with few looks at the store: time passes in leaps."""
        module: Any = recovery
        before, module.LOOK = module.LOOK, LEASE / 1_000
        try:
            self.run()
        finally:
            module.LOOK = before

    def _set_up(self) -> None:
        self._alone(self._deploy)
        self._alone(self._begin)
        for number, (topic, key, data) in enumerate(self._messages, 1):
            message = Message(f"m{number}", topic, key, None, data, limits.DURATION_MS)
            for _ in range(2):  # whoever sends may not have got the reply
                now(self._raw.post([message]))
        self.plan.claimable = self._claimable
        self.plan.over = False
        self._start("w0")

    def _claimable(self) -> bool:
        at = self._raw.now()
        return any(r.owner is None and r.due is not None and r.due <= at for r in jobs(self._raw))

    def _alone(self, main: Any) -> None:
        process = Process(self, "setup", self._next())
        process.ids = _Ids(0, "setup")
        process.start(main)
        while not process.loop.dead:
            self._advance([process.loop])
        self._buried.append(process.loop)

    async def _begin(self, process: Process) -> None:
        (job,) = self._work
        async with process.runtime() as runtime:
            found = await runtime.submit_job(job.skript, job.input, start=False)
            self.ledger.submitted[found.id] = None

    async def _worker(self, process: Process) -> None:
        async with process.runtime() as runtime:
            await runtime.work(until_idle=True)
        self._idle = True

    def _gone(self, loop: Any) -> None:
        for name, process in list(self._processes.items()):
            if process.loop is loop and not self._idle:
                now(self._raw.release(process.ids.worker_id()))
                self.story.append(f"{self.plan.struck[-1]}; another one goes on")
                self._buried.append(loop)
                del self._processes[name]
                self.at(0.0, partial(self._start, "w" + str(int(name[1:]) + 1)))

    def _all_ended(self) -> bool:
        self.row_of = self.row(JOB)
        return self._idle or super()._all_ended()

    # --- the story ------------------------------------------------------------------------------
    def began(
        self, process: Process, name: str, params: dict[str, Value], ctx: HandlerContext
    ) -> None:
        """Tells of a call that began."""
        super().began(process, name, params, ctx)
        again = "" if ctx.attempt == 1 else f", attempt {ctx.attempt}"
        self.callers.add((ctx.job_id, ctx.call.path))
        self.story.append(f"call {name} in step {ctx.step}{again}")

    def acted(self, process: Process, name: str, ctx: HandlerContext) -> None:
        """Tells of a call that did its work."""
        super().acted(process, name, ctx)
        self.story.append(f"{name} has done its work")
        self.marks.setdefault(ctx.idempotency_key, []).append(len(self.story))

    def rows(self) -> dict[str, JobRow]:
        """The jobs there are, by id."""
        return {row.id: row for row in jobs(self._raw)}

    def undone_by_calls(self, row: JobRow) -> set[str]:
        """The steps of a job's skript whose undo is a call, whatever the run holds."""
        data = now(self._raw.get_blob(row.blueprint))
        if data is None:
            return set()
        blueprint = decode(data)
        found = set()
        for instruction, site in zip(blueprint.code, blueprint.sites, strict=True):
            undo = instruction[5] if instruction[0] == Op.CALL else None
            if isinstance(undo, int):
                entry = blueprint.bodies[undo].entry
                if blueprint.code[entry][0] == Op.CALL:
                    found.add(blueprint.steps[site])
        return found
