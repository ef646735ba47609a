"""Objects of the graph form: keys by their tables, and values that are the same anywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from ....model.nearest import nearest
from ...kinds import Key, Kind
from ...nodes import Map, Node, Scalar, Seq, clip, describe, key_of
from ..allows import read_allows
from ..literals import Literals
from ..places import escape
from .fields import GraphFields
from .tables import NODE_TYPES, NodeType
from .written import GraphNode, Ref

#: Key -> what its value was read as; of what is read with the rest of its node, (node, pointer).
Read: TypeAlias = dict[str, Any]
Place: TypeAlias = tuple[Node, str]

#: Key -> the types of nodes that have it, for the hint about one that stands at another.
_OWNERS: Final = {
    name: [row.name for row in NODE_TYPES if any(key.name == name for key in row.keys)]
    for name in {key.name for row in NODE_TYPES for key in row.keys}
}


class Objects:
    """Reads the keys of nodes, edges and what stands in them."""

    def __init__(self, fields: GraphFields) -> None:
        self.fields = fields
        self.literals = Literals(fields)
        self.file = fields.file
        f, lit = fields, self.literals
        self._readers: dict[str, Callable[[Key, Node, str], Any]] = {
            "label": self._label,
            "condition": lambda row, node, at: f.expr(node, at, row.name),
            "template": lambda row, node, at: f.template(node, at),
            "target": lambda row, node, at: f.target(node, at, row.name),
            "name": lambda row, node, at: f.name(node, at, row.name),
            "assignment": lambda row, node, at: f.assignment(node, at),
            "result": lambda row, node, at: f.result(node, at),
            "node-ref": lambda row, node, at: self.ref(node, at, row.name),
            "silences": lambda row, node, at: read_allows(f, node, at),
            "word": lit.word,
            "count": lit.count,
        }

    # --- values ----------------------------------------------------------------------------------

    def _label(self, row: Key, node: Node, pointer: str) -> str | None:
        if type(node) is Scalar:
            return node.text
        self.fields.wrong_kind("label", node, pointer, row.name)
        return None

    def ref(self, node: Node, pointer: str, field_: str) -> Ref | None:
        """The id of a node that is led to."""
        if type(node) is not Scalar or node.value is None or not node.text.strip():
            hint = None
            if type(node) is Seq:
                hint = "one node; several ways on are edges"
            self.fields.wrong_kind("node-ref", node, pointer, field_, hint)
            return None
        return Ref(node.text.strip(), node, pointer)

    def clauses(
        self, kind: Kind, place: tuple[Node, str], made: GraphNode
    ) -> list[tuple[Map, str]]:
        """The objects of a list."""
        node, pointer = place
        if type(node) is Map:
            self.fields.wrong_kind(kind, node, pointer, "", "put `- ` before each")
            return []
        if type(node) is not Seq:
            self.fields.wrong_kind(kind, node, pointer, "")
            return []
        if not node.items:
            what = "branch" if kind == "if-branches" else "assignment"
            self.fields.add("RUNE-1123", f"{made.title} has no {what}", node, pointer)
        out = []
        for i, child in enumerate(node.items):
            if type(child) is Map:
                out.append((child, f"{pointer}/{i}"))
            else:
                self.fields.add(
                    "RUNE-1102", f"expected an object, found {describe(child)}", child,
                    f"{pointer}/{i}",
                )  # fmt: skip
        return out

    def entries(
        self,
        node: Map,
        rows: Mapping[str, Key],
        pointer: str,
        owner: str,
        type_: NodeType | None = None,
    ) -> Read:
        """The values of an object's keys. ``type_``: the object is a node of it."""
        read: Read = {}
        for key, value in node.entries.items():
            row = rows.get(key)
            at = f"{pointer}/{escape(key)}"
            if row is None:
                if self.fields.diagnostics.is_hopeless:
                    continue
                owners = _OWNERS.get(key, ()) if type_ is not None else ()
                match = None
                hint = f"its keys are {', '.join(rows)}"
                if "branches" in rows and key in {field.name for field in rows["branches"].fields}:
                    hint = f"`{key}` stands in each of its `branches`"
                elif 0 < len(owners) < 4:
                    hint = f"`{key}` is a key of {' and '.join(owners)}"
                elif match := nearest(key, [name for name in rows if name not in node.entries]):
                    hint = f"did you mean `{match}`?"
                what = owner if type_ is None else f"{owner} ({type_.name})"
                message = f"{what} has no key `{clip(key)}`"
                self.fields.add("RUNE-1100", message, key_of(node, key), at, hint)
                if not match:
                    continue
                row = rows[match]
            reader = self._readers.get(row.kind)
            read[row.name] = (value, at) if reader is None else reader(row, value, at)
        return read

    def missing(self, key: str, node: Node, pointer: str, owner: str) -> None:
        """Report a key that is not there."""
        self.fields.add("RUNE-1101", f"{owner} needs `{key}`", node, pointer)
