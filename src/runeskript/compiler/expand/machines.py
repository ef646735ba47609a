"""Lowers a machine: a place to rest in each state, and the code of its guards and transitions.

A state without an activity::

    at:    rest:  AWAIT state -> event, actor, $k     events that nobody may fire here are refused
    pick:  LOOP   the guard of transition $k holds: its code; else pass; $k is -1: rest
    pass:  PASS $k; JUMP pick                          the next transition of the same event
    fail:  REFUSE $fault; JUMP rest                    the guard itself has failed

A state with one has that code twice: in the first branch of a fork, beside the activity in the
second, and behind it for when the activity has ended. Whichever branch is first wins the join. An
event whose guard holds lets the first branch arrive: the activity is cancelled, its undos run.
An activity that ends raises ``done`` or ``failed``, and the machine rests on without it.

A transition::

           ENTER try
    T:     the variables of its blocks are unset; $data = data
           exit of the source; do; enter of the target; MOVE    any [T, TE) -> H
    TE:    LEAVE; JUMP to the target
    H:     FAIL $fault; COMPENSATE $fault; LEAVE; data = $data; JUMP to the source

so that an action that fails leaves nothing behind. An activity of the source begins anew, but
where it had ended: then the machine rests on without it. The scope is there only where a call has
an undo.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ...model import ast
from ...model.ast import IR, Machine, State, Transition
from ...model.blueprint import MachineTable, StateRow, TransitionRow
from ...model.machine import DONE, FAILED, RAISED
from ...model.records import fields_of, is_record, mutable, record
from .. import core, machine_ops
from ..irtools import compare, const, name
from .builder import Builder


@record
class _Way:
    """A transition out of one state; ``index``: its row in the table."""

    index: int
    of: Transition


@mutable
class _Place:
    """A state, and where its code stands."""

    state: State
    index: int
    ways: tuple[_Way, ...]
    at: core.Label
    #: Where the machine rests on when the activity has ended.
    rest: core.Label


def table_of(machine: Machine) -> MachineTable:
    """The table: a row for each source of each transition, in the order of the text.

    The slot of the data is known when slots are given out.
    """
    indexes = {state.name: i for i, state in enumerate(machine.states)}
    states = tuple(StateRow(s.name, s.final, s.then) for s in machine.states)
    rows = tuple(
        TransitionRow(indexes[source], t.event, indexes[t.to], t.roles)
        for t, source in _rows(machine)
    )
    return MachineTable(0, indexes.get(machine.initial, 0), states, rows)


def _rows(machine: Machine) -> Iterator[tuple[Transition, str]]:
    """Transitions and their sources; names that no state has are reported where names are."""
    known = {state.name for state in machine.states}
    for transition in machine.transitions:
        for source in transition.sources:
            if source in known and transition.to in known:
                yield transition, source


def lower_machine(b: Builder, machine: Machine, site: int) -> MachineTable:
    """The whole of a machine."""
    table = table_of(machine)
    ways: dict[str, list[_Way]] = {state.name: [] for state in machine.states}
    for index, (transition, source) in enumerate(_rows(machine)):
        ways[source].append(_Way(index, transition))
    places = [
        _Place(state, index, tuple(ways[state.name]), b.label(), b.label())
        for index, state in enumerate(machine.states)
    ]
    b.set(site, "data", name("input"))
    if not places:
        return table
    first = places[table.initial]
    b.block(first.state.enter)
    b.op(_move(b, b.site(first.state.site), first, None))
    b.jump(site, first.at)
    b.used.update(place.at for place in places)  # each may be where a transition leads
    for place in places:
        here = b.site(place.state.site)
        b.mark(here, place.at)
        if place.state.final:
            b.op(core.Return(here, (), name("data")))
        else:
            _state(b, place, places, here)
    return table


def _state(b: Builder, place: _Place, places: Sequence[_Place], site: int) -> None:
    labels = [b.label() for _ in place.ways]
    if place.state.do is not None:
        _beside(b, place, place.state.do, labels, site)
    b.mark(site, place.rest, reached=True)
    _rest(b, place, labels, site)
    by_name = {one.state.name: one for one in places}
    for way, label in zip(place.ways, labels, strict=True):
        b.mark(site, label)
        _transition(b, place, way, by_name[way.of.to])


# --- resting ------------------------------------------------------------------------------------
def _rest(b: Builder, place: _Place, labels: Sequence[core.Label], site: int) -> None:
    """Rest, and test the guards of what comes; ``labels``: where each transition begins."""
    rest, pick, passing, failing = (b.label() for _ in range(4))
    chosen, fault = b.hidden("k"), b.hidden("fault")
    b.mark(site, rest, reached=True)
    b.op(machine_ops.Await(site, (), place.index, "event", "actor", chosen))
    if not place.ways:  # only a cancel ends it
        b.op(core.Pure(site, (), (("exit", 0),), (rest,), loop=True))
        return
    b.mark(site, pick, reached=True)
    tests: tuple[IR, ...] = (("exit", 0),)
    reads = []
    for way, k in reversed([(way, k) for k, way in enumerate(place.ways, 2)]):
        here = b.site(way.of.site)
        taken: tuple[IR, ...] = (("exit", k),)
        if way.of.guard is not None:
            reads.append(way.of.guard)
            taken = (("if", here, b.ir(way.of.guard), taken, (("exit", 1),)),)
        tests = (("if", here, compare("==", name(chosen), const(k - 2)), taken, tests),)
    b.op(core.Pure(site, tuple(reads), tests, (rest, passing, *labels), loop=True))
    b.mark(site, passing, reached=True)
    b.op(machine_ops.Pass(site, (), chosen))
    b.jump(site, pick)
    b.body.ranges.append(core.Range(pick, passing, failing, "any", b.depth, fault))
    b.mark(site, failing, reached=True)
    b.op(machine_ops.Refuse(site, (), fault))
    b.jump(site, rest)


def _beside(
    b: Builder, place: _Place, activity: ast.Block, labels: Sequence[core.Label], site: int
) -> None:
    """Rest while the activity runs."""
    resting = b.inner(f"{place.state.name}.events", "branch")
    resting.body.result = result = resting.hidden("yield")
    stubs = [resting.label() for _ in labels]
    _rest(resting, place, stubs, site)
    end = resting.label()
    for k, stub in enumerate(stubs):
        resting.mark(site, stub)
        what = (("way", const(k)), ("event", name("event")), ("actor", name("actor")))
        pairs = tuple((const(key), value) for key, value in what)
        resting.set(site, result, ("object", pairs))
        resting.jump(site, end)
    resting.mark(site, end)
    resting.op(core.Arrive(site, ()))

    doing = b.inner(f"{place.state.name}.do", "branch")
    doing.body.result = result = doing.hidden("yield")
    doing.yields.append(result)
    doing.step(_activity(place.state, activity))
    doing.op(core.Arrive(site, ()))

    fork = core.Fork(site, (), (resting.body, doing.body), 1)
    won = b.hidden("won")
    b.op(fork)
    b.op(core.Join(site, (), fork, won, "winner"))
    way: IR = ("item", name(won), const("way"))
    tests: tuple[IR, ...] = (("exit", 0),)
    for k, _ in reversed(list(enumerate(labels))):
        take: tuple[IR, ...] = (
            ("set", site, "event", ("item", name(won), const("event"))),
            ("set", site, "actor", ("item", name(won), const("actor"))),
            ("exit", k + 1),
        )
        tests = (("if", site, compare("==", way, const(k)), take, tests),)
    b.op(core.Pure(site, (), tests, (None, *labels), loop=True))
    b.op(machine_ops.Event(site, (), ("item", name(won), const("event"))))


def _activity(state: State, block: ast.Block) -> ast.Try:
    """``try: do, yield done / catch: yield failed``; yields as a branch's own."""
    site = state.site

    def ended(event: str, data: IR) -> ast.Step:
        raised: IR = ("object", ((const("name"), const(event)), (const("data"), data)))
        value: IR = ("object", ((const("way"), const(-1)), (const("event"), raised)))
        used = (ast.Name("error", 0, "variable"),) if data[0] == "name" else ()
        return ast.Yield(site, None, None, ast.Expr("", value, site.span, site.pointer, used))

    clause = ast.CatchClause(None, (ended(FAILED, name("error")),))
    return ast.Try(site, None, None, (*block, ended(DONE, const(None))), (clause,), None)


