"""Calls in a row that a crash may repeat go without waiting for a commit in between.

Why: an effect leaves the process only after the event that caused it is durable, so a chain of
calls costs a commit for each. Where the call that ended is `pure`, a crash before the commit
repeats it with the same result, and the next one with the same parameters: if that one is `pure`
or `idempotent`, it may as well leave at once, and one commit holds the results of all. Such calls
are a *group*.

Allowed because the journal is the same: one completion after the other. A group ends behind an
`idempotent` call, unless neither the parameters of the next call nor its being reached depend on
that result. Not in a group: what lies behind `now()` (the time of an event is lost with the
event), calls with `undo`, a queue or `on_crash: fail`, and an idempotent call behind one whose
errors the document handles. The rule is written down in `model/groups.py`, and the verifier asks
it again of the Blueprint.
"""

from __future__ import annotations

from typing import Any

from ...model.catalog import HandlerCatalog, HandlerInfo
from ...model.groups import Point, Reader, asking_the_clock, grouped
from .. import core


def group_calls(program: core.Program, catalog: HandlerCatalog) -> None:
    """Mark the calls in place."""
    clocks: frozenset[Any] | None = None
    for body in program.bodies():
        flags = {op.handler: catalog.get(op.handler) for op in body.ops if type(op) is core.Call}
        if not any(info is not None and (info.pure or info.idempotent) for info in flags.values()):
            continue
        if clocks is None:
            functions = program.document.functions
            clocks = asking_the_clock({f.name: f.body.ir for f in functions})
        points, handlers, sure = _points(body, flags, clocks, body is not program.root)
        found = grouped(points, handlers)
        if found and len(sure) < len(handlers):
            found = sorted({*found}.intersection(grouped(points, sure)))
        for at in found:
            call = body.ops[at]
            if isinstance(call, core.Call):
                call.grouped = True


def _points(
    body: core.Body, flags: dict[str, HandlerInfo | None], clocks: frozenset[Any], inner: bool
) -> tuple[list[Point], list[int], list[int]]:
    """The operations as points, and where the exception table leads; last, where it surely does: a
    row that covers nothing but jumps may cover no instruction, and then there is none.

    ``inner``: somebody else began this body, and may handle what fails in it.
    """
    ops = body.ops
    places = {op.label: at for at, op in enumerate(ops) if isinstance(op, core.Mark)}
    changes = [0] * (len(ops) + 1)
    for row in body.ranges:
        changes[places[row.start]] += 1
        changes[places[row.end]] -= 1
    points: list[Point] = []
    covers = 0
    for at, op in enumerate(ops):
        covers += changes[at]
        point = _point(op, flags, clocks)
        if isinstance(op, core.Jump):
            point.next = (places[op.to],)
        elif isinstance(op, core.Pure):
            point.next = [at + 1 if to is None else places[to] for to in op.exits]
        else:
            point.next = () if core.ends(op) else (at + 1,)
        point.covered = inner or covers > 0
        points.append(point)
    handlers, sure = [], []
    for row in body.ranges:
        handlers.append(places[row.handler])
        covered = ops[places[row.start] : places[row.end]]
        if not all(isinstance(op, core.Mark | core.Jump) for op in covered):
            sure.append(places[row.handler])
    return points, handlers, sure


def _point(op: core.Op, flags: dict[str, HandlerInfo | None], clocks: frozenset[Any]) -> Point:
    reader = Reader(clocks)
    if isinstance(op, core.Mark | core.Jump):
        return Point("pass")
    if isinstance(op, core.Pure):
        return reader.region(op.statements)
    if not isinstance(op, core.Call):
        return Point("stop")
    reader.read(op.params)
    apart, policy, info = op.undo is not None, op.policy, flags[op.handler]
    if policy is not None:
        reader.read(policy.timeout)
        apart = apart or policy.queue is not None or policy.on_crash == "fail"
    return Point(
        "call",
        reads=reader.reads,
        clock=reader.clock,
        pure=info is not None and info.pure,
        idempotent=info is not None and info.idempotent,
        apart=apart,
        into=op.into,
    )
