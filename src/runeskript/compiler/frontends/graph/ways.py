"""Where each node leads: its edges, its ``next``, and the order of lists without either.

An edge is a jump to a node of the same list or of one around it; nothing but its owner leads into
a list. A branch of a fork can only be left at its end, so of all nodes outside of it an edge may
name only the one that follows the fork, and means the end of the branch.
"""

from __future__ import annotations

from .choices import Choice
from .nodes import NodeReader
from .targets import Dest, End, Targets, Ways
from .written import Edge, GraphNode, Part, Ref


class Wiring:
    """Finds the ways of all nodes. ``ways``: identity of a node -> its ways."""

    def __init__(self, reader: NodeReader) -> None:
        self.reader = reader
        self.fields = reader.fields
        self.targets = Targets(reader)
        self.ways = self.targets.ways

    def part(self, part: Part) -> None:
        """The nodes of a list, then those of the lists inside."""
        edges = self._by_source(part)
        for i, node in enumerate(part.nodes):
            after: Dest = End.PART
            if part.in_order and i + 1 < len(part.nodes):
                after = part.nodes[i + 1]
            ways = self.ways[id(node)] = self._ways(node, edges.get(id(node), []), after)
            if node.type != "If":
                ways.after = ways.default
        for node in part.nodes:
            for inner in node.inner():
                self.part(inner)

    def _by_source(self, part: Part) -> dict[int, list[Edge]]:
        out: dict[int, list[Edge]] = {}
        for edge in part.edges:
            if edge.source is None or edge.target is None:
                continue
            source = self.reader.find(edge.source)
            if source is None:
                continue
            if source.part is not part:
                self.fields.add(
                    "RUNE-1206",
                    f"{source.title} stands in another list of nodes than this edge",
                    edge.source.node,
                    edge.source.pointer,
                    "an edge stands beside the nodes it comes from",
                )
                continue
            out.setdefault(id(source), []).append(edge)
        return out

    # --- one node ---------------------------------------------------------------------------------

    def _ways(self, node: GraphNode, edges: list[Edge], after: Dest) -> Ways:
        if node.type == "End":
            self._ends(node, edges)
            return Ways()
        if node.type == "If":
            return Choice(self.targets, node, edges, after).ways()
        if node.type in ("Iteration", "Loop"):
            return self._loop(node, edges, after)
        if node.type == "Parallel":
            return self._parallel(node, edges, after)
        ways = Ways()
        plain = []
        for edge in edges:
            if edge.kind == "body":
                self.targets.no_body(node, edge)
            elif edge.condition is not None:
                self.targets.index(node, edge)
                to = self.targets.to(edge, node)
                if to is not None:
                    ways.tests.append((edge.condition, to))
            else:
                self.targets.index(node, edge)
                plain.append(edge)
        ways.default = self.targets.one(node, plain, after)
        return ways

    def _ends(self, node: GraphNode, edges: list[Edge]) -> None:
        refs = [edge.target for edge in edges if edge.target is not None]
        if node.next is not None:
            refs.insert(0, node.next)
        for ref in refs[:1]:
            self.targets.add(
                f"{node.title} is an End and leads on to `{ref.id}`", ref.node, ref.pointer
            )

    def _loop(self, node: GraphNode, edges: list[Edge], after: Dest) -> Ways:
        ways = Ways(body=node.body)
        plain = []
        into: Ref | None = None
        for edge in edges:
            self.targets.index(node, edge)
            same = edge.condition is not None and edge.text == node.text and node.type == "Loop"
            if edge.kind == "body" or (same and not edge.kind):
                if ways.body is not None:
                    first = f"`{into.id}`" if into is not None else "nodes of its own"
                    self.targets.add(
                        f"{node.title} has two bodies: {first} and an edge", edge.node,
                        edge.pointer, "one edge leads into the body", into,
                    )  # fmt: skip
                    continue
                into = edge.target
                ways.body = self.targets.to(edge, node) or End.PART
            elif edge.condition is not None:
                self.targets.add(
                    f"an edge from {node.title} has a condition", edge.node, edge.pointer,
                    "a loop leads into its body (`branch_type: body`) and on",
                )  # fmt: skip
            else:
                plain.append(edge)
        ways.default = self.targets.one(node, plain, after)
        if ways.body is None:
            self.targets.add(
                f"{node.title} has no body", node.node, node.pointer,
                "one of its edges needs `branch_type: body`",
            )  # fmt: skip
        return ways

    def _parallel(self, node: GraphNode, edges: list[Edge], after: Dest) -> Ways:
        ways = Ways()
        for edge in edges:
            if edge.kind == "body":
                self.targets.no_body(node, edge)
            elif edge.condition is not None:
                self.targets.add(
                    f"an edge from {node.title} has a condition", edge.node, edge.pointer,
                    "all branches of a Parallel run; put an If into the branch",
                )  # fmt: skip
        plain = [e for e in edges if e.condition is None and e.kind != "body"]
        if node.parts is not None:
            ways.default = self.targets.one(node, plain, after)
            return ways
        if not plain:
            self.targets.add(
                f"{node.title} has no branches", node.node, node.pointer,
                "list them under `branches`, or let edges lead into them",
            )  # fmt: skip
            return ways
        count = len(plain)
        order = sorted(
            range(count), key=lambda i: (i if plain[i].index is None else plain[i].index, i)
        )  # fmt: skip
        indexes = [edge.index for edge in plain if edge.index is not None]
        if len(set(indexes)) < len(indexes):
            twice = next(e for e in plain if e.index is not None and indexes.count(e.index) > 1)
            self.targets.add(
                f"two edges from {node.title} have the `branch_index` {twice.index}", twice.node,
                twice.pointer,
            )  # fmt: skip
        for i in order:
            to = self.targets.to(plain[i], node)
            if to is not None:
                ways.splits.append(to)
        ways.meets = node.next
        return ways