# --- moving -------------------------------------------------------------------------------------
def _transition(b: Builder, place: _Place, way: _Way, to: _Place) -> None:
    site = b.site(way.of.site)
    block = (*place.state.exit, *way.of.do, *to.state.enter)
    if not block and to.state.after is None:
        b.op(_move(b, site, to, way.index))
        b.jump(site, to.at)
        return
    start, end, handler = (b.label() for _ in range(3))
    fault, before = b.hidden("fault"), b.hidden("data")
    parts = list(_parts(block))
    undoes = any(isinstance(one, ast.Call | ast.Run) and one.undo is not None for one in parts)
    if undoes:
        b.enter(site, "try")
    b.mark(site, start)
    own = {one.name for one in parts if isinstance(one, ast.Target) and not one.path} - {"data"}
    for variable in sorted(own):
        b.pure(site, ("unset", site, variable))
    b.set(site, before, name("data"))
    b.block(block)
    if any(isinstance(one, ast.Target) and one.name == "data" and not one.path for one in parts):
        # Whatever it was set to as a whole: what is no object fails here.
        b.set(site, "data", ("call", "merge", (("object", ()), name("data"))))
    b.op(_move(b, site, to, way.index))
    b.mark(site, end)
    b.body.ranges.append(core.Range(start, end, handler, "any", b.depth, fault))
    if undoes:
        b.leave(site)
    b.jump(site, to.at)
    b.mark(site, handler, reached=True)
    b.op(machine_ops.Fail(site, (), fault, way.index))
    if undoes:
        b.depth += 1
        b.op(core.Compensate(site, (), fault))
        b.leave(site)
    b.set(site, "data", name(before))
    # What the end of the activity led to failed: anew, it would end and fail without end.
    b.jump(site, place.rest if way.of.event in RAISED else place.at)


def _move(b: Builder, site: int, to: _Place, transition: int | None) -> machine_ops.Move:
    """The last of a transition: it may fail still, where the state's timeout has no duration."""
    after = to.state.after
    due, reads = (None, ()) if after is None else (b.ir(after), (after,))
    return machine_ops.Move(site, reads, to.index, transition, due)


def _parts(block: ast.Block) -> Iterator[Any]:
    """All nodes in the steps of a transition."""
    waiting: list[Any] = list(block)
    while waiting:
        one = waiting.pop()
        if isinstance(one, tuple):
            waiting.extend(one)
        elif is_record(type(one)) and not isinstance(one, ast.Expr | ast.Site):
            yield one
            waiting.extend(getattr(one, field) for field in fields_of(type(one)))
