"""Slots with a meaning of their own: who may write them, and where what they hold may go.

*Holders* have a list that a region appends to in place. Nothing else may hold that list, or a
Blueprint could change values that are recorded already, or build a list that contains itself. Code
reads and writes a holder through copies; so what remains is that no result, capture, out or error
is put there, and that none is taken from there.

*Errors* are stored by the exception table, and whoever looks at them (RERAISE, COMPENSATE ...)
believes what it finds; so nothing else writes there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from ..isa import BY_OP, STATEMENTS, Op
from .facts import Facts

#: Opcodes that look at an error.
_READ_ERRORS: Final = frozenset(map(int, (Op.RERAISE, Op.COMPENSATE, Op.REFUSE, Op.FAIL)))
#: Opcode -> where the slots stand that it writes.
_WRITES: Final = {
    opcode: tuple(i for i, operand in enumerate(row.operands, 1) if operand.role == "write")
    for opcode, row in BY_OP.items()
}
#: Tag of a statement -> where the slot stands that it writes, and where its blocks do.
_WRITTEN: Final = {
    tag: (
        next((i for i, operand in enumerate(operands, 1) if operand.role == "write"), None),
        tuple(i for i, operand in enumerate(operands, 1) if operand.kind == "block"),
    )
    for tag, operands in STATEMENTS.items()
}


def check_slots(facts: Facts) -> None:
    """Both kinds, over a Blueprint whose structure is in order."""
    bp = facts.bp
    errors: dict[int, set[int]] = {}
    for row in bp.exceptions:
        if 0 <= row.start < len(bp.code):
            errors.setdefault(facts.owner[row.start], set()).add(row.slot)
    for body, slot in _errors_read(facts):
        if slot not in errors.get(body, ()):
            what = f"slot {slot} of body {body} is read as an error, and none is stored there"
            facts.say("flow", what, "bodies", body)
    watched = {*errors, *facts.holders}
    for body, slot, what in _moved(facts) if watched else ():
        if slot in facts.holders.get(body, ()):
            facts.say("flow", f"slot {slot} holds a list of its own and is {what}", "bodies", body)
        if what != "captured" and slot in errors.get(body, ()):
            facts.say("flow", f"slot {slot} is for errors and is {what}", "bodies", body)
    for body, slots in errors.items():
        for slot in slots & facts.holders.get(body, set()):
            facts.say("flow", f"slot {slot} holds both a list and errors", "bodies", body)
    for i, bodies in facts.region_bodies.items() if errors else ():
        concerned = [body for body in bodies if body in errors]
        written = set(_written(bp.regions[i])) if concerned else set()
        for body in concerned:
            for slot in written & errors[body]:
                facts.say("flow", f"it writes slot {slot}, which is for errors", "regions", i)


def _errors_read(facts: Facts) -> Iterator[tuple[int, int]]:
    """(body, slot) that RERAISE and COMPENSATE look at, where control gets there: the handler of
    an empty block stands behind it all the same."""
    code: Sequence[tuple[Any, ...]] = facts.bp.code
    for address, instruction in enumerate(code):
        if instruction[0] in _READ_ERRORS and address in facts.reached:
            yield facts.owner[address], instruction[1]


def _moved(facts: Facts) -> Iterator[tuple[int, int, str]]:
    """(body, slot, how) for all that goes into a slot, or out of it, past the regions."""
    bp = facts.bp
    for _, slot in bp.roots:
        yield 0, slot, "filled at the start"
    for index, body in enumerate(bp.bodies):
        for fill in (body.item, body.index):
            if fill is not None:
                yield index, fill, "filled by a fork"
        if body.result is not None:
            yield index, body.result, "yielded"
        for outer, inner in body.captures:
            if body.parent is not None:
                yield body.parent, outer, "captured"
            yield index, inner, "a capture"
        for inner, outer, _ in body.outs:
            if body.parent is not None:
                yield body.parent, outer, "written by a join"
            yield index, inner, "handed to a join"
    code: Sequence[tuple[Any, ...]] = bp.code
    for address, instruction in enumerate(code):
        for i in _WRITES[instruction[0]]:
            if type(instruction[i]) is int:
                yield facts.owner[address], instruction[i], "written by an instruction"


def _written(statements: tuple[Any, ...]) -> Iterator[int]:
    """The slots that a region writes."""
    stack: list[Any] = list(statements)
    while stack:
        statement = stack.pop()
        if type(statement) is not tuple or not statement:
            continue
        slot, blocks = _WRITTEN[statement[0]]
        if slot is not None and type(statement[slot]) is int:
            yield statement[slot]
        for i in blocks:
            stack.extend(statement[i])
