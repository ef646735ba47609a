"""What a graph document says, as it is written: nodes, edges and lists of them."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from ....model.ast import Expr, Site, Step
from ....model.records import mutable, record
from ...nodes import Node
from .blocks import Each
from .tables import NodeType

#: What a list of nodes is: the whole graph, a branch of a fork, a turn of a loop, a way of an If.
Role = Literal["graph", "branch", "body", "arm"]


@record
class Ref:
    """A node's id where something leads to it."""

    id: str
    node: Node
    pointer: str


@mutable
class Edge:
    """An edge as written."""

    source: Ref | None
    target: Ref | None
    condition: Expr | None
    text: str
    kind: str
    index: int | None
    node: Node
    pointer: str


@mutable
class IfBranch:
    """A branch of an If: a condition and, perhaps, where it leads or nodes of its own."""

    condition: Expr
    text: str
    next: Ref | None
    part: Part | None


@mutable
class GraphNode:
    """A node as written. What no key of its type says is None or empty."""

    row: NodeType
    id: str | None
    #: What messages point at: the id where there is one.
    node: Node
    pointer: str
    site: Site
    part: Part
    next: Ref | None = None
    steps: list[Step] = field(default_factory=list)
    branches: list[IfBranch] | None = None
    otherwise: Ref | Part | None = None
    condition: Expr | None = None
    #: The condition as it is written.
    text: str = ""
    each: Each | None = None
    body: Part | None = None
    parts: list[Part] | None = None
    output: Expr | None = None

    @property
    def type(self) -> str:
        """The type, by our name for it."""
        return self.row.name

    @property
    def title(self) -> str:
        """What messages call it."""
        return f"`{self.id}`" if self.id is not None else f"the {self.type} at {self.pointer}"

    def inner(self) -> list[Part]:
        """The lists of nodes inside this node."""
        out = [branch.part for branch in self.branches or () if branch.part is not None]
        if isinstance(self.otherwise, Part):
            out.append(self.otherwise)
        if self.body is not None:
            out.append(self.body)
        return [*out, *(self.parts or ())]


@mutable
class Part:
    """A list of nodes with the edges between them."""

    role: Role
    owner: GraphNode | None
    pointer: str
    node: Node
    nodes: list[GraphNode] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)

    @property
    def in_order(self) -> bool:
        """Whether nothing leads anywhere, so that the nodes run in the order of the list."""
        return self.role != "graph" and not self.edges and not any(n.next for n in self.nodes)
