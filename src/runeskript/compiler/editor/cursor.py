"""Where the cursor stands: in which containers, at a key or a value, and what is written so far.

Block YAML is followed by its indentation, brackets (all of JSON, too) character by character; both
give the same answer: a path of keys, the keys that stand beside, and the shape that the tables have
for the place.
"""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias

from ...model.limits import DOCUMENT_DEPTH
from ...model.records import mutable
from ..shapes import NODE, ROOT, Shape, node_shape
from .scan import (
    WIDE,
    Entry,
    Level,
    Scanner,
    entry_at,
    scan_to,
    split_line,
    unquoted,
    without_comment,
)

Where: TypeAlias = Literal["key", "value", "text", "nothing"]

#: Lines that are looked at behind the cursor for keys of the same object.
_AHEAD: Final = 500
_SCALAR: Final = re.compile(r"""\s*("[^"]*"|'[^']*'|[^\s,{}\[\]"']+)""")
_INSERT: Final = re.compile(r"\$\$?\{")


@mutable
class Frame:
    """One container around the cursor: its shape, and its keys with the text of their values."""

    shape: Shape
    keys: dict[str, str]
    #: The key below which it stands; None for an item of a list and for the document.
    key: str | None

    def inner(self) -> Shape:
        """The shape that its keys give it: that of its verb, of its type of node."""
        if self.shape is NODE:
            return node_shape(self.keys.get("type") or self.keys.get("kind") or "")
        return self.shape.for_keys(self.keys)


@mutable
class Cursor:
    """The place. ``written`` is the part of the word, key or value before the cursor."""

    where: Where
    frames: list[Frame]
    #: For a value: its key and shape (an item's: those of the list's key).
    key: str | None
    shape: Shape
    written: str
    #: The column where ``written`` begins.
    start: int
    #: Inside brackets, where a comma follows and quotes are wanted in JSON.
    flow: bool = False
    quoted: bool = False

    @property
    def frame(self) -> Frame:
        """The innermost container."""
        return self.frames[-1]

    def inside(self, *keys: str) -> bool:
        """Whether the cursor is anywhere below one of these keys."""
        return self.key in keys or any(frame.key in keys for frame in self.frames)

    def names_handler(self) -> bool:
        """Whether the value says what a step or a node calls; a node may say it by `name`."""
        if self.shape.kind == "handler":
            return True
        if self.where != "value" or self.key != "name" or self.frame.shape is not NODE:
            return False
        calls = any(row.kind == "handler" for row in self.frame.inner().rows)
        return calls and self.frame.keys.keys().isdisjoint(("function", "action"))

    def in_schema(self) -> bool:
        """Whether the cursor is anywhere inside a JSON Schema."""
        shapes = (self.shape, *(frame.shape for frame in self.frames))
        return any(shape.kind == "schema" for shape in shapes)

    def expression(self) -> str | None:
        """The part of an expression before the cursor; None where no expression is being written.

        A bare expression, or the inside of the last ``${`` that is not closed.
        """
        if self.where != "value":
            return None
        if self.shape.is_expression:
            return self.written.lstrip("\"'")
        last = None
        for found in _INSERT.finditer(self.written):
            if found[0] == "${":
                last = found
        if last is None:
            return None
        inside = self.written[last.end() :]
        return None if _closes(inside) else inside


def _closes(text: str) -> bool:
    """Whether an insert that begins before ``text`` ends in it; strings are understood."""
    depth, quote = 1, ""
    for char in text:
        if quote:
            if char == quote:
                quote = ""
        elif char in "\"'":
            quote = char
        elif char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0:
                return True
    return False


