"""The control-flow graph of one body: blocks of operations that run one after the other."""

from __future__ import annotations

from dataclasses import field

from ...model.records import mutable
from .. import core


@mutable
class Block:
    """Operations with one way in and one way on, but for errors.

    ``exits`` are block numbers in the order of the last operation's exits. ``handlers`` are the
    blocks that an error in here may go to, innermost first.
    """

    ops: list[core.Op] = field(default_factory=list)
    exits: list[int] = field(default_factory=list)
    handlers: tuple[int, ...] = ()


def blocks_of(body: core.Body) -> list[Block]:
    """The blocks of a body, in the order of its code; the first is the entry."""
    used = core.labels_used(body)
    blocks = [Block()]
    at: dict[core.Label, int] = {}
    for op in body.ops:
        if isinstance(op, core.Mark):
            if op.label in used:
                if blocks[-1].ops:
                    blocks.append(Block())
                at[op.label] = len(blocks) - 1
            continue
        if blocks[-1].ops and _closes(blocks[-1].ops[-1]):
            blocks.append(Block())
        blocks[-1].ops.append(op)
    _cover(body, blocks, at)
    for number, block in enumerate(blocks):
        block.exits = _exits(block, number, len(blocks), at)
    return blocks


def _closes(op: core.Op) -> bool:
    return core.ends(op) or (isinstance(op, core.Pure) and len(op.exits) > 1)


def _exits(block: Block, number: int, count: int, at: dict[core.Label, int]) -> list[int]:
    last = block.ops[-1] if block.ops else None
    if isinstance(last, core.Jump):
        return [at[last.to]]
    if isinstance(last, core.Pure):
        return [number + 1 if to is None else at[to] for to in last.exits]
    if last is not None and core.ends(last):
        return []
    return [number + 1] if number + 1 < count else []


def _cover(body: core.Body, blocks: list[Block], at: dict[core.Label, int]) -> None:
    """Note for each block the ranges that cover it, innermost first."""
    covering: list[list[int]] = [[] for _ in blocks]
    for row in body.ranges:  # innermost first, as in the exception table
        for number in range(at[row.start], min(at[row.end], len(blocks))):
            covering[number].append(at[row.handler])
    for block, handlers in zip(blocks, covering, strict=True):
        block.handlers = tuple(handlers)


def may_fail(op: core.Op) -> bool:
    """Whether an operation may raise an error."""
    if isinstance(op, core.Jump | core.Leave | core.Arrive):
        return False
    if isinstance(op, core.Pure):
        return not all(
            s[0] == "exit" or (s[0] == "set" and s[3][0] == "const") for s in op.statements
        )
    return True
