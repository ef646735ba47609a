"""The layout of a YAML text: its nodes as they were written, with comments and blank lines.

What the formatter works on. Unlike the node tree it keeps anchors and aliases, raw texts and
comments; it is only made of documents that were read without errors.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import field
from typing import Any, Final, Literal

from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from ..model.records import mutable
from .read_yaml import parser_for

#: A comment where YAML sees one: at the start of a line or after white space.
_COMMENT: Final = re.compile(r"(?:^|(?<=[ \t]))#[^\r\n]*", re.MULTILINE)
_HEADER_COMMENT: Final = re.compile(r"[|>][-+0-9]*[ \t]+(#[^\r\n]*)")


@mutable
class Comment:
    """One comment: where it begins, and whether it has a line of its own."""

    index: int
    line: int
    column: int
    text: str
    own_line: bool


@mutable
class Item:
    """A node. ``start`` and ``end`` are offsets into the text; lines and columns count from 0."""

    kind: Literal["scalar", "map", "seq", "alias"]
    start: int
    line: int
    column: int
    end: int = 0
    end_line: int = 0
    anchor: str | None = None
    flow: bool = False
    style: str = ""
    text: str = ""
    raw: str = ""
    entries: list[Entry] = field(default_factory=list)
    #: Comment lines after the last entry; "" is a blank line.
    tail: list[str] = field(default_factory=list)
    #: Whether a comment stands anywhere inside.
    commented: bool = False


@mutable
class Entry:
    """One entry of a map, or one item of a list (no key)."""

    key: Item | None
    value: Item
    #: Comment lines above; "" is a blank line.
    head: list[str] = field(default_factory=list)
    #: Comment on the key's line, where the value begins below.
    beside_key: Comment | None = None
    #: Comment on the line where the value ends.
    trailing: Comment | None = None
    #: Whether a blank line stands above (and above its comments).
    blank: bool = False

    @property
    def first(self) -> Item:
        """What comes first in the text."""
        return self.key if self.key is not None else self.value


@mutable
class Layout:
    """A whole document."""

    root: Item
    #: Comment lines that belong to the document, above everything.
    header: list[str]
    comments: list[str]
    anchors: bool


def read_layout(text: str) -> Layout:
    """The layout of a valid YAML text with one document that is an object or a list."""
    root, scalars, anchors = _tree(text)
    starts = [0]
    for found in re.finditer("\r\n|\r|\n", text):
        starts.append(found.end())
    comments = _comments(text, scalars, starts)
    weaver = _Weaver(text, starts, comments)
    weaver.weave(root, -1, len(text) + 1)
    root.tail += weaver.lines_before(len(text) + 1)
    header: list[str] = []
    if root.entries:
        head = root.entries[0].head
        cut = max((i + 1 for i, line in enumerate(head) if not line), default=0)
        header, root.entries[0].head = head[:cut], head[cut:]
    return Layout(root, header, [c.text.rstrip() for c in comments], anchors)


def _tree(text: str) -> tuple[Item, list[Item], bool]:
    """The nodes, all scalars in order, and whether there are anchors."""
    get_event = parser_for(text).get_event
    stack: list[Item] = []
    keys: list[Item | None] = []
    scalars: list[Item] = []
    anchors = False
    root: Item | None = None
    while (event := get_event()) is not None:
        kind = type(event)
        start = event.start_mark
        if kind in (MappingStartEvent, SequenceStartEvent):
            name: Literal["map", "seq"] = "map" if kind is MappingStartEvent else "seq"
            item = Item(name, start.index, start.line, start.column)
            item.anchor, item.flow = event.anchor, bool(event.flow_style)
            anchors = anchors or event.anchor is not None
            stack.append(item)
            keys.append(None)
            continue
        if kind in (MappingEndEvent, SequenceEndEvent):
            item = stack.pop()
            keys.pop()
            if item.flow:
                item.end, item.end_line = event.end_mark.index, event.end_mark.line
            elif item.entries:
                last = item.entries[-1].value
                item.end, item.end_line = last.end, last.end_line
        elif kind is ScalarEvent or kind is AliasEvent:
            item = _leaf(event, text)
            anchors = anchors or event.anchor is not None
            if kind is ScalarEvent:
                scalars.append(item)
        else:
            continue
        if not stack:
            root = item
        elif stack[-1].kind == "seq":
            stack[-1].entries.append(Entry(None, item))
        elif keys[-1] is None:
            keys[-1] = item
        else:
            stack[-1].entries.append(Entry(keys[-1], item))
            keys[-1] = None
    if root is None:
        raise ValueError("the text holds no document")
    return root, scalars, anchors


def _leaf(event: Any, text: str) -> Item:
    """A scalar or alias. The marks of an anchored node begin at its anchor."""
    start, end = event.start_mark, event.end_mark
    item = Item("scalar", start.index, start.line, start.column, end.index, end.line)
    item.raw = text[start.index : end.index]
    if type(event) is AliasEvent:
        item.kind = "alias"
        return item
    if event.anchor is not None:
        item.anchor = event.anchor
        item.raw = item.raw.removeprefix(f"&{event.anchor}").lstrip()
    item.style, item.text = event.style or "", event.value
    if item.style in ("|", ">"):
        # The parser's end is the next line that is not empty; the text ends before that.
        body = item.raw.rstrip("\r\n \t")
        item.end_line = item.line + len(re.findall("\r\n|\r|\n", body))
    return item


def _comments(text: str, scalars: list[Item], starts: list[int]) -> list[Comment]:
    """Every comment, in order: what begins with `#` outside all scalars."""
    out: list[Comment] = []

    def add(index: int, found: str) -> None:
        line = bisect_right(starts, index) - 1
        own_line = not text[starts[line] : index].strip(" \t")
        out.append(Comment(index, line, index - starts[line], found, own_line))

    position = 0
    for item in scalars:
        for found in _COMMENT.finditer(text, position, item.start):
            add(found.start(), found[0])
        if item.style in ("|", ">"):
            header = _HEADER_COMMENT.search(text, item.start, item.end)
            line_end = starts[item.line + 1] if item.line + 1 < len(starts) else len(text)
            if header is not None and header.start(1) < line_end:
                add(header.start(1), header[1])
        position = max(position, item.end)
    for found in _COMMENT.finditer(text, position):
        add(found.start(), found[0])
    return out


def _column(item: Item) -> int:
    """The column of a block's keys or dashes (its own mark may be that of an anchor)."""
    if item.flow or item.anchor is None or not item.entries:
        return item.column
    first = item.entries[0].first.column
    return first if item.kind == "map" else max(first - 2, 0)


