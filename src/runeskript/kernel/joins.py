"""What a join hands to its owner: yields in a shape, and the outs of its branches."""

from __future__ import annotations

from typing import Any

from ..errors import StepError
from ..expr.runtime import Context
from ..model.faults import Fault
from ..model.run import Fork
from ..model.values import UNSET, Value
from .faulting import fault_of
from .load import Program
from .reducers import reduce_value


def shape_result(program: Program, fork: Fork, shape: str) -> Value:
    """The value of a join's ``into`` or ``collect`` (``isa.JOIN``)."""
    results: dict[int, Any] = fork.results
    if fork.pure is not None and fork.pure.yields:
        first = fork.pure.yields
        if shape == "list" and len(first) == fork.total:
            return first
        results = {**dict(enumerate(first)), **results}
    if shape == "list":
        if len(results) == fork.total:
            return [results[i] for i in range(fork.total)]
        return [results[i] for i in sorted(results)]
    if shape == "winner":
        return results.get(fork.wins[0]) if fork.wins else None
    if shape == "object":
        names = [program.bodies[body].name for body in fork.bodies]
        return {names[i]: results.get(i) for i in sorted(fork.wins)}
    return None


def apply_outs(program: Program, fork: Fork, context: Context) -> Fault | None:
    """Write what the branches left into the owner's frame, in branch order.

    A branch that set nothing leaves the owner's value; a reducer combines contributions from left
    to right, beginning with the owner's. Returns the fault of a reducer that refused its operands.
    """
    if fork.outs is None:
        return None
    frame = fork.owner.frame
    for index in sorted(fork.outs):
        body = program.bodies[fork.bodies[index] if fork.items is None else fork.bodies[0]]
        for (_, outer, reducer), value in zip(body.outs, fork.outs[index], strict=True):
            if value is UNSET:
                continue
            if not reducer or frame[outer] is UNSET:
                frame[outer] = value
                continue
            try:
                frame[outer] = reduce_value(reducer, frame[outer], value, context)
            except StepError as exc:
                return fault_of(program, fork.owner.pc, exc)
    return None
