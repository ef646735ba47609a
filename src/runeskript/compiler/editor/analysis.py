"""What the names of a document mean: of the last text that could be read.

Everything here comes from the compiler's own stages, so an editor says what ``rune check`` says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Final

from ...expr.ir import walk
from ...expr.shapes import Type
from ...model.ast import Document, Machine
from ...model.catalog import EMPTY, HandlerCatalog
from ...model.diagnostics import Diagnostic
from ...model.machine import DONE, FAILED
from ...model.records import mutable, record
from ...model.spans import Span
from ..nodes import Map, Node, Scalar, find_node, span_of
from ..pipeline import DEFAULTS, Options, look_into
from ..unit import Unit
from ..validate.uses import Use
from .graphs import NodeNote, graph_notes

#: A name that a text declares, wherever it stands: for texts that were never readable.
_DECLARED: Final = re.compile(
    r"""(?:^|[\s{,"'-])(?:into|collect|for|index)["']?\s*:\s*["']?([A-Za-z_][A-Za-z0-9_]*)"""
)
_FORM: Final = re.compile(
    r"""^["']?(?:skript|workflow|nodes|machine|do)["']?\s*:  # block YAML
    | [{,\s]"(?:skript|workflow|nodes|machine)"\s*:          # JSON
    | \{\s*(?:skript|workflow|nodes|machine)\s*:             # a document in brackets
    """,
    re.MULTILINE | re.VERBOSE,
)
_KEY: Final = re.compile(
    r"""^["']?[A-Za-z_.][^\s:#]*["']?\s*:(?:\s|$)|^-\s|[{,]\s*"[^"]*"\s*:""", re.M
)
_INPUT: Final = ("name", "input")
_FUNCTION: Final = re.compile(r"^\s*([A-Za-z_][A-Za-z0-9_]*)\(([^()]*)\)\s*:", re.MULTILINE)


def is_ours(text: str) -> bool:
    """Whether a text is, or may become, a document of this language: an editor asks about any YAML
    file. One with keys, but none that says a form of ours, is somebody else's."""
    return _FORM.search(text) is not None or _KEY.search(text) is None


@record
class FunctionNote:
    """A function of the document."""

    name: str
    params: tuple[str, ...]
    span: Span | None
    body: str

    @property
    def signature(self) -> str:
        """As it is called."""
        return f"{self.name}({', '.join(self.params)})"


@mutable
class Analysis:
    """One text looked at. Spans are the compiler's: lines and columns from 1."""

    file: str
    diagnostics: tuple[Diagnostic, ...] = ()
    document: Document | None = None
    root: Node | None = None
    #: Variables and loop names -> where they get a value, in the order of the text.
    variables: dict[str, list[Span]] = field(default_factory=dict)
    #: The types of variables and of ``input``, ``env``, ``job`` and ``error``.
    types: Mapping[str, Type] = field(default_factory=dict)
    functions: dict[str, FunctionNote] = field(default_factory=dict)
    #: Ids of steps.
    ids: dict[str, Span] = field(default_factory=dict)
    #: Nodes of the graph form, by id.
    nodes: dict[str, NodeNote] = field(default_factory=dict)
    #: States of a machine, by name, and the events and roles of its transitions.
    states: dict[str, Span] = field(default_factory=dict)
    events: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    #: Fields of the input that a document of the graph form uses as variables.
    fields: tuple[str, ...] = ()


def analyse(
    text: str, file: str, catalog: HandlerCatalog = EMPTY, options: Options = DEFAULTS
) -> Analysis:
    """Look at a whole text; whatever it is, there is an answer."""
    unit = look_into(text, file, catalog, options)
    found = Analysis(file, unit.diagnostics.sorted())
    if unit.tree is None or unit.tree.root is None or unit.document is None:
        _guess(text, found)
        return found
    found.root = unit.tree.root
    found.document = unit.document
    _names(unit, found)
    return found


def _names(unit: Unit, found: Analysis) -> None:
    document, root = unit.document, found.root
    if document is None or root is None or unit.facts is None:
        return
    notes = graph_notes(root, found.file)
    found.nodes = notes.nodes
    is_graph = type(root) is Map and ("workflow" in root.entries or "nodes" in root.entries)
    for a in unit.facts.assignments:
        if not a.path and not (is_graph and a.via != "vars"):
            found.variables.setdefault(a.name, []).append(a.span)
    if is_graph:
        for name, spans in notes.variables.items():
            found.variables.setdefault(name, []).extend(spans)
        found.fields = tuple(_fields(unit.facts.uses))
    for loop in unit.facts.loop_names if not is_graph else ():
        node = find_node(root, loop.pointer)
        span = span_of(node, found.file) if type(node) is Scalar else loop.span
        found.variables.setdefault(loop.name, []).append(span)
    if unit.types is not None:
        found.types = unit.types.types
    if document.machine is not None:
        _machine(document.machine, found)
    for f in document.functions:
        found.functions[f.name] = FunctionNote(f.name, f.params, f.span, f.body.source)
    for step in unit.facts.steps if not is_graph else ():
        if step.site.id is not None:
            node = find_node(root, f"{step.site.pointer}/id")
            span = span_of(node, found.file) if type(node) is Scalar else step.site.span
            found.ids.setdefault(step.site.id, span)


def _machine(machine: Machine, found: Analysis) -> None:
    events = [state.then for state in machine.states if state.then is not None]
    events += [DONE, FAILED, *[transition.event for transition in machine.transitions]]
    roles = [role for transition in machine.transitions for role in transition.roles or ()]
    found.states = {state.name: state.site.span for state in machine.states}
    found.events, found.roles = tuple(dict.fromkeys(events)), tuple(dict.fromkeys(roles))


def _fields(uses: Iterable[Use]) -> dict[str, None]:
    """The fields of the input that expressions read, in their order."""
    found: dict[str, None] = {}
    for use in uses:
        for part in walk(use.expr.ir):
            if part[0] == "item" and part[1] == _INPUT and part[2][0] == "const":
                found[str(part[2][1])] = None
    return found


def _guess(text: str, found: Analysis) -> None:
    """Names of a text that cannot be read, by how they are written."""
    for match in _DECLARED.finditer(text):
        found.variables.setdefault(match[1], [])
    for match in _FUNCTION.finditer(text):
        params = tuple(part.strip() for part in match[2].split(",") if part.strip())
        found.functions.setdefault(match[1], FunctionNote(match[1], params, None, ""))