def locate(lines: list[str], line: int, column: int) -> Cursor:
    """The place of a position; it may lie outside of the text."""
    current = lines[line] if line < len(lines) else ""
    before = current[:column]
    scanner = scan_to(lines, min(line, len(lines)))
    state = scanner.skeleton
    if len(current) > WIDE or len(state.levels) > DOCUMENT_DEPTH:
        return Cursor("nothing", _frames(state.levels), None, ROOT, "", column)
    if state.open_line >= 0:
        frames = _frames(state.levels)
        opened = lines[state.open_line][state.open_column :]
        between = lines[state.open_line + 1 : line]
        if sum(map(len, between)) + len(opened) > WIDE:
            return Cursor("nothing", frames, None, ROOT, "", column)
        text = "\n".join([opened, *between, before])
        return _in_value(text, frames, column - len(before))
    indent = len(current) - len(current.lstrip(" "))
    if state.text_column >= 0 and (indent > state.text_column or not current.strip()):
        frames = _frames(state.levels)
        if column > state.text_column:
            return Cursor("text", frames, None, frames[-1].shape, before.lstrip(), indent)
    if len(without_comment(before)) < len(before):
        return Cursor("nothing", _frames(state.levels), None, ROOT, "", column)
    return _in_block(scanner, lines, line, before)


# --- block YAML -------------------------------------------------------------------------------


def _in_block(scanner: Scanner, lines: list[str], line: int, before: str) -> Cursor:
    dashes, start = split_line(before)
    for dash in dashes:
        scanner.item(dash)
    entry = entry_at(before, line, start)
    scanner.close(start)
    top = scanner.skeleton.levels[-1]
    if top.inner not in (start, -1):
        top.entries, top.inner = {}, start
    if top.inner == -1:
        top.inner = start
    for level in scanner.skeleton.levels:
        own = entry.key if entry is not None and level is top else None
        _look_ahead(level, lines, line, own)
    frames = _frames(scanner.skeleton.levels)
    if entry is not None and len(before) >= entry.value_column:
        frames[-1].keys.setdefault(entry.key, "")
        return _value_of(entry, before, frames)
    written = before[start:]
    if dashes and frames[-1].shape.kind is None and _is_scalar_item(frames):
        outer = frames[-2]
        return Cursor("value", frames[:-2], outer.key, outer.shape, written, start)
    if written[:1] in ("{", "[", '"', "'"):
        return _in_value(written, frames, start)
    return Cursor("key", frames, None, frames[-1].shape, written, start)


def _is_scalar_item(frames: list[Frame]) -> bool:
    """Whether the items of the list around the cursor are no objects, as far as the tables say."""
    return len(frames) > 1 and frames[-2].shape.kind in ("errors", "names", "literals", "expr")


def _value_of(entry: Entry, before: str, frames: list[Frame]) -> Cursor:
    shape = frames[-1].inner().child(entry.key)
    value = before[entry.value_column :]
    frames.append(Frame(shape, {}, entry.key))
    return _in_value(value, frames, entry.value_column)


def _look_ahead(level: Level, lines: list[str], line: int, own: str | None) -> None:
    """Keys of an object around the cursor that stand below the cursor."""
    column = level.inner
    if column < 0:
        return
    for number in range(line + 1, min(line + 1 + _AHEAD, len(lines))):
        text = lines[number]
        stripped = text.lstrip(" ")
        if not stripped or stripped[0] == "#":
            continue
        indent = len(text) - len(stripped)
        if indent < column or (indent == column and stripped.startswith("- ")):
            return
        if indent == column:
            entry = entry_at(text, number, column)
            if entry is not None and entry.key != own:
                level.entries.setdefault(entry.key, entry)


def _frames(levels: list[Level]) -> list[Frame]:
    """The shapes of the containers, from the document inwards."""
    frames = [Frame(ROOT, _texts(levels[0]), None)]
    for level in levels[1:]:
        outer = frames[-1]
        if level.entry is not None:
            shape = outer.inner().child(level.entry.key)
            key: str | None = level.entry.key
        else:
            shape, key = outer.shape.item(), None
        frames.append(Frame(shape, _texts(level), key))
    return frames


