"""Loops that never end, and loops that never come to a second turn.

A `while` whose condition depends on nothing that its body changes runs for ever once it is entered.
Where it calls, waits or listens, that may be what it is for; where it does none of these, it only
burns its `limits.pure_work`. A way out is a `break`, `return` or `raise`, or a timeout around it.
"""

from __future__ import annotations

from ...expr.functions import FUNCTIONS
from ...expr.ir import walk
from ...model import ast
from ...model.ast import Block, Step
from ..draws import drawing_functions, draws
from .subject import Subject
from .tree import Role, descend, inner, inner_of_document

#: What leaves the process or lets time pass.
_EFFECTS = (ast.Call, ast.Run, ast.Wait, ast.Listen, ast.Emit)
_EXITS = (ast.Break, ast.Return, ast.Raise)


def check_loops(subject: Subject) -> None:
    """Every check of this module."""
    if not any(isinstance(step, ast.While | ast.For) for step in subject.facts.steps):
        return
    drawing = drawing_functions(subject.document)
    for _, block in inner_of_document(subject.document):
        _check_block(block, subject.document.timeout is not None, drawing, subject)


def _check_block(block: Block, timed: bool, drawing: frozenset[str], subject: Subject) -> None:
    for step in block:
        ends = timed or step.timeout is not None
        if isinstance(step, ast.While) and not ends:
            _check_end(step, drawing, subject)
        if isinstance(step, ast.While | ast.For):
            _check_turns(step, subject)
        for role, within in inner(step):
            _check_block(within, ends and role not in _UNTIMED, drawing, subject)


#: Blocks that the timeouts around their step do not reach.
_UNTIMED: tuple[Role, ...] = ("undo", "finally")


# --- loops without an end ---------------------------------------------------------------------
def _check_end(loop: ast.While, drawing: frozenset[str], subject: Subject) -> None:
    condition = loop.condition
    if condition.is_const and not condition.ir[1]:
        return
    if draws(condition.ir, drawing):
        return
    reads = {name.name for name in condition.names if name.kind in ("variable", "maybe")}
    for step in descend(loop.body):
        if isinstance(step, (*_EFFECTS, *_EXITS)):
            return
        if reads and reads & _written(step):
            return
    if reads:
        what = f"nothing in it changes `{min(reads)}`"
    elif any(n[0] == "call" and FUNCTIONS[n[1]].effect == "clock" for n in walk(condition.ir)):
        what = "`now()` stands still while a job neither waits nor calls"
    elif condition.is_const:  # as of a node that leads back to itself, too
        what = "it always begins again"
    else:
        what = "its condition never changes"
    subject.found.add(
        "RUNE-3105",
        f"once entered, this loop never ends: {what}, and there is no way out",
        condition.span,
        condition.pointer,
        "change what the condition reads, or leave with `break`",
    )


def _written(step: Step) -> set[str]:
    """The variables that a step itself sets."""
    targets: list[ast.Target | None] = []
    if isinstance(step, ast.Set):
        targets += [target for target, _ in step.assignments]
    elif isinstance(step, ast.Parallel):
        targets.append(step.into)
    elif isinstance(step, ast.For):
        targets.append(step.collect)
    return {target.name for target in targets if target is not None}


# --- loops of one turn ------------------------------------------------------------------------
def _check_turns(loop: ast.While | ast.For, subject: Subject) -> None:
    """A body that always ends with a way out, and never begins its next turn before."""
    last = loop.body[-1] if loop.body else None
    if not isinstance(last, _EXITS) or last.when is not None or last.timeout is not None:
        return
    if isinstance(loop, ast.For) and loop.limit is not None:
        return
    if any(isinstance(step, ast.Continue) for step in descend(loop.body)):
        return
    subject.found.add(
        "RUNE-3106",
        "this loop never comes to a second turn: its body always ends here",
        last.site.span,
        last.site.pointer,
        "give the way out a condition (`if`), or leave the loop away",
    )
