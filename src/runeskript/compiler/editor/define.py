"""Where what stands under a position is defined: in this text, in another file, in Python."""

from __future__ import annotations

from ...model.records import record
from ...model.spans import Span
from ..nodes import Map, Scalar, Seq, entry_of, find_node, span_of
from .analysis import Analysis
from .words import word_at


@record
class Place:
    """A stretch of this document (``span``), a document beside it (``file``), or a handler."""

    span: Span | None = None
    file: str | None = None
    handler: str | None = None


def define(lines: list[str], line: int, column: int, known: Analysis) -> list[Place]:
    """Every place that gives the word under a position its meaning. Never raises."""
    word = word_at(lines, line, column)
    if word is None:
        return []
    if word.role == "handler":
        return [Place(handler=word.text)]
    if word.role == "skript" and word.text.startswith("."):
        return [Place(file=word.text)]
    if word.role == "function":
        note = known.functions.get(word.text)
        return [Place(note.span)] if note is not None and note.span is not None else []
    if word.role == "state":
        return [Place(known.states[word.text])] if word.text in known.states else []
    if word.role == "id":
        node = known.nodes.get(word.text)
        span = known.ids.get(word.text) if node is None else node.span
        return [] if span is None else [Place(span)]
    if word.role != "variable":
        return []
    if word.path[0] in known.variables:
        return [Place(span) for span in known.variables[word.path[0]]]
    span = _declared(word.path, known)
    return [] if span is None else [Place(span)]


def _declared(path: tuple[str, ...], known: Analysis) -> Span | None:
    """The schema of a field of the input or of the data, the declaration of an environment
    value."""
    root, known_roots = known.root, ("input", "data", "env")
    if type(root) is not Map or path[0] not in known_roots or path[0] not in root.entries:
        return None
    if path[0] == "env":
        node = root.entries["env"]
        items = node.items if type(node) is Seq else []
        found = [i for i in items if type(i) is Scalar and i.text == path[-1]]
        return span_of(found[0], known.file) if found else None
    key, schema = entry_of(root, path[0])
    for name in path[1:]:
        node = find_node(schema, "/properties")
        if type(node) is not Map or name not in node.entries:
            break
        key, schema = entry_of(node, name)
    return span_of(key, known.file)
