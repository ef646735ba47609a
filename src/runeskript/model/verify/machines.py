"""The table of a machine, and the instructions that look into it.

Whether the code does what the table says is not looked at: the kernel believes neither, and refuses
a move that the table does not have from the state it is in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from ..blueprint import MachineTable
from ..isa import Op
from ..limits import NAME
from .facts import Facts

#: Opcode -> where an index of a state stands, and one of a transition.
_INDEXES: Final[dict[int, tuple[int | None, int | None]]] = {
    Op.AWAIT: (1, None),
    Op.PASS: (None, None),
    Op.REFUSE: (None, None),
    Op.MOVE: (1, 2),
    Op.FAIL: (None, 2),
    Op.EVENT: (None, None),
}


def check_machine(facts: Facts) -> None:
    """The table by itself, then each instruction of a machine."""
    table = facts.bp.machine
    if table is not None:
        if facts.bp.bodies and not 0 <= table.data < facts.bp.bodies[0].slots:
            facts.say("layout", f"{table.data} is no slot of body 0", "machine")
        for problem in _table_problems(table):
            facts.say("layout", problem, "machine")
    code: Sequence[tuple[Any, ...]] = facts.bp.code
    for address, instruction in enumerate(code):
        found = _INDEXES.get(instruction[0]) if instruction else None
        if found is None:
            continue
        name = Op(instruction[0]).name
        if table is None:
            facts.say("instruction", "there is no machine", "code", address, name)
            continue
        for at, size in zip(found, (len(table.states), len(table.transitions)), strict=True):
            value = None if at is None or at >= len(instruction) else instruction[at]
            if value is not None and not (type(value) is int and 0 <= value < size):
                what = f"{value} is not among the {size} there are"
                facts.say("instruction", what, "code", address, name)


def _table_problems(table: MachineTable) -> Iterator[str]:
    size = len(table.states)
    if not 0 <= table.initial < size:
        yield "the initial state is none of its states"
    names = [state.name for state in table.states]
    if len(set(names)) != size:
        yield "two states have one name"
    events = [row.event for row in table.transitions]
    raised = [state.after for state in table.states if state.after is not None]
    roles = [role for row in table.transitions for role in row.roles or ()]
    for text in (*names, *events, *raised, *roles):
        if not 0 < len(text) <= NAME:
            yield f"a name has 1 to {NAME} characters"
            break
    for row in table.transitions:
        if row.source >= size or row.to >= size:
            yield "a transition leads from or to no state"
            break
