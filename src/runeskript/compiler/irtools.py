"""Small makers and walkers for expression IR (nested tuples; the table is ``expr/ir.py``).

The walkers rely on one property of the format: constants are the only operands that may hold data
of the document, so every other tuple is IR or a list of IR.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..model.ast import IR
from ..model.values import Value


def const(value: Value) -> IR:
    """A constant."""
    return ("const", value)


def name(variable: str) -> IR:
    """A variable."""
    return ("name", variable)


def compare(op: str, left: IR, right: IR) -> IR:
    """``left op right``."""
    return ("compare", left, ((op, right),))


def isset(variable: str) -> IR:
    """Whether a variable is set."""
    return ("isset", variable)


NULL: IR = const(None)


def replace(ir: Any, leaf: Callable[[IR], Any]) -> Any:
    """The IR with ``leaf`` applied to each ``name`` and ``ucall`` node (operands first).

    Shares every part in which nothing changed.
    """
    if type(ir) is not tuple or not ir:
        return ir
    tag = ir[0]
    if tag == "const" or tag == "slot" or tag == "local":
        return ir
    if tag == "name":
        return leaf(ir)
    if tag == "isset":  # its operand is a slot, not an expression
        return ("isset", leaf(("name", ir[1]))[1])
    changed = False
    out = []
    for part in ir:
        if type(part) is tuple and part:
            kind = part[0]
            # Leaves are most of an expression; asking here saves the call.
            if kind == "name":
                new = leaf(part)
            elif kind == "const" or kind == "slot" or kind == "local":
                new = part
            else:
                new = replace(part, leaf)
            changed = changed or new is not part
            out.append(new)
        else:
            out.append(part)
    result = tuple(out) if changed else ir
    return leaf(result) if tag == "ucall" else result


def fill(ir: Any, slots: Mapping[str, IR], functions: Mapping[str, int]) -> Any:
    """The IR with slots for names, and user functions by index.

    As :func:`replace`, which it is a case of; every expression of a document goes through here.
    """
    tag = ir[0]
    if tag == "const":
        return ir
    if tag == "name":
        return slots[ir[1]]
    if tag == "isset":
        return ("isset", slots[ir[1]][1])
    out: list[Any] = []
    for part in ir:
        if type(part) is tuple and part:
            kind = part[0]
            if kind == "const" or kind == "local":
                out.append(part)
            elif kind == "name":
                out.append(slots[part[1]])
            else:
                out.append(fill(part, slots, functions))
        else:
            out.append(part)
    if tag == "ucall" and type(out[1]) is str:
        out[1] = functions[out[1]]
    return tuple(out)


def rename(ir: IR, names: Mapping[str, str]) -> IR:
    """The IR with some variables called otherwise."""

    def leaf(node: IR) -> IR:
        if node[0] == "name" and node[1] in names:
            return ("name", names[node[1]])
        return node

    out: IR = replace(ir, leaf)
    return out
