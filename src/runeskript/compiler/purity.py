"""The operations of a body that only compute, as a graph with one entry to each part.

An operation that can fail may only be run together with others that the same rows of the exception
table cover. So the graph leaves out edges between operations under different cover, and whatever
is entered from outside, from another cover or from two parts begins a part of its own. Which nodes
belong to a part is then a matter of dominators: all nodes that are only reached through its entry.

Dominators after Cooper, Harvey, Kennedy, "A Simple, Fast Dominance Algorithm" (2001): sets of
predecessors are intersected along the tree, in reverse postorder; two rounds where control flow has
structure.
"""

from __future__ import annotations

from typing import Any, Final

from ..model.ast import IR
from . import core

#: What stands for everything outside in the tree of dominators.
OUTSIDE: Final = -1


class Node:
    """One operation of a part."""

    __slots__ = ("back", "children", "forward", "idom", "number", "op", "order", "place", "ways")

    def __init__(self, number: int, place: int, op: core.Op) -> None:
        self.number = number
        #: Its index in the operations of the body.
        self.place = place
        self.op = op
        #: Where each exit leads: the number of a node, or ``~place`` of an operation outside.
        self.ways: list[int] = []
        #: Numbers of the nodes that lead here, ahead and backwards, once for each place they do.
        self.forward: list[int] = []
        self.back: list[int] = []
        #: Reverse postorder; the number of the immediate dominator; what it dominates directly.
        self.order = -1
        self.idom = OUTSIDE
        self.children: list[int] = []

    @property
    def statements(self) -> tuple[IR, ...]:
        """What it does, exits included."""
        if isinstance(self.op, core.Raise):
            return (("raise", self.op.site, self.op.error),)
        assert isinstance(self.op, core.Pure)  # noqa: S101 - a node is one of the two
        return self.op.statements

    @property
    def is_head(self) -> bool:
        """Whether it is a loop head of the source."""
        return isinstance(self.op, core.Pure) and self.op.loop


class Graph:
    """The nodes of a body and the tree of their dominators.

    Of an operation that neither leads to another that computes nor is led to by one there is no
    node: it is a part by itself.
    """

    __slots__ = ("body", "entries", "irregular", "marks", "nodes", "targets")

    def __init__(self, body: core.Body, cut: frozenset[int]) -> None:
        """``cut``: places of operations that have to begin a part."""
        self.body = body
        self.marks = core.places(body.ops)
        self.targets = _targets(body.ops, self.marks)
        self.nodes: list[Node] = []
        #: Where a part begins because something outside leads there.
        self.entries: set[int] = set()
        #: The first nodes of parts with a loop of two entries.
        self.irregular: set[int] = set()
        self._connect(cut)
        if any(to >= 0 for node in self.nodes for to in node.ways):
            self._dominate()

    def parts(self) -> list[int]:
        """The first node of each part, in the order of the text."""
        return [n.number for n in self.nodes if n.order >= 0 and n.idom == OUTSIDE]

    def _connect(self, cut: frozenset[int]) -> None:
        ops, targets, marks = self.body.ops, self.targets, self.marks
        #: Where control goes from each place that computes, by its exits.
        leads: dict[int, list[int]] = {}
        entered = {targets[marks[row.handler]] for row in self.body.ranges}
        entered.add(targets[0])
        op: Any
        for place, op in enumerate(ops):
            kind = type(op)
            if kind is core.Mark or kind is core.Jump:
                continue
            if kind is core.Pure:
                if op.exits == core.ONWARD:
                    to = [targets[place + 1]]
                else:
                    to = [
                        targets[place + 1 if label is None else marks[label]] for label in op.exits
                    ]
                if len(op.statements) == 1 or _is_plain(op.statements):
                    leads[place] = to
                else:  # fused before: its ways out are not looked at
                    entered.update(to)
            elif kind is core.Raise and _raises_here(op.error):
                leads[place] = []
            elif kind not in core.LAST:
                entered.add(targets[place + 1])
        # What neither leads to another nor is led to by one is a part, and done.
        joined: set[int] = set()
        for place, to in leads.items():
            for other in to:
                if other in leads:
                    joined.add(place)
                    joined.add(other)
        if not joined:
            return
        numbers = {place: number for number, place in enumerate(sorted(joined))}
        self.nodes = [Node(number, place, ops[place]) for place, number in numbers.items()]
        cover = _cover(self.body, marks)
        for node in self.nodes:
            for place in leads[node.place]:
                number = numbers.get(place)
                if number is not None and cover[place] != cover[node.place]:
                    entered.add(place)
                    number = None
                if number is not None and place in cut:
                    number = None
                node.ways.append(~place if number is None else number)
        self.entries = {numbers[place] for place in entered | cut if place in numbers}

    def _dominate(self) -> None:
        nodes = self.nodes
        order = self._order()
        for node in nodes:
            if node.order < 0:
                continue
            for to in _leaves_by(node):
                if to >= 0:
                    ahead = nodes[to].order > node.order
                    (nodes[to].forward if ahead else nodes[to].back).append(node.number)
        known = [False] * len(nodes)
        changed = True
        while changed:
            changed = False
            for number in order:
                node = nodes[number]
                new: int | None = OUTSIDE if number in self.entries else None
                if new is None:
                    for before in (*node.forward, *node.back):
                        if known[before]:
                            new = before if new is None else self._meet(new, before)
                if new is not None and (not known[number] or node.idom != new):
                    known[number] = changed = True
                    node.idom = new
        for number in order:
            if nodes[number].idom != OUTSIDE:
                nodes[nodes[number].idom].children.append(number)
        part = [OUTSIDE] * len(nodes)
        for number in order:
            idom = nodes[number].idom
            part[number] = number if idom == OUTSIDE else part[idom]
            for before in nodes[number].back:
                if idom != OUTSIDE and not self.dominates(number, before):
                    self.irregular.add(part[number])

    def _order(self) -> list[int]:
        """Reverse postorder from the entries, the first in the text first; without recursion."""
        nodes = self.nodes
        seen = bytearray(len(nodes))
        post: list[int] = []
        for start in sorted(self.entries, reverse=True):
            if seen[start]:
                continue
            seen[start] = 1
            stack = [(start, iter(nodes[start].ways))]
            while stack:
                number, ways = stack[-1]
                for to in ways:
                    if to >= 0 and not seen[to]:
                        seen[to] = 1
                        stack.append((to, iter(nodes[to].ways)))
                        break
                else:
                    post.append(number)
                    stack.pop()
        post.reverse()
        for order, number in enumerate(post):
            nodes[number].order = order
        return post

    def _meet(self, one: int, other: int) -> int:
        nodes = self.nodes
        while one != other:
            if one == OUTSIDE or other == OUTSIDE:
                return OUTSIDE
            if nodes[one].order > nodes[other].order:
                one = nodes[one].idom
            else:
                other = nodes[other].idom
        return one

    def dominates(self, one: int, other: int) -> bool:
        """Whether every way to ``other`` leads through ``one``."""
        nodes = self.nodes
        order = nodes[one].order
        while other != OUTSIDE and nodes[other].order > order:
            other = nodes[other].idom
        return other == one


