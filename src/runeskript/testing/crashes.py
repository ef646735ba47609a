"""A skript crashed at every boundary, one at a time: what runs twice then, what is not taken back.

One worker of the simulated cluster runs one job, with mocks, under a virtual clock. A first run
that nothing happens to finds the boundaries: before and after each commit, behind each claim, as
each handler begins and when it has done its work; and each commit delivered twice. Then there is
one run for each boundary, in which the process dies there, and another one goes on; then, up to a
bound, runs in which something happens at two boundaries, the second while another one goes on. The
ledger of what the handlers did judges, apart from the engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from ..compiler.pipeline import Compiled
from ..model.blueprint import HandlerRef
from ..model.machine import FINAL
from ..model.values import Value
from ..stores.base import JobRow
from .cluster.ledger import Acted
from .crash_world import Point, World
from .mocks import Mock

#: Pairs of boundaries that are tried, those first that a run comes to first.
PAIRS: Final = 100

What = Literal["twice", "uncompensated", "lost", "duplicated", "changed", "stuck", "defect"]


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

    def world(*struck: Point) -> World:
        made = World(skript, given, mocks, messages, env or {}, deployed, struck)
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


def _keep(flaws: dict[tuple[str, ...], Flaw], made: World) -> None:
    """Keep what is wrong with a run, of what is wrong with others, too, the shortest way to it."""
    for key, flaw in _flaws(made):
        known = flaws.get(key)
        if known is None or len(flaw.story) < len(known.story):
            flaws[key] = flaw


def _end(made: World) -> str:
    row = made.row_of
    if row is None or row.status not in FINAL:
        return "no end"
    return row.status if row.error is None else f"{row.status} ({row.error.get('type')})"


# --- the verdict --------------------------------------------------------------------------------
def _flaws(made: World) -> Iterator[tuple[tuple[str, ...], Flaw]]:
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


def _left(made: World) -> Iterator[Acted]:
    """Calls with an undo that did their work in a job that failed, and were not taken back."""
    rows = made.rows()
    for acted in made.ledger.acted.values():
        one = acted[0]
        row = rows.get(one.job)
        if row is None or row.status not in ("Failed", "Cancelled"):
            continue
        undo = one.job, (*one.path, one.n, -1)
        if one.step in made.undone_by_calls(row) and undo not in made.callers:
            yield one
