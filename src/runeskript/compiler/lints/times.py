"""Times that do not fit into those around them.

A timeout that is longer than the one around it never ends anything, and a wait that is longer ends
with a ``timeout`` each time. Only durations that are written out are compared. An undo runs when
the block is long over, and a ``finally`` is not interrupted by the timeouts around it.
"""

from __future__ import annotations

from ...model import ast
from ...model.ast import Block, Expr
from ...model.durations import show_duration
from .subject import Subject
from .tree import inner, inner_of_document


def check_times(subject: Subject) -> None:
    """Report each timeout and each wait that is longer than the shortest timeout around it."""
    document = subject.document
    timed = (step for step in subject.facts.steps if step.timeout is not None)
    if document.timeout is None and next(timed, None) is None:
        return
    for role, block in inner_of_document(document):
        # The job's deadline ends the steps; what its own `catch` and `finally` do comes after it.
        _check_block(block, document.timeout if role == "try" else None, subject)


def _check_block(block: Block, around: Expr | None, subject: Subject) -> None:
    for step in block:
        own = step.timeout
        if _longer(own, around):
            _report_timeout(own, around, subject)
        known = own is not None and own.is_const and not _longer(own, around)
        shortest = own if known else around
        if isinstance(step, ast.Wait) and _longer(step.delay, shortest):
            _report_wait(step.delay, shortest, subject)
        for role, within in inner(step):
            _check_block(within, None if role in ("undo", "finally") else shortest, subject)


def _longer(one: Expr | None, other: Expr | None) -> bool:
    """Whether both durations are known and the first is longer."""
    if one is None or other is None or not one.is_const or not other.is_const:
        return False
    first, second = one.ir[1], other.ir[1]
    return type(first) is int and type(second) is int and first > second


def _report_timeout(own: Expr | None, around: Expr | None, subject: Subject) -> None:
    if own is None or around is None:
        return
    subject.found.add(
        "RUNE-3103",
        f"this timeout never comes: the one around it is over after {show_duration(around.ir[1])}",
        own.span,
        own.pointer,
        "make it shorter, or delete it",
        related=((around.span, "the timeout around it"),),
    )


def _report_wait(delay: Expr | None, around: Expr | None, subject: Subject) -> None:
    if delay is None or around is None:
        return
    subject.found.add(
        "RUNE-3104",
        f"this always ends with a timeout: {show_duration(around.ir[1])} are shorter than "
        f"{show_duration(delay.ir[1])}",
        delay.span,
        delay.pointer,
        "make the wait shorter or the timeout longer",
        related=((around.span, "the timeout"),),
    )
