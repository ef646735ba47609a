"""A skript crashed at every boundary, one at a time: what runs twice then, what is not taken back.

One worker of the simulated cluster runs one job, with mocks, under a virtual clock. A first run
that nothing happens to finds the boundaries: before and after each commit, behind each claim, as
each handler begins and when it has done its work; and each commit delivered twice. Then there is
one run for each boundary, in which the process dies there, and another one goes on; then, up to a
bound, runs in which something happens at two boundaries, the second while another one goes on. The
ledger of what the handlers did judges, apart from the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, Literal, NamedTuple

from ..compiler.pipeline import Compiled
from ..engine import recovery
from ..engine.handlers import HandlerContext
from ..model import limits
from ..model.blueprint import HandlerRef
from ..model.events import Path
from ..model.isa import Op
from ..model.machine import FINAL
from ..model.values import Value
from ..stores.base import JobRow, Message, Store
from .cluster.fate import Fate, Kind, Moment
from .cluster.judge import jobs, now
from .cluster.ledger import Acted
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
#: Pairs of boundaries that are tried, those first that a run comes to first.
PAIRS: Final = 100
#: Virtual seconds after which a run is given up.
BOUND: Final = 400 * 86_400.0

What = Literal["twice", "uncompensated", "lost", "duplicated", "changed", "stuck", "defect"]


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


class Flaw(NamedTuple):
    """What must not be, where in the document it is, and the shortest way to it.

    ``twice``: a call of a handler that is not idempotent did its work twice. ``uncompensated``: a
    call did its work, its job failed, and nothing took it back. The others are defects of the
    engine. ``points``: where something happened on that way; none in the first run.
    """

    kind: What
    text: str
    handler: str | None
    step: str | None
    points: tuple[Point, ...]
    story: tuple[str, ...]


class Report(NamedTuple):
    """What came of it. ``ends``: how many runs ended in each way, that of the first run first,
    without those that were crashed at two boundaries. ``pairs``: how many of these there were, and
    how many there could be.
    """

    boundaries: int
    pairs: tuple[int, int]
    calls: int
    first: JobRow | None
    ends: Mapping[str, int]
    flaws: Sequence[Flaw]


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


class _World(Cluster):
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
        super().began(process, name, params, ctx)
        again = "" if ctx.attempt == 1 else f", attempt {ctx.attempt}"
        self.callers.add((ctx.job_id, ctx.call.path))
        self.story.append(f"call {name} in step {ctx.step}{again}")

    def acted(self, process: Process, name: str, ctx: HandlerContext) -> None:
        super().acted(process, name, ctx)
        self.story.append(f"{name} has done its work")
        self.marks.setdefault(ctx.idempotency_key, []).append(len(self.story))

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


def crash_all(
    skript: Compiled,
    given: Value,
    mocks: Mapping[str, Mock],
    *,
    messages: Sequence[tuple[str, Value, Value]] = (),
    env: Mapping[str, str] | None = None,
    deployed: Sequence[Compiled] = (),
    pairs: int = PAIRS,
) -> Report:
    """Run a job once for each of its boundaries, and crash it there; then for ``pairs`` of them at
    most, each time at both.

    ``mocks`` must give the same answers in each run. ``deployed``: skripts that
    ``run: NAME`` finds.
    """

    def world(*struck: Point) -> _World:
        made = _World(skript, given, mocks, messages, env or {}, deployed, struck)
        made.run_once()
        return made

    first = world()
    points = list(dict.fromkeys(first.plan.points))
    calls = sum(map(len, first.ledger.begun.values()))
    ended = first.row_of is not None and first.row_of.status in FINAL
    flaws: dict[tuple[str, ...], Flaw] = {}
    ends = {_end(first): 1}
    further: list[tuple[int, int, Point, Point]] = []
    if ended:  # else it waits for what nobody sends: there is nothing to compare with
        _keep(flaws, first)
        for place, point in enumerate(points):
            made = world(point)
            end = _end(made)
            ends[end] = ends.get(end, 0) + 1
            _keep(flaws, made)
            behind = made.plan.points[made.plan.last :]
            further += [(place + n, place, point, one) for n, one in enumerate(behind)]
    further.sort()
    tried = further[:pairs]
    for _, _, point, one in tried:
        _keep(flaws, world(point, one))
    number = len(tried), len(further)
    return Report(len(points), number, calls, first.row_of, ends, list(flaws.values()))


def _keep(flaws: dict[tuple[str, ...], Flaw], made: _World) -> None:
    """Keep what is wrong with a run, of what is wrong with others, too, the shortest way to it."""
    for key, flaw in _flaws(made):
        known = flaws.get(key)
        if known is None or len(flaw.story) < len(known.story):
            flaws[key] = flaw


def _end(made: _World) -> str:
    row = made.row_of
    if row is None or row.status not in FINAL:
        return "no end"
    return row.status if row.error is None else f"{row.status} ({row.error.get('type')})"


# --- the verdict --------------------------------------------------------------------------------
def _flaws(made: _World) -> Iterator[tuple[tuple[str, ...], Flaw]]:
    """Everything that is wrong with one run, each under what makes it the same as another."""
    points, story = tuple(made.plan.struck), tuple(made.story)
    refs = {ref.name: ref for ref, _ in made.mocks()}
    for key, acted in made.ledger.acted.items():
        ref: HandlerRef = refs[acted[0].handler]
        if len(acted) > 1 and not ref.pure and not ref.idempotent:
            one = acted[0]
            text = f"{one.handler} in step {one.step} did its work twice"
            short = story[: made.marks[key][1]]
            flaw = Flaw("twice", text, one.handler, one.step, points, short)
            yield ("twice", one.job, one.step), flaw
    for one in _left(made):
        text = (
            f"{one.handler} in step {one.step} did its work, the job ended as "
            f"{_end(made)}, and its undo was never called"
        )
        flaw = Flaw("uncompensated", text, one.handler, one.step, points, story)
        yield ("uncompensated", one.job, one.step), flaw
    for finding in made.ledger.findings:
        if finding.kind == "stuck" and not points:
            continue  # it waits for what nobody sends
        kind: Any = finding.kind
        yield (finding.kind, finding.text), Flaw(kind, finding.text, None, None, points, story)


def _left(made: _World) -> Iterator[Acted]:
    """Calls with an undo that did their work in a job that failed, and were not taken back."""
    rows = {row.id: row for row in jobs(made._raw)}
    for acted in made.ledger.acted.values():
        one = acted[0]
        row = rows.get(one.job)
        if row is None or row.status not in ("Failed", "Cancelled"):
            continue
        undo = one.job, (*one.path, one.n, -1)
        if one.step in made.undone_by_calls(row) and undo not in made.callers:
            yield one
