"""Computes before the run what does not depend on it.

``3600 * 24`` becomes a constant, and so does a call of one of the document's functions with
constant arguments; in a larger expression every such part does. What would fail is left alone, so
that it fails at its step; what draws from ``uuid()``, ``random()`` or ``now()`` is never computed
before. Work is bounded. The units that a computation is charged are charged all the same: where
there are any, the listing shows ``paid(VALUE, UNITS)``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from ...expr.ir import children
from ...model.ast import IR
from ...model.catalog import HandlerCatalog
from ...model.parsed import Parsed
from .. import core
from .operands import rewrite
from .simplify import Simplifier

#: Operators of two operands, which most of what can be folded consists of.
_BINARY: Final = frozenset(("add", "sub", "mul", "div", "floordiv", "mod", "pow", "concat"))
#: One constant may decide what these give.
_LOGIC: Final = frozenset(("and", "or", "ifelse"))
_LEAVES: Final = frozenset(("const", "name", "local", "secret", "isset", "slot"))


def fold(program: core.Program, _: HandlerCatalog) -> None:
    """Rewrite the expressions that hold something to compute."""
    simplifier = Simplifier(program)
    #: Whether an expression holds something, by its mould: all of one do, or none. Others by id,
    #: which lives as long as the program: equal texts are one, and are looked at once.
    known: dict[Any, bool] = {}
    for body in program.bodies():
        for op in body.ops:
            for expr in op.reads:
                parsed = expr.parsed
                found = known.get(parsed.mould or id(parsed))
                if found or (found is None and _look_into(parsed, known)):
                    rewrite(op, simplifier.value, simplifier.part)
                    break


def _look_into(parsed: Parsed, known: dict[Any, bool]) -> bool:
    """Whether an expression holds something to compute, and those of its mould."""
    ir = parsed.ir
    if ir[0] in _LEAVES:
        found = False
    elif parsed.inserts and ir[0] == "text":
        found = False
        for insert in parsed.inserts:
            holds = known.get(insert.mould or id(insert))
            found = found or (_look_into(insert, known) if holds is None else holds)
    else:
        found = _holds(ir)
    known[parsed.mould or id(parsed)] = found
    return found


def _holds(ir: Any) -> bool:
    """Whether there is an operator or a function that has nothing but constants to work on, in an
    expression that is no leaf.

    Goes through all expressions of a document, so it is written for speed: tests stand before
    calls, loops in place of generators.
    """
    tag = ir[0]
    if tag == "item":
        while tag == "item":
            key = ir[2]
            if key[0] not in _LEAVES and _holds(key):
                return True
            ir = ir[1]
            tag = ir[0]
        if tag == "const":
            return bool(key[0] == "const")
        return tag not in _LEAVES and _holds(ir)
    if tag in _BINARY:
        left, right = ir[1], ir[2]
        if left[0] == "const" == right[0]:
            return True
        if left[0] not in _LEAVES and _holds(left):
            return True
        return right[0] not in _LEAVES and _holds(right)
    if tag == "text" or tag == "list":
        return _any(ir[1])
    if tag == "call" or tag == "ucall":
        return _only_constants(ir[2]) or _any(ir[2])
    if tag == "compare":
        parts = [ir[1], *[part for _, part in ir[2]]]
        return _only_constants(parts) or _any(parts)
    if tag == "object":
        return _any([part for pair in ir[1] for part in pair])
    parts = list(children(ir))
    if _any(parts):
        return True
    if tag == "listcomp" or tag == "dictcomp":
        return _only_constants(parts[:1])  # what it goes over
    if tag in _LOGIC:
        return any(part[0] == "const" for part in parts)
    return _only_constants(parts)


def _any(parts: Iterable[IR]) -> bool:
    for part in parts:  # noqa: SIM110 - a generator costs three times as much
        if part[0] not in _LEAVES and _holds(part):
            return True
    return False


def _only_constants(parts: Iterable[IR]) -> bool:
    for part in parts:  # noqa: SIM110 - as above
        if part[0] != "const":
            return False
    return True
