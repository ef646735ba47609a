"""What branches write: two writers of one variable, and the rules of reducers."""

from __future__ import annotations

from collections.abc import Iterable

from ...model.ast import Expr
from ...model.diagnostics import Diagnostics
from .. import core
from ..wording import Wording
from .facts import Facts
from .names import name_span

#: What the first value of a reducer must be, by kind: (types, words for the message).
_INITIAL: dict[str, tuple[tuple[type, ...], str]] = {
    "sum": ((int, float), "a number"),
    "min": ((int, float, str), "a number or a text"),
    "max": ((int, float, str), "a number or a text"),
    "append": ((list,), "a list"),
    "merge": ((dict,), "an object"),
}


def check_forks(facts: Facts, programs: Iterable[core.Program], found: Diagnostics) -> None:
    """Every check of this module."""
    for program in programs:
        for body in program.bodies():
            for op in body.forks():
                if isinstance(op, core.Fork) and op.need == 0:
                    _check_conflicts(op, program.reducers, facts.wording, found)
        if program.reducers:
            _check_reducers(facts, program.reducers, found)


def _check_conflicts(
    fork: core.Fork, reducers: dict[str, str], wording: Wording, found: Diagnostics
) -> None:
    first: dict[str, tuple[str, core.Write]] = {}
    reported: set[str] = set()
    for body in fork.bodies:
        for variable, write in body.writes.items():
            if variable in reducers or variable in reported:
                continue
            other = first.setdefault(variable, (body.name, write))
            if other[1] is write:
                continue
            reported.add(variable)
            if variable == "data":
                continue  # which no branch may write
            hint = "use two variables, or `yield` the values"
            if wording.variables:
                hint = (
                    "use two variables, `yield` the values, or declare a reducer: "
                    f"`{wording.variables}: {{{variable}: {{init: 0, reduce: sum}}}}`"
                )
            found.add(
                "RUNE-3012",
                f"the branches `{other[0]}` and `{body.name}` both write `{variable}`",
                write.span,
                write.pointer,
                hint,
                related=((other[1].span, f"`{other[0]}` writes it here"),),
            )


def _check_reducers(facts: Facts, reducers: dict[str, str], found: Diagnostics) -> None:
    for var in facts.document.vars:
        if var.reduce is None:
            continue
        types, words = _INITIAL[var.reduce]
        value = _constant(var.value)
        if value is not _UNKNOWN and (type(value) not in types):
            found.add(
                "RUNE-3023",
                f"`reduce: {var.reduce}` begins with {words}",
                var.value.span,
                var.value.pointer,
                "it is the value `init` gives the variable",
            )
    for a in facts.assignments:
        if a.name not in reducers or not a.scope.forked:
            continue
        if a.path:
            found.add(
                "RUNE-3023",
                f"a branch sets `{a.name}` as a whole: it is a reducer's contribution",
                a.span,
                a.pointer,
                f"`set: {{{a.name}: ...}}` with what this branch adds",
            )
        elif a.value is not None:
            _check_contribution(a.name, a.value, reducers[a.name], found)


def _check_contribution(name: str, value: Expr, reducer: str, found: Diagnostics) -> None:
    for use in value.names:
        if use.name == name and use.kind == "variable":
            found.add(
                "RUNE-3026",
                f"write only what this branch contributes to `{name}`",
                name_span(value, use),
                value.pointer,
                f"the join applies `{reducer}` to `{name}` and the contributions itself",
            )
            return


_UNKNOWN = object()


def _constant(expr: Expr) -> object:
    if expr.is_const:
        value: object = expr.ir[1]
        return value
    if expr.ir[0] == "list":
        return []
    if expr.ir[0] == "object":
        return {}
    return _UNKNOWN
