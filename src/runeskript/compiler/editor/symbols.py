"""The outline of a document: its steps, each inside the step around it, and what it declares."""

from __future__ import annotations

from dataclasses import field
from typing import Final, Literal, TypeAlias

from ...model.records import mutable
from ...model.spans import Span
from ..nodes import Map, Node, Scalar, Seq, clip, span_of
from ..shapes import ROOT, Shape
from ..tables import BY_VERB
from .analysis import Analysis

SymbolKind: TypeAlias = Literal["skript", "step", "call", "block", "variable", "function", "field"]

#: Verbs that hold other steps.
_BLOCKS: Final = frozenset(("if", "switch", "for", "while", "parallel", "try", "do"))
#: Parts of a document that declare names.
_DECLARING: Final[dict[str, SymbolKind]] = {"vars": "variable", "functions": "function"}


@mutable
class Symbol:
    """One line of the outline; ``selection`` is the part of ``span`` that names it."""

    name: str
    detail: str
    kind: SymbolKind
    span: Span
    selection: Span
    children: list[Symbol] = field(default_factory=list)


def symbols(known: Analysis) -> list[Symbol]:
    """The outline of the text that was read last."""
    root = known.root
    if type(root) is not Map:
        return []
    found: list[Symbol] = []
    for name, kind in _DECLARING.items():
        inside = root.entries[name][1] if name in root.entries else None
        if type(inside) is Map:
            for key, value in inside.entries.values():
                found.append(_symbol(key.text, _brief(value), kind, key, value, known.file))
    _children(root, ROOT, found, known.file)
    return found


def _symbol(name: str, detail: str, kind: SymbolKind, key: Node, value: Node, file: str) -> Symbol:
    head, tail = span_of(key, file), span_of(value, file)
    end = max((head.end_line, head.end_column), (tail.end_line, tail.end_column))
    start = min((head.line, head.column), (tail.line, tail.column))
    return Symbol(name or "?", detail, kind, Span(file, *start, *end), head)


def _children(node: Map, shape: Shape, found: list[Symbol], file: str) -> None:
    """The steps below the keys of an object. The reader bounds how deep they nest."""
    inner = shape.for_keys(node.entries)
    for key, (_, value) in node.entries.items():
        _below(value, inner.child(key), found, file, key)


def _below(node: Node, shape: Shape, found: list[Symbol], file: str, key: str) -> None:
    if shape.kind == "block" and type(node) is Seq:
        for item in node.items:
            if type(item) is Map:
                found.append(_step(item, file))
    elif shape.kind == "step" and type(node) is Map:
        found.append(_step(node, file))
    elif shape.kind == "clauses" and type(node) is Seq:
        for item in node.items:
            if type(item) is Map:
                _children(item, shape.item(), found, file)
    elif shape.kind == "branches" and type(node) is Map:
        for name, value in node.entries.values():
            branch = _symbol(name.text, "branch", "block", name, value, file)
            _below(value, shape.child(name.text), branch.children, file, name.text)
            found.append(branch)


def _step(node: Map, file: str) -> Symbol:
    shape = _STEP.for_keys(node.entries)
    rows = {row.name for row in shape.rows}
    verb = next((name for name in node.entries if name in BY_VERB and name in rows), "")
    if "if" in node.entries and "then" not in node.entries and verb == "if":
        verb = next((name for name in node.entries if name in BY_VERB and name != "if"), verb)
    key, value = node.entries[verb] if verb else next(iter(node.entries.values()), (node, node))
    detail = _brief(value)
    kind: SymbolKind = "block" if verb in _BLOCKS else "call" if verb in ("call", "run") else "step"
    name = f"{verb} {detail}".strip() or "step"
    if "id" in node.entries:
        name, detail = _brief(node.entries["id"][1]), name
    symbol = _symbol(name, detail, kind, key, node, file)
    _children(node, _STEP, symbol.children, file)
    return symbol


def _brief(node: Node) -> str:
    """A value on one line; what is larger is left out."""
    if type(node) is Scalar:
        return clip(node.text)
    if type(node) is Map:
        return ", ".join(clip(key) for key in list(node.entries)[:3])
    return ""


_STEP: Final = Shape("step")
