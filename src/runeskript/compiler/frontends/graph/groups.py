"""Groups: which neighbours of a row have to become one flow.

A group begins at a node with a jump that no structured step can make and takes in what stands
behind it, one after the other, until all jumps out of it lead to one place and nothing outside
leads back into it.
"""

from __future__ import annotations

from heapq import heappop, heappush

from ....model.records import mutable
from .levels import Level


class UnstructuredError(Exception):
    """A jump that no structured step can make."""


@mutable
class Group:
    """Nodes of a flow: rows of the level begin with its ``heads``; it ends at ``after``."""

    heads: list[int]
    members: set[int]
    after: int


def gather(level: Level, node: int, follow: int, pending: list[int]) -> Group:
    """The group that begins at a node; what it takes in is no longer pending.

    ``follow`` is what stands behind the row. Raises UnstructuredError where the row is too short.
    """
    group = Group([], set(), follow)
    outside: set[int] = set()
    missing: set[int] = set()
    at = node
    while True:
        group.heads.append(at)
        for new in _with_arms(level, at, pending):
            group.members.add(new)
            outside.discard(new)
            missing.discard(new)
            missing.update(s for s in level.back.get(new, ()) if s not in group.members)
            for jump in level.jumps[new]:
                if jump.to not in group.members and not level.can_leave(jump.to):
                    outside.add(jump.to)
        missing -= group.members
        group.after = level.tree.order[pending[0]] if pending else follow
        if not missing and outside <= {group.after}:
            return group
        if not pending:
            raise UnstructuredError
        at = level.tree.order[heappop(pending)]


def _with_arms(level: Level, node: int, pending: list[int]) -> list[int]:
    """A node and what stands inside it; what stands behind it is pending."""
    out = [node]
    for child in level.tree.children[node]:
        if level.incoming[child] > 1:
            heappush(pending, level.place[child])
        else:
            out += level.tree.subtree(child)
    return out


def way_out(level: Level, node: int, nowhere: int) -> int | None:
    """The one place that what a node dominates leads to, ``nowhere`` for none, None for several."""
    found: set[int] = set()
    inside = level.tree.subtree(node)
    known = set(inside)
    for at in inside:
        for jump in level.jumps[at]:
            if jump.to not in known and not level.can_leave(jump.to):
                found.add(jump.to)
                if len(found) > 1:
                    return None
    return found.pop() if found else nowhere
