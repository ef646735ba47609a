"""Makes a parallel `for` whose body is a single call a FORKCALL: no token per branch.

The body may be the call, with its `into`, retry, timeout and undo, and what computes its yield
behind it. Every call leaves as it would by itself, with its own path, key, retries and timeout; but
all that may start leave as one effect, and what succeeds at once comes back as one event. Where
all that a branch yields is the result of its call, the call writes the yield itself.
"""

from __future__ import annotations

from ...model.catalog import HandlerCatalog
from .. import core
from ..irtools import name


def fork_call(program: core.Program, catalog: HandlerCatalog) -> None:
    """Mark the forks in place."""
    for body in program.bodies():
        for op in body.forks():
            if isinstance(op, core.ForkN) and _is_call(op.body):
                op.calls = True
                _yield_result(op.body)


def _is_call(body: core.Body) -> bool:
    """Whether a body is a call, at most one pure operation behind it, and its end."""
    ops = [op for op in body.ops if not isinstance(op, core.Mark)]
    if body.ranges or len(ops) not in (2, 3):
        return False
    if not isinstance(ops[0], core.Call) or not isinstance(ops[-1], core.Arrive):
        return False
    if len(ops) == 2:
        return True
    pure = ops[1]
    if not isinstance(pure, core.Pure) or pure.loop:
        return False
    at = body.ops.index(pure)
    ends = {op.label for op in body.ops[at:] if isinstance(op, core.Mark)}
    return all(to is None or to in ends for to in pure.exits)


def _yield_result(body: core.Body) -> None:
    """Have the call write the yield where the yield is its result and nobody else reads that."""
    call, *rest = [op for op in body.ops if not isinstance(op, core.Mark)]
    pure = rest[0]
    if not isinstance(call, core.Call) or not isinstance(pure, core.Pure):
        return
    if call.into is None or call.undo is not None or call.into in {out[0] for out in body.outs}:
        return
    plain = (("set", pure.site, body.result, name(call.into)), ("exit", 0))
    if pure.statements == plain:
        call.into = body.result
        body.ops.remove(pure)
