"""Clauses that never get their turn, and errors that vanish.

Clauses are tried in order: one that asks what an earlier one has asked already is never reached,
nor is a case whose value the subject cannot have. A `catch` around steps that cannot fail is never
reached either, and one that catches everything and does nothing hides what it catches.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ...expr.types import never_equal, type_of_value
from ...model import ast
from ...model.ast import IR, CatchClause, Expr
from ..draws import drawing_functions, draws
from .subject import Subject

_ERROR_TYPE: Final = ("item", ("name", "error"), ("const", "type"))
#: Steps that cannot fail if what they are given is written out.
_SAFE: Final = (ast.Set, ast.Yield, ast.Break, ast.Continue, ast.Log)


def check_clauses(subject: Subject) -> None:
    """Report clauses that are never reached, and those that swallow errors."""
    drawing = drawing_functions(subject.document)
    for choice, _ in subject.steps(ast.If):
        _check_chain([condition for condition, _ in choice.branches], drawing, subject)
    for switch, _ in subject.steps(ast.Switch):
        _check_cases(switch, subject)
    for step, _ in subject.steps(ast.Try):
        _check_catches(step.catches, subject)
        if step.catches and not any(_may_fail(inside) for inside in step.body):
            subject.found.add(
                "RUNE-3122",
                "this is never reached: nothing in the `try` can fail",
                step.catches[0].span,
                step.catches[0].pointer,
                "delete the `catch`",
            )
    _check_catches(subject.document.catches, subject)


# --- conditions that stand twice --------------------------------------------------------------
def _check_chain(
    conditions: Iterable[Expr | None], drawing: frozenset[str], subject: Subject
) -> None:
    """A condition that an earlier one of the same chain has asked already."""
    seen: list[tuple[IR, Expr]] = []
    for condition in conditions:
        if condition is None or condition.is_const or draws(condition.ir, drawing):
            continue
        first = next((expr for ir, expr in seen if _covers(ir, condition.ir)), None)
        if first is not None:
            subject.found.add(
                "RUNE-3122",
                "this clause is never reached: an earlier one asks the same",
                condition.span,
                condition.pointer,
                related=((first.span, "the first is here"),),
            )
        elif len(seen) < 100:  # beyond, the search would cost more than it tells
            seen.append((condition.ir, condition))


def _covers(first: IR, later: IR) -> bool:
    """Whether the first condition is true wherever the later one is."""
    if first == later:
        return True
    family = _family(first)
    type_ = _family(later) or _single(later)
    return family is not None and type_ is not None and type_.startswith(family)


def _family(ir: IR) -> str | None:
    """The prefix in ``startswith(error.type, PREFIX)``."""
    if ir[0] == "call" and ir[1] == "startswith" and ir[2][0] == _ERROR_TYPE:
        return _text(ir[2][1])
    return None


def _single(ir: IR) -> str | None:
    """The type in ``error.type == TYPE``."""
    if ir[0] == "compare" and ir[1] == _ERROR_TYPE and len(ir[2]) == 1 and ir[2][0][0] == "==":
        return _text(ir[2][0][1])
    return None


def _text(ir: IR) -> str | None:
    return ir[1] if ir[0] == "const" and type(ir[1]) is str else None


# --- cases ------------------------------------------------------------------------------------
def _check_cases(switch: ast.Switch, subject: Subject) -> None:
    """Cases whose value the subject cannot have."""
    if switch.subject.is_const:
        return
    ir, type_ = switch.subject.ir, subject.types.of(switch.subject).type
    for values, _ in switch.cases:
        for value in values:
            doubt = subject.options.never(ir, value.ir[1])
            other = type_of_value(value.ir[1])
            if doubt is None and never_equal(type_, other):
                doubt = f"{type_.describe()} never equals {other.describe()}"
            if doubt is not None:
                subject.found.add(
                    "RUNE-3122", f"this case is never reached: {doubt}", value.span, value.pointer
                )


# --- catches ----------------------------------------------------------------------------------
def _check_catches(catches: tuple[CatchClause, ...], subject: Subject) -> None:
    _check_chain([clause.when for clause in catches], frozenset(), subject)
    for clause in catches:
        if clause.when is None and not clause.body:
            subject.found.add(
                "RUNE-3123",
                "every error is caught here and vanishes without a trace",
                clause.span,
                clause.pointer,
                "`when` says which errors do not matter; `log: ${error.message}` leaves a trace",
            )


def _may_fail(step: ast.Step) -> bool:
    """Whether a step may end with an error that can be caught."""
    if not isinstance(step, _SAFE) or step.timeout is not None or step.when is not None:
        return True
    if isinstance(step, ast.Set):
        return any(target.path or not value.is_const for target, value in step.assignments)
    if isinstance(step, ast.Yield):
        return not step.value.is_const
    return isinstance(step, ast.Log) and not step.text.is_const
