"""From an offset inside a text of the document to its place in the file.

Quotes, escapes, indentation and folding lie between the two. A place is worked out when somebody
asks for it, which is where there is something to say of it: hardly ever. Only a text folded over
several lines has no exact places.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from ...model.spans import Span
from ...model.values import Value
from ..nodes import Map, Node, Scalar, key_of, span_of, to_value
from ..read import Source

#: One escape of double quotes, or any other character.
_DOUBLE: Final = re.compile(r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)|.", re.DOTALL)
#: The second half of a surrogate pair (JSON) is an escape, but no further character.
_LOW_HALF: Final = re.compile(r"\\u[dD][c-fC-F]")
_SINGLE: Final = re.compile(r"''|.", re.DOTALL)


class TextSpan(Span):
    """A span whose characters do not stand side by side: :meth:`shift` looks them up.

    Offsets count the characters of the text as it was read; for a list or object they count
    through its leaves in order, each one longer than its text.
    """

    __slots__ = ("_locate",)
    _locate: Callable[[int, int], Span]

    @classmethod
    def of(cls, span: Span, locate: Callable[[int, int], Span]) -> TextSpan:
        """The same stretch, with ``locate(offset, length)`` to find places in it."""
        made = cls(span.file, span.line, span.column, span.end_line, span.end_column)
        object.__setattr__(made, "_locate", locate)
        return made

    def shift(self, offset: int, length: int = 1) -> Span:
        """The place of ``length`` characters from ``offset`` on."""
        return self._locate(offset, length)


class ScalarSpan(Span):
    """The content of a scalar, such that ``shift`` finds the places of its characters.

    Equal to the plain :class:`Span` of the same stretch, which it becomes when it is first asked:
    a document has tens of thousands of expressions, and few that anything is said of.
    """

    __slots__ = ("_node", "_places")

    def __init__(self, node: Scalar, places: Places) -> None:
        self._node = node
        self._places = places

    def __getattr__(self, name: str) -> Any:
        """A field of the stretch, none of which has been worked out yet."""
        if name not in Span.__match_args__:
            raise AttributeError(name)
        found = content_span(self._node, self._places.file)
        for field in Span.__match_args__:
            object.__setattr__(self, field, getattr(found, field))
        return getattr(found, name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Span) and all(
            getattr(self, field) == getattr(other, field) for field in Span.__match_args__
        )

    def __hash__(self) -> int:
        return hash(content_span(self._node, self._places.file))

    def shift(self, offset: int, length: int = 1) -> Span:
        """The place of ``length`` characters from ``offset`` on."""
        node = self._node
        if beside(node) or (node.line != node.end_line and node.style != "|"):
            return super().shift(offset, length)
        return place(node, self._places.source, offset, length)


class Places:
    """Finds where the nodes of one file stand, and how they are written: the ``later`` of what is
    made of them.
    """

    __slots__ = ("file", "source")

    def __init__(self, source: Source, file: str) -> None:
        self.source = source
        self.file = file

    def __call__(self, node: Node, at: str, key: str | bool | None) -> tuple[str, Span, str]:
        """The text, span and pointer of a node.

        ``at``: the pointer of a scalar or, with its ``key``, of the object that it stands in; that
        of a list or object, and ``key`` is whether there are names to find in it. A text for
        ``key`` of an object asks for that key itself.
        """
        if type(node) is Scalar:
            text = node.value if type(node.value) is str else node.text
            pointer = f"{at}/{escape(key)}" if type(key) is str else at
            return text, ScalarSpan(node, self), pointer
        if type(key) is str and type(node) is Map:
            return key, ScalarSpan(key_of(node, key), self), f"{at}/{escape(key)}"
        span = container_span(node, self.source) if key else span_of(node, self.file)
        return compact(to_value(node)), span, at


def escape(key: str) -> str:
    """A key as a token of a JSON pointer (RFC 6901)."""
    if "~" in key or "/" in key:
        return key.replace("~", "~0").replace("/", "~1")
    return key


def compact(value: Value) -> str:
    """A value on one line."""
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def content_span(node: Node, file: str) -> Span:
    """The text of a scalar without its quotes; of anything else the whole node."""
    inset = 0
    if type(node) is Scalar and node.line == node.end_line and node.style in ("'", '"'):
        inset = 1
    return Span(
        file,
        node.line + 1,
        node.column + 1 + inset,
        node.end_line + 1,
        node.end_column + 1 - inset,
    )


def beside(node: Scalar) -> bool:
    """Whether the characters of a scalar's text stand side by side in one line of the file."""
    if node.line != node.end_line or node.style == ">":
        return False
    return not node.style or node.end_column - node.column - 2 == len(node.text)


def container_span(node: Node, source: Source) -> Span:
    """A list or object, such that ``shift`` finds places in its leaves (see :class:`TextSpan`)."""

    def locate(offset: int, length: int) -> Span:
        for leaf in leaves(node):
            if offset <= len(leaf.text):
                return place(leaf, source, offset, length)
            offset -= len(leaf.text) + 1
        return content_span(node, source.file)

    return TextSpan.of(content_span(node, source.file), locate)


def leaves(node: Node) -> Iterator[Scalar]:
    """The scalars of a value in order, without keys."""
    if type(node) is Scalar:
        yield node
    elif type(node) is Map:
        for child in node.entries.values():
            yield from leaves(child)
    else:
        for child in node.items:
            yield from leaves(child)


def place(node: Scalar, source: Source, offset: int, length: int) -> Span:
    """The span of ``length`` characters from ``offset`` of a scalar's text."""
    if node.line == node.end_line and node.style != ">":
        table = _columns(node, source)
        if table is not None:
            last = min(offset + max(length, 1), len(table) - 1)
            start = table[min(offset, len(table) - 1)]
            length, offset = max(table[last] - start, 1), start
        return content_span(node, source.file).shift(offset, length)
    if node.style == "|":
        return _in_block(node, source, offset, length)
    return content_span(node, source.file)


def _columns(node: Scalar, source: Source) -> list[int] | None:
    """For each character of a single-line quoted text, its offset from the content's start.

    None where the offsets are the same on both sides (or nothing better is known).
    """
    if not node.style or node.end_column - node.column - 2 == len(node.text):
        return None
    raw = source.line(node.line)[node.column + 1 : node.end_column - 1]
    pattern = _DOUBLE if node.style == '"' else _SINGLE
    out = [found.start() for found in pattern.finditer(raw) if not _LOW_HALF.match(found[0])]
    out.append(len(raw))
    return out if len(out) > len(node.text) else None


def _in_block(node: Scalar, source: Source, offset: int, length: int) -> Span:
    """Inside a literal block: its lines are the file's, less the indentation."""
    before = node.text[:offset]
    row = before.count("\n")
    column = offset - (before.rfind("\n") + 1)
    wanted = node.text.split("\n")[row]
    # The text begins below its `|`, after empty lines that are part of it.
    number = node.line + 1 + row
    line = source.line(number)
    indent = len(line) - len(wanted)
    if indent < 0 or line[indent:] != wanted:
        return content_span(node, source.file)
    start = indent + column + 1
    end = min(start + max(length, 1), max(len(line) + 1, start + 1))
    return Span(source.file, number + 1, start, number + 1, end)
