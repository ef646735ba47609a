"""The branches of an If: an edge finds its own by number, else by its condition, else by order."""

from __future__ import annotations

from ....model.nearest import nearest
from ...nodes import clip
from .targets import Dest, End, Targets, Ways
from .written import Edge, GraphNode, Part, Ref


class Choice:
    """The branches of one If, and which edge is meant by each."""

    def __init__(self, targets: Targets, node: GraphNode, edges: list[Edge], after: Dest) -> None:
        self.targets = targets
        self.node = node
        self.edges = edges
        self.after = after
        self.branches = node.branches
        if self.branches is None:
            self.conditions = [
                (e.condition, e.text) for e in edges if e.condition is not None and not e.kind
            ]
        else:
            self.conditions = [(b.condition, b.text) for b in self.branches]
        self.taken: dict[int, Dest] = {}
        self.first: dict[int, Ref] = {}

    def ways(self) -> Ways:
        """Branches by `branch_index`, else by the same condition, else by order."""
        targets, node = self.targets, self.node
        for i, branch in enumerate(self.branches or ()):
            if branch.part is not None:
                self.taken[i] = branch.part
            elif branch.next is not None:
                self.taken[i] = targets.dest(branch.next, node) or End.PART
                self.first[i] = branch.next
        otherwise: Dest | None = None
        said: Ref | None = None
        if isinstance(node.otherwise, Part):
            otherwise = node.otherwise
        elif node.otherwise is not None:
            otherwise, said = targets.dest(node.otherwise, node) or End.PART, node.otherwise
        plain = []
        for edge in self.edges:
            if edge.kind == "body":
                targets.no_body(node, edge)
            elif edge.kind == "else":
                otherwise, said = self._else(edge, otherwise, said)
            elif edge.index is not None:
                self._numbered(edge)
            elif edge.condition is not None:
                self._conditional(edge)
            else:
                plain.append(edge)
        rest = []
        free = [i for i in range(len(self.conditions)) if i not in self.taken]
        for edge in plain:
            if free:
                self._take(free.pop(0), edge)
            else:
                rest.append(edge)
        after = targets.one(node, rest, self.after)
        for i in free:
            if node.next is None and not rest and self.after is End.PART:
                targets.add(
                    f"branch {i} of {node.title} (`{clip(self.conditions[i][1])}`) leads nowhere",
                    node.node,
                    node.pointer,
                    f"add an edge with `branch_index: {i}`",
                )
            self.taken[i] = after
        tests = [
            (condition, self.taken.get(i, after))
            for i, (condition, _) in enumerate(self.conditions)
            if condition is not None
        ]
        return Ways(tests, after if otherwise is None else otherwise, after)

    def _else(
        self, edge: Edge, otherwise: Dest | None, said: Ref | None
    ) -> tuple[Dest | None, Ref | None]:
        to = edge.target
        if to is None:
            return otherwise, said
        if otherwise is not None and (said is None or said.id != to.id):
            first = f"`{said.id}`" if said is not None else "nodes of its own"
            self.targets.add(
                f"{self.node.title} has two ways for `else`: {first} and `{to.id}`", edge.node,
                edge.pointer, None, said,
            )  # fmt: skip
            return otherwise, said
        return self.targets.dest(to, self.node) or End.PART, to

    def _numbered(self, edge: Edge) -> None:
        if edge.index is not None and edge.index < len(self.conditions):
            self._take(edge.index, edge)
            return
        count = len(self.conditions)
        what = f"{count} branch" if count == 1 else f"{count} branches"
        self.targets.add(
            f"{self.node.title} has {what}, none with the number {edge.index}", edge.node,
            edge.pointer, "branches are counted from 0",
        )  # fmt: skip

    def _conditional(self, edge: Edge) -> None:
        same = [i for i, (_, text) in enumerate(self.conditions) if text == edge.text]
        free = [i for i in same if i not in self.taken]
        if same:
            self._take(free[0] if free else same[0], edge)
            return
        match = nearest(edge.text, [text for _, text in self.conditions])
        self.targets.add(
            f"no branch of {self.node.title} has the condition `{clip(edge.text)}`", edge.node,
            edge.pointer,
            f"did you mean `{clip(match)}`?" if match else "name the branch by `branch_index`",
        )  # fmt: skip

    def _take(self, i: int, edge: Edge) -> None:
        to = edge.target
        if to is None:
            return
        if i not in self.taken:
            self.taken[i] = self.targets.dest(to, self.node) or End.PART
            self.first[i] = to
            return
        first = self.first.get(i)
        if first is None or first.id != to.id:
            known = f"`{first.id}`" if first is not None else "nodes of its own"
            self.targets.add(
                f"branch {i} of {self.node.title} (`{clip(self.conditions[i][1])}`) leads to"
                f" {known} and to `{to.id}`",
                edge.node,
                edge.pointer,
                None,
                first,
            )
