"""The nodes of a document and the variables they set, from its tree alone.

What is asked for while edges are still missing must not wait for a graph that makes sense, so this
does not rely on the steps that the graph form is lowered to.
"""

from __future__ import annotations

import re
from dataclasses import field
from typing import Final

from ...model.records import mutable, record
from ...model.spans import Span
from ..nodes import Map, Node, Scalar, Seq, span_of
from ..shapes import NODE, ROOT, Shape, node_shape

_LEFT: Final = re.compile(r"\s*(?:\$\{\s*)?([A-Za-z_][A-Za-z0-9_]*)")
#: Keys whose values are names that an iteration gives.
_GIVES: Final = ("item_var", "index_var")


@record
class NodeNote:
    """A node: where its id stands, and its type as it is written."""

    id: str
    type: str
    span: Span


@mutable
class GraphNotes:
    """What the nodes of a document say."""

    nodes: dict[str, NodeNote] = field(default_factory=dict)
    variables: dict[str, list[Span]] = field(default_factory=dict)


def graph_notes(root: Node, file: str) -> GraphNotes:
    """Every node, in whole documents and in steps; first come, first noted."""
    notes = GraphNotes()
    waiting: list[tuple[Node, Shape]] = [(root, ROOT)]
    while waiting:
        node, shape = waiting.pop()
        if type(node) is Seq:
            waiting += [(item, shape.item()) for item in reversed(node.items)]
        elif type(node) is Map:
            if shape is NODE:
                shape = node_shape(type_of(node))
                _note(node, shape, notes, file)
            else:
                shape = shape.for_keys(node.entries)
            inside = [(value, shape.child(key)) for key, value in node.entries.items()]
            waiting += reversed(inside)
    return notes


def type_of(node: Map) -> str:
    """The type of a node as it is written; empty where it has none."""
    for key in ("type", "kind"):
        value = text_of(node, key)
        if value:
            return value.strip()
    return ""


def text_of(node: Map, key: str) -> str:
    """The text of one value of an object; empty where there is none."""
    value = node.entries.get(key)
    return value.text if type(value) is Scalar else ""


def _note(node: Map, shape: Shape, notes: GraphNotes, file: str) -> None:
    id_ = text_of(node, "id").strip()
    if id_:
        span = span_of(node.entries["id"], file)
        notes.nodes.setdefault(id_, NodeNote(id_, type_of(node), span))
    for row in shape.rows:
        value = node.entries.get(row.name)
        if type(value) is Scalar and (row.kind in ("target", "assignment") or row.name in _GIVES):
            _set(value, notes, file)
        elif row.kind == "assignments" and type(value) is Seq:
            for item in value.items:
                target = item.entries.get("key") if type(item) is Map else None
                if type(target) is Scalar:
                    _set(target, notes, file)


def _set(value: Scalar, notes: GraphNotes, file: str) -> None:
    """The name that a text like ``a``, ``a.b`` or ``a = b`` begins with gets a value here."""
    found = _LEFT.match(value.text)
    if found is not None:
        notes.variables.setdefault(found[1], []).append(span_of(value, file))
