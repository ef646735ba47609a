"""Pure straight lines, conditionals and loops become one region.

Why: a region is one function. Between its statements nothing is dispatched, variables stay in host
variables, and a loop is a loop of the host. It may give way at each of its heads and go on there
later, so slices, cancel and replay see no difference: a turn is counted where it was.

Allowed because a region is entered at its beginning only, under one cover of the exception table,
and does exactly what its parts did in the same order. What has no structure (jumps into loops) and
what is too long or nests too deep stays apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ...model.ast import IR
from ...model.catalog import HandlerCatalog
from .. import core
from ..purity import Graph
from ..structure import Text
from .unreached import drop_unreached

#: Each attempt finds where the one before has to be cut; what needs more stays as it is.
_ATTEMPTS: Final = 4


def fuse(program: core.Program, _catalog: HandlerCatalog) -> None:
    """Rewrite the operations of every body in place."""
    for body in program.bodies():
        fuse_body(body, program.label)


def fuse_body(body: core.Body, fresh: Callable[[], core.Label]) -> None:
    """Fuse what can be fused in one body; ``fresh`` makes labels that the program does not have."""
    if body.fused:
        return
    body.fused = True
    kinds = list(map(type, body.ops))
    computing = kinds.count(core.Pure) + kinds.count(core.Raise)
    if computing < 2 and (computing == 0 or core.Mark not in kinds):
        return  # it does not even lead back to itself
    cut: frozenset[int] = frozenset()
    for _ in range(_ATTEMPTS):
        graph = Graph(body, cut)
        texts: dict[int, tuple[Text, tuple[IR, ...]]] = {}
        cuts: set[int] = set()
        for first in graph.parts():
            node = graph.nodes[first]
            if first in graph.irregular or not (node.children or first in node.back):
                continue
            text = Text(graph, first)
            statements = text.write()
            cuts |= text.cuts
            texts[first] = (text, tuple(statements))
        if cuts <= cut:
            break
        cut |= cuts
    done = {first: made for first, made in texts.items() if not made[0].cuts}
    if done:
        _replace(body, graph, done, fresh)


def _replace(
    body: core.Body,
    graph: Graph,
    texts: dict[int, tuple[Text, tuple[IR, ...]]],
    fresh: Callable[[], core.Label],
) -> None:
    """Put the regions where their first operations stand; all others of them go."""
    ops = body.ops
    gone = {graph.nodes[n].place for text, _ in texts.values() for n in text.absorbed}
    named: dict[int, core.Label] = {}
    added: set[int] = set()

    def label(place: int) -> core.Label:
        known = named.get(place)
        if known is None:
            before = ops[place - 1] if place else None
            if isinstance(before, core.Mark):
                known = before.label
            else:
                known = fresh()
                added.add(place)
            named[place] = known
        return known

    regions: dict[int, core.Pure] = {}
    for first, (text, statements) in texts.items():
        op = graph.nodes[first].op
        if text.bare and text.looped:
            statements = (("loop", op.site, statements),)
        exits = tuple(label(place) for place in text.exits)
        regions[graph.nodes[first].place] = core.Pure(
            op.site, (), statements, exits, text.bare and not text.looped
        )
    out: list[core.Op] = []
    at = 0
    for place in sorted({*added, *regions, *gone}):
        out += ops[at:place]
        at = place
        if place in added:
            out.append(core.Mark(ops[place].site, (), named[place]))
        region = regions.get(place)
        if region is not None:
            out.append(region)
        if region is not None or place in gone:
            at += 1
    body.ops = out + ops[at:]
    drop_unreached(body)
