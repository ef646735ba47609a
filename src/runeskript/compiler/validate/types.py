"""Types: what the input's schema, literals and functions tell about expressions before a run.

The type of a variable is the join of all that is ever assigned to it, wherever that stands: too
wide at most places, wrong at none. What fails for every value of a type is an error; where a type
is not known, nothing is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from functools import cache
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
from ...model.records import mutable
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
    outside = _Inferred(env, functions)
    inside = _Inferred({**env, "error": join(_ERROR, of("null"))}, functions)
    inside_function = _Inferred({}, functions)
    for use in facts.uses:
        expr = use.expr
        if expr.ir[0] == "const":
            continue
        if use.role == "function":
            inferred = inside_function
        else:
            inferred = inside if use.scope.error else outside
        for finding in inferred.of(expr)[1]:
            _report(finding, expr, found)
    for step, _ in facts.steps:
        if isinstance(step, ast.Wait) and step.until is not None and step.until.is_const:
            for finding in infer(("instant", step.until.ir), env)[1]:
                _report(finding, step.until, found)
    for expr, kinds, what in _expected(facts):
        type_, findings = inside.of(expr)
        if type_.kinds and not type_.kinds & kinds and not findings:
            found.add(
                "RUNE-3028",
                f"{what} must be {' or '.join(sorted(kinds))}, is {type_.describe()}",
                expr.span,
                expr.pointer,
            )


class _Inferred:
    """Types and findings of expressions under one set of names; one IR is looked at once.

    Expressions of the same text share their IR.
    """

    __slots__ = ("_env", "_functions", "_known")

    def __init__(self, env: Mapping[str, Type], functions: Mapping[str, Type]) -> None:
        self._env = env
        self._functions = functions
        #: Identity of an IR (which the document keeps alive) -> what ``infer`` says of it.
        self._known: dict[int, tuple[Type, list[Finding]]] = {}

    def of(self, expr: Expr) -> tuple[Type, list[Finding]]:
        """What ``infer`` says of an expression."""
        ir = expr.ir
        known = self._known.get(id(ir))
        if known is None:
            known = self._known[id(ir)] = infer(ir, self._env, self._functions)
        return known


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
    results = cache(lambda handler: _result(handler, catalog))
    rows = [_row(a, results) for a in facts.assignments if a.name not in loose]
    rows += [
        _Row(loop.name, INT)
        if loop.pointer.endswith("/index")
        else _Row(loop.name, ANY, loop.over, True)
        for loop in facts.loop_names
    ]
    env = dict(fixed)
    changed: set[str] | None = None
    for _ in range(1 + _ROUNDS):
        known: dict[str, Type] = {}
        for row in rows:
            if row.value is not None and (changed is None or row.reads(changed)):
                row.update(env)
            before = known.get(row.name)
            known[row.name] = row.type if before is None else join(before, row.type)
        changed = {
            name for name, type_ in known.items() if not _same(type_, env.get(name, ANY))
        }.difference(fixed)
        if not changed:
            break
        env = {**known, **fixed}
    return env


def _same(one: Type, other: Type) -> bool:
    return one is other or one == other


@mutable
class _Row:
    """What is stored at one place under a name: its type so far, and the expression it is of."""

    name: str
    type: Type
    value: Expr | None = None
    #: Whether what is stored is an element of what the expression yields.
    element: bool = False

    def reads(self, names: Set[str]) -> bool:
        """Whether one of the names stands in the expression."""
        return self.value is not None and any(n.name in names for n in self.value.names)

    def update(self, env: Mapping[str, Type]) -> None:
        """Infer the type anew."""
        if self.value is None:
            return
        type_ = infer(self.value.ir, env)[0]
        if self.element:
            type_ = type_.element if type_.element is not None else ANY
        self.type = type_


def _row(a: Assignment, result: Callable[[str], Type]) -> _Row:
    """What one assignment stores; ``result`` gives the type of what a handler returns."""
    if a.value is not None:
        return _Row(a.name, ANY, a.value)
    step = a.step
    if a.via == "collect":
        return _Row(a.name, list_of(ANY))
    if isinstance(step, ast.Parallel) and step.join != "any":
        return _Row(a.name, of("object"))
    if isinstance(step, ast.Run) and step.detach:
        return _Row(a.name, TEXT)
    return _Row(a.name, result(step.handler) if isinstance(step, ast.Call) else ANY)


def _result(handler: str, catalog: HandlerCatalog) -> Type:
    info = catalog.get(handler)
    return ANY if info is None else _of_schema(info.result_schema)


def _of_schema(schema: Value) -> Type:
    """The type a schema describes; one that is not sound (reported elsewhere) describes nothing."""
    if schema is None or check_schema(schema):
        return ANY
    return type_of_schema(schema)


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
