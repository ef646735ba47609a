"""Drops what nobody reads: results that no step uses, and assignments that cannot fail.

A variable of the document that nothing reads (no expression in any body, no undo) is not stored by
the calls, waits and joins that would fill it, nor carried out of branches, and its assignments go
where they assign a constant: anything else could fail, and failing is something a run does. So does
a constant that is assigned and then assigned anew before anything could have read it. What a step
calls, waits for or draws from ``uuid()`` and ``random()`` stays in any case.
"""

from __future__ import annotations

from typing import Any, Final

from ...model.ast import IR
from ...model.catalog import HandlerCatalog
from .. import core
from .operands import expression_names, statement_names, written

_EXIT: IR = ("exit", 0)
#: Operations, beside a join, that may store a result.
_STORING: Final = frozenset((core.Call, core.Run, core.Wait))


def drop_dead(program: core.Program, _: HandlerCatalog) -> None:
    """Rewrite the operations of every body."""
    bodies = program.bodies()
    unread = _unread(program, bodies)
    for body in bodies:
        if unread:
            _drop_unread(body, unread)
        empty = _drop_overwritten(body)
        if empty:
            _drop_empty(body, empty)


# --- what is never read -----------------------------------------------------------------------
def _unread(program: core.Program, bodies: list[core.Body]) -> set[str]:
    """The document's variables that are written and never read."""
    read = {
        name for body in bodies for op in body.ops for expr in op.reads for name in expr.parsed.used
    }
    if program.machine is not None:
        read.add("data")  # whoever asks for the job sees it
    read.update(program.reducers)  # a reducer begins with what its variable holds
    for body in bodies:
        for op in body.ops:
            if type(op) is core.Pure and not op.reads:
                for statement in op.statements:
                    statement_names(statement, read)
    return program.assigned.keys() - read


def _only_tests(statement: IR) -> bool:
    """Whether an ``if`` does nothing but choose an exit."""
    return bool(statement[3][0][0] == "exit" == statement[4][0][0])


def _drop_unread(body: core.Body, unread: set[str]) -> None:
    if body.outs:
        body.outs = [out for out in body.outs if out[1] not in unread]
    op: Any
    for op in body.ops:
        kind = type(op)
        if kind is core.Pure:
            statements = op.statements
            first = statements[0]
            tag = first[0]
            if tag == "set" and len(statements) == 2:
                if first[2] in unread and first[3][0] == "const":
                    op.statements = (_EXIT,)
            elif tag == "exit" or (tag == "if" and len(statements) == 1 and _only_tests(first)):
                continue
            elif any(name in unread for name in written(op)):
                op.statements = _without(statements, unread)
        elif kind is core.Join:
            if op.into in unread:
                op.into, op.shape = None, "none"
                for inner in op.fork.branches:
                    inner.result = None
        elif kind in _STORING and op.into in unread:
            op.into = None


def _without(statements: tuple[IR, ...], unread: set[str]) -> tuple[IR, ...]:
    """The statements but for constants assigned to variables that nothing reads."""
    out = []
    for statement in statements:
        tag = statement[0]
        if tag == "set" and statement[2] in unread and statement[3][0] == "const":
            continue
        if tag == "if":
            then, other = _without(statement[3], unread), _without(statement[4], unread)
            statement = (*statement[:3], then, other)
        out.append(statement)
    return tuple(out)


# --- what is written twice --------------------------------------------------------------------
def _drop_overwritten(body: core.Body) -> set[int]:
    """Remove constants that are assigned anew in the same straight stretch, and not read between;
    the places of the regions without a statement that there are then.

    Where a row of the exception table may cover the stretch, what may fail ends it: a handler may
    read the variable.
    """
    #: Variable -> the place that last set it, to a constant nothing has read yet.
    pending: dict[str, int] = {}
    empty: set[int] = set()
    ops = body.ops
    for place, op in enumerate(ops):
        if type(op) is not core.Pure:
            if pending:
                pending.clear()
            continue
        statement = op.statements[0]
        if statement[0] != "set" or len(op.statements) != 2 or op.exits != core.ONWARD:
            if statement[0] == "exit":
                empty.add(place)
            if pending:
                pending.clear()
            continue
        name, value = statement[2], statement[3]
        if value[0] != "const":
            if not pending:
                continue
            if body.ranges:
                pending.clear()
                continue
            read: set[str] = set()
            expression_names(value, read)
            for one in read:
                pending.pop(one, None)
        if name in pending:
            at = pending.pop(name)
            ops[at].statements = (_EXIT,)  # type: ignore[attr-defined]
            empty.add(at)
        if value[0] == "const" and name[0] != "$" and not op.loop:
            pending[name] = place
    return empty


# --- what does nothing ------------------------------------------------------------------------
def _drop_empty(body: core.Body, empty: set[int]) -> None:
    """Remove regions without a statement, unless a token that stands there would stand elsewhere.

    What is run when it is cancelled is a matter of the rows that cover its place; and the first
    place of a ``finally`` must be nobody else's.
    """
    ops = body.ops
    edges = core.edges(body)
    gone = {
        place for place in empty if _does_nothing(ops[place]) and not _at_edge(ops, place, edges)
    }
    if gone:
        body.ops = [op for place, op in enumerate(ops) if place not in gone]


def _does_nothing(op: Any) -> bool:
    return bool(op.exits == core.ONWARD and not op.loop)


def _at_edge(ops: list[core.Op], position: int, edges: set[core.Label]) -> bool:
    """Whether a range or a handler begins or ends between an operation and its neighbours."""
    if not edges:
        return False
    for step in (1, -1):
        at = position + step
        while 0 <= at < len(ops):
            op = ops[at]
            if not isinstance(op, core.Mark):
                break
            if op.label in edges:
                return True
            at += step
    return False
