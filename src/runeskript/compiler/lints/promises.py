"""What fails if handlers give the results they say they give.

A handler's annotation says of which type its result is, and nothing holds it to that: a mistake
against it is a warning, where one against the input's schema, which is checked, is an error.
"""

from __future__ import annotations

from ...model import ast
from ..validate.environment import Environment
from ..validate.types import expected, fits
from .subject import Subject


def check_promises(subject: Subject) -> None:
    """Report what fails by the types of handlers' results, and not without them."""
    sources = _promising(subject)
    if not sources:
        return
    sure = subject.types
    promised = Environment(subject.facts, subject.catalog, promises=True)
    names = {name for name, type_ in promised.types.items() if sure.types.get(name) != type_}
    if not names:
        return
    for use in subject.facts.uses:
        expr = use.expr
        here = {name.name for name in expr.names if name.name in names}
        if not here or use.role == "function":
            continue
        known = sure.of_use(use).findings
        for finding in promised.of_use(use).findings:
            if finding not in known:
                _, message, hint = finding
                subject.found.add(
                    "RUNE-3150", _said(message, here, sources), expr.span, expr.pointer, hint
                )
    for step in subject.facts.steps:
        for expr, kinds, what in expected(step):
            here = {name.name for name in expr.names if name.name in names}
            type_, findings, _ = promised.of(expr)
            if here and not findings and not fits(type_, kinds):
                message = f"{what} must be {' or '.join(sorted(kinds))}, is {type_.describe()}"
                subject.found.add(
                    "RUNE-3150", _said(message, here, sources), expr.span, expr.pointer
                )


def _promising(subject: Subject) -> dict[str, str]:
    """Variable -> the handler whose result it holds, for handlers that say what they give."""
    found: dict[str, str] = {}
    for step, _ in subject.steps(ast.Call):
        info = subject.catalog.get(step.handler) if step.into is not None else None
        if step.into is not None and info is not None and info.result_schema is not None:
            found[step.into.name] = step.handler
    return found


def _said(message: str, names: set[str], sources: dict[str, str]) -> str:
    """The message with whose word it is."""
    handlers = sorted({sources[name] for name in names if name in sources})
    who = f"`{handlers[0]}` says of its result" if len(handlers) == 1 else "handlers say of results"
    return f"by what {who}: {message}"
