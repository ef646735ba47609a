"""Types: what the input's schema, literals and functions tell about expressions before a run.

What fails for every value of a type is an error; where a type is not known, nothing is said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from ...expr.types import Finding, Type, infer
from ...model import ast
from ...model.ast import IR, Expr
from ...model.diagnostics import Diagnostics
from .environment import Environment
from .facts import Facts
from .uses import Use

_LIST: Final = frozenset(("list",))
_TEXT: Final = frozenset(("text",))
_OBJECT: Final = frozenset(("object",))
_TEXT_OR_NULL: Final = frozenset(("text", "null"))
_LIMIT: Final = frozenset(("int", "bool", "null"))
_KEY: Final = frozenset(("null", "bool", "int", "float", "text"))


def check_types(facts: Facts, env: Environment, found: Diagnostics) -> None:
    """Infer every expression once and report what is certain to fail."""
    of, of_use, known, types = env.of, env.of_use, env.known.get, env.types
    #: Expressions in which nothing was found, by the ids of their IRs, which those of a text share.
    sound: set[int] = set()
    uses = facts.uses
    roles, scopes, events = uses.roles, uses.scopes, uses.events
    for number, expr in enumerate(uses.exprs):
        ir = expr.ir
        plain = roles[number] != "function" and number not in events
        if plain and id(ir) in sound:
            continue
        if ir[0] == "name" or (ir[0] == "item" and _is_anything(ir, types)):
            continue  # most of what is passed on: nothing can be wrong with it
        if plain:
            inferred = known(id(ir)) or of(expr)
        else:
            inferred = of_use(Use(expr, roles[number], scopes[number], events.get(number)))
        for finding in inferred.findings:
            _report(finding, expr, found)
        if plain and not inferred.findings:
            sound.add(id(ir))
    for step in facts.steps:
        rule = _EXPECTED.get(type(step))
        if rule is None:
            continue
        if isinstance(step, ast.Wait) and step.until is not None and step.until.is_const:
            for finding in infer(("instant", step.until.ir), {}).findings:
                _report(finding, step.until, found)
        for expr, kinds, what in rule(step):
            type_, findings, _ = of(expr)
            if not findings and not fits(type_, kinds):
                found.add(
                    "RUNE-3028",
                    f"{what} must be {' or '.join(sorted(kinds))}, is {type_.describe()}",
                    expr.span,
                    expr.pointer,
                )


def _is_anything(ir: IR, types: Mapping[str, Type]) -> bool:
    """Whether a path is a field, written out, of a variable of which nothing is known."""
    holder, key = ir[1], ir[2]
    return holder[0] == "name" and key[0] == "const" and holder[1] not in types


def _report(finding: Finding, expr: Expr, found: Diagnostics) -> None:
    code, message, hint = finding
    found.add(code, message, expr.span, expr.pointer, hint)


def fits(type_: Type, kinds: frozenset[str]) -> bool:
    """Whether some value of a type is of one of the kinds."""
    return not type_.kinds or bool(type_.kinds & kinds)


#: An expression of a step, what it must be, and words for the message.
_Expected = tuple[Expr, frozenset[str], str]


def _of_for(step: ast.For) -> list[_Expected]:
    out = [(step.over, _LIST, "what a `for` goes over")]
    if step.limit is not None:
        out.append((step.limit, _LIMIT, "`parallel`"))
    return out


def _of_call(step: ast.Call | ast.Run) -> Sequence[_Expected]:
    whole = step.args.whole
    return () if whole is None else ((whole, _OBJECT, "`with`"),)


def _of_topic(step: ast.Listen | ast.Emit) -> list[_Expected]:
    out = [(step.topic, _TEXT, "a topic")]
    if step.key is not None:
        out.append((step.key, _KEY, "a key"))
    if isinstance(step, ast.Emit) and step.to is not None:
        out.append((step.to, _TEXT_OR_NULL, "`to`"))
    return out


#: Class of steps -> the expressions whose type one prescribes.
_EXPECTED: Final[dict[type[ast.Step], Callable[[Any], Sequence[_Expected]]]] = {
    ast.For: _of_for,
    ast.Call: _of_call,
    ast.Run: _of_call,
    ast.Listen: _of_topic,
    ast.Emit: _of_topic,
    ast.Raise: lambda step: [(step.type, _TEXT, "the type of an error")],
    ast.Wait: lambda step: [],
}


def expected(step: ast.Step) -> Sequence[_Expected]:
    """Expressions whose type a step prescribes: (expression, kinds, words for the message)."""
    rule = _EXPECTED.get(type(step))
    return () if rule is None else rule(step)
