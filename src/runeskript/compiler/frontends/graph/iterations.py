"""The names of elements: their loop's where they can be, else variables that each turn sets.

A loop's name is seen in the loop only and hides nothing. A name that is set elsewhere, read outside
the loop, or used by a loop inside it, is a variable, as every name was in older documents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ....model.ast import Call, Expr, Log, Name, Return, Run, Set, Site, Step, Target
from ....model.spans import NOWHERE
from ...irtools import name
from .blocks import Block, Each, Inside, Scope


def share_names(scope: Scope, taken: set[str], fresh: Callable[[str], str]) -> list[str]:
    """Make variables of the names of iterations that are more than the names of their loops; which
    these are. ``taken``: the variables there are; ``fresh`` names hidden ones."""
    blocks = [block for at in scope.all() for block in at.blocks]
    loops = [(block.each, block) for block in blocks if block.each is not None]
    if not loops:
        return []
    clashing = taken | _outside(blocks, [each for each, _ in loops])
    for each, block in loops:
        clashing |= names_around(block.inside) & _names(each)
    shared: list[str] = []
    for at in scope.all():
        for block in at.blocks:
            if block.each is not None:
                shared += _share(block.each, at.blocks[block.each.turn], clashing, fresh)
    return shared


def _share(each: Each, turn: Block, clashing: set[str], fresh: Callable[[str], str]) -> list[str]:
    """Give a loop names of its own for those that clash; its turns set the document's."""
    site = Site(each.site.pointer, each.site.span)
    assignments = []
    if each.item in clashing:
        each.own_item = fresh("item")
        assignments.append((each.item, each.own_item))
    if each.index is not None and each.index in clashing:
        each.own_index = fresh("index")
        assignments.append((each.index, each.own_index))
    pairs = []
    for variable, own in assignments:
        target = Target(variable, (), each.names_at, site.pointer)
        read = (Name(own, 0, "variable"),)
        pairs.append((target, Expr(own, name(own), NOWHERE, site.pointer, read)))
    if pairs:
        turn.steps.append(Set(site, None, None, tuple(pairs)))
    return [variable for variable, _ in assignments]


def _names(each: Each) -> set[str]:
    return {each.item} if each.index is None else {each.item, each.index}


def names_around(inside: Inside | None) -> set[str]:
    """The names of the iterations around, those that are variables included."""
    out: set[str] = set()
    while inside is not None:
        out |= _names(inside.each)
        inside = inside.outer
    return out


def loop_names(inside: Inside | None) -> set[str]:
    """The names of the iterations around that are their loops'."""
    out: set[str] = set()
    while inside is not None:
        each = inside.each
        if each.own_item is None:
            out.add(each.item)
        if each.own_index is None and each.index is not None:
            out.add(each.index)
        inside = inside.outer
    return out


def _outside(blocks: list[Block], loops: list[Each]) -> set[str]:
    """Names of iterations that are read outside all iterations of that name."""
    every: set[str] = set()
    for each in loops:
        every |= _names(each)
    out: set[str] = set()
    for block in blocks:
        used = {n.name for expr in _reads(block) for n in expr.names if n.kind == "variable"}
        used &= every
        if used:
            out |= used - names_around(block.inside)
    return out


def _reads(block: Block) -> Iterable[Expr]:
    """Every expression that a block evaluates."""
    for step in block.steps:
        yield from _expressions(step)
    for jump in block.jumps:
        if jump.condition is not None:
            yield jump.condition
    if block.each is not None:
        yield block.each.over


def _expressions(step: Step) -> Iterable[Expr]:
    if isinstance(step, Set):
        for target, value in step.assignments:
            yield value
            yield from target.path
    elif isinstance(step, Call | Run):
        yield from step.args.entries.values()
        if step.args.whole is not None:
            yield step.args.whole
        if step.into is not None:
            yield from step.into.path
    elif isinstance(step, Log):
        yield step.text
    elif isinstance(step, Return):
        yield step.value