class _Weaver:
    """Hands each comment to the entry it belongs to."""

    def __init__(self, text: str, starts: list[int], comments: list[Comment]) -> None:
        self.text = text
        self.starts = starts
        self.pending = comments[::-1]

    def weave(self, item: Item, outer: int, limit: int) -> None:
        """Distribute the comments of one container. ``outer``: the column of the one around it;
        ``limit``: where the next entry outside begins."""
        before = len(self.pending)
        end = item.end if item.flow else limit
        for i, entry in enumerate(item.entries):
            following = item.entries[i + 1].first.start if i + 1 < len(item.entries) else end
            self._entry(item, entry, i, following)
        if item.flow:
            item.tail = self.lines_before(item.end)
        elif _column(item) > outer:
            item.tail = self.lines_before(limit, _column(item))
        item.commented = len(self.pending) < before

    def _entry(self, item: Item, entry: Entry, number: int, following: int) -> None:
        first = entry.first
        top = self.pending[-1].line if self._next_before(first.start) else first.line
        entry.blank = number > 0 and self._is_blank(top - 1)
        entry.head = self.lines_before(first.start, line=first.line)
        value = entry.value
        if entry.key is not None and value.start > entry.key.end:
            # What stands between a key and its value goes above, or beside the key.
            if self._next_before(value.start) and self.pending[-1].line == entry.key.end_line:
                entry.beside_key = self.pending.pop()
            if value.kind in ("scalar", "alias") or value.flow:
                entry.head += self.lines_before(value.start)
        if value.kind in ("map", "seq"):
            self.weave(value, _column(item), following)
        elif value.style in ("|", ">") and self._next_before(value.end):
            entry.beside_key = self.pending.pop()  # after the `|`
        if self._next_before(following):
            comment = self.pending[-1]
            if not comment.own_line and comment.line == value.end_line:
                entry.trailing = self.pending.pop()

    def lines_before(self, limit: int, column: int = 0, line: int | None = None) -> list[str]:
        """Take the comments before ``limit`` that are indented to ``column`` at least, with the
        blank lines between them (and, where ``line`` is what they stand above, before that)."""
        out: list[str] = []
        last: Comment | None = None
        while self._next_before(limit):
            comment = self.pending[-1]
            if comment.column < column or (column and not comment.own_line):
                break
            self.pending.pop()
            blank = self._is_blank(comment.line - 1)
            if blank and (last is not None or line is None):
                out.append("")
            out.append(comment.text.rstrip())
            last = comment
        if last is not None and line is not None and self._is_blank(line - 1):
            out.append("")
        return out

    def _next_before(self, limit: int) -> bool:
        return bool(self.pending) and self.pending[-1].index < limit

    def _is_blank(self, line: int) -> bool:
        if line < 0 or line + 1 >= len(self.starts):
            return False
        return not self.text[self.starts[line] : self.starts[line + 1]].strip()
