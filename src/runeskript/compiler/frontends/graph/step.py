"""The step ``graph: {nodes, edges}`` of the native form."""

from __future__ import annotations

from collections.abc import Callable

from ....model.ast import Block, Target
from ....model.spans import Span
from ...nodes import Map, Node
from ..fields import Fields
from .fields import GraphFields
from .lower import lower_step
from .nodes import NodeReader
from .structure import Fresh


class GraphStep:
    """Reads the steps ``graph`` of one document, whose fields and ids it is given."""

    def __init__(self, fields: Fields, ids: dict[str, Span]) -> None:
        self.fields = fields
        self.ids = ids
        self.fresh = Fresh()

    def read(self, node: Node, pointer: str) -> Callable[[Target | None], Block]:
        """What makes the steps, once it is known where the output goes."""
        if type(node) is not Map:
            self.fields.wrong_kind(
                "graph", node, pointer, "graph", "write `graph: {nodes: […], edges: […]}`"
            )
            return lambda into: ()
        outer = self.fields
        fields = GraphFields(outer.source, outer.diagnostics, outer.seen)
        fields.file = outer.file
        fields.settable = outer.settable
        reader = NodeReader(fields, self.ids)
        part = reader.part(node, pointer)
        fields.check_suspects(outer.seen.variables)
        return lambda into: lower_step(reader, part, into, self.fresh)
