"""The positioned node tree: what reading a YAML or JSON text yields, before it means anything.

Three classes with slots and nothing clever: a large document makes a hundred thousand of them.
Lines and columns count from 0 here (as the readers deliver them); :class:`~..model.spans.Span`
counts from 1. An aliased node (``*name``) stands in the tree at every place it is used, with the
position of its definition.
"""

from __future__ import annotations

from typing import Final, TypeAlias, final

from ..model.spans import Place, Span
from ..model.values import Value

#: The style of what stands for a value that could not be read; nothing more is said about it.
UNREAD: Final = "*"


# None of the classes has an `__init__`: an empty object and seven assignments in place take less
# than half of a call with seven arguments. Where that does not count, the functions below do it.
@final
class Scalar:
    """A leaf: its ``value``, the ``text`` it was written as, and its ``style``.

    ``style`` is ``""`` for a plain scalar (the only one that may be no text), else the quote or
    block indicator: ``'``, ``"``, ``|`` or ``>``. ``text`` is after unquoting and folding.
    """

    __slots__ = ("column", "end_column", "end_line", "line", "style", "text", "value")
    value: bool | int | float | str | None
    text: str
    style: str
    line: int
    column: int
    end_line: int
    end_column: int


@final
class Seq:
    """A list. ``flow``: written with brackets (always so in JSON)."""

    __slots__ = ("above", "column", "end_column", "end_line", "flow", "items", "line")
    items: list[Node]
    flow: bool
    #: The line of the key whose value it is, where that is all there is to know of the key.
    above: int
    line: int
    column: int
    end_line: int
    end_column: int


@final
class Map:
    """An object: key -> value, in the order of the text. ``flow`` as in a list.

    A document has as many keys as values, and hardly anybody asks where one stands. In a block,
    plain keys have the column of the object, and the line of their value or the one that their
    value notes; only others are kept, in ``keys``. :func:`key_of` gives the key in either case.
    """

    __slots__ = ("above", "column", "end_column", "end_line", "entries", "flow", "keys", "line")
    entries: dict[str, Node]
    keys: dict[str, Scalar] | None
    flow: bool
    #: As in a list.
    above: int
    line: int
    column: int
    end_line: int
    end_column: int


Node: TypeAlias = Scalar | Seq | Map


def scalar(
    value: bool | int | float | str | None,
    text: str,
    style: str,
    line: int,
    column: int,
    end_line: int,
    end_column: int,
) -> Scalar:
    """A leaf."""
    made = Scalar()
    made.value = value
    made.text = text
    made.style = style
    made.line = line
    made.column = column
    made.end_line = end_line
    made.end_column = end_column
    return made


def empty_seq(flow: bool, line: int, column: int) -> Seq:
    """A list without elements, which ends where it begins."""
    made = Seq()
    made.items = []
    made.flow = flow
    made.line = made.end_line = line
    made.column = column
    made.end_column = column + 1
    return made


def empty_map(flow: bool, line: int, column: int) -> Map:
    """An object without entries, which ends where it begins."""
    made = Map()
    made.entries = {}
    made.keys = None
    made.flow = flow
    made.line = made.end_line = line
    made.column = column
    made.end_column = column + 1
    return made


def place_of(node: Node, file: str) -> Place:
    """The stretch of text a node covers, of which a span can be made."""
    return file, node.line + 1, node.column + 1, node.end_line + 1, node.end_column + 1


def span_of(node: Node, file: str) -> Span:
    """The stretch of text a node covers."""
    return Span(*place_of(node, file))


def enter(node: Map, key: Scalar, value: Node) -> Scalar | None:
    """Add an entry whose key is kept, because it is quoted or stands anywhere.

    Where the object has such a key already, that one is returned and nothing is added.
    """
    if key.text in node.entries:
        return key_of(node, key.text)
    node.entries[key.text] = value
    if node.keys is None:
        node.keys = {}
    node.keys[key.text] = key
    return None


def key_of(node: Map, key: str) -> Scalar:
    """One of an object's keys, as a node."""
    kept = None if node.keys is None else node.keys.get(key)
    if kept is not None:
        return kept
    value = node.entries[key]
    line = value.line if type(value) is Scalar or value.flow else value.above
    return scalar(key, key, "", line, node.column, line, node.column + len(key))


def pairs_of(node: Map) -> dict[str, tuple[Scalar, Node]]:
    """An object's entries with their keys as nodes, for whoever asks for each of them."""
    return {key: (key_of(node, key), value) for key, value in node.entries.items()}


def entry_of(node: Map, key: str) -> tuple[Node, Node]:
    """A key and its value; for one that was misspelt, the object itself in their place."""
    return (key_of(node, key), node.entries[key]) if key in node.entries else (node, node)


def children_of(node: Node) -> list[Node]:
    """The elements of a list, the values of an object."""
    if type(node) is Map:
        return list(node.entries.values())
    return node.items if type(node) is Seq else []


def bare_text(node: Node) -> Scalar | None:
    """The first unquoted text in a list, which as an expression would be a name."""
    if type(node) is Scalar:
        return node if isinstance(node.value, str) and not node.style else None
    for child in children_of(node):
        found = bare_text(child)
        if found is not None:
            return found
    return None


def to_value(node: Node) -> Value:
    """The plain value of a tree. Its depth is bounded by the reader."""
    if type(node) is Scalar:
        return node.value
    if type(node) is Map:
        return {key: to_value(child) for key, child in node.entries.items()}
    return [to_value(child) for child in node.items]


def find_node(node: Node, pointer: str) -> Node:
    """The node a JSON pointer names below ``node``, or the last one on the way."""
    for token in pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        child: Node | None = None
        if type(node) is Map and key in node.entries:
            child = node.entries[key]
        elif type(node) is Seq and key.isdigit() and int(key) < len(node.items):
            child = node.items[int(key)]
        if child is None:
            return node
        node = child
    return node


def describe(node: Node) -> str:
    """What a node is, for "expected ..., found ..." messages."""
    if type(node) is Map:
        return "an object"
    if type(node) is Seq:
        return "a list"
    value = node.value
    if value is None:
        return "nothing" if node.text == "" else "null"
    if value is True or value is False:
        return f"the bool `{node.text}`"
    if isinstance(value, str):
        return f"the text `{clip(value)}`" if value else "an empty text"
    return f"the number `{clip(node.text)}`"


def clip(text: str, limit: int = 40) -> str:
    """A text made fit for a one-line message."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
