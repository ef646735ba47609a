"""The picture of a job: the structure of what it runs, and the state of each node.

From the store alone, so of any job, whoever runs it. The journal is read once and told once more; a
fork of a hundred thousand branches is the nodes of one branch, with numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from ..compiler.step_graph import StepNode
from ..errors import JobNotFoundError, StoreError
from ..expr.runtime import Context
from ..kernel import Program
from ..kernel.retelling import retell
from ..kernel.vm import new_run
from ..model.batches import unfold_events
from ..model.events import Event, Moved, MoveFailed
from ..model.records import fields_of, record
from ..model.retries import standing
from ..model.run import Run
from ..stores.base import JobRow, Store
from ..stores.leases import Loaded
from ..stores.rows import ERASED
from .apart import apart
from .outlines import Outline, default_outline, outline_of, state_id
from .skripts import Skripts
from .tallies import Counts, Tally

_PRUNED: Final = "RUNE-7011"
_NONE: Final = Counts()
#: What a machine does between its steps has these names.
_OF_MACHINE: Final = re.compile("/(states|transitions)/[^/]+").fullmatch


@record
class GraphNode:
    """A step, or a state of a machine (kind ``state``, or ``final``).

    ``id``: the step's name in events: its id where it has one, else its pointer. ``parent``: the
    step, or the state, that it stands in. ``current``: something is under way there, or it is the
    state that the job is in.
    """

    id: str
    kind: str
    label: str
    parent: str | None
    current: bool
    counts: Counts


@record
class GraphEdge:
    """``kind``: next, branch, error, join, loop, or ``transition``, labelled with its event.

    ``taken`` and ``failed``: of a transition, how often it was gone, and its action failed.
    ``roles``: who may fire it, None: everybody.
    """

    source: str
    target: str
    kind: str
    label: str
    taken: int | None = None
    failed: int | None = None
    roles: tuple[str, ...] | None = None


@record
class JobGraph:
    """``first``: the journal was counted from this event on: 0, unless its head was pruned.

    ``failed_at``: the step that a failed job failed at.
    """

    job: str
    kind: str
    skript: str
    version: int | None
    status: str
    state: str
    failed_at: str | None
    first: int
    events: int
    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]

    def shown(self) -> dict[str, Any]:
        """As JSON."""
        plain = {name: getattr(self, name) for name in fields_of(JobGraph)}
        nodes = [_plain(node) | {"counts": _plain(node.counts)} for node in self.nodes]
        return plain | {"nodes": nodes, "edges": [_plain(edge) for edge in self.edges]}


async def job_graph(store: Store, skripts: Skripts, id_: str) -> JobGraph:
    """The picture of a job as it is now; needs neither its handlers nor whoever runs it.

    Raises JobNotFoundError, and the errors of a job that cannot be read.
    """
    loaded = await whole_or_tail(store, id_)
    if loaded.row.kind == "bare":
        return _picture(loaded, default_outline(), {}, loaded.events)
    program = await skripts.readable(loaded.row)
    # Apart, with a program of its own: the caches of one belong to one thread.
    return await apart(loaded, _told, Program(program.blueprint), loaded)


async def whole_or_tail(store: Store, id_: str) -> Loaded:
    """A job with its whole journal; where its head was pruned, with its snapshot and the rest.

    Raises JobNotFoundError, StoreError.
    """
    try:
        loaded = await store.load(id_, whole=True)
    except StoreError as exc:
        if exc.code != _PRUNED:
            raise
        loaded = await store.load(id_)
    if loaded is None:
        raise JobNotFoundError(f"no job has the id {id_}")
    return loaded if loaded.first else loaded._replace(snapshot=None)


def start_of(program: Program, loaded: Loaded) -> Run:
    """The run where the events that were loaded begin. Raises StoreError (RUNE-7011)."""
    if loaded.snapshot is None:
        return new_run(program)
    if loaded.row.reason == ERASED:
        raise StoreError(f"job {loaded.row.id} was erased: nothing is left to tell", code=_PRUNED)
    from ..model.snapshot import decode_run

    return decode_run(loaded.snapshot, program.digest, Context())[0]


def _told(program: Program, loaded: Loaded) -> JobGraph:
    events = list(standing(loaded.events))
    counts = _counted(program, loaded, events)
    return _picture(loaded, outline_of(program.blueprint), counts, events)


def _counted(program: Program, loaded: Loaded, events: list[Event]) -> dict[str, Counts]:
    run, tally = start_of(program, loaded), Tally(program)
    if loaded.first:
        tally.begin(run)
    for stretch in retell(program, run, events):
        tally.take(stretch)
    return tally.end(run)


def _picture(
    loaded: Loaded, outline: Outline, counts: dict[str, Counts], events: Iterable[Event]
) -> JobGraph:
    row = loaded.row
    moved, entered, failed = _moves(events)
    here = outline.states.get(row.state) if outline.states else None
    known = {node.id for node in outline.nodes}
    nodes = [
        _node(node, entered if node.id in outline.states.values() else counts, here)
        for node in [*outline.nodes, *_unknown(counts, known)]
    ]
    edges = [GraphEdge(one.source, one.target, one.kind, one.label) for one in outline.edges]
    for way in outline.ways:
        key = (way.source, way.event, way.target)
        edges.append(
            GraphEdge(
                way.source,
                way.target,
                "transition",
                way.event,
                moved.get(key, 0),
                failed.get(key, 0),
                way.roles,
            )
        )
    return JobGraph(
        row.id,
        row.kind,
        row.skript,
        row.version,
        row.status,
        row.state,
        _failed_at(row),
        loaded.first,
        row.seq,
        tuple(nodes),
        tuple(edges),
    )


def _failed_at(row: JobRow) -> str | None:
    step = None if row.status != "Failed" or row.error is None else row.error.get("step")
    return step if isinstance(step, str) else None


def _node(node: StepNode, counts: dict[str, Counts], here: str | None) -> GraphNode:
    one = counts.get(node.id, _NONE)
    current = node.id == here or one.running + one.waiting + one.retrying + one.pending > 0
    return GraphNode(node.id, node.kind, node.label, node.parent, current, one)


def _unknown(counts: dict[str, Counts], known: set[str]) -> list[StepNode]:
    """Steps of which something was heard and that the structure has not: nothing is left out."""
    return [
        StepNode(name, "step", name, None)
        for name in counts
        if name and name not in known and not _OF_MACHINE(name)
    ]


_Moves = dict[tuple[str, str, str], int]


def _moves(events: Iterable[Event]) -> tuple[_Moves, dict[str, Counts], _Moves]:
    """How often each transition was gone, each state entered and left, and each action failed."""
    moved: _Moves = {}
    failed: _Moves = {}
    entered: dict[str, list[int]] = {}
    for event in unfold_events(events):
        if isinstance(event, Moved):
            key = (state_id(event.source), event.event, state_id(event.to))
            moved[key] = moved.get(key, 0) + 1
            times = entered.setdefault(key[2], [0, event.at, event.at])
            times[0], times[2] = times[0] + 1, event.at
        elif isinstance(event, MoveFailed):
            key = (state_id(event.source), event.event, state_id(event.to))
            failed[key] = failed.get(key, 0) + 1
    states = {id_: Counts(done=n, first=a, last=b) for id_, (n, a, b) in entered.items()}
    return moved, states, failed


def _plain(one: GraphNode | GraphEdge | Counts) -> dict[str, Any]:
    return {name: getattr(one, name) for name in fields_of(type(one))}
