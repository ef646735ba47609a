"""Labels and jumps -> nested statements: one part of a body's graph as the text of one region.

A node that two ways lead to is written behind the conditional where the ways part; a loop head
becomes a loop, what comes behind it is where its condition leads or where its ``break``s meet. A
jump that then is neither the way on, nor the next turn, nor the way out of the innermost loop, has
no place in such a text: its target is reported, to begin a part of its own (``cuts``).

After Ramsey, "Beyond Relooper: Recursive Translation of Unstructured Control Flow to Structured
Control Flow" (2022), without its blocks, which Python has not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..model.ast import IR
from .purity import OUTSIDE, Graph, Node

#: Nesting of one region's text, well below what the verifier lets pass.
_DEEPEST: Final = 100
#: Loops within each other; below the verifier's bound.
_LOOPS: Final = 6
#: Statements after which a region ends where it can.
_LONG: Final = 200


class Loop:
    """A loop being written: its head, the nodes that lead back to it, what comes behind it."""

    __slots__ = ("after", "head", "inside")

    def __init__(self, head: int, inside: set[int], after: int | None) -> None:
        self.head = head
        self.inside = inside
        self.after = after


class Text:
    """Writes one part. ``exits``: for each exit the place it leads to."""

    def __init__(self, graph: Graph, first: int) -> None:
        self.graph = graph
        self.nodes = graph.nodes
        self.first = first
        self.exits: list[int] = []
        self.absorbed: list[int] = []
        #: Places that must begin a part of their own.
        self.cuts: set[int] = set()
        self.loops: list[Loop] = []
        #: Whether the text holds loops.
        self.looped = False
        head = self.nodes[first]
        #: A loop head to which nothing in the part leads back: it stays an instruction.
        self.bare = head.is_head and not self.inside(head) - {first}
        self.bare = self.bare and first not in head.back
        #: Where cuts have been made, and what lies behind them is still to be looked at.
        self._pending: list[int] = []

    def write(self) -> list[IR]:
        """The statements of the part; no use where ``cuts`` were found."""
        out = self.sequence(self.first, None, 0)
        while self._pending:
            self.sequence(self._pending.pop(), None, 0)
        return out

    def sequence(self, number: int, follow: int | None, depth: int) -> list[IR]:
        """From a node on until control comes to ``follow`` or never does."""
        out: list[IR] = []
        at: int | None = number
        written = 0
        while at is not None:
            node = self.nodes[at]
            if len(out) - written > _LONG and not depth and not self.loops:
                written = len(out)
                self.cuts.add(node.place)
            begun = bool(self.loops) and self.loops[-1].head == at
            if node.is_head and not begun and not (self.bare and at == self.first):
                at = self.loop(node, follow, depth, out)
            else:
                at = self.node(node, follow, depth, out)
        return out

    # --- nodes --------------------------------------------------------------------------------

    def node(self, node: Node, follow: int | None, depth: int, out: list[IR]) -> int | None:
        """One node; returns the node to go on with in the same block."""
        self.absorbed.append(node.number)
        statements = node.statements
        out += statements[:-1]
        last: IR = statements[-1]
        if last[0] == "raise":
            out.append(last)
            return None
        if last[0] == "exit":
            to = node.ways[last[1]]
            way = self.way(to, node, follow)
            if way is None:
                return to
            out += way
            return None
        meets = self.meetings(node)
        if not meets:
            return self.parting(last, node, follow, depth, out)
        first, *others = meets
        out += self.conditional(last, node, first, depth)
        for nearer, farther in zip(meets, others, strict=False):
            out += self.sequence(nearer, farther, depth)
        return meets[-1]

    def meetings(self, node: Node) -> list[int]:
        """Where the ways that part at a node come together again, the nearest first."""
        inside = self.loops[-1].inside if self.loops else None
        behind = {loop.after for loop in self.loops}
        found = [
            child
            for child in node.children
            if len(self.nodes[child].forward) > 1
            and child not in behind
            and (inside is None or child in inside)
        ]
        return sorted(found, key=lambda child: self.nodes[child].order)

    def parting(
        self, last: IR, node: Node, follow: int | None, depth: int, out: list[IR]
    ) -> int | None:
        """A conditional whose ways do not meet: the shorter one first, the other behind it."""
        _, site, condition, then, other = last
        if _plain(then) and _plain(other):
            yes: int = node.ways[then[-1][1]]
            no: int = node.ways[other[-1][1]]
            for short, to, rest, on, test in (
                (then, yes, other, no, condition),
                (other, no, then, yes, ("not", condition)),
            ):
                way = self.way(to, node, follow, leaving=True)
                if way and self.way(on, node, follow, leaving=True) is None:
                    out.append(("if", site, test, (*short[:-1], *way), ()))
                    out += rest[:-1]
                    return on
        out += self.conditional(last, node, follow, depth)
        return None

    def conditional(self, last: IR, node: Node, follow: int | None, depth: int) -> list[IR]:
        """A conditional with all that lies on its ways up to where they meet."""
        _, site, condition, then, other = last
        yes = self.arm(then, node, follow, depth + 1)
        no = self.arm(other, node, follow, depth + 1)
        if yes and _closed(yes):
            return [("if", site, condition, tuple(yes), ()), *no]
        if no and _closed(no):
            return [("if", site, ("not", condition), tuple(no), ()), *yes]
        if not yes and no:
            return [("if", site, ("not", condition), tuple(no), ())]
        return [("if", site, condition, tuple(yes), tuple(no))]

    def arm(self, block: tuple[IR, ...], node: Node, follow: int | None, depth: int) -> list[IR]:
        """One way of a conditional."""
        out = list(block[:-1])
        last = block[-1]
        if last[0] == "if":
            return out + self.conditional(last, node, follow, depth)
        to = node.ways[last[1]]
        way = self.way(to, node, follow)
        if way is not None:
            return out + way
        if depth >= _DEEPEST:
            return out + self.cut(to)
        return out + self.sequence(to, follow, depth)

    # --- ways ---------------------------------------------------------------------------------

    def way(
        self, to: int, node: Node, follow: int | None, *, leaving: bool = False
    ) -> list[IR] | None:
        """How control gets from a node to another; None: the other is written here.

        ``leaving``: not by running off the end of the block.
        """
        if to < 0:
            return [self.exit(~to)]
        if self.loops:
            loop = self.loops[-1]
            if to == loop.head and (leaving or to != follow):
                return [("continue",)]
            if to == loop.after:
                return [("break",)]
        if to == follow:
            return []
        target = self.nodes[to]
        if target.idom == OUTSIDE:
            return [self.exit(target.place)]
        if target.idom == node.number and len(target.forward) == 1:
            return None
        return self.cut(to)

    def exit(self, place: int) -> IR:
        """Out of the region."""
        if place not in self.exits:
            self.exits.append(place)
        return ("exit", self.exits.index(place))

    def cut(self, to: int) -> list[IR]:
        """The text has no place for this jump: its target begins a part of its own."""
        place = self.nodes[to].place
        if place not in self.cuts:
            self.cuts.add(place)
            self._pending.append(to)
        return [self.exit(place)]

    # --- loops --------------------------------------------------------------------------------

    def loop(self, head: Node, follow: int | None, depth: int, out: list[IR]) -> int | None:
        """A loop, and what comes behind it."""
        if len(self.loops) >= _LOOPS or depth >= _DEEPEST:
            out += self.cut(head.number)
            return None
        inside = self.inside(head)
        after = self.behind(head, inside, follow)
        self.loops.append(Loop(head.number, inside, after))
        body = self.sequence(head.number, head.number, depth + 1)
        self.loops.pop()
        self.looped = True
        out.append(("loop", head.op.site, tuple(body)))
        if after is None:
            return None
        target = self.nodes[after]
        if target.idom != OUTSIDE and self.graph.dominates(head.number, after):
            return after
        out += self.way(after, head, follow) or []
        return None

    def inside(self, head: Node) -> set[int]:
        """The nodes of a loop: those that lead back to its head."""
        found = {head.number}
        stack = [n for n in head.back if self.graph.dominates(head.number, n)]
        while stack:
            number = stack.pop()
            if number not in found:
                found.add(number)
                node = self.nodes[number]
                stack += node.forward
                stack += node.back
        return found

    def behind(self, head: Node, inside: set[int], follow: int | None) -> int | None:
        """What comes behind a loop: where its ways out meet, else where its condition leads."""
        meets: set[int] = set()
        single: list[int] = []
        foreign: set[int] = set()
        for number in inside:
            node = self.nodes[number]
            for child in node.children:
                if child not in inside:
                    if len(self.nodes[child].forward) > 1:
                        meets.add(child)
                    elif number == head.number:
                        single.append(child)
            for to in node.ways:
                if to >= 0 and to not in inside and not self.graph.dominates(head.number, to):
                    foreign.add(to)
        if meets:
            return max(meets, key=lambda number: self.nodes[number].order)
        if single:
            return max(single, key=lambda number: self.nodes[number].order)
        inner = {to for to in foreign if self.nodes[to].idom != OUTSIDE}
        if follow in foreign:
            return follow
        return max(inner, key=lambda number: self.nodes[number].order) if inner else None


_ENDS: Final = frozenset(("exit", "break", "continue", "raise"))


def _plain(block: tuple[IR, ...]) -> bool:
    return len(block) > 0 and block[-1][0] == "exit"


def _closed(block: Sequence[IR]) -> bool:
    """Whether control never comes out at the end of a block."""
    last = block[-1]
    if last[0] == "if":
        return all(arm and _closed(arm) for arm in last[3:5])
    if last[0] == "loop":
        return not _breaks(last[2])
    return last[0] in _ENDS


def _breaks(block: tuple[IR, ...]) -> bool:
    """Whether a loop's body leaves the loop."""
    return any(
        s[0] == "break" or (s[0] == "if" and (_breaks(s[3]) or _breaks(s[4]))) for s in block
    )
