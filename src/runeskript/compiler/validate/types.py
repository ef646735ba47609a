"""Types: what the input's schema, literals and functions tell about expressions before a run.

What fails for every value of a type is an error; where a type is not known, nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ...expr.types import Finding, Type, infer
from ...model import ast
from ...model.ast import Expr
from ...model.diagnostics import Diagnostics
from .environment import Environment
from .facts import Facts

_LIST: Final = frozenset(("list",))
_TEXT: Final = frozenset(("text",))
_OBJECT: Final = frozenset(("object",))
_TEXT_OR_NULL: Final = frozenset(("text", "null"))
_LIMIT: Final = frozenset(("int", "bool", "null"))
_KEY: Final = frozenset(("null", "bool", "int", "float", "text"))


def check_types(facts: Facts, env: Environment, found: Diagnostics) -> None:
    """Infer every expression once and report what is certain to fail."""
    for use in facts.uses:
        expr = use.expr
        if not expr.is_const:
            for finding in env.of_use(use).findings:
                _report(finding, expr, found)
    for step, _ in facts.steps:
        if isinstance(step, ast.Wait) and step.until is not None and step.until.is_const:
            for finding in infer(("instant", step.until.ir), {}).findings:
                _report(finding, step.until, found)
        for expr, kinds, what in expected(step):
            type_, findings, _ = env.of(expr)
            if not findings and not fits(type_, kinds):
                found.add(
                    "RUNE-3028",
                    f"{what} must be {' or '.join(sorted(kinds))}, is {type_.describe()}",
                    expr.span,
                    expr.pointer,
                )


def _report(finding: Finding, expr: Expr, found: Diagnostics) -> None:
    code, message, hint = finding
    found.add(code, message, expr.span, expr.pointer, hint)


def fits(type_: Type, kinds: frozenset[str]) -> bool:
    """Whether some value of a type is of one of the kinds."""
    return not type_.kinds or bool(type_.kinds & kinds)


def expected(step: ast.Step) -> Iterator[tuple[Expr, frozenset[str], str]]:
    """Expressions whose type a step prescribes: (expression, kinds, words for the message)."""
    if isinstance(step, ast.For):
        yield step.over, _LIST, "what a `for` goes over"
        if step.limit is not None:
            yield step.limit, _LIMIT, "`parallel`"
    elif isinstance(step, ast.Call | ast.Run):
        if step.args.whole is not None:
            yield step.args.whole, _OBJECT, "`with`"
    elif isinstance(step, ast.Listen | ast.Emit):
        yield step.topic, _TEXT, "a topic"
        if step.key is not None:
            yield step.key, _KEY, "a key"
        if isinstance(step, ast.Emit) and step.to is not None:
            yield step.to, _TEXT_OR_NULL, "`to`"
    elif isinstance(step, ast.Raise):
        yield step.type, _TEXT, "the type of an error"
