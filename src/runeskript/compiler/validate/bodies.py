"""The core forms of a machine that validation looks at.

It is looked at as what it can do: one program for all that its transitions do, since a variable
that one block sets is read by those behind it, and one for each activity, which has variables of
its own.

The first is a ``Flow``: ``exit`` of the state that is left, ``do`` of the transition, ``enter`` of
the state it leads to, each block once, whatever leads to it. So its size is that of the document,
and a variable that only some of the transitions into a state set is perhaps unset there.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...model import ast
from ...model.ast import Block, Document, Expr, Machine, Site, Step
from ...model.spans import Span
from .. import core
from ..expand import expand
from ..frontends.expressions import BROKEN

#: Whatever decides which of several ways is taken.
_SOMETHING = Expr("", BROKEN)


def programs_of(document: Document, machine: Machine) -> Sequence[core.Program]:
    """The core forms of a document that is a machine."""
    blocks: list[Block] = [(_actions(machine, document.span),)]
    blocks += [state.do for state in machine.states if state.do]
    return [expand(_skript(document, block)) for block in blocks]


def _skript(document: Document, block: Block) -> Document:
    """Steps of a machine as a skript."""
    return Document(
        document.name, None, {}, None, document.env, (), document.functions, None, block, (), None,
        document.span,
    )  # fmt: skip


def _actions(machine: Machine, span: Span) -> ast.Flow:
    """All that the transitions of a machine do."""
    steps: list[Step] = [ast.Do(Site("", span), None, None, ())]
    ways: list[list[int | None]] = [[]]

    def place(block: Block, site: Site) -> int | None:
        if not block:
            return None
        steps.append(ast.Do(site, None, None, block))
        ways.append([])
        return len(steps) - 1

    # In the order in which they are done: every jump leads on.
    exits = {state.name: place(state.exit, state.site) for state in machine.states}
    does = [place(t.do, t.site) for t in machine.transitions]
    enters = {state.name: place(state.enter, state.site) for state in machine.states}
    led_to: set[int | None] = {None}

    def lead(start: int | None, to: int | None) -> None:
        ways[start or 0].append(to)
        if start:
            led_to.add(to)

    for transition, do in zip(machine.transitions, does, strict=True):
        enter = enters.get(transition.to)
        first = enter if do is None else do
        for source in transition.sources:
            lead(exits.get(source), first)
        if do is not None:
            lead(do, enter)
    # A job begins with what its first state does on entry.
    lead(0, enters.get(machine.initial))
    ways[0] += [at for at in range(1, len(steps)) if at not in led_to]
    jumps = [
        tuple((None if last else _SOMETHING, to) for last, to in _marked(dict.fromkeys(way)))
        for way in ways
    ]
    return ast.Flow(
        Site("", span), None, None, tuple(str(i) for i in range(len(steps))), tuple(steps),
        tuple(jumps),
    )  # fmt: skip


def _marked(targets: dict[int | None, None]) -> list[tuple[bool, int | None]]:
    """Each target, and whether it is the last."""
    return [(i == len(targets), to) for i, to in enumerate(targets, 1)]
