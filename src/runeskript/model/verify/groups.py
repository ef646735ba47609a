"""Calls that may leave ahead of a commit: only where the rule of groups allows it.

An untrusted Blueprint could otherwise have calls leave whose cause may be lost. The flags of
handlers that the rule relies on are checked when it is known which handlers there are.
"""

from __future__ import annotations

from typing import Any, Final

from ..blueprint import Blueprint, Body
from ..groups import Point, Reader, asking_the_clock, grouped
from ..isa import BY_OP, Op
from .facts import Facts
from .flow import Edges, edges_of

_GROUPED: Final = 1 + [operand.name for operand in BY_OP[Op.CALL].operands].index("grouped")


def check_groups(facts: Facts) -> None:
    """Ask the rule of each body that has a call so marked."""
    bp = facts.bp
    marked = [at for at, ins in enumerate(bp.code) if ins[0] == Op.CALL and ins[_GROUPED]]
    if facts.problems or not marked:
        return
    edges = edges_of(bp)
    clocks = asking_the_clock({i: function.ir for i, function in enumerate(bp.functions)})
    allowed: set[int] = set()
    for body in {facts.owner[at] for at in marked}:
        allowed.update(_allowed(bp, bp.bodies[body], edges, clocks))
    for at in marked:
        if at not in allowed:
            facts.say("flow", "it may not leave ahead of the commit", "code", at, "CALL")


def _allowed(bp: Blueprint, body: Body, edges: Edges, clocks: frozenset[Any]) -> list[int]:
    rows = [row for row in bp.exceptions if body.entry <= row.start < body.end]
    changes = [0] * (body.end - body.entry + 1)
    for row in rows:
        changes[row.start - body.entry] += 1
        changes[row.end - body.entry] -= 1
    points, covers = [], 0
    for at in range(body.entry, body.end):
        covers += changes[at - body.entry]
        point = _point(bp, at, clocks)
        point.next = [to - body.entry for to in edges[at]]
        point.covered = body is not bp.bodies[0] or covers > 0
        points.append(point)
    handlers = [row.handler - body.entry for row in rows]
    return [body.entry + at for at in grouped(points, handlers)]


def _point(bp: Blueprint, at: int, clocks: frozenset[Any]) -> Point:
    instruction: Any = bp.code[at]
    opcode, reader = instruction[0], Reader(clocks)
    if opcode == Op.JUMP:
        return Point("pass")
    if opcode in (Op.PURE, Op.LOOP):
        return reader.region(bp.regions[instruction[1]])
    if opcode != Op.CALL:
        return Point("stop")
    _, handler, with_, into, policy, undo, _ = instruction
    apart = undo is not None
    if with_ is not None:
        reader.read(bp.exprs[with_])
    if policy is not None:
        row = bp.policies[policy]
        apart = apart or row.queue is not None or row.on_crash == "fail"
        if row.timeout is not None:
            reader.read(bp.exprs[row.timeout])
    ref = bp.handlers[handler]
    return Point(
        "call",
        reads=reader.reads,
        clock=reader.clock,
        pure=ref.pure,
        idempotent=ref.idempotent,
        apart=apart,
        into=into,
    )
