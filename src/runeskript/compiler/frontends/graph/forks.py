"""Forks that are drawn with edges: branches are found, and each becomes a scope of its own.

The branches of a fork meet at its immediate post-dominator, the first node that every way from the
fork leads through. What lies between is one branch each: nothing but the fork leads in, nothing but
that node follows, and no two branches share a node. All else is refused, with the nodes named: the
flow of one branch cannot become that of another.
"""

from __future__ import annotations

from collections.abc import Iterable

from ....model.diagnostics import Diagnostics
from ....model.limits import GRAPH_DEPTH
from ...nodes import clip
from .blocks import Block, Fork, Jump, Scope
from .dominators import Tree, reverse

#: Nodes that a message names before it says "and N more".
_NAMED = 4


def make_forks(scope: Scope, found: Diagnostics) -> None:
    """Replace every fork of a scope, and of the scopes inside, by one block that holds its
    branches."""
    scopes = [(scope, 0)]
    for at, depth in scopes:  # grows while it is read
        if any(block.splits for block in at.blocks):
            _Forks(at, found).run()
        for block in at.blocks:
            if block.fork is None:
                continue
            if depth == GRAPH_DEPTH:
                message = f"forks nest deeper than {GRAPH_DEPTH} levels"
                found.add("RUNE-1013", message, block.place, block.site.pointer)
                block.fork = None
                continue
            scopes.extend((branch, depth + 1) for branch in block.fork.branches)