def _texts(level: Level) -> dict[str, str]:
    return {key: unquoted(entry.value) for key, entry in level.entries.items()}


# --- brackets and quotes ----------------------------------------------------------------------


def _in_value(text: str, frames: list[Frame], start: int) -> Cursor:
    """Inside the text of a value that may have brackets; ``frames`` end with the value's own."""
    reader = _Flow(text, frames)
    reader.run()
    return reader.cursor(start)


class _Flow:
    """Reads a value up to the cursor, keeping the containers that are open."""

    def __init__(self, text: str, frames: list[Frame]) -> None:
        self.text = text
        self.frames = frames
        self.base = len(frames)
        #: For each bracket: the bracket, and the key whose value is being written.
        self.open: list[tuple[str, str | None]] = []
        self.word = 0
        self.quote = ""

    def run(self) -> None:
        text, at = self.text, 0
        while at < len(text) and len(self.open) <= DOCUMENT_DEPTH:
            char = text[at]
            at += 1
            if self.quote:
                if char == "\\" and self.quote == '"':
                    at += 1
                elif char == self.quote:
                    self.quote = ""
            elif char in "\"'" and not text[self.word : at - 1].strip():
                self.quote = char
            elif char in "{[" and not text[self.word : at - 1].strip():
                self._enter(char)
                self.word = at
            elif not self.open:
                continue
            elif char in "}]":
                self._leave()
                self.word = at
            elif char == ",":
                self.open[-1] = (self.open[-1][0], None)
                self.word = at
            elif char == ":" and self.open[-1] == ("{", None) and _ends_key(text, at):
                self._key(unquoted(text[self.word : at - 1]), at)
                self.word = at

    def _enter(self, bracket: str) -> None:
        if self.open:
            outer = self.frames[-1]
            kind, key = self.open[-1]
            if kind == "{" and key is not None:
                shape = outer.inner().child(key)
                self.frames.append(Frame(shape, {}, key))
            else:
                self.frames.append(Frame(outer.shape.item(), {}, None))
        self.open.append((bracket, None))

    def _leave(self) -> None:
        self.open.pop()
        if self.open and len(self.frames) > self.base:
            self.frames.pop()

    def _key(self, key: str, behind: int) -> None:
        self.open[-1] = ("{", key)
        value = _SCALAR.match(self.text, behind)
        self.frames[-1].keys[key] = "" if value is None else unquoted(value[1])

    def cursor(self, start: int) -> Cursor:
        """Where reading ended."""
        lead = self.text[self.word :]
        written = lead.lstrip()
        last_line = self.text.rfind("\n") + 1
        column = self.word + len(lead) - len(written)
        at = column - last_line + (start if last_line == 0 else 0)
        quoted = bool(self.quote)
        flow = bool(self.open)
        frame = self.frames[-1]
        if not flow:
            around = self.frames[:-1] or self.frames  # the document itself may be a text
            return Cursor("value", around, frame.key, frame.shape, written, at,
                          quoted=quoted)  # fmt: skip
        kind, key = self.open[-1]
        if kind == "{" and key is None:
            return Cursor("key", self.frames, None, frame.shape, written.lstrip("\"'"),
                          at + quoted, flow=True, quoted=quoted)  # fmt: skip
        if kind == "{":
            shape = frame.inner().child(str(key))
            return Cursor("value", self.frames, key, shape, written, at, flow=True, quoted=quoted)
        return Cursor(
            "value", self.frames[:-1] or self.frames, frame.key, frame.shape, written, at,
            flow=True, quoted=quoted,
        )  # fmt: skip


def _ends_key(text: str, at: int) -> bool:
    """Whether a colon before ``at`` ends a key (in ``a: b`` and ``"a":b``, not in ``a:b``)."""
    return at >= len(text) or text[at] in " \t\n,{}[]" or text[: at - 1].rstrip()[-1:] in "\"'"
