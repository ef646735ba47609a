"""Types: what the input's schema, literals and functions tell about expressions before a run.

The type of a variable is the join of all that is ever assigned to it, wherever that stands: too
wide at most places, wrong at none. What fails for every value of a type is an error; where a type
is not known, nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from ...expr.schema import check_schema
from ...expr.types import (
    ANY,
    INT,
    TEXT,
    Finding,
    Type,
    infer,
    join,
    list_of,
    object_of,
    of,
    type_of_schema,
)
from ...model import ast
from ...model.ast import Expr
from ...model.catalog import HandlerCatalog
from ...model.diagnostics import Diagnostics
from ...model.values import Value
from .facts import Assignment, Facts

#: The object that `catch` and `finally` see.
_ERROR: Final = object_of({
    "code": TEXT, "type": TEXT, "message": TEXT, "step": of("text", "null"), "attempts": INT,
    "data": ANY, "cause": ANY,
})  # fmt: skip
_JOB: Final = object_of({
    "id": TEXT, "key": of("text", "null"), "created_at": ANY, "labels": of("object"),
})  # fmt: skip
#: How often types are worked out anew, each time from those before: `b` from `a`, `c` from `b`.
_ROUNDS: Final = 2


def check_types(facts: Facts, catalog: HandlerCatalog, found: Diagnostics) -> None:
    """Infer every expression once and report what is certain to fail."""
    env = _environment(facts, catalog)
    functions = _functions(facts, env)
    inside = {**env, "error": join(_ERROR, of("null"))}
    for use in facts.uses:
        expr = use.expr
        if expr.is_const:
            continue
        names: Mapping[str, Type] = inside if use.scope.error else env
        if use.role == "function":
            names = {}
        for finding in infer(expr.ir, names, functions)[1]:
            _report(finding, expr, found)
    for step, _ in facts.steps:
        if isinstance(step, ast.Wait) and step.until is not None and step.until.is_const:
            for finding in infer(("instant", step.until.ir), env)[1]:
                _report(finding, step.until, found)
    for expr, kinds, what in _expected(facts):
        type_, findings = infer(expr.ir, inside, functions)
        if type_.kinds and not type_.kinds & kinds and not findings:
            found.add(
                "RUNE-3028",
                f"{what} must be {' or '.join(sorted(kinds))}, is {type_.describe()}",
                expr.span,
                expr.pointer,
            )


def _report(finding: Finding, expr: Expr, found: Diagnostics) -> None:
    code, message, hint = finding
    found.add(code, message, expr.span, expr.pointer, hint)


# --- the types of names -----------------------------------------------------------------------
def _environment(facts: Facts, catalog: HandlerCatalog) -> dict[str, Type]:
    """The type of every variable and loop name; what may be anything is left out."""
    document = facts.document
    fixed: dict[str, Type] = {
        "input": _of_schema(document.input_schema),
        # Names that are not declared are reported where names are checked.
        "env": object_of(dict.fromkeys(document.env, of("text", "null")), closed=False),
        "job": _JOB,
    }
    loose = {a.name for a in facts.assignments if a.path}
    loose.update(var.name for var in document.vars if var.reduce is not None)
    env = dict(fixed)
    for _ in range(1 + _ROUNDS):
        before = env
        known: dict[str, Type] = {}
        for a in facts.assignments:
            if a.name not in loose:
                type_ = _assigned(a, env, catalog)
                known[a.name] = join(known[a.name], type_) if a.name in known else type_
        for loop in facts.loop_names:
            type_ = INT if loop.pointer.endswith("/index") else _element(loop.over, env)
            known[loop.name] = join(known[loop.name], type_) if loop.name in known else type_
        env = {**known, **fixed}
        if env == before:
            break
    return env


def _assigned(a: Assignment, env: Mapping[str, Type], catalog: HandlerCatalog) -> Type:
    """The type of what one assignment stores."""
    if a.value is not None:
        return infer(a.value.ir, env)[0]
    if a.via == "collect":
        return list_of(ANY)
    step = a.step
    if isinstance(step, ast.Parallel) and step.join != "any":
        return of("object")
    if isinstance(step, ast.Run) and step.detach:
        return TEXT
    if isinstance(step, ast.Call):
        info = catalog.get(step.handler)
        if info is not None:
            return _of_schema(info.result_schema)
    return ANY


def _of_schema(schema: Value) -> Type:
    """The type a schema describes; one that is not sound (reported elsewhere) describes nothing."""
    if schema is None or check_schema(schema):
        return ANY
    return type_of_schema(schema)


def _element(over: Expr, env: Mapping[str, Type]) -> Type:
    type_ = infer(over.ir, env)[0]
    return type_.element if type_.element is not None else ANY


def _functions(facts: Facts, env: Mapping[str, Type]) -> dict[str, Type]:
    """The result types of the document's functions, whatever they are given."""
    known: dict[str, Type] = {}
    for _ in range(_ROUNDS):
        known = {f.name: infer(f.body.ir, {}, known)[0] for f in facts.document.functions}
    return known


# --- what a step expects ----------------------------------------------------------------------
def _expected(facts: Facts) -> Iterator[tuple[Expr, frozenset[str], str]]:
    """Expressions whose type a step prescribes: (expression, kinds, words for the message)."""
    list_, int_, text = frozenset({"list"}), frozenset({"int"}), frozenset({"text"})
    for step, _ in facts.steps:
        if isinstance(step, ast.For):
            yield step.over, list_, "what a `for` goes over"
            if step.limit is not None:
                yield step.limit, int_ | {"bool", "null"}, "`parallel`"
        elif isinstance(step, ast.Call):
            if step.args.whole is not None:
                yield step.args.whole, frozenset({"object"}), "`with`"
        elif isinstance(step, ast.Listen | ast.Emit):
            yield step.topic, text, "a topic"
            if step.key is not None:
                yield step.key, frozenset({"null", "bool", "int", "float", "text"}), "a key"
            if isinstance(step, ast.Emit) and step.to is not None:
                yield step.to, text | {"null"}, "`to`"
        elif isinstance(step, ast.Raise):
            yield step.type, text, "the type of an error"
