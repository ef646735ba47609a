"""Conditions made of those a document writes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from ....model.ast import Expr, Name
from ....model.limits import EXPRESSION
from ....model.spans import Span
from ...irtools import const
from ..places import TextSpan
from .blocks import Jump


def negated(condition: Expr | None) -> Expr:
    """The opposite of a condition; none at all is always true."""
    if condition is None:
        return Expr("false", const(False))
    source = f"not ({condition.source})"
    ir = ("not", condition.ir)
    return Expr(source, ir, condition.span, condition.pointer, condition.names)


def any_of(conditions: Sequence[Expr]) -> Expr:
    """Conditions that lead to one place: each is looked at where those before it are not true."""
    if len(conditions) == 1:
        return conditions[0]
    names: list[Name] = []
    starts: list[int] = []
    at = 0
    for one in conditions:
        starts.append(at)
        names += [Name(n.name, n.offset + at, n.kind) for n in one.names]
        at += len(one.source) + 1

    def locate(offset: int, length: int) -> Span:
        which = bisect_right(starts, offset) - 1
        return conditions[which].span.shift(offset - starts[which], length)

    source = " or ".join(f"({one.source})" for one in conditions)
    ir = ("or", tuple(one.ir for one in conditions))
    first = conditions[0]
    return Expr(source, ir, TextSpan.of(first.span, locate), first.pointer, tuple(names))


def joined(jumps: Iterable[Jump]) -> list[Jump]:
    """Ways on of which no two neighbours with a condition lead to one place, as far as one
    expression may be that long."""
    out: list[Jump] = []
    tests: list[Expr] = []
    length = 0
    for jump in jumps:
        test = jump.condition
        size = 0 if test is None else len(test.source)
        if tests and test is not None and jump.to == out[-1].to and length + size <= EXPRESSION:
            tests.append(test)
            length += size
            continue
        if tests:
            out[-1].condition = any_of(tests)
        out.append(Jump(test, jump.to))
        tests = [] if test is None else [test]
        length = size
    if tests:
        out[-1].condition = any_of(tests)
    return out
