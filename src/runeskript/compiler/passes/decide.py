"""Decides the conditions that are constant: the branch that is never taken goes.

``if: DEBUG`` with ``vars: {DEBUG: false}`` is nothing any more, once ``propagate`` has put the
constant there. What no way leads to any more is removed. The head of a loop stays one, and counts
its turn, even where its condition is false from the start.
"""

from __future__ import annotations

from ...model.ast import IR
from ...model.catalog import HandlerCatalog
from .. import core
from .unreached import drop_unreached


def decide(program: core.Program, _: HandlerCatalog) -> None:
    """Rewrite the regions that test a constant."""
    for body in program.bodies():
        ops = body.ops
        decided = False
        for position, op in enumerate(ops):
            if type(op) is core.Pure:
                statements = op.statements
                first = statements[0]
                if first[0] == "if" and (first[2][0] == "const" or _tests_constant(statements)):
                    ops[position] = _decide(op)
                    decided = True
        if decided:
            drop_unreached(body)


def _tests_constant(statements: tuple[IR, ...]) -> bool:
    for statement in statements:
        if statement[0] == "if" and (
            statement[2][0] == "const"
            or _tests_constant(statement[3])
            or _tests_constant(statement[4])
        ):
            return True
    return False


def _decide(op: core.Pure) -> core.Op:
    statements, ends = _without_tests(op.statements)
    used = sorted(set(_exits(statements)) | ({0} if not ends else set()))
    exits = tuple([op.exits[k] for k in used])
    op.statements = _renumbered(statements, {old: new for new, old in enumerate(used)})
    if exits != op.exits:
        op.exits, op.dispatch = exits, None
    if op.statements == (("exit", 0),) and not op.loop and exits[0] is not None:
        return core.Jump(op.site, (), exits[0])
    return op


def _without_tests(statements: tuple[IR, ...]) -> tuple[tuple[IR, ...], bool]:
    """(the statements with constant tests decided, whether they always leave the region)."""
    out: list[IR] = []
    for statement in statements:
        tag = statement[0]
        ends = tag == "exit"
        if tag != "if":
            out.append(statement)
        elif statement[2][0] == "const":
            taken, ends = _without_tests(statement[3] if statement[2][1] else statement[4])
            out += taken
        else:
            then, then_ends = _without_tests(statement[3])
            other, other_ends = _without_tests(statement[4])
            out.append((*statement[:3], then, other))
            ends = then_ends and other_ends
        if ends:
            return tuple(out), True
    return tuple(out), False


def _exits(statements: tuple[IR, ...]) -> list[int]:
    found: list[int] = []
    for statement in statements:
        if statement[0] == "exit":
            found.append(statement[1])
        elif statement[0] == "if":
            found += _exits(statement[3]) + _exits(statement[4])
    return found


def _renumbered(statements: tuple[IR, ...], numbers: dict[int, int]) -> tuple[IR, ...]:
    out: list[IR] = []
    for statement in statements:
        if statement[0] == "exit":
            statement = ("exit", numbers[statement[1]])
        elif statement[0] == "if":
            branches = [_renumbered(branch, numbers) for branch in statement[3:]]
            statement = (*statement[:3], *branches)
        out.append(statement)
    return tuple(out)
