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
    #: The pure operation under construction, its statements growing in a list.
    last: core.Pure | None = None
    statements: list[IR] = []

    def close() -> None:
        nonlocal last
        if last is not None:
            last.statements = tuple(statements)
            last = None

    op: Any
    for op in body.ops:
        kind = type(op)
        if kind is core.Mark:
            if op.label in used:
                close()
                out.append(op)
            continue
        if last is not None:
            if last.exits == (None,):
                if kind is core.Pure and not op.loop and len(statements) < LONGEST:
                    statements.pop()  # its ("exit", 0): control goes on with what follows
                    statements += op.statements
                    last.exits = op.exits
                    last.reads = ()
                    continue
                if kind is core.Jump:
                    last.exits = (op.to,)
                    continue
            close()
        out.append(op)
        if kind is core.Pure:
            last = op
            statements = list(op.statements)
    close()
    return out