def _leaves_by(node: Node) -> list[int]:
    """Where a node leads, once for each place in its text that leads there."""
    if len(node.ways) < 2:
        return node.ways
    found = []
    stack = [node.statements[-1]]
    while stack:
        statement = stack.pop()
        if statement[0] == "exit":
            found.append(node.ways[statement[1]])
        elif statement[0] == "if":
            stack += [statement[3][-1], statement[4][-1]]
    return found


def _raises_here(error: IR) -> bool:
    """Whether a region may raise this: it runs no undos first."""
    return error[0] == "object" and all(key != ("const", "compensate") for key, _ in error[1])


def _is_plain(statements: tuple[IR, ...]) -> bool:
    """Whether a region is left at its end only."""
    for statement in statements[:-1]:  # noqa: SIM110 - a generator costs three times as much
        if statement[0] == "if" and _leaves(statement):
            return False
    return True


def _leaves(statement: IR) -> bool:
    """Whether an ``if`` may leave the region."""
    return any(
        s[0] == "exit" or (s[0] == "if" and _leaves(s)) for block in statement[3:5] for s in block
    )


def _targets(ops: list[core.Op], marks: dict[core.Label, int]) -> list[int]:
    """For each place (and the one behind the last) the operation that control comes to there:
    labels and jumps lead on."""
    out = list(range(len(ops) + 1))  # code does not run off its end; the last is for labels there
    for place in reversed(marks.values()):
        out[place] = out[place + 1]
    for place, op in enumerate(ops):
        if type(op) is not core.Jump or out[place] != place:
            continue
        # Forward jumps end at once; circles of jumps alone stay where they are.
        chain = {place}
        at = out[marks[op.to]]
        while at < len(ops) and out[at] == at and at not in chain:
            step = ops[at]
            if not isinstance(step, core.Jump):
                break
            chain.add(at)
            at = out[marks[step.to]]
        for link in chain:
            out[link] = out[at]
    for place in marks.values():
        at = out[place]
        out[place] = out[at] if at < len(ops) else at
    return out


def _cover(body: core.Body, marks: dict[core.Label, int]) -> list[int]:
    """For each operation the innermost row of the exception table that covers it, 0 for none."""
    cover = [0] * (len(body.ops) + 1)
    # Outer rows first, so that inner ones overwrite them: rows nest, inner ones come first.
    for number, row in reversed(list(enumerate(body.ranges, 1))):
        start, end = marks[row.start], marks[row.end]
        cover[start:end] = [number] * (end - start)
    return cover
