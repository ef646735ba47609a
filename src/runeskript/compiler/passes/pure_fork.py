"""Makes a fork whose branches only compute a FORKPURE: its branches run in one function.

Why: a token costs more than most of what a branch computes. In one function a branch is a turn of
a loop, its variables are host variables, and nothing is queued, dispatched or woken.

Allowed because such branches run one after the other anyway, in the order of their indexes, each to
its end: nobody can do anything between two of them but interrupt. So winners, errors and results
are the same, and a limit bounds nothing. A branch that fails, or whose loops outlast a slice, is
begun anew as a token, and a journal that was interrupted in a branch names it as ever.

Conditionals, loops, `try` and forks of the same kind may stand in a branch. One that draws by
`uuid()` or `random()` stays a token, because draws are counted by tokens, and so does one with a
`timeout`, which is a timer. Where a conditional or a loop goes around a `try` or a fork in a
branch, the branch is a token and only the inner fork gains.
"""

from __future__ import annotations

from typing import Final

from ...expr.functions import FUNCTIONS
from ...expr.ir import walk
from ...expr.labels import region_expressions
from ...model.ast import IR
from ...model.catalog import HandlerCatalog
from .. import core
from .fuse import fuse_body

_COMPUTES: Final = (
    core.Mark, core.Jump, core.Pure, core.Arrive, core.Enter, core.Leave, core.Raise, core.Reraise,
    core.Compensate, core.Join,
)  # fmt: skip
#: Operations that may stand in a body that only computes.
_KINDS: Final = frozenset((*_COMPUTES, core.Fork, core.ForkN))


def pure_fork(program: core.Program, _catalog: HandlerCatalog) -> None:
    """Mark the forks in place, those inside others first, and fuse the code of their bodies."""
    draws = _drawing_functions(program)
    pure: set[int] = set()
    for body in reversed(program.bodies()):
        for fork in body.forks():
            fork.pure = all(id(inner) in pure for inner in fork.branches)
            for inner in fork.branches if fork.pure else ():
                fuse_body(inner, program.label)
        if _KINDS.issuperset(map(type, body.ops)) and all(_computes(op, draws) for op in body.ops):
            pure.add(id(body))


def _computes(op: core.Op, draws: frozenset[str]) -> bool:
    """Whether an operation does nothing but compute, and draws nothing."""
    if isinstance(op, core.Fork):
        return op.pure
    if isinstance(op, core.ForkN):
        irs = [op.over] if op.limit is None else [op.over, op.limit]
        return op.pure and not any(_draws(ir, draws) for ir in irs)
    if not isinstance(op, _COMPUTES) or (isinstance(op, core.Enter) and op.deadline is not None):
        return False
    if isinstance(op, core.Pure):
        return not any(_draws(ir, draws) for ir in region_expressions(op.statements))
    return not (isinstance(op, core.Raise) and _draws(op.error, draws))


def _draws(ir: IR, functions: frozenset[str]) -> bool:
    """Whether an expression draws random values."""
    return any(
        (node[0] == "call" and FUNCTIONS[node[1]].effect == "entropy")
        or (node[0] == "ucall" and node[1] in functions)
        for node in walk(ir)
    )


def _drawing_functions(program: core.Program) -> frozenset[str]:
    """The functions of the document that draw, by themselves or through others."""
    found: set[str] = set()
    grown = True
    while grown:
        before = len(found)
        known = frozenset(found)
        found |= {f.name for f in program.document.functions if _draws(f.body.ir, known)}
        grown = len(found) > before
    return frozenset(found)
