"""The variables of a job at any position of its journal, from the store alone."""

from __future__ import annotations

from heapq import nsmallest
from operator import attrgetter
from typing import Any, Final

from ..errors import JobNotFoundError, PositionError, ReplayMismatchError, StoreError
from ..kernel import Program
from ..kernel.numbering import tokens_of
from ..kernel.retelling import retell
from ..kernel.stepping import Standing, standing_of, variables_of
from ..model.batches import unfold_events, weight
from ..model.events import Event
from ..model.limits import SHOWN_BRANCHES
from ..model.machine import FINAL
from ..model.records import record
from ..model.retries import standing
from ..model.run import Run
from ..model.values import Value, copy_value
from ..stores.base import JobRow, Store
from ..stores.leases import Loaded
from .apart import apart
from .pictures import start_of
from .skripts import Skripts
from .watch import journal_record


@record
class JobVariables:
    """Behind the first ``position`` of ``events`` events. ``at``, ``event``: of the last of them.

    ``variables``: those of the main flow that are set, and that the compiled skript keeps.
    ``branches``: where the branches that live stand, by path, with variables of their own, the
    first of them; ``more``: how many there are besides. ``ended``: the run has come to its end.
    """

    job: str
    position: int
    events: int
    at: int | None
    event: str | None
    step: str | None
    variables: dict[str, Value]
    branches: tuple[Standing, ...]
    more: int
    ended: bool

    def shown(self) -> dict[str, Any]:
        """As JSON."""
        branches = [{**one._asdict(), "path": list(one.path)} for one in self.branches]
        return {name: getattr(self, name) for name in _PLAIN} | {
            "branches": branches,
            "more": self.more,
            "ended": self.ended,
        }


_PLAIN: Final = ("job", "position", "events", "at", "event", "step", "variables")


async def variables_at(
    store: Store, skripts: Skripts, id_: str, at: int | None = None
) -> JobVariables:
    """The variables behind the first ``at`` events; None: as they are now.

    Raises JobNotFoundError, PositionError where there is no such position, StoreError (RUNE-7011
    where what it takes was pruned), and the errors of a job that cannot be read.
    """
    loaded = await store.load(id_)
    if loaded is None:
        raise JobNotFoundError(f"no job has the id {id_}")
    row = loaded.row
    last = loaded.first + sum(map(weight, loaded.events))
    position = last if at is None else at
    if type(position) is not int or not 0 <= position <= last:
        raise PositionError(f"the journal of job {id_} has positions 0 to {last}, not {at}")
    if row.kind == "bare":
        return await _bare(store, loaded, position, last)
    program = await skripts.readable(row)
    # Apart, with a program of its own: the caches of one belong to one thread.
    own = Program(program.blueprint)
    if position >= loaded.first:
        found = await apart(loaded, _told, own, loaded, position, last)
        if found is not None:
            return found
    whole = await store.load(row.id, whole=True)
    if whole is None or whole.first:
        raise StoreError(f"job {row.id}: it changed while it was read; ask again")
    loaded = whole._replace(row=row, snapshot=None)
    found = await apart(loaded, _told, own, loaded, position, last)
    if found is None:
        raise ReplayMismatchError("the journal takes back what it does not have")
    return found


def _told(program: Program, loaded: Loaded, position: int, last: int) -> JobVariables | None:
    """None: a retry among the events takes back what stands before them."""
    events = list(unfold_events(loaded.events))[: position - loaded.first]
    try:
        stands = standing(events)
    except ReplayMismatchError:
        return None
    run = start_of(program, loaded)
    for _ in retell(program, run, stands):
        pass
    return _seen(loaded.row, program, run, events, position, last)


def _seen(
    row: JobRow, program: Program, run: Run, events: list[Event], position: int, last: int
) -> JobVariables:
    root, ended = run.root, run.finished is not None
    tokens = [] if ended or root is None else [t for t in tokens_of(run) if t is not root]
    first = nsmallest(SHOWN_BRANCHES, tokens, key=attrgetter("path"))
    event = journal_record(position - 1, events[-1]) if events else None
    return JobVariables(
        row.id,
        position,
        last,
        None if event is None else event.at,
        None if event is None else event.kind,
        None if event is None else event.step,
        {} if root is None else _copied(variables_of(program, root)),
        tuple([_own(standing_of(program, token)) for token in first]),
        len(tokens) - len(first),
        ended,
    )


def _own(one: Standing) -> Standing:
    return one._replace(variables=_copied(one.variables))


def _copied(variables: dict[str, Value]) -> dict[str, Any]:
    return {name: copy_value(value) for name, value in variables.items()}


async def _bare(store: Store, loaded: Loaded, position: int, last: int) -> JobVariables:
    """A job that others move has data, and no variables."""
    from .bare import replayed

    row, first = loaded.row, 0 if position < last else max(last - 1, 0)
    read = await store.journal(row.id, first, position - first) if position else []
    events = list(unfold_events(read))
    data, status = row.data, row.status
    if position < last:
        stands = replayed(row.input, events)
        data, status = stands.data, stands.status
    event = journal_record(position - 1, events[-1]) if events else None
    return JobVariables(
        row.id,
        position,
        last,
        None if event is None else event.at,
        None if event is None else event.kind,
        None,
        {"data": copy_value(data)},
        (),
        0,
        status in FINAL,
    )
