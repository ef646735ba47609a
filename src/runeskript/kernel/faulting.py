"""From an exception raised by generated code or an opcode to the typed error of a step."""

from __future__ import annotations

from ..errors import StepError
from ..expr.generate import fault_site
from ..model.faults import Fault
from .load import Program


def fault_of(program: Program, pc: int, exc: Exception, attempts: int = 0) -> Fault:
    """The typed error of what the instruction at ``pc`` raised.

    Anything but a StepError is a defect of ours and goes on up. The step is that of the statement
    inside the region, where it was one.
    """
    if not isinstance(exc, StepError):
        raise exc
    site = fault_site(exc)
    step = program.step_at(pc) if site is None else program.steps[site]
    code = None if exc.code == StepError.code else exc.code
    return Fault(
        exc.type, exc.message, step, attempts, exc.data, retryable=exc.retryable, code=code
    )
