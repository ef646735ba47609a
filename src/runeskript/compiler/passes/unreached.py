"""Removing the operations of a body that no way leads to: what passes leave behind."""

from __future__ import annotations

from typing import Any

from .. import core


def drop_unreached(body: core.Body) -> None:
    """Remove what nothing leads to, and the rows of the exception table that then cover nothing.

    Labels stay. A handler is reached where its row covers something that is.
    """
    ops = body.ops
    places = core.places(ops)
    reached = bytearray(len(ops))
    _follow(ops, places, 0, reached)
    waiting = body.ranges
    progress = True
    while progress:
        progress = False
        left = []
        for row in waiting:
            if reached.find(1, places[row.start] + 1, places[row.end]) < 0:
                left.append(row)
            elif not reached[places[row.handler]]:
                _follow(ops, places, places[row.handler], reached)
                progress = True
        waiting = left
    if 0 not in reached:
        return
    mark = core.Mark
    body.ops = [op for op, here in zip(ops, reached, strict=True) if here or type(op) is mark]
    body.holding = None
    if waiting:
        body.ranges = [row for row in body.ranges if row not in waiting]


def _follow(
    ops: list[core.Op], places: dict[core.Label, int], start: int, reached: bytearray
) -> None:
    """Mark all that control may come to from a place, but for errors."""
    ways = [start]
    size = len(ops)
    while ways:
        at = ways.pop()
        while at < size and not reached[at]:
            reached[at] = 1
            op: Any = ops[at]
            at += 1
            kind = type(op)
            if kind is core.Pure:
                exits = op.exits
                if exits == core.ONWARD:
                    continue
                ways += [places[to] for to in exits if to is not None]
                if None not in exits:
                    break
            elif kind is core.Jump:
                at = places[op.to]
            elif kind in core.LAST:
                break
