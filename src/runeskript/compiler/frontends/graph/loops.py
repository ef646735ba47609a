"""Loops with one head, and one way out of each.

A loop is found by its back edges, those whose target dominates their source; what leads to such a
source without passing the head is the loop (a cycle that can be entered at two places has no head
and is left to ``flows.py``). What is reached from inside only and never comes back belongs to the
loop, too, so that it may see the loop's names.

A structured loop is left to one place. Where the graph leaves it to several, a variable that is 0
notes which, and a choice behind the loop goes on from there::

    head ... -> a, b      becomes      head ... -> on, (leave = 1; on)
                                       on: if leave == 1 then (leave = 0; b) else a
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ....model.ast import Expr, Name, Set, Site, Step, Target
from ....model.diagnostics import Diagnostics
from ....model.limits import GRAPH_DEPTH
from ....model.spans import NOWHERE
from ...irtools import compare, const, name
from .blocks import Block, Inside, Jump, Scope
from .dominators import Tree, reverse

#: No loop.
NONE: Final = -1


class Forest:
    """Which loops a scope has: a loop is known by its head."""

    __slots__ = ("heads", "loop_of", "parent", "tree")

    def __init__(self, scope: Scope) -> None:
        self.tree = tree = Tree(scope.successors(), scope.entry)
        before = reverse(scope.successors())
        #: The innermost loop of each block.
        self.loop_of = [NONE] * len(scope.blocks)
        #: The loop around each loop.
        self.parent: dict[int, int] = {}
        #: Heads, inner loops first.
        self.heads: list[int] = []
        for head in reversed(tree.order):
            sources = [b for b in before[head] if tree.reached(b) and tree.dominates(head, b)]
            each = scope.blocks[head].each
            if each is not None:
                sources.append(each.turn)  # a turn that never ends is still one
            if sources:
                self._collect(head, sources, before)

    def _collect(self, head: int, sources: list[int], before: list[list[int]]) -> None:
        """Walk from the back edges against the flow up to the head; loops inside are one step."""
        reached = self.tree.reached
        self.heads.append(head)
        self.parent[head] = NONE
        todo = list(sources)
        while todo:
            at = todo.pop()
            inner = self.loop_of[at]
            if inner == NONE:
                self.loop_of[at] = head
                if at != head:
                    todo.extend(b for b in before[at] if reached(b))
                continue
            while inner != head and self.parent[inner] != NONE:
                inner = self.parent[inner]
            if inner != head:
                self.parent[inner] = head
                todo.extend(b for b in before[inner] if reached(b) and not self.within(b, inner))
        self.loop_of[head] = head

    def within(self, block: int, loop: int) -> bool:
        """Whether a block is part of a loop."""
        at = self.loop_of[block]
        while at != NONE and at != loop:
            at = self.parent[at]
        return at == loop

    def deepest(self) -> tuple[int, int]:
        """The depth of the innermost loop of all, and its head."""
        depth = {NONE: 0}
        for head in reversed(self.heads):  # outer loops first
            depth[head] = depth[self.parent[head]] + 1
        head = max(depth, key=lambda head: depth[head])
        return depth[head], head


def find_loops(scope: Scope, fresh: Callable[[str], str], found: Diagnostics) -> dict[int, Exits]:
    """The loops of a scope and of the branches in it, by the identity of the scope; each has one
    way out now, and each block knows the iterations around it."""
    out: dict[int, Exits] = {}
    scopes: list[tuple[Scope, Inside | None]] = [(scope, None)]
    for at, inside in scopes:  # grows while it is read
        forest = Forest(at)
        deepest, head = forest.deepest()
        if deepest > GRAPH_DEPTH:
            block = at.blocks[head]
            message = f"loops nest deeper than {GRAPH_DEPTH} levels"
            found.add("RUNE-1013", message, block.place, block.site.pointer)
            continue  # what follows takes time for each level of each jump
        exits = out[id(at)] = Exits(at, forest, fresh)
        exits.run()
        around: dict[int, Inside | None] = {NONE: inside}
        for head in reversed(forest.heads):  # outer loops first
            outer = around[forest.parent[head]]
            each = at.blocks[head].each
            around[head] = outer if each is None else Inside(each, outer)
        for number, block in enumerate(at.blocks):
            loop = forest.loop_of[number]
            block.inside = around[forest.parent[loop] if loop == number else loop]
            if block.fork is not None:
                scopes += [(branch, block.inside) for branch in block.fork.branches]
    return out


#: A jump and the block that makes it.
Way = tuple[int, Jump]


class Exits:
    """Gives each loop of a scope one way out."""

    __slots__ = ("_incoming", "_inside", "_never_back", "exit", "forest", "fresh", "scope",
                 "variables")  # fmt: skip

    def __init__(self, scope: Scope, forest: Forest, fresh: Callable[[str], str]) -> None:
        self.scope = scope
        self.forest = forest
        #: Names hidden variables.
        self.fresh = fresh
        #: Where each loop leads on to, where it does.
        self.exit: dict[int, int] = {}
        #: Variables that have to be 0 where the scope begins.
        self.variables: list[str] = []
        #: The blocks of each loop that are in no loop inside it.
        self._inside: dict[int, list[int]] = {head: [] for head in (*forest.heads, NONE)}
        self._incoming = [0] * len(scope.blocks)
        for block in scope.blocks:
            for jump in block.jumps:
                self._incoming[jump.to] += 1
        self._never_back = self._find_never_back()

    def _find_never_back(self) -> list[bool]:
        """For each block whether all that it dominates ends, without a jump to anything else but
        what ends the run."""
        tree, blocks = self.forest.tree, self.scope.blocks
        lowest = [len(tree.order)] * len(blocks)
        out = [False] * len(blocks)
        for number in reversed(tree.order):
            low = lowest[number]
            for jump in blocks[number].jumps:
                if not blocks[jump.to].final:
                    low = min(low, tree.depth[tree.idom[jump.to]])
            for child in tree.children[number]:
                low = min(low, lowest[child])
            lowest[number] = low
            ends = self.scope.exit != number or blocks[number].final
            out[number] = ends and low >= tree.depth[number]
        return out

    def run(self) -> None:
        """Change the scope. Inner loops first: what leaves two loops leaves the inner one first."""
        inner: dict[int, list[int]] = {head: [] for head in (*self.forest.heads, NONE)}
        for block, loop in enumerate(self.forest.loop_of):
            self._inside[loop].append(block)
        for head in self.forest.heads:
            blocks = [*self._inside[head]]
            for loop in inner[head]:
                blocks += self._inside[loop]
            self._one(head, [*dict.fromkeys(blocks)])
            for loop in inner[head]:
                self._inside[head] += self._inside[loop]
            inner[self.forest.parent[head]].append(head)

    def _add(self, block: Block, loop: int) -> int:
        self.forest.loop_of.append(loop)
        self._incoming.append(0)
        number = self.scope.add(block)
        self._inside[loop].append(number)
        for jump in block.jumps:
            self._incoming[jump.to] += 1
        return number

    def _redirect(self, jump: Jump, to: int) -> None:
        self._incoming[jump.to] -= 1
        self._incoming[to] += 1
        jump.to = to

    def _one(self, head: int, inside: list[int]) -> None:
        blocks = self.scope.blocks
        ways: dict[int, list[Way]] = {}
        self._ways_out(head, inside, ways)
        if not ways:
            return
        main = self._main(head, ways)
        for to in [*ways]:
            if to != main and not blocks[to].final and self._belongs(to, head, len(ways[to])):
                del ways[to]
                self._ways_out(head, self._pull(to, head), ways)
        for to, leading in ways.items():
            if to != main and blocks[to].final:
                self._copy(to, leading)
                self._ends_inside(to, head)
        others = [to for to in ways if to != main and not blocks[to].final]
        self.exit[head] = self._choice(head, main, others, ways) if others else main

    def _belongs(self, to: int, head: int, leading: int) -> bool:
        """Whether what a loop leads out to is reached from it only and never comes back."""
        return (
            to < len(self._never_back)
            and self._never_back[to]
            and self.forest.tree.dominates(head, to)
            and leading == self._incoming[to]
        )

    def _ways_out(self, head: int, inside: list[int], ways: dict[int, list[Way]]) -> None:
        """Add the jumps of some blocks that lead out of a loop."""
        for block in inside:
            for jump in self.scope.blocks[block].jumps:
                if not self.forest.within(jump.to, head):
                    ways.setdefault(jump.to, []).append((block, jump))

    def _main(self, head: int, ways: dict[int, list[Way]]) -> int:
        """The place the loop is left to: where its head leads on, else the first that goes on."""
        outside = [jump.to for jump in self.scope.blocks[head].jumps if jump.to in ways]
        if outside:
            return outside[-1]
        return next((to for to in ways if not self.scope.blocks[to].final), next(iter(ways)))

    def _pull(self, to: int, head: int) -> list[int]:
        """Make all that a block leads to part of a loop, up to what ends the run."""
        blocks, forest = self.scope.blocks, self.forest
        found = {to: None}
        todo = [to]
        for at in todo:  # grows while it is read
            for jump in blocks[at].jumps:
                if jump.to not in found and not blocks[jump.to].final:
                    found[jump.to] = None
                    todo.append(jump.to)
        for block in found:
            loop = forest.loop_of[block]
            if loop not in found:
                forest.loop_of[block] = head
            elif forest.parent[loop] not in found:
                forest.parent[loop] = head
        self._inside[head].extend(found)
        return [*found]

    def _copy(self, to: int, leading: list[Way]) -> None:
        """Let what ends the run do so inside the loop, each time in a block of its own."""
        end = self.scope.blocks[to]
        site = Site(end.site.pointer, end.site.span)
        for block, jump in leading:
            steps = [unnamed(step) for step in end.steps]
            copy = Block(end.name, site, steps, final=True)
            self._redirect(jump, self._add(copy, self.forest.loop_of[block]))

    def _ends_inside(self, to: int, head: int) -> None:
        """Loops inside this one that led on to what ends the run lead nowhere: it is in them."""
        for loop, exit_ in [*self.exit.items()]:
            if exit_ == to and loop != head and self.forest.within(loop, head):
                del self.exit[loop]

    def _choice(self, head: int, main: int, others: list[int], ways: dict[int, list[Way]]) -> int:
        """The block behind the loop that goes on from where the loop was left."""
        forest, known = self.forest, self.scope.blocks[head]
        site = Site(known.site.pointer, known.site.span)
        variable = self.fresh("leave")
        self.variables.append(variable)
        around = forest.parent[head]
        while around != NONE and not any(forest.within(to, around) for to in (main, *others)):
            around = forest.parent[around]
        choice = Block(known.name, site, owns_site=False)
        at = self._add(choice, around)
        for number, to in enumerate(others, 1):
            leave = self._add(_note(known.name, site, variable, number, at), head)
            for _, jump in ways[to]:
                self._redirect(jump, leave)
            # Part of a loop around both places only: else it would be a way into it or out of it.
            back = around
            while back != NONE and not forest.within(to, back):
                back = forest.parent[back]
            goes = self._add(_note(known.name, site, variable, 0, to), back)
            test = compare("==", name(variable), const(number))
            names = (Name(variable, 0, "variable"),)
            expr = Expr(variable, test, site.span, site.pointer, names)
            choice.jumps.append(Jump(expr, goes))
            self._incoming[goes] += 1
        for _, jump in ways[main]:
            self._redirect(jump, at)
        choice.jumps.append(Jump(None, main))
        self._incoming[main] += 1
        return at


def _note(title: str, site: Site, variable: str, number: int, to: int) -> Block:
    """A block that notes a number and goes on."""
    target = Target(variable, (), NOWHERE, site.pointer)
    value = Expr(str(number), const(number), NOWHERE, site.pointer)
    step = Set(site, None, None, ((target, value),))
    return Block(title, site, [step], [Jump(None, to)], owns_site=False)


def unnamed(step: Step) -> Step:
    """The same step without the id, which is used once."""
    values = {name: getattr(step, name) for name in step.__match_args__}
    values["site"] = Site(step.site.pointer, step.site.span)
    return type(step)(**values)
