"""Dominators of a flow graph, and what the structuring asks of them.

Node ``d`` dominates ``n`` if every path from the root to ``n`` leads through ``d``; of those other
than ``n`` the nearest is its immediate dominator, so they form a tree. On the graph with all edges
turned round the same gives post-dominators.

The computation is that of Lengauer and Tarjan ("A Fast Algorithm for Finding Dominators in a
Flowgraph", TOPLAS 1979) with path compression: O(m log n) whatever the graph. The simpler iteration
of Cooper, Harvey and Kennedy is as fast on code people write, but walks the tree once for every
edge into a node: a thousand guards that lead to one failure node cost it half a million steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

#: The immediate dominator of what the root does not reach.
UNREACHED: Final = -1

Edges = Sequence[Sequence[int]]


def reverse_postorder(successors: Edges, root: int) -> list[int]:
    """The nodes the root reaches, each before its successors but for edges that lead back."""
    out: list[int] = []
    seen = bytearray(len(successors))
    seen[root] = 1
    # The last successor first: the order then follows the text where the graph leaves it open.
    stack = [(root, len(successors[root]))]
    while stack:
        node, left = stack.pop()
        if left == 0:
            out.append(node)
            continue
        stack.append((node, left - 1))
        to = successors[node][left - 1]
        if not seen[to]:
            seen[to] = 1
            stack.append((to, len(successors[to])))
    out.reverse()
    return out


def reverse(successors: Edges) -> list[list[int]]:
    """The edges turned round."""
    out: list[list[int]] = [[] for _ in successors]
    for node, targets in enumerate(successors):
        for to in targets:
            out[to].append(node)
    return out


def immediate_dominators(successors: Edges, root: int) -> list[int]:
    """The immediate dominator of each node; the root's is itself, :data:`UNREACHED` for others."""
    order, parent = _depth_first(successors, root)
    number = [UNREACHED] * len(successors)
    for i, node in enumerate(order):
        number[node] = i
    # From here on nodes are numbers in depth-first order.
    count = len(order)
    predecessors: list[list[int]] = [[] for _ in range(count)]
    for i, node in enumerate(order):
        for to in successors[node]:
            predecessors[number[to]].append(i)
    semi = list(range(count))
    best = list(range(count))
    ancestor = [UNREACHED] * count
    idom = [0] * count
    buckets: list[list[int]] = [[] for _ in range(count)]
    for i in range(count - 1, 0, -1):
        for before in predecessors[i]:
            semi[i] = min(semi[i], semi[_lowest(before, ancestor, best, semi)])
        buckets[semi[i]].append(i)
        above = parent[i]
        ancestor[i] = above
        for j in buckets[above]:
            low = _lowest(j, ancestor, best, semi)
            idom[j] = low if semi[low] < semi[j] else above
        buckets[above].clear()
    for i in range(1, count):
        if idom[i] != semi[i]:
            idom[i] = idom[idom[i]]
    out = [UNREACHED] * len(successors)
    for i, node in enumerate(order):
        out[node] = order[idom[i]]
    return out


def _depth_first(successors: Edges, root: int) -> tuple[list[int], list[int]]:
    """Nodes in the order of a depth-first search, and the number of each one's parent in it."""
    order: list[int] = []
    parents: list[int] = []
    seen = bytearray(len(successors))
    stack = [(root, 0)]
    while stack:
        node, parent = stack.pop()
        if seen[node]:
            continue
        seen[node] = 1
        here = len(order)
        order.append(node)
        parents.append(parent)
        stack.extend([(to, here) for to in reversed(successors[node]) if not seen[to]])
    return order, parents


def _lowest(node: int, ancestor: list[int], best: list[int], semi: list[int]) -> int:
    """The node with the lowest semidominator on the way up its tree, which gets shorter."""
    if ancestor[node] == UNREACHED:
        return node
    path = []
    at = node
    while ancestor[ancestor[at]] != UNREACHED:
        path.append(at)
        at = ancestor[at]
    for below in reversed(path):
        above = ancestor[below]
        if semi[best[above]] < semi[best[below]]:
            best[below] = best[above]
        ancestor[below] = ancestor[above]
    return best[node]


class Tree:
    """The dominator tree of a graph."""

    __slots__ = ("_first", "_last", "children", "depth", "idom", "order", "root")

    def __init__(self, successors: Edges, root: int) -> None:
        self.root = root
        self.idom = immediate_dominators(successors, root)
        #: What the root reaches, in reverse postorder.
        self.order = reverse_postorder(successors, root)
        self.children: list[list[int]] = [[] for _ in successors]
        self.depth = [0] * len(successors)
        for node in self.order:
            if node != root:
                self.children[self.idom[node]].append(node)
                self.depth[node] = self.depth[self.idom[node]] + 1
        self._first = [UNREACHED] * len(successors)
        self._last = [UNREACHED] * len(successors)
        self._number()

    def _number(self) -> None:
        """Number the tree so that a subtree is a range."""
        count = 0
        stack = [self.root]
        entered = []
        while stack:
            node = stack.pop()
            self._first[node] = count
            count += 1
            entered.append(node)
            stack.extend(reversed(self.children[node]))
        for node in reversed(entered):
            last = self._first[node]
            for child in self.children[node]:
                last = max(last, self._last[child])
            self._last[node] = last

    def reached(self, node: int) -> bool:
        """Whether any path leads to a node."""
        return self.idom[node] != UNREACHED

    def dominates(self, one: int, other: int) -> bool:
        """Whether every path to ``other`` leads through ``one`` (a node dominates itself)."""
        return self._first[one] <= self._first[other] <= self._last[one]

    def subtree(self, node: int) -> list[int]:
        """A node and all it dominates."""
        out = [node]
        for at in out:  # grows while it is read
            out.extend(self.children[at])
        return out
