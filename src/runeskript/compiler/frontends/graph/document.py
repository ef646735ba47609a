"""Whole documents of the graph form: wrapped in ``workflow``, flat, or split over both."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from ....model.ast import Document, Step, Var
from ....model.diagnostics import Diagnostics
from ....model.limits import NAME
from ....model.nearest import nearest
from ...kinds import Key
from ...nodes import Map, Node, Scalar, Seq, clip, entry_of, key_of, span_of
from ...read import Source
from ..allows import read_allows
from ..fields import Fields
from ..literals import Literals
from ..places import escape
from ..seen import check_seen
from ..variables import read_vars
from .fields import GraphFields
from .lower import lower_document
from .names import first_values
from .nodes import NodeReader
from .tables import WORKFLOW, WRAPPED

if TYPE_CHECKING:
    from ..steps import Steps

#: What the input of such a document may be: its fields are variables.
INPUT: Final[dict[str, Any]] = {"type": ["object", "null"]}
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9_.-]+")

#: What may stand inside `workflow` or beside it.
_EITHER: Final = ("nodes", "edges", "schedule", "on_failure")

Read = dict[str, Any]
Place = tuple[Node, str]


def parse_graph(source: Source, diagnostics: Diagnostics) -> Document | None:
    """The document a tree with `workflow` or `nodes` describes."""
    root = source.root
    if type(root) is not Map:
        return None
    return _Graph(source, diagnostics).document(root)


class _Graph:
    def __init__(self, source: Source, diagnostics: Diagnostics) -> None:
        self.source = source
        self.file = source.file
        self.fields = GraphFields(source, diagnostics)
        self.literals = Literals(self.fields)
        self.reader = NodeReader(self.fields)

    def document(self, root: Map) -> Document:
        """The whole document."""
        head, nodes, edges = self._parts(root)
        name = self._name(head)
        declared: tuple[Var, ...] = head.get("variables") or ()
        if nodes is None:
            self.fields.add("RUNE-1101", "the document needs `nodes`", _first(root), "")
        part = self.reader.graph(nodes, edges, root, "")
        body: Any = ()
        assigned: tuple[str, ...] = ()
        if part.nodes:
            body, assigned = lower_document(self.reader, part, [v.name for v in declared], name)
        elif nodes is not None and type(nodes[0]) is Seq and not nodes[0].items:
            self.fields.add("RUNE-1123", "the document has no nodes", *nodes)
        notice = self._notice(head.get("on_failure"))
        self.fields.seen.variables.update(assigned)
        check_seen(self.fields.seen, self.source, self.fields.diagnostics)
        self.fields.check_suspects({*self.fields.seen.variables, *self.fields.used})
        return Document(
            name,
            head.get("version"),
            {},
            INPUT,
            (),
            first_values(declared),
            (),
            None,
            body,
            (),
            None,
            span_of(root, self.file),
            head.get("allow", ()),
            notice,
            None,
            head.get("schedule"),
        )

    def _parts(self, root: Map) -> tuple[Read, Place | None, Place | None]:
        """The head, and where the nodes and the edges stand."""
        if "workflow" not in root.entries:
            read = self._keys(root, WORKFLOW, "", "a document of the graph form")
            return read, read.get("nodes"), read.get("edges")
        beside = self._keys(root, WRAPPED, "", "a document with `workflow`")
        inner = root.entries["workflow"]
        if type(inner) is not Map:
            hint = "with `id`, `nodes` and `edges`"
            self.fields.wrong_kind("workflow", inner, "/workflow", "workflow", hint)
            return {}, beside.get("nodes"), beside.get("edges")
        read = self._keys(inner, WORKFLOW, "/workflow", "`workflow`")
        for key in _EITHER:
            if key in read and key in beside:
                several = key in ("nodes", "edges")
                self.fields.add(
                    "RUNE-1118",
                    f"`{key}` {'stand' if several else 'stands'} inside `workflow` and beside it",
                    entry_of(root, key)[0],
                    f"/{key}",
                    f"put {'them' if several else 'it'} into one place",
                    (
                        (
                            span_of(entry_of(inner, key)[0], self.file),
                            "the others" if several else "the other",
                        ),
                    ),
                )
            read[key] = read.get(key) or beside.get(key)
        return read, read["nodes"], read["edges"]

    def _keys(self, node: Map, rows: tuple[Key, ...], pointer: str, owner: str) -> Read:
        """The values of the keys of one object."""
        known = {row.name: row for row in rows}
        read: Read = {}
        for key, value in node.entries.items():
            at = f"{pointer}/{escape(key)}"
            row = known.get(key)
            if row is None:
                match = nearest(key, [name for name in known if name not in node.entries])
                hint = f"did you mean `{match}`?" if match else f"its keys are {', '.join(known)}"
                message = f"{owner} has no key `{clip(key)}`"
                self.fields.add("RUNE-1100", message, key_of(node, key), at, hint)
                if match is None:
                    continue
                row = known[match]
            read[row.name] = self._value(row, value, at)
        return read

    def _value(self, row: Key, node: Node, pointer: str) -> Any:
        if row.kind in ("nodes", "edges", "workflow", "step"):
            return node, pointer
        if row.kind == "count":
            return self.literals.count(row, node, pointer)
        if row.kind == "object":
            from ..schedules import read_schedule  # most documents have none

            return read_schedule(self._steps(), node, pointer)
        if row.kind == "silences":
            return read_allows(self.fields, node, pointer)
        if row.kind == "vars":
            return read_vars(self.fields, node, pointer, row.name)
        if row.kind == "title":
            return self.fields.label(node, pointer, "title", "document's id")
        if type(node) is not Scalar:
            self.fields.wrong_kind(row.kind, node, pointer, row.name)
            return None
        return node.text

    def _notice(self, place: Place | None) -> Step | None:
        """The step `on_failure`; read behind the nodes, whose ids it may not have."""
        if place is None:
            return None
        from ..notices import read_notice  # most documents have none

        return read_notice(self._steps(), *place)

    def _steps(self) -> Steps:
        """Reads what has the native form in a document of this one: the same keys, the same
        expressions, the same names for ids."""
        from ..steps import Steps  # as above

        fields = Fields(self.source, self.fields.diagnostics)
        fields.seen = self.fields.seen
        steps = Steps(fields)
        steps.ids = self.reader.ids
        return steps

    def _name(self, head: Read) -> str:
        """The skript's name: `id`, else `name` with what a name cannot hold replaced."""
        given = head.get("id")
        if isinstance(given, str):
            return given
        made = _NO_NAME.sub("-", str(head.get("name") or "")).strip("-.")[:NAME]
        return made or "workflow"


def _first(root: Map) -> Node:
    """Where a document begins."""
    return next((key_of(root, key) for key in root.entries), root)
