"""Core -> instructions, for the operations of a machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from ..model.ast import IR
from ..model.blueprint import Instruction
from ..model.isa import Op
from . import core, machine_ops


class Generator(Protocol):
    """What ``codegen`` offers."""

    #: The body at hand.
    at: Any

    def expr(self, ir: IR | None) -> int | None: ...  # noqa: D102 - see codegen
    def operand(self, ir: IR) -> int: ...  # noqa: D102


def _await(g: Generator, op: machine_ops.Await) -> Instruction:
    at = g.at
    return (int(Op.AWAIT), op.state, at.write(op.event), at.write(op.actor), at.write(op.into))


def _pass(g: Generator, op: machine_ops.Pass) -> Instruction:
    return (int(Op.PASS), g.at.write(op.into))


def _refuse(g: Generator, op: machine_ops.Refuse) -> Instruction:
    return (int(Op.REFUSE), g.at.slot(op.variable))


def _move(g: Generator, op: machine_ops.Move) -> Instruction:
    return (int(Op.MOVE), op.to, op.transition, g.expr(op.due))


def _fail(g: Generator, op: machine_ops.Fail) -> Instruction:
    return (int(Op.FAIL), g.at.slot(op.variable), op.transition)


def _event(g: Generator, op: machine_ops.Event) -> Instruction:
    return (int(Op.EVENT), g.operand(op.event))


MACHINES: Final[dict[type[core.Op], Callable[[Any, Any], Instruction]]] = {
    machine_ops.Await: _await,
    machine_ops.Pass: _pass,
    machine_ops.Refuse: _refuse,
    machine_ops.Move: _move,
    machine_ops.Fail: _fail,
    machine_ops.Event: _event,
}
