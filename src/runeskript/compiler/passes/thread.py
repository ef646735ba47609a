"""Threads jumps: whoever would only be sent on goes there at once, and what nobody reaches goes.

A jump or the exit of a region that leads to another jump leads to where that one leads; a jump to
the end of a branch is the end, and one to what stands below it is none. Operations that no way
leads to any more are removed. A jump behind an operation at which a token rests stays where it is:
a token that is cancelled stands there, and the rows that cover it say what runs then.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from ...model.catalog import HandlerCatalog
from .. import core
from .unreached import drop_unreached


def thread(program: core.Program, _: HandlerCatalog) -> None:
    """Rewrite the jumps of every body."""
    for body in program.bodies():
        places = _places(body.ops)
        if places is not None and _rewrite(body, places):
            drop_unreached(body)


#: Label -> the jump or the end of a branch that stands there.
_Places: TypeAlias = "dict[core.Label, core.Jump | core.Arrive]"


def _places(ops: list[core.Op]) -> _Places | None:
    """The labels from which one is only sent on; None where there is no jump at all."""
    if core.Jump not in set(map(type, ops)):
        return None
    found: _Places = {}
    following: Any = None
    op: Any
    for op in reversed(ops):
        kind = type(op)
        if kind is core.Mark:
            if following is not None:
                found[op.label] = following
        else:
            following = op if kind is core.Jump or kind is core.Arrive else None
    return found


#: What leads on to somewhere else, perhaps with others of the kind.
_LEADING: Final = frozenset((core.Jump, core.Mark))


def _rewrite(body: core.Body, places: _Places) -> bool:
    """Send everybody on at once; whether anything changed."""
    ops = body.ops
    edges = core.edges(body)
    kinds = list(map(type, ops))
    op: Any
    needless: set[int] = set()
    changed = False
    for position, kind in enumerate(kinds):
        if kind is core.Pure:
            op = ops[position]
            if op.exits != core.ONWARD or kinds[position + 1] in _LEADING:
                changed = _send_on(op, ops, position, places) or changed
        elif kind is core.Jump:
            op = ops[position]
            end = _end(places, op.to) if op.to in places else op.to
            stands = places.get(end)
            if isinstance(stands, core.Arrive):
                ops[position] = core.Arrive(stands.site, ())
            elif core.leads_on(ops, position, end, edges):
                needless.add(position)
            elif end != op.to:
                op.to = end
            else:
                continue
            changed = True
    if needless:
        body.ops = [op for position, op in enumerate(ops) if position not in needless]
    return changed


def _send_on(op: core.Pure, ops: list[core.Op], position: int, places: _Places) -> bool:
    """Send a region's exits on at once; whether anything changed."""
    exits = op.exits
    if None in exits:
        below = _below(ops, position, places)
        if below is not None:
            exits = tuple([below if to is None else to for to in exits])
    if any(map(places.__contains__, exits)):
        exits = tuple([_end(places, to) if to in places else to for to in exits])
    if exits == op.exits:
        return False
    op.exits = exits
    return True


def _below(ops: list[core.Op], position: int, places: _Places) -> core.Label | None:
    """Where the jump leads that stands directly below a region."""
    op: core.Op | None = ops[position + 1]
    if isinstance(op, core.Mark):
        op = places.get(op.label)
    return op.to if isinstance(op, core.Jump) else None


def _end(places: _Places, label: core.Label) -> core.Label:
    """The last label of a chain of jumps; one of a circle, where they go round."""
    passed = {label}
    op = places.get(label)
    while isinstance(op, core.Jump) and op.to not in passed:
        label = op.to
        passed.add(label)
        op = places.get(label)
    return label
