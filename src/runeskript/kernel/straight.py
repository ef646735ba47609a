"""The statements a branch runs where nothing goes wrong, taken together from its instructions.

The code of a body that only computes is regions with scopes around them. Without errors scopes do
nothing, so what is left is one region behind the other, as long as each goes on at one place. What
an error would do is not looked at: a branch that meets one is begun anew as a token.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ..expr.branches import Branch
from ..model.ast import IR
from ..model.blueprint import Blueprint
from ..model.isa import Op

_Block = tuple[IR, ...]
#: Statements past which one function is no gain.
_LONGEST: Final = 2_000
#: Nesting past which a block is left as it is.
_DEEPEST: Final = 100


def straight_branch(blueprint: Blueprint, index: int) -> Branch | None:
    """A body as one block; None where its ways part, or it does anything but compute."""
    body = blueprint.bodies[index]
    code: Sequence[Any] = blueprint.code
    statements: list[IR] = []
    pc, seen = body.entry, set()
    while code[pc][0] != Op.ARRIVE:
        seen.add(pc)
        op = code[pc][0]
        if op == Op.JUMP:
            pc = code[pc][1]
        elif op == Op.LEAVE or (op == Op.ENTER and code[pc][2] is None):
            pc += 1
        elif op == Op.PURE and len(set(code[pc][2])) == 1:
            block = without_exits(blueprint.regions[code[pc][1]])
            if block is None:
                return None
            statements += block
            pc = code[pc][2][0]
        else:
            return None
        if pc in seen or len(statements) > _LONGEST:
            return None
    outs = tuple(inner for inner, _, _ in body.outs)
    return Branch(tuple(statements), body.item, body.index, body.result, outs)


def without_exits(block: _Block, *, loop: bool = False, depth: int = 0) -> _Block | None:
    """A block that ends by running off its end wherever it had an exit; None where that cannot be.

    ``loop``: it is the body of a loop behind which nothing follows.
    """
    if depth > _DEEPEST:
        return None
    for place, statement in enumerate(block):
        tag = statement[0]
        if tag == "exit":
            return (*block[:place], ("break",)) if loop else block[:place]
        if not _exits(statement):
            continue
        rest = block[place + 1 :]
        if tag == "loop":
            body = None if rest or loop else without_exits(statement[2], loop=True, depth=depth + 1)
            return None if body is None else (*block[:place], (*statement[:2], body))
        _, site, condition, then, other = statement
        if rest and not loop:
            # What follows belongs to the way that goes on.
            if _closed(then):
                other, rest = (*other, *rest), ()
            elif _closed(other):
                then, rest = (*then, *rest), ()
            else:
                return None
        yes = without_exits(then, loop=loop, depth=depth + 1)
        no = without_exits(other, loop=loop, depth=depth + 1)
        behind = without_exits(rest, loop=loop, depth=depth + 1)
        if yes is None or no is None or behind is None:
            return None
        return (*block[:place], ("if", site, condition, yes, no), *behind)
    return block


def _exits(statement: IR) -> bool:
    """Whether a statement may leave the region."""
    if statement[0] == "if":
        return any(map(_exits, (*statement[3], *statement[4])))
    return statement[0] == "exit" or (statement[0] == "loop" and any(map(_exits, statement[2])))


def _closed(block: _Block) -> bool:
    """Whether control never comes out at the end of a block."""
    if not block:
        return False
    last = block[-1]
    if last[0] == "if":
        return _closed(last[3]) and _closed(last[4])
    return last[0] in ("exit", "raise", "break", "continue")
