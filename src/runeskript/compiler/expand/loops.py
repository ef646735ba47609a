"""Lowers the sequential loops; their heads are LOOP, the one place where pure code yields."""

from __future__ import annotations

from ...model import ast
from ...model.ast import IR
from .. import core
from ..irtools import compare, const, isset, name
from .builder import Builder, LoopWays


def lower_while(b: Builder, step: ast.While, site: int) -> None:
    """``while``; a condition that is plainly true has no way out but ``break``."""
    head, after = b.label(), b.label()
    b.mark(site, head)
    if step.condition.is_const and step.condition.ir[1]:
        b.op(core.Pure(site, (), (("exit", 0),), core.ONWARD, loop=True))
    else:
        condition = b.ir(step.condition)
        test = ("if", site, condition, (("exit", 0),), (("exit", 1),))
        b.op(core.Pure(site, (step.condition,), (test,), (None, after), loop=True))
    b.ways.append(LoopWays(head, after, head, b.depth))
    b.block(step.body)
    b.ways.pop()
    b.jump(site, head)
    b.mark(site, after)


def lower_sequential_for(b: Builder, step: ast.For, site: int) -> None:
    """``for`` without ``parallel``: the list once, then an index that counts up."""
    items, at = b.hidden("list"), b.hidden("at")
    b.set(site, items, ("aslist", b.ir(step.over)), (step.over,))
    b.set(site, at, const(0))
    collecting = None
    if step.collect is not None:
        collecting = b.hidden("collect")
        b.set(site, collecting, ("list", ()))
        b.yields.append(b.hidden("yield"))
    head, after, proceed = b.label(), b.label(), b.label()
    b.mark(site, head)
    b.op(_head(b, step, site, items, at, after))
    leave = b.label() if collecting else after
    b.ways.append(LoopWays(head, leave, proceed if collecting else head, b.depth))
    b.block(step.body)
    b.ways.pop()
    if collecting is None:
        b.jump(site, head)
        b.mark(site, after)
        return
    b.mark(site, proceed)
    result = b.yields.pop()
    _collect(b, site, collecting, result)
    b.jump(site, head)
    b.mark(site, leave)
    _collect(b, site, collecting, result)
    b.mark(site, after)
    if step.collect is not None:
        b.assign(site, step.collect, name(collecting))


def _head(
    b: Builder, step: ast.For, site: int, items: str, at: str, after: core.Label
) -> core.Pure:
    names = [step.item] if step.index is None else [step.item, step.index]
    b.shared.loop_names.update(names)
    turn: list[IR] = [("set", site, step.item, ("item", name(items), name(at)))]
    if step.index is not None:
        turn.append(("set", site, step.index, name(at)))
    turn.append(("set", site, at, ("add", name(at), const(1))))
    if step.collect is not None:
        turn.append(("unset", site, b.yields[-1]))
    more = compare("<", name(at), ("call", "len", (name(items),)))
    test = ("if", site, more, (*turn, ("exit", 0)), (("exit", 1),))
    return core.Pure(site, (), (test,), (None, after), loop=True)


def _collect(b: Builder, site: int, collecting: str, result: str) -> None:
    """Add this turn's yield, if there was one."""
    push = ("set", site, collecting, ("push", name(collecting), name(result)))
    b.pure(site, ("if", site, isset(result), (push,), ()))


def lower_break(b: Builder, step: ast.Break, site: int) -> None:
    """``break``."""
    _go(b, site, "break")


def lower_continue(b: Builder, step: ast.Continue, site: int) -> None:
    """``continue``: the next turn, or the end of a parallel iteration."""
    _go(b, site, "continue")


def _go(b: Builder, site: int, kind: str) -> None:
    for ways in reversed(b.ways):
        if isinstance(ways, LoopWays):
            b.go(site, (kind, ways.number))
            return
