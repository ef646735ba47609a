"""Joins neighbouring pure operations into one region, so that they run as one function.

``set; set; if`` becomes one PURE with the exits of the last. A jump behind a region becomes its
exit. Labels that something refers to keep operations apart, those of the exception table included:
an error must still be covered by the rows of its own step.
"""

from __future__ import annotations

from typing import Any, Final

from ...model.ast import IR
from ...model.catalog import HandlerCatalog
from .. import core

#: Statements after which a region is closed: its function is made when it first runs, and time and
#: memory for that grow with it.
LONGEST: Final = 250


def join_pure(program: core.Program, _: HandlerCatalog) -> None:
    """Rewrite the operations of every body in place."""
    for body in program.bodies():
        body.ops = _join(body)


def _join(body: core.Body) -> list[core.Op]:
    used = core.labels_used(body)
    out: list[core.Op] = []
    #: The region under construction, and its statements once there are those of a second one.
    last: core.Pure | None = None
    statements: list[IR] = []
    op: Any
    for op in body.ops:
        kind = type(op)
        if kind is core.Mark:
            if op.label not in used:
                continue
        elif last is not None and last.exits == core.ONWARD:
            if kind is core.Jump:
                last.exits = (op.to,)
                continue
            if kind is core.Pure and not op.loop:
                if not statements:
                    statements = list(last.statements)
                if len(statements) < LONGEST:
                    statements.pop()  # its ("exit", 0): control goes on with what follows
                    statements += op.statements
                    last.exits, last.reads = op.exits, ()
                    continue
        if statements and last is not None:
            last.statements = tuple(statements)
            statements = []
        out.append(op)
        last = op if kind is core.Pure else None
    if statements and last is not None:
        last.statements = tuple(statements)
    return out
