"""``Flow`` nodes: labelled steps with jumps between them, for what has no other structure."""

from __future__ import annotations

from dataclasses import field

from ....model.ast import Do, Expr, Flow, Site, Step
from ....model.records import mutable


@mutable
class Cell:
    """One labelled step in the making; its jumps name cells, None is the end of the flow."""

    label: str
    site: Site
    steps: list[Step]
    jumps: list[tuple[Expr | None, int | None]] = field(default_factory=list)

    @property
    def passes(self) -> bool:
        """Whether it does nothing and only leads on."""
        return not self.steps and len(self.jumps) == 1


def make_flow(site: Site, cells: list[Cell]) -> Flow:
    """The flow of some cells, the first of which is its beginning."""
    for cell in cells:
        cell.jumps = [(condition, _through(cells, to)) for condition, to in cell.jumps]
    used = [0]
    seen = {0}
    for at in used:  # grows while it is read
        for _, to in cells[at].jumps:
            if to is not None and to not in seen:
                seen.add(to)
                used.append(to)
    used.sort()
    numbers = {old: new for new, old in enumerate(used)}
    labels: list[str] = []
    taken: set[str] = set()
    for at in used:
        label = cells[at].label
        while label in taken:
            label += "'"
        taken.add(label)
        labels.append(label)
    return Flow(
        site,
        None,
        None,
        tuple(labels),
        tuple(_step(cells[at]) for at in used),
        tuple(
            tuple((condition, None if to is None else numbers[to]) for condition, to in jumps)
            for jumps in (cells[at].jumps for at in used)
        ),
    )


def _through(cells: list[Cell], to: int | None) -> int | None:
    """Where a jump arrives in the end: cells that only lead on are passed. A cycle of them stays,
    so that it is a loop that can be cancelled."""
    seen: set[int] = set()
    at = to
    while at is not None and cells[at].passes:
        if at in seen:
            return to
        seen.add(at)
        at = cells[at].jumps[0][1]
    return at


def _step(cell: Cell) -> Step:
    if len(cell.steps) == 1:
        return cell.steps[0]
    return Do(Site(cell.site.pointer, cell.site.span), None, None, tuple(cell.steps))
