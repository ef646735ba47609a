"""Joins that may wait for ever, and joins that are never met.

A `listen` without a timeout waits until its message comes. In a branch that a join waits for, it
holds up what the other branches have done, their undos and the rest of the document with it; a
timeout anywhere around it (its own, the branch's, the fork's, the document's) says how long that
may take. And a branch that ends with a `raise` in every case cannot be one of those that succeed.
"""

from __future__ import annotations

from ...model import ast
from ...model.ast import Block, JoinPolicy, Step
from .subject import Subject
from .tree import Role, inner, inner_of_document

#: Blocks that the timeouts around their step do not reach.
_UNTIMED: tuple[Role, ...] = ("undo", "finally")


def check_joins(subject: Subject) -> None:
    """Report listens that starve a join, and branches that make it impossible."""
    for fork, _ in subject.steps(ast.Parallel):
        _check_reach(fork, subject)
    if not subject.steps(ast.Listen):
        return
    reported: set[int] = set()
    for role, block in inner_of_document(subject.document):
        timed = subject.document.timeout is not None and role == "try"
        _check_block(block, timed, reported, subject)


def _check_block(block: Block, timed: bool, reported: set[int], subject: Subject) -> None:
    for step in block:
        ends = timed or step.timeout is not None
        if not ends and isinstance(step, ast.Parallel | ast.For):
            for waiting in _starving(step):
                if id(waiting) not in reported:
                    reported.add(id(waiting))
                    _report(waiting, step, subject)
        for role, within in inner(step):
            _check_block(within, ends and role not in _UNTIMED, reported, subject)


def _report(waiting: Step, fork: ast.Parallel | ast.For, subject: Subject) -> None:
    subject.found.add(
        "RUNE-3130",
        "this waits for a message without a timeout, and a join waits for it",
        waiting.site.span,
        waiting.site.pointer,
        "a `timeout` here, on the fork or on the document says how long that may take",
        related=((fork.site.span, "the join that waits"),),
    )


# --- what a join waits for ----------------------------------------------------------------------
def _starving(fork: ast.Parallel | ast.For) -> list[Step]:
    """The listens that can keep a fork from ever joining."""
    if isinstance(fork, ast.For):
        return _waits(fork.body) if fork.limit is not None and fork.join == "all" else []
    waits = [_waits(branch.body) for branch in fork.branches]
    waiting = sum(1 for found in waits if found)
    if len(waits) - waiting >= _needed(fork.join, len(waits)):
        return []
    return [step for found in waits for step in found]


def _needed(join: JoinPolicy, branches: int) -> int:
    """How many branches must succeed."""
    if join == "all":
        return branches
    return 1 if join == "any" else join


def _waits(block: Block) -> list[Step]:
    """The listens in a block that nothing ends but their message."""
    found: list[Step] = []
    for step in block:
        if step.timeout is not None:
            continue
        if isinstance(step, ast.Listen):
            found.append(step)
        elif isinstance(step, ast.Parallel) or (isinstance(step, ast.For) and step.limit):
            found += _starving(step)
        else:
            for role, within in inner(step):
                if role != "undo":
                    found += _waits(within)
    return found


# --- joins that are never met -------------------------------------------------------------------
def _check_reach(fork: ast.Parallel, subject: Subject) -> None:
    failing = [(b, step) for b in fork.branches if (step := _always_raises(b.body)) is not None]
    left = len(fork.branches) - len(failing)
    if not failing or left >= _needed(fork.join, len(fork.branches)):
        return
    branch, step = failing[0]
    subject.found.add(
        "RUNE-3131",
        f"the branch `{branch.name}` always fails here, so the join is never met",
        step.site.span,
        step.site.pointer,
        "give the `raise` a condition (`if`), or join fewer branches",
        related=((fork.site.span, f"join: {fork.join}"),),
    )


def _always_raises(block: Block) -> Step | None:
    """The step at which a branch fails in every case."""
    return next((s for s in block if isinstance(s, ast.Raise) and s.when is None), None)
