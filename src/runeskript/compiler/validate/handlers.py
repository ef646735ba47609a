"""Calls: the handler must exist, and must agree with the parameters that are written out."""

from __future__ import annotations

from ...model import ast
from ...model.catalog import HandlerCatalog
from ...model.diagnostics import Diagnostics
from ...model.values import Value
from ..wording import Wording
from .facts import Facts
from .hints import Hints


def check_handlers(facts: Facts, catalog: HandlerCatalog, hints: Hints, found: Diagnostics) -> None:
    """Every call of the document, undos included."""
    for step in facts.steps:
        if isinstance(step, ast.Call):
            _check_call(step, facts.wording, catalog, hints, found)


def _check_call(
    step: ast.Call, wording: Wording, catalog: HandlerCatalog, hints: Hints, found: Diagnostics
) -> None:
    info = catalog.get(step.handler)
    if info is None:
        names = catalog.names()
        hint = hints.near(step.handler, "handler", names)
        if hint is None and not names:
            hint = "no handlers are registered"
        found.add(
            "RUNE-3007",
            f"there is no handler `{step.handler}`",
            step.handler_span,
            wording.at(step.site.pointer, "call"),
            hint,
        )
        return
    args = step.args
    if args.whole is not None:
        if args.whole.is_const and not isinstance(args.whole.ir[1], dict):
            key = wording.key(step.site.pointer, "with")
            found.add(
                "RUNE-3008", f"`{key}` must be an object", args.whole.span, args.whole.pointer
            )
        return
    literals: dict[str, Value] = {}
    dynamic: list[str] = []
    for key, value in args.entries.items():
        if value.ir[0] == "const":
            literals[key] = value.ir[1]
        else:
            dynamic.append(key)
    for problem in info.check(literals, frozenset(dynamic)):
        at = args.entries.get(problem.key) if problem.key is not None else None
        if at is not None:
            span, pointer = at.span, at.pointer
        elif args.entries:
            span, pointer = args.span, args.pointer
        else:
            span, pointer = step.handler_span, wording.at(step.site.pointer, "call")
        found.add("RUNE-3008", f"`{step.handler}`: {problem.message}", span, pointer, problem.hint)
