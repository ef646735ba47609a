"""Levels: what of a scope stands beside what, with each loop as one node.

A loop is one step at the level around it, so that each level is a graph without cycles (but for
those with two heads), and the dominator tree of a level tells what belongs together.
"""

from __future__ import annotations

from typing import Final

from .blocks import Jump, Scope
from .conditions import joined
from .dominators import Tree
from .loops import NONE, Exits

#: Places a jump may lead to that are no block: the end of the level (the next turn of its loop, the
#: end of its scope), and out of its loop.
TAIL: Final = -1
OUT: Final = -2


class View:
    """How the blocks of one scope look on the level of each loop."""

    def __init__(self, scope: Scope, exits: Exits) -> None:
        self.scope = scope
        self.forest = forest = exits.forest
        self.exits = exits.exit
        #: Loop -> what stands on its level: blocks, and loops by their heads.
        self.members: dict[int, list[int]] = {head: [] for head in (NONE, *forest.heads)}
        for number, loop in enumerate(forest.loop_of):
            self.members[loop].append(number)
        for head in forest.heads:
            self.members[forest.parent[head]].append(head)
        #: Whether what is over leads to the exit as to any other place.
        self.falls = not scope.blocks[scope.exit].steps

    def seen(self, number: int, loop: int) -> int:
        """What a block is on a level: itself, the loop there that holds it, TAIL or OUT."""
        if number == loop or (loop == NONE and self.falls and number == self.scope.exit):
            return TAIL
        at, forest = self.forest.loop_of[number], self.forest
        if at == loop:
            return number
        while at != NONE:
            if forest.parent[at] == loop:
                return at
            at = forest.parent[at]
        return OUT

    def jumps(self, number: int, loop: int) -> list[Jump]:
        """The ways on of a block, or of the loop it is the head of, on a level."""
        if number != loop and self.forest.loop_of[number] == number:
            to = self.exits.get(number)
            return [] if to is None else [Jump(None, self.seen(to, loop))]
        jumps = self.scope.blocks[number].jumps
        return joined(Jump(jump.condition, self.seen(jump.to, loop)) for jump in jumps)


class Level:
    """One level: its jumps, and what the dominator tree says about them.

    Nodes are counted anew: block ``self.blocks[i]``, number ``self.numbers[i]``, is node ``i``.
    """

    def __init__(self, view: View, loop: int) -> None:
        self.view = view
        self.loop = loop
        numbers = view.members[loop]
        local = {number: i for i, number in enumerate(numbers)}
        self.blocks = [view.scope.blocks[number] for number in numbers]
        self.numbers = numbers
        self.jumps = [
            [Jump(j.condition, local[j.to] if j.to >= 0 else j.to) for j in view.jumps(n, loop)]
            for n in numbers
        ]
        entry = view.scope.entry if loop == NONE else loop
        at = entry if loop != NONE else view.seen(entry, loop)
        #: Where the level begins; TAIL where there is nothing in it.
        self.root = local[at] if at >= 0 else TAIL
        self.tree = Tree([[]], 0)
        if self.root >= 0:
            self._analyse()

    def _analyse(self) -> None:
        successors = [[j.to for j in jumps if j.to >= 0] for jumps in self.jumps]
        self.tree = tree = Tree(successors, self.root)
        self.place = {node: i for i, node in enumerate(tree.order)}
        self.incoming = [0] * len(self.blocks)
        #: What leads back to a node on this level: a cycle without a head of its own.
        self.back: dict[int, list[int]] = {}
        for node in tree.order:
            for to in successors[node]:
                self.incoming[to] += 1
                if self.place[to] <= self.place[node]:
                    self.back.setdefault(to, []).append(node)
        # How far up the tree the jumps of a subtree lead: past the subtree, if above its root.
        self.lowest = [len(tree.order)] * len(self.blocks)
        for node in reversed(tree.order):
            low = self.lowest[node]
            for jump in self.jumps[node]:
                if jump.to >= 0:
                    low = min(low, tree.depth[tree.idom[jump.to]])
                elif jump.to == TAIL and self.loop == NONE:
                    low = -1
            for child in tree.children[node]:
                low = min(low, self.lowest[child])
            self.lowest[node] = low

    def is_loop(self, node: int) -> bool:
        """Whether a node stands for a loop inside."""
        number = self.numbers[node]
        return number != self.loop and self.view.forest.loop_of[number] == number

    def is_arm(self, to: int) -> bool:
        """Whether only one jump leads to a node."""
        return to >= 0 and self.incoming[to] == 1 and to != self.root

    def leaves(self, to: int) -> bool:
        """Whether the flow never comes back from there to this level, or ends its turn."""
        if to == OUT or (to == TAIL and self.loop != NONE):
            return True
        if to < 0:
            return False
        if self.is_arm(to):
            return self.lowest[to] >= self.tree.depth[to]
        return self.blocks[to].final

    def can_leave(self, to: int) -> bool:
        """Whether a jump may lead there from anywhere on the level."""
        if to >= 0:
            return self.blocks[to].final
        return to == OUT or (to == TAIL and self.loop != NONE)