class _Forks:
    def __init__(self, scope: Scope, found: Diagnostics) -> None:
        self.scope = scope
        self.found = found
        self.successors = scope.successors()
        self.before = reverse(self.successors)
        self.tree = Tree(self.successors, scope.entry)
        self.after = self._post_dominators()

    def _post_dominators(self) -> Tree:
        """On the edges turned round, from one place behind everything that ends.

        What goes round for ever ends nowhere; there the edges that lead back count as ends.
        """
        end = len(self.scope.blocks)
        ends = [n for n in self.tree.order if not self.successors[n]]
        reached = set(ends)
        todo = list(ends)
        while todo:
            for before in self.before[todo.pop()]:
                if before not in reached:
                    reached.add(before)
                    todo.append(before)
        at = {number: i for i, number in enumerate(self.tree.order)}
        for number in self.tree.order:
            if number not in reached and any(at[t] <= at[number] for t in self.successors[number]):
                ends.append(number)
        return Tree([*self.before, ends], end)

    def run(self) -> None:
        scope = self.scope
        taken: set[int] = set()
        for number in self.tree.order:
            block = scope.blocks[number]
            if not block.splits or number in taken:
                continue
            block.splits = False
            if len(block.jumps) == 1:
                continue
            join = self.after.idom[number]
            branches = self._branches(number, join)
            if branches is None:
                block.jumps = block.jumps[:1]
                continue
            block.fork = Fork(block.site, [], [])
            block.owns_site = False
            for (first, inside), name in zip(branches, self._names(number, join), strict=True):
                taken |= inside
                block.fork.names.append(name)
                block.fork.branches.append(self._cut(first, inside, join))
            block.jumps = [Jump(None, join)]
        scope.compact()

    def _names(self, number: int, join: int) -> list[str]:
        names = []
        for i, to in enumerate(self.successors[number]):
            name = self.scope.blocks[to].name
            names.append(f"branch_{i}" if to == join or name in names or "/" in name else name)
        return names

    def _branches(self, fork: int, join: int) -> list[tuple[int, set[int]]] | None:
        """The first block and all blocks of each branch; None (and a finding) if they do not meet
        as they must."""
        block = self.scope.blocks[fork]
        if join == len(self.scope.blocks) or (join == self.scope.exit and not self.scope.joined):
            self._never_meet(fork)
            return None
        if block.meets is not None and self.scope.blocks[join].name != block.meets:
            self._report(
                "RUNE-1205",
                f"the branches of `{clip(block.name)}` meet at"
                f" `{clip(self.scope.blocks[join].name)}`, not at its `next`,"
                f" `{clip(block.meets)}`",
                block,
            )
            return None
        out: list[tuple[int, set[int]]] = []
        owner: dict[int, int] = {}
        for i, first in enumerate(self.successors[fork]):
            inside: set[int] = set()
            todo = [] if first == join else [first]
            while todo:
                at = todo.pop()
                if at in inside:
                    continue
                if at in owner:
                    self._shared(fork, join, owner[at], i, at)
                    return None
                inside.add(at)
                for to in self.successors[at]:
                    if to == join:
                        continue
                    if to == fork or self.tree.dominates(to, fork):
                        self._leaves(fork, at, to)
                        return None
                    todo.append(to)
            for at in inside:
                owner[at] = i
            out.append((first, inside))
        return out if self._entered_by_fork(fork, out) else None

    def _entered_by_fork(self, fork: int, branches: list[tuple[int, set[int]]]) -> bool:
        for first, inside in branches:
            for at in sorted(inside):
                for source in self.before[at]:
                    if source in inside or (source == fork and at == first):
                        continue
                    if not self.tree.reached(source):
                        continue
                    blocks = self.scope.blocks
                    self._report(
                        "RUNE-1206",
                        f"the edge from `{blocks[source].name}` to `{blocks[at].name}` leads into"
                        f" a branch of `{blocks[fork].name}`",
                        blocks[source],
                        f"only `{blocks[fork].name}` leads into its branches",
                    )
                    return False
        return True

    def _cut(self, first: int, inside: set[int], join: int) -> Scope:
        """A branch as a scope; where it would go on with the join it is over."""
        order = sorted(inside)
        blocks = [self.scope.blocks[number] for number in order]
        numbers = {number: i for i, number in enumerate(order)}
        numbers[join] = len(blocks)
        for block in blocks:
            block.jumps = [Jump(jump.condition, numbers[jump.to]) for jump in block.jumps]
            if block.each is not None:
                block.each.enter = numbers.get(block.each.enter, -1)
                block.each.turn = numbers.get(block.each.turn, -1)
        known = self.scope.blocks[join]
        blocks.append(Block(known.name, known.site, owns_site=False))
        return Scope(blocks, numbers[first], len(order), joined=True)

    # --- findings --------------------------------------------------------------------------------

    def _report(self, code: str, message: str, at: Block, hint: str | None = None) -> None:
        self.found.add(code, message, at.place, at.site.pointer, hint)

    def _never_meet(self, fork: int) -> None:
        """Name where the branches end."""
        blocks = self.scope.blocks
        ends: list[str] = []
        for first in self.successors[fork]:
            seen = {first}
            todo = [first]
            for at in todo:  # grows while it is read
                for to in self.successors[at]:
                    if to not in seen:
                        seen.add(to)
                        todo.append(to)
            last = [n for n in sorted(seen) if self.scope.exit in self.successors[n]]
            last += [n for n in sorted(seen) if not self.successors[n] and n != self.scope.exit]
            ends += [blocks[n].name for n in last]
        what = f"; they end at {_list(dict.fromkeys(ends))}" if ends else ""
        self._report(
            "RUNE-1205",
            f"the branches of `{blocks[fork].name}` never meet{what}",
            blocks[fork],
            "let all of them lead to one node, with which the flow goes on",
        )

    def _shared(self, fork: int, join: int, one: int, other: int, at: int) -> None:
        blocks = self.scope.blocks
        names = [blocks[to].name for to in self.successors[fork]]
        self._report(
            "RUNE-1206",
            f"the branches `{names[one]}` and `{names[other]}` of `{blocks[fork].name}` share"
            f" `{blocks[at].name}`, before all branches meet at `{blocks[join].name}`",
            blocks[at],
            "a node stands in one branch; for some branches that meet earlier use a Parallel inside"
            " a branch",
        )

    def _leaves(self, fork: int, at: int, to: int) -> None:
        blocks = self.scope.blocks
        self._report(
            "RUNE-1206",
            f"the edge from `{blocks[at].name}` to `{blocks[to].name}` leads out of a branch of"
            f" `{blocks[fork].name}`",
            blocks[at],
            "a branch ends where all branches meet",
        )


def _list(names: Iterable[str]) -> str:
    known = [f"`{name}`" for name in names]
    more = len(known) - _NAMED
    if more > 0:
        return f"{', '.join(known[:_NAMED])} and {more} more"
    return known[0] if len(known) == 1 else f"{', '.join(known[:-1])} and {known[-1]}"
