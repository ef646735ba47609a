"""The outline of a document: its steps, each inside the step around it, and what it declares."""

from __future__ import annotations

from dataclasses import field
from typing import Final, Literal, TypeAlias

from ...model.records import mutable
from ...model.spans import Span
from ..nodes import Map, Node, Scalar, Seq, clip, entry_of, key_of, pairs_of, span_of
from ..shapes import NODE, ROOT, Shape, node_shape
from ..tables import BY_VERB
from .analysis import Analysis
from .graphs import text_of, type_of

SymbolKind: TypeAlias = Literal["skript", "step", "call", "block", "variable", "function", "field"]

#: Verbs that hold other steps.
_BLOCKS: Final = frozenset(("if", "switch", "for", "while", "parallel", "try", "do"))
#: Parts of the graph form in which nodes stand.
_GRAPH: Final = frozenset(("graph", "nodes", "part", "parts", "else", "if-branches", "workflow"))
#: Types of nodes that hold other nodes.
_HOLDING: Final = frozenset(("if", "iteration", "loop", "parallel"))
#: Parts of a document that declare names.
_DECLARING: Final[dict[str, SymbolKind]] = {
    "vars": "variable", "variables": "variable", "functions": "function",
}  # fmt: skip


#: Lines of one outline; more help nobody, and cost an editor seconds.
LISTED: Final = 5_000


@mutable
class _Outline:
    """An outline in the making, with the lines that are left to it."""

    file: str
    left: int = LISTED


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
    out, found = _Outline(known.file), list[Symbol]()
    wrapped = root.entries.get("workflow")
    head = wrapped if type(wrapped) is Map else root
    for name, kind in _DECLARING.items():
        inside = head.entries.get(name)
        if type(inside) is Map:
            for key, value in list(pairs_of(inside).values())[: out.left]:
                found.append(_symbol(key.text, _brief(value), kind, key, value, out))
    _children(root, ROOT, found, out)
    return found


def _symbol(
    name: str, detail: str, kind: SymbolKind, key: Node, value: Node, out: _Outline
) -> Symbol:
    out.left -= 1
    head, tail = span_of(key, out.file), span_of(value, out.file)
    end = max((head.end_line, head.end_column), (tail.end_line, tail.end_column))
    start = min((head.line, head.column), (tail.line, tail.column))
    return Symbol(name or "?", detail, kind, Span(out.file, *start, *end), head)


def _children(node: Map, shape: Shape, found: list[Symbol], out: _Outline) -> None:
    """The steps below the keys of an object. The reader bounds how deep they nest."""
    inner = shape.for_keys(node.entries)
    for key, value in node.entries.items():
        _below(value, inner.child(key), found, out, key)


def _below(node: Node, shape: Shape, found: list[Symbol], out: _Outline, key: str) -> None:
    """The steps and nodes that a value holds."""
    if out.left <= 0:
        return
    if shape.kind == "block" and type(node) is Seq:
        for item in node.items:
            if type(item) is Map and out.left > 0:
                found.append(_step(item, out))
    elif shape.kind == "step" and type(node) is Map:
        found.append(_step(node, out))
    elif shape.kind in _GRAPH and type(node) is Map:
        _children(node, shape, found, out)
    elif shape.kind in _GRAPH and type(node) is Seq:
        inner = shape.item()
        for item in node.items:
            if type(item) is Map and inner is NODE and out.left > 0:
                found.append(_node(item, out))
            elif inner is not NODE:
                _below(item, inner, found, out, key)
    elif shape.kind == "clauses" and type(node) is Seq:
        for item in node.items:
            if type(item) is Map:
                _children(item, shape.item(), found, out)
    elif shape.kind == "branches" and type(node) is Map:
        for name, value in list(pairs_of(node).values())[: out.left]:
            branch = _symbol(name.text, "branch", "block", name, value, out)
            _below(value, shape.child(name.text), branch.children, out, name.text)
            found.append(branch)
    elif shape.kind == "states" and type(node) is Map:
        for name, value in list(pairs_of(node).values())[: out.left]:
            state = _symbol(name.text, "state", "block", name, value, out)
            if type(value) is Map:
                _children(value, shape.child(name.text), state.children, out)
            found.append(state)
    elif shape.kind == "transitions" and type(node) is Seq:
        for item in node.items:
            if type(item) is Map and out.left > 0:
                found.append(_transition(item, shape.item(), out))


def _transition(node: Map, shape: Shape, out: _Outline) -> Symbol:
    source = node.entries.get("from")
    names = (
        [text_of(node, "from")]
        if type(source) is not Seq
        else [item.text for item in source.items[:3] if type(item) is Scalar]
    )
    detail = f"{', '.join(names)} to {text_of(node, 'to')}"
    symbol = _symbol(text_of(node, "event"), clip(detail), "block", node, node, out)
    _children(node, shape, symbol.children, out)
    return symbol


def _node(node: Map, out: _Outline) -> Symbol:
    """A node of the graph form."""
    type_ = type_of(node)
    shape = node_shape(type_)
    called = next((text_of(node, key) for key in ("function", "action") if key in node.entries), "")
    kind: SymbolKind = "block" if type_.lower() in _HOLDING else "call" if called else "step"
    key = key_of(node, "id") if "id" in node.entries else node
    detail = f"{type_} {clip(called)}".strip()
    symbol = _symbol(clip(text_of(node, "id")) or type_, detail, kind, key, node, out)
    for name, inside in node.entries.items():
        _below(inside, shape.child(name), symbol.children, out, name)
    return symbol


def _step(node: Map, out: _Outline) -> Symbol:
    shape = _STEP.for_keys(node.entries)
    rows = {row.name for row in shape.rows}
    verb = next((name for name in node.entries if name in BY_VERB and name in rows), "")
    if "if" in node.entries and "then" not in node.entries and verb == "if":
        verb = next((name for name in node.entries if name in BY_VERB and name != "if"), verb)
    key, value = entry_of(node, verb or next(iter(node.entries), ""))
    detail = _brief(value)
    kind: SymbolKind = "block" if verb in _BLOCKS else "call" if verb in ("call", "run") else "step"
    name = f"{verb} {detail}".strip() or "step"
    if "id" in node.entries:
        name, detail = _brief(node.entries["id"]), name
    symbol = _symbol(name, detail, kind, key, node, out)
    _children(node, _STEP, symbol.children, out)
    return symbol


def _brief(node: Node) -> str:
    """A value on one line; what is larger is left out."""
    if type(node) is Scalar:
        return clip(node.text)
    if type(node) is Map:
        return ", ".join(clip(key) for key in list(node.entries)[:3])
    return ""


_STEP: Final = Shape("step")
