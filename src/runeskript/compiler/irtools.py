"""Small makers and walkers for expression IR (nested tuples; the table is ``expr/ir.py``).

The walkers rely on one property of the format: constants are the only operands that may hold data
of the document, so every other tuple is IR or a list of IR.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ..expr.ir import TABLE
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


def fill(ir: IR, slots: Mapping[str, IR], functions: Mapping[str, int]) -> IR:
    """The IR with slots for names, and user functions by index.

    A case of :func:`replace`, which it must agree with. Every expression of a document goes through
    here, so the nodes that most are made of are written out; constants stay the ones they are.
    """
    tag = ir[0]
    if tag == "item":
        _, holder, key = ir
        of = slots[holder[1]] if holder[0] == "name" else fill(holder, slots, functions)
        return (tag, of, key if key[0] == "const" else fill(key, slots, functions))
    if tag in _BINARY:
        _, left, right = ir
        if left[0] != "const":
            left = slots[left[1]] if left[0] == "name" else fill(left, slots, functions)
        if right[0] != "const":
            right = slots[right[1]] if right[0] == "name" else fill(right, slots, functions)
        return (tag, left, right)
    if tag == "object":
        return (tag, _fill_pairs(ir[1], slots, functions))
    if tag in _SEVERAL:
        return (tag, _fill_all(ir[1], slots, functions))
    if tag == "call":
        return (tag, ir[1], _fill_all(ir[2], slots, functions))
    if tag == "compare":
        left = fill(ir[1], slots, functions)  # first: slots are allotted in the order of the text
        return (tag, left, tuple([(op, fill(part, slots, functions)) for op, part in ir[2]]))
    if tag == "ucall":
        function = ir[1]
        index = functions[function] if type(function) is str else function
        return (tag, index, _fill_all(ir[2], slots, functions))
    if tag == "name":
        return slots[ir[1]]
    if tag in _LEAVES:
        return ir
    if tag == "isset":
        return (tag, slots[ir[1]][1])
    return tuple([_fill_any(part, slots, functions) for part in ir])


#: Nodes of two operands, of a list of operands, and without any.
_BINARY: Final = frozenset(("add", "sub", "mul", "div", "floordiv", "mod", "pow", "concat"))
_SEVERAL: Final = frozenset(("text", "list", "and", "or"))
_LEAVES: Final = frozenset(("const", "local", "slot"))


def _fill_all(
    parts: tuple[IR, ...], slots: Mapping[str, IR], functions: Mapping[str, int]
) -> tuple[IR, ...]:
    out = []
    for part in parts:
        kind = part[0]
        if kind == "name":
            out.append(slots[part[1]])
        elif kind == "const":
            out.append(part)
        else:
            out.append(fill(part, slots, functions))
    return tuple(out)


def _fill_pairs(
    pairs: tuple[tuple[IR, IR], ...], slots: Mapping[str, IR], functions: Mapping[str, int]
) -> tuple[tuple[IR, IR], ...]:
    out = []
    for pair in pairs:
        key, value = pair
        kind = value[0]
        if key[0] != "const":
            out.append((fill(key, slots, functions), fill(value, slots, functions)))
        elif kind == "name":
            out.append((key, slots[value[1]]))
        elif kind == "const":
            out.append(pair)
        else:
            out.append((key, fill(value, slots, functions)))
    return tuple(out)


def _fill_any(part: Any, slots: Mapping[str, IR], functions: Mapping[str, int]) -> Any:
    """A part of a node: an expression, a list of such parts, or nothing to fill."""
    if type(part) is not tuple or not part:
        return part
    if type(part[0]) is str and part[0] in TABLE:
        return fill(part, slots, functions)
    return tuple([_fill_any(inner, slots, functions) for inner in part])


def rename(ir: IR, names: Mapping[str, str]) -> IR:
    """The IR with some variables called otherwise."""

    def leaf(node: IR) -> IR:
        if node[0] == "name" and node[1] in names:
            return ("name", names[node[1]])
        return node

    out: IR = replace(ir, leaf)
    return out
