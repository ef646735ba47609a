"""Plain data to a node tree, with the places of the Python calls that made it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...model.limits import DOCUMENT_DEPTH
from ...model.values import normalise
from ..nodes import Map, Node, Scalar, Seq, empty_map, empty_seq, enter, scalar
from .origins import Origin
from .verbs import Step


class PlainTree:
    """Plain data -> node tree with the places of the Python calls."""

    def __init__(self, origin: Origin) -> None:
        self.main = origin.file
        #: Steps written in another file than the skript: identity of the node -> file.
        self.files: dict[int, str] = {}

    def node(self, value: Any, origin: Origin, depth: int) -> Node:
        """The tree of one value. Raises NotAValueError for what is no value."""
        if isinstance(value, Step):
            origin = value.origin
        if isinstance(value, Mapping) and depth < DOCUMENT_DEPTH:
            made = empty_map(True, 0, 0)
            self._place(made, origin)
            for key, item in value.items():
                name = normalise(key)
                if not isinstance(name, str):
                    normalise({key: None})  # raises: keys must be text
                enter(made, self._scalar(str(name), origin), self.node(item, origin, depth + 1))
            if isinstance(value, Step) and origin.file != self.main:
                self.files[id(made)] = origin.file
            return made
        if isinstance(value, list | tuple) and depth < DOCUMENT_DEPTH:
            seq = empty_seq(True, 0, 0)
            self._place(seq, origin)
            seq.items = [self.node(item, origin, depth + 1) for item in value]
            return seq
        plain = normalise(value)
        if isinstance(plain, dict | list):  # a dataclass, a struct ... (or nested too deep)
            return self.node(plain, origin, depth + 1)
        return self._scalar(plain, origin)

    def _scalar(self, value: Any, origin: Origin) -> Scalar:
        text = value if isinstance(value, str) else "" if value is None else str(value)
        # Folded style: a text whose characters have no places of their own.
        style = ">" if isinstance(value, str) else ""
        return scalar(value, text, style, *origin[1:])

    def _place(self, node: Map | Seq, origin: Origin) -> None:
        node.line, node.column, node.end_line, node.end_column = origin[1:]
