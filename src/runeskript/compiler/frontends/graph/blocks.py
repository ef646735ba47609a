"""Blocks: what a graph looks like between its nodes and the AST.

A block does its ``steps`` and goes on along the first of its ``jumps`` whose condition is true. A
:class:`Scope` is the flow of one token: the document's (or the step's), or that of one branch of a
fork. Nodes are numbers; a pass that adds a block appends it.
"""

from __future__ import annotations

from dataclasses import field

from ....model.ast import Expr, Site, Step
from ....model.records import mutable
from ....model.spans import Span
from .dominators import reverse_postorder


@mutable
class Jump:
    """One way on. The last of a block has no condition."""

    condition: Expr | None
    to: int


@mutable
class Each:
    """What the head of an iteration goes through."""

    over: Expr
    item: str
    index: str | None
    site: Site
    #: Where a document says the names, for what has to be said about them.
    names_at: Span
    #: Blocks: where an iteration begins, and where each of its turns does.
    enter: int = -1
    turn: int = -1
    #: The names of the loop itself, where the document's are variables (see ``names.py``).
    own_item: str | None = None
    own_index: str | None = None


@mutable
class Inside:
    """The iterations around a block, innermost first."""

    each: Each
    outer: Inside | None


@mutable
class Fork:
    """Branches that run at the same time."""

    site: Site
    names: list[str]
    branches: list[Scope]


@mutable
class Block:
    """Steps, and the ways on; none for a block that ends the run."""

    #: What messages call it: a node's id.
    name: str
    site: Site
    steps: list[Step] = field(default_factory=list)
    jumps: list[Jump] = field(default_factory=list)
    #: The head of an iteration: the first jump is a turn, the second leads on.
    each: Each | None = None
    fork: Fork | None = None
    #: Whether the jumps are branches that run at the same time (until ``forks.py`` made a fork).
    splits: bool = False
    #: The node at which the document says that these branches meet.
    meets: str | None = None
    #: Whether it ends the run and is small enough to stand wherever something leads to it.
    final: bool = False
    inside: Inside | None = None
    #: The place of the id, at which messages point.
    at: Span | None = None
    #: Whether the site's id may name the step made of the jumps (the steps have none of their own).
    owns_site: bool = True

    @property
    def place(self) -> Span:
        """Where messages point."""
        return self.at or self.site.span


@mutable
class Scope:
    """The blocks of one token's flow. A flow that is over goes to ``exit``, which has no jumps."""

    blocks: list[Block]
    entry: int
    exit: int
    #: Whether the exit is a node of the document, at which branches meet.
    joined: bool = False

    def all(self) -> list[Scope]:
        """The scope and those of all branches in it, each before those inside."""
        out = [self]
        for scope in out:  # grows while it is read
            for block in scope.blocks:
                if block.fork is not None:
                    out += block.fork.branches
        return out

    def add(self, block: Block) -> int:
        """Append a block; its number."""
        self.blocks.append(block)
        return len(self.blocks) - 1

    def compact(self) -> None:
        """Drop the blocks that nothing leads to (but for ``exit``) and number the others anew."""
        keep = {*reverse_postorder(self.successors(), self.entry), self.exit}
        numbers = {old: new for new, old in enumerate(sorted(keep))}
        self.blocks = [self.blocks[old] for old in sorted(keep)]
        self.entry, self.exit = numbers[self.entry], numbers[self.exit]
        for block in self.blocks:
            for jump in block.jumps:
                jump.to = numbers[jump.to]
            if block.each is not None:
                block.each.enter = numbers.get(block.each.enter, -1)
                block.each.turn = numbers.get(block.each.turn, -1)

    def successors(self) -> list[list[int]]:
        """The targets of each block's jumps."""
        return [[jump.to for jump in block.jumps] for block in self.blocks]
