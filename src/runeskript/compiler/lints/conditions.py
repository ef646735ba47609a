"""Conditions with one outcome: a branch that is always taken, or never.

Rarely meant, and often a slip of `and` for `or`, a value in quotes, or a word that the schema
spells in another way. `while: true` is how a loop without a condition is written, so it is fine.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ...expr.ir import walk
from ...model import ast
from ...model.ast import IR, Expr
from ...model.faults import catchable
from ...model.ir_text import expression_text
from ..draws import drawing_functions, draws
from .options import may_equal
from .subject import Subject

#: Comparisons of a value with itself -> their outcome.
_ITSELF: Final = {"==": True, "<=": True, ">=": True, "!=": False, "<": False, ">": False}
_ERROR_TYPE: Final = ("item", ("name", "error"), ("const", "type"))


def check_conditions(subject: Subject) -> None:
    """Report conditions that are written out, and comparisons that can have one outcome only."""
    for expr, kind in _conditions(subject):
        _check_constant(expr, kind, subject)
        if kind == "catch":
            _check_catchable(expr, subject)
    comparisons = _Comparisons(subject)
    seen: set[int] = set()
    for use in subject.facts.uses:
        expr = use.expr
        # Expressions of one text share their IR; one finding at their first place is enough.
        if expr.is_const or id(expr.ir) in seen or not _compares(expr.source):
            continue
        seen.add(id(expr.ir))
        for doubt in (*subject.types.of_use(use).doubts, *comparisons.doubts(expr.ir)):
            subject.found.add("RUNE-3121", doubt, expr.span, expr.pointer)


def _compares(source: str) -> bool:
    """Whether a text may hold a comparison (cheaply: most hold none)."""
    return any(sign in source for sign in ("=", "<", ">", " in "))


# --- what is written out ----------------------------------------------------------------------
def _conditions(subject: Subject) -> Iterator[tuple[Expr, str]]:
    """Every condition, and what it is one of."""
    for step in subject.facts.steps:
        if step.when is not None:
            yield step.when, "if"
        if isinstance(step, ast.If):
            for condition, _ in step.branches:
                yield condition, "if"
        elif isinstance(step, ast.While):
            yield step.condition, "while"
        elif isinstance(step, ast.For):
            yield step.over, "for"
        elif isinstance(step, ast.Listen) and step.where is not None:
            yield step.where, "where"
        elif isinstance(step, ast.Try):
            yield from ((c.when, "catch") for c in step.catches if c.when is not None)
    machine = subject.document.machine
    for transition in () if machine is None else machine.transitions:
        if transition.guard is not None:
            yield transition.guard, "guard"
    for clause in subject.document.catches:
        if clause.when is not None:
            yield clause.when, "catch"


def _check_constant(expr: Expr, kind: str, subject: Subject) -> None:
    if kind == "for":
        if expr.ir in (("const", []), ("list", ())):
            message, hint = "this list is empty: the loop has no turn", None
        else:
            return
    elif not expr.is_const:
        type_ = subject.types.of(expr).type if expr.names else None
        if type_ is None or type_.kinds != {"null"}:
            return
        message, hint = "this is always null, which counts as false", None
    elif kind == "while" and expr.ir[1]:
        return
    else:
        message = f"this condition is always {'true' if expr.ir[1] else 'false'}"
        hint = "names and operators stand without quotes" if type(expr.ir[1]) is str else None
    subject.found.add("RUNE-3120", message, expr.span, expr.pointer, hint)


def _check_catchable(expr: Expr, subject: Subject) -> None:
    """A clause that asks for an error no clause ever sees."""
    for node in walk(expr.ir):
        if node[0] == "compare" and node[1] == _ERROR_TYPE and node[2][0][0] == "==":
            asked = node[2][0][1]
        elif node[0] == "call" and node[1] == "startswith" and node[2][0] == _ERROR_TYPE:
            asked = node[2][1]
        else:
            continue
        if asked[0] == "const" and type(asked[1]) is str and not catchable(asked[1].rstrip(".")):
            subject.found.add(
                "RUNE-3121",
                f"this is always false: `{asked[1]}` cannot be caught",
                expr.span,
                expr.pointer,
                "a `finally` runs on a cancel and at a limit, too",
            )


# --- comparisons ------------------------------------------------------------------------------
class _Comparisons:
    """Comparisons that can have one outcome only, beyond what types tell."""

    def __init__(self, subject: Subject) -> None:
        self._drawing = drawing_functions(subject.document)
        self._options = subject.options

    def doubts(self, ir: IR) -> Iterator[str]:
        """What is wrong with the comparisons in an expression."""
        for node in walk(ir):
            if node[0] == "compare" and len(node[2]) == 1:
                yield from self._comparison(node[1], *node[2][0])
            elif node[0] in ("and", "or"):
                yield from self._pair(node)

    def _comparison(self, left: IR, op: str, right: IR) -> Iterator[str]:
        if left == right and op in _ITSELF and not draws(left, self._drawing):
            outcome = str(_ITSELF[op]).lower()
            yield f"this is always {outcome}: `{expression_text(left)}` is compared with itself"
            return
        if left[0] == "call" and left[1] == "len" and right == ("const", 0) and op in ("<", ">="):
            yield f"this is always {'true' if op == '>=' else 'false'}: a length is never negative"
        if op in ("in", "not-in"):
            given = _constants(right)
        elif op in ("==", "!="):
            left, right = (right, left) if left[0] == "const" else (left, right)
            given = [right[1]] if right[0] == "const" else []
        else:
            return
        for value in given:
            reason = _no_error(value) if left == _ERROR_TYPE else self._options.never(left, value)
            if reason is not None:
                yield reason

    def _pair(self, node: IR) -> Iterator[str]:
        """`x == a and x == b` is never true, `x != a or x != b` always."""
        op, outcome = ("==", "false") if node[0] == "and" else ("!=", "true")
        known: dict[IR, Any] = {}
        for part in node[1]:
            if part[0] != "compare" or len(part[2]) != 1 or part[2][0][0] != op:
                continue
            left, right = part[1], part[2][0][1]
            if right[0] != "const" or draws(left, self._drawing):
                continue
            if not _hashable(left) or isinstance(right[1], list | dict):
                continue
            if left not in known:
                known[left] = right[1]
            elif not may_equal(known[left], right[1]):
                other = "or" if node[0] == "and" else "and"
                yield (
                    f"this is always {outcome}: `{expression_text(left)}` is one value; "
                    f"write `{other}`"
                )
                return


def _no_error(value: Any) -> str | None:
    """A class of errors, as `retry` knows them, is no type that an error has."""
    if type(value) is str and value.endswith("xx"):
        return f"no error has the type `{value}`: write startswith(error.type, '{value[:-2]}')"
    return None


def _constants(ir: IR) -> list[Any]:
    """The elements of a list that is written out."""
    if ir[0] == "const" and isinstance(ir[1], list):
        return ir[1]
    if ir[0] == "list":
        return [part[1] for part in ir[1] if part[0] == "const"]
    return []


def _hashable(ir: IR) -> bool:
    """Whether an expression has no lists or objects written out, which have no hash."""
    return not any(n[0] == "const" and isinstance(n[1], list | dict) for n in walk(ir))
