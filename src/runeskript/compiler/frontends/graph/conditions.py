"""Conditions made of those a document writes."""

from __future__ import annotations

from ....model.ast import Expr, Name
from ....model.spans import Span
from ...irtools import const
from ..places import TextSpan


def negated(condition: Expr | None) -> Expr:
    """The opposite of a condition; none at all is always true."""
    if condition is None:
        return Expr("false", const(False))
    source = f"not ({condition.source})"
    ir = ("not", condition.ir)
    return Expr(source, ir, condition.span, condition.pointer, condition.names)


def either(one: Expr, other: Expr) -> Expr:
    """Both conditions lead to one place: the second is looked at where the first is not true."""
    shift = len(one.source) + 1

    def locate(offset: int, length: int) -> Span:
        if offset < shift:
            return one.span.shift(offset, length)
        return other.span.shift(offset - shift, length)

    names = [*one.names, *(Name(n.name, n.offset + shift, n.kind) for n in other.names)]
    source = f"({one.source}) or ({other.source})"
    ir = ("or", (one.ir, other.ir))
    return Expr(source, ir, TextSpan.of(one.span, locate), one.pointer, tuple(names))
