"""Reads nodes and edges as they are written: every key by its row, nothing yet of where they lead.

As in the native form one mistake draws one message, and reading goes on with what was probably
meant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from ....model.ast import Set, Site
from ....model.nearest import did_you_mean, nearest
from ....model.spans import Span
from ...kinds import Key
from ...nodes import Map, Node, Scalar, Seq, clip, describe, entry_of, span_of
from .blocks import Each
from .fields import GraphFields
from .functions import Functions
from .objects import Objects, Place, Read
from .tables import (
    ASSIGNMENT_FIELDS,
    BRANCH_FIELDS,
    BY_TYPE,
    COMMON,
    EDGE,
    NODE_TYPES,
    PART,
    NodeType,
)
from .written import Edge, GraphNode, IfBranch, Part, Ref, Role


def _rows(row: NodeType) -> dict[str, Key]:
    return {key.name: key for key in (*COMMON, *row.keys)}


_NODE_ROWS: Final = {row.name: _rows(row) for row in NODE_TYPES}
_EDGE_ROWS: Final = {key.name: key for key in EDGE}
_BRANCH_ROWS: Final = {key.name: key for key in BRANCH_FIELDS}
_ASSIGNMENT_ROWS: Final = {key.name: key for key in ASSIGNMENT_FIELDS}
_PART_ROWS: Final = {key.name: key for key in PART}


class NodeReader(Objects):
    """Reads the nodes and edges of one graph. ``ids``: those of the document's steps so far."""

    def __init__(self, fields: GraphFields, ids: dict[str, Span] | None = None) -> None:
        super().__init__(fields)
        self.ids = {} if ids is None else ids
        #: What could not be read, nodes by their ids: nothing more is said about them, nor about
        #: where the others lead.
        self.unread: set[str] = set()
        #: Every node that has an id.
        self.by_id: dict[str, GraphNode] = {}

    # --- the step --------------------------------------------------------------------------------

    def part(self, node: Map, pointer: str) -> Part:
        """The value of a step `graph`."""
        read = self.entries(node, _PART_ROWS, pointer, "`graph`")
        if "nodes" not in node.entries:
            self.missing("nodes", node, pointer, "`graph`")
        part = self.graph(read.get("nodes"), read.get("edges"), node, pointer)
        if "nodes" in read and not part.nodes:
            self.fields.add("RUNE-1123", "the graph has no nodes", *read["nodes"])
        return part

    # --- parts -----------------------------------------------------------------------------------

    def graph(self, nodes: Place | None, edges: Place | None, whole: Node, at: str) -> Part:
        """The nodes and edges of a document or of a step."""
        part = Part("graph", None, nodes[1] if nodes else at, nodes[0] if nodes else whole)
        self._fill(part, nodes, edges)
        return part

    def _part(self, node: Node, pointer: str, role: Role, owner: GraphNode, field_: str) -> Part:
        """A branch or a body: a list of nodes, or an object with `nodes` and `edges`."""
        part = Part(role, owner, pointer, node)
        if type(node) is Map:
            read = self.entries(node, _PART_ROWS, pointer, f"`{field_}` of {owner.title}")
            if "nodes" not in node.entries:
                self.missing("nodes", node, pointer, f"`{field_}` of {owner.title}")
            self._fill(part, read.get("nodes"), read.get("edges"))
        elif type(node) is Seq:
            self._fill(part, (node, pointer), None)
        else:
            self.fields.wrong_kind("part", node, pointer, field_)
        return part

    def _fill(self, part: Part, nodes: Place | None, edges: Place | None) -> None:
        if nodes is not None:
            for child, at in self._items("nodes", *nodes):
                node = self._node(child, at, part)
                if node is not None:
                    part.nodes.append(node)
        if edges is not None:
            for child, at in self._items("edges", *edges):
                edge = self._edge(child, at)
                if edge is not None:
                    part.edges.append(edge)

    def _items(self, key: Literal["nodes", "edges"], node: Node, at: str) -> list[Place]:
        if type(node) is Seq:
            return [(child, f"{at}/{i}") for i, child in enumerate(node.items)]
        hint = "put `- ` before each" if type(node) is Map else None
        self.fields.wrong_kind(key, node, at, key, hint)
        return []

    # --- nodes -----------------------------------------------------------------------------------

    def _node(self, node: Node, pointer: str, part: Part) -> GraphNode | None:
        if type(node) is not Map:
            self.fields.add(
                "RUNE-1102", f"expected a node, found {describe(node)}", node, pointer,
                "a node is an object: `id`, `type`, and the keys of its type",
            )  # fmt: skip
            self.unread.add(pointer)
            return None
        row = self._type(node, pointer)
        if row is None:
            self.unread.add(_id_of(node) or pointer)
            return None
        id_ = self._id(node, pointer)
        at = node.entries["id"] if id_ is not None else node
        site = Site(pointer, span_of(node, self.file), id_)
        made = GraphNode(row, id_, at, pointer, site, part)
        if id_ is not None:
            self.by_id.setdefault(id_, made)
        read = self.entries(node, _NODE_ROWS[row.name], pointer, made.title, row)
        for key in row.keys:
            if key.required and key.name not in node.entries:
                self.missing(key.name, at, pointer, made.title)
        if read.get("allow"):
            made.site = Site(pointer, site.span, id_, read["allow"])
        made.next = read.get("next")
        _MAKE[row.name](self, made, read, node)
        return made

    def _type(self, node: Map, pointer: str) -> NodeType | None:
        """What `type` or `kind` says, in any case."""
        given = [(key, *entry_of(node, key)) for key in ("type", "kind") if key in node.entries]
        if not given:
            hint = f"one of {', '.join(row.name for row in NODE_TYPES)}"
            self.fields.add("RUNE-1101", "a node needs `type`", node, pointer, hint)
            return None
        rows = []
        for key, _, value in given:
            at = f"{pointer}/{key}"
            text = value.text if type(value) is Scalar else ""
            row = BY_TYPE.get(text.strip().lower())
            if row is None:
                names = {name.lower(): name for kind in NODE_TYPES for name in kind.names}
                match = nearest(text.strip().lower(), names)
                self.fields.add(
                    "RUNE-1200",
                    f"there is no type of node `{clip(text)}`" if text else
                    f"expected a type of node for `{key}`, found {describe(value)}",
                    value,
                    at,
                    f"did you mean `{names[match]}`?" if match else
                    f"one of {', '.join(kind.name for kind in NODE_TYPES)}",
                )  # fmt: skip
                if match is None:
                    return None
                row = BY_TYPE[match]
            rows.append(row)
        if rows[0] is not rows[-1]:
            self.fields.add(
                "RUNE-1116",
                f"`type` says {rows[0].name} and `kind` says {rows[-1].name}",
                given[-1][1],
                f"{pointer}/kind",
                "one of them is enough",
            )
        return rows[0]

    def _id(self, node: Map, pointer: str) -> str | None:
        if "id" not in node.entries:
            return None
        value = node.entries["id"]
        name = self.fields.label(value, f"{pointer}/id", "node-id", "node's id")
        if name is None:
            return None
        here = span_of(value, self.file)
        first = self.ids.setdefault(name, here)
        if first != here:
            self.fields.add(
                "RUNE-1110",
                f"two nodes have the id `{name}`",
                value,
                f"{pointer}/id",
                "edges, events and errors name nodes by their ids; each is used once",
                ((first, "the first one"),),
            )
        return name

    # --- one type each ---------------------------------------------------------------------------

    def _plain(self, made: GraphNode, read: Read, node: Map) -> None:
        """Start: does nothing."""

    def _end(self, made: GraphNode, read: Read, node: Map) -> None:
        made.output = read.get("output")

    def _function(self, made: GraphNode, read: Read, node: Map) -> None:
        made.steps = Functions(self.fields, self.literals).steps(made.site, made.title, read, node)

    def _assign(self, made: GraphNode, read: Read, node: Map) -> None:
        out = []
        if "assignments" in read:
            for child, at in self.clauses("assignments", read["assignments"], made):
                one = self.entries(child, _ASSIGNMENT_ROWS, at, f"an assignment of {made.title}")
                for key in ASSIGNMENT_FIELDS:
                    if key.name not in child.entries:
                        self.missing(key.name, child, at, f"an assignment of {made.title}")
                if one.get("key") is not None and "value" in one:
                    out.append((one["key"], one["value"]))
        if read.get("expression") is not None:
            out.append(read["expression"])
        if "assignments" not in read and "expression" not in read:
            self.missing("assignments` or `expression", made.node, made.pointer, made.title)
        if out:
            made.steps = [Set(made.site, None, None, tuple(out))]

    def _if(self, made: GraphNode, read: Read, node: Map) -> None:
        if "branches" in read:
            made.branches = []
            for child, at in self.clauses("if-branches", read["branches"], made):
                self._if_branch(child, at, made, made.branches)
        if "else" in read:
            made.otherwise = self._else(read["else"], made)

    def _if_branch(self, child: Map, at: str, made: GraphNode, out: list[IfBranch]) -> None:
        owner = f"a branch of {made.title}"
        read = self.entries(child, _BRANCH_ROWS, at, owner)
        condition = read.get("condition")
        if condition is None:
            self.missing("condition", child, at, owner)
            condition = self.fields.broken(child, at)
        part = None
        if "nodes" in read or "edges" in read:
            part = Part("arm", made, at, child)
            self._fill(part, read.get("nodes"), read.get("edges"))
            if read.get("next") is not None:
                self.fields.add(
                    "RUNE-1116", f"{owner} has `nodes` and `next`", entry_of(child, "next")[0],
                    f"{at}/next", f"after its nodes it goes on as {made.title} does",
                )  # fmt: skip
        out.append(IfBranch(condition, _text(child, "condition"), read.get("next"), part))

    def _else(self, place: Place, made: GraphNode) -> Ref | Part | None:
        """An id, nodes, or nothing (an edge says it)."""
        node, pointer = place
        if type(node) is Seq or (type(node) is Map and node.entries):
            return self._part(node, pointer, "arm", made, "else")
        if type(node) is Map or (type(node) is Scalar and node.value in (None, True)):
            return None
        return self.ref(node, pointer, "else")

    def _iteration(self, made: GraphNode, read: Read, node: Map) -> None:
        item, index = read.get("item_var"), read.get("index_var")
        if item is not None and item == index:
            self.fields.add(
                "RUNE-1118",
                f"the element and its index are both called `{item}`",
                entry_of(node, "index_var")[1],
                f"{made.pointer}/index_var",
            )
            index = None
        over = read.get("collection") or self.fields.broken(node, made.pointer)
        at = node.entries.get("item_var", made.node)
        made.each = Each(over, item or "item", index, made.site, span_of(at, self.file))
        self._body(made, read)

    def _loop(self, made: GraphNode, read: Read, node: Map) -> None:
        made.condition = read.get("condition") or self.fields.broken(node, made.pointer)
        made.text = _text(node, "condition")
        self._body(made, read)

    def _body(self, made: GraphNode, read: Read) -> None:
        if "body" in read:
            node, pointer = read["body"]
            made.body = self._part(node, pointer, "body", made, "body")

    def _parallel(self, made: GraphNode, read: Read, node: Map) -> None:
        if "branches" not in read:
            return
        made.parts = []
        at, pointer = read["branches"]
        if type(at) is not Seq:
            self.fields.wrong_kind("parts", at, pointer, "branches")
            return
        if not at.items:
            self.fields.add("RUNE-1123", f"{made.title} has no branch", at, pointer)
        for i, child in enumerate(at.items):
            part = self._part(child, f"{pointer}/{i}", "branch", made, f"branches[{i}]")
            made.parts.append(part)

    # --- edges -----------------------------------------------------------------------------------

    def _edge(self, node: Node, pointer: str) -> Edge | None:
        if type(node) is not Map:
            self.fields.add(
                "RUNE-1102", f"expected an edge, found {describe(node)}", node, pointer,
                "write `{source: ID, target: ID}`",
            )  # fmt: skip
            self.unread.add(pointer)
            return None
        read = self.entries(node, _EDGE_ROWS, pointer, "an edge")
        for key in EDGE:
            if key.required and key.name not in node.entries:
                self.missing(key.name, node, pointer, "an edge")
                self.unread.add(pointer)
        return Edge(
            read.get("source"),
            read.get("target"),
            read.get("condition"),
            _text(node, "condition"),
            read.get("branch_type") or "",
            read.get("branch_index"),
            node,
            pointer,
        )

    # --- what leads where ------------------------------------------------------------------------

    def find(self, ref: Ref) -> GraphNode | None:
        """The node an edge names; None (and a finding) where there is none."""
        found = self.by_id.get(ref.id)
        if found is None and ref.id not in self.unread:
            hint = did_you_mean(ref.id, self.by_id) if len(self.by_id) <= 2_000 else None
            self.fields.add(
                "RUNE-1201", f"there is no node `{clip(ref.id)}`", ref.node, ref.pointer, hint
            )
        return found


def _id_of(node: Map) -> str | None:
    """The id of a node that could not be read."""
    value = node.entries.get("id")
    return value.text if type(value) is Scalar else None


def _text(node: Map, key: str) -> str:
    """A condition as it is written."""
    if key not in node.entries:
        return ""
    value = node.entries[key]
    return value.text.strip() if type(value) is Scalar else ""


_MAKE: Final[dict[str, Callable[[NodeReader, GraphNode, Read, Map], None]]] = {
    "Start": NodeReader._plain,
    "End": NodeReader._end,
    "Function": NodeReader._function,
    "Assign": NodeReader._assign,
    "If": NodeReader._if,
    "Iteration": NodeReader._iteration,
    "Loop": NodeReader._loop,
    "Parallel": NodeReader._parallel,
}
