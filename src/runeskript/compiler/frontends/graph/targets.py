"""What the ways on from a node may lead to, and what is said about those that may not."""

from __future__ import annotations

from dataclasses import field
from enum import Enum
from typing import TypeAlias

from ....model.ast import Expr
from ....model.records import mutable
from ....model.spans import Span
from ...nodes import Node, span_of
from .nodes import NodeReader
from .written import Edge, GraphNode, Part, Ref


class End(Enum):
    """Places that are no node."""

    #: Behind the last node of a list: on as its owner does, or where the flow ends.
    PART = "part"
    #: The end of the branch of a fork.
    BRANCH = "branch"


#: Where a way leads: to a node, into a list of nodes, or to an end.
Dest: TypeAlias = GraphNode | Part | End


@mutable
class Ways:
    """The ways on from one node."""

    #: Conditions in order, then where it goes on if none is true.
    tests: list[tuple[Expr, Dest]] = field(default_factory=list)
    default: Dest = End.PART
    #: Where lists of nodes inside go on; of all but an If with an `else` the same.
    after: Dest = End.PART
    #: For loops: into the body.
    body: Dest | None = None
    #: For a Parallel without lists of its own: into the branches.
    splits: list[Dest] = field(default_factory=list)
    #: For such a Parallel: where its `next` says that the branches meet.
    meets: Ref | None = None


class Targets:
    """Finds where edges lead. ``ways``: identity of a node -> its ways, those of the nodes around
    before those inside."""

    def __init__(self, reader: NodeReader) -> None:
        self.reader = reader
        self.fields = reader.fields
        self.ways: dict[int, Ways] = {}

    # --- targets ----------------------------------------------------------------------------------

    def dest(self, ref: Ref, source: GraphNode) -> Dest | None:
        """What a reference means at a node; None (and a finding) where it cannot lead there."""
        target = self.reader.find(ref)
        if target is None:
            return None
        around: Part | None = source.part
        crossed: Part | None = None
        while around is not None:
            if target.part is around:
                break
            owner = around.owner
            if around.role == "branch" and crossed is None:
                crossed = around
            around = owner.part if owner is not None else None
        if around is not None and crossed is None:
            return target
        if around is not None and crossed is not None and self._follows(crossed) is target:
            return End.BRANCH
        self._crosses(ref, source, target, crossed if around is not None else None)
        return None

    def _follows(self, branch: Part) -> Dest:
        """What the fork goes on with once its branches are done."""
        owner = branch.owner
        while owner is not None:
            after = self.ways[id(owner)].after
            if not isinstance(after, End) or owner.part.role != "branch":
                return after
            owner = owner.part.owner
        return End.PART

    def _crosses(self, ref: Ref, source: GraphNode, target: GraphNode, left: Part | None) -> None:
        owner = left.owner if left is not None else target.part.owner
        inside = target.part.role if left is None else "branch"
        what = f"leads out of a branch of {owner.title}" if owner is not None else "leads out"
        hint = "a branch is over at its last node; the fork goes on when all are"
        if left is None and owner is not None:
            place = "a branch" if inside in ("branch", "arm") else "the body"
            what = f"leads into {place} of {owner.title}"
            hint = f"only {owner.title} leads into it"
        self.fields.add(
            "RUNE-1206",
            f"the edge from {source.title} to {target.title} {what}",
            ref.node,
            ref.pointer,
            hint,
        )

    def one(self, node: GraphNode, plain: list[Edge], after: Dest) -> Dest:
        """The one way on of `next` and the edges without a condition, which must agree."""
        refs = [edge.target for edge in plain if edge.target is not None]
        if node.next is not None:
            refs.insert(0, node.next)
        first: Ref | None = None
        out: Dest = End.PART if refs else after
        for ref in refs:
            if first is None:
                first = ref
                out = self.dest(ref, node) or End.PART
            elif ref.id != first.id:
                hint = "give edges a `condition`, or let a Parallel run both"
                if node.next is not None:
                    hint = "`next` and the edge without a condition must agree"
                self.add(
                    f"{node.title} leads on to `{first.id}` and to `{ref.id}`", ref.node,
                    ref.pointer, hint, first,
                )  # fmt: skip
        return out

    def to(self, edge: Edge, node: GraphNode) -> Dest | None:
        """Where an edge leads from a node."""
        return self.dest(edge.target, node) if edge.target is not None else None

    # --- findings ---------------------------------------------------------------------------------

    def no_body(self, node: GraphNode, edge: Edge) -> None:
        """Report an edge into a body where there is none."""
        self.add(
            f"{node.title} ({node.type}) has no body", edge.node, edge.pointer,
            "`branch_type: body` belongs to edges from Iteration and Loop",
        )  # fmt: skip

    def index(self, node: GraphNode, edge: Edge) -> None:
        """Report a number of a branch where there are none."""
        if edge.index is not None:
            self.add(
                f"`branch_index` has no meaning at {node.title} ({node.type})", edge.node,
                edge.pointer, "it belongs to edges from If and Parallel",
            )  # fmt: skip

    def add(
        self, message: str, node: Node, pointer: str, hint: str | None = None,
        other: Ref | None = None,
    ) -> None:  # fmt: skip
        """Report ways on that do not fit a node; ``other`` is what they do not go with."""
        related: tuple[tuple[Span, str], ...] = ()
        if other is not None:
            related = ((span_of(other.node, self.fields.file), "the first one"),)
        self.fields.add("RUNE-1202", message, node, pointer, hint, related)
