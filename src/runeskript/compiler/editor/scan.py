"""The skeleton of a YAML text that may be broken: which key stands below which, by indentation.

Line by line, one regular expression each. Texts (``|`` and ``>``), brackets and quotes that go over
several lines are kept together; everything else that a YAML parser would refuse is simply taken as
it looks.
"""

from __future__ import annotations

import re
from dataclasses import field
from typing import Final

from ...model.limits import DOCUMENT_DEPTH
from ...model.records import mutable

#: A key and what stands behind its colon.
_ENTRY: Final = re.compile(
    r"""("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s#\[\]{},"'&*!|>%@`-][^:#]*?|-[^\s:#][^:#]*?)
        [ ]*:(?=[ \t]|$)[ \t]*""",
    re.VERBOSE,
)
_DASH: Final = re.compile(r"-(?:[ \t]+|$)")
_BLOCK_TEXT: Final = re.compile(r"[|>][-+0-9]*[ \t]*(?:#.*)?$")
#: Lines from which on not all of them are looked at.
LONG: Final = 2_000
#: Of lines with more characters, and of brackets or quotes that go on for longer, nothing is said:
#: an editor waits for its answer, and nobody writes such a text by hand.
WIDE: Final = 50_000
#: Keys of one object that are looked at where a text is long.
_KEYS: Final = 1_000


@mutable
class Entry:
    """A key where it stands, and the beginning of its value."""

    key: str
    line: int
    column: int
    #: Where the value begins (just behind the colon, if there is none), and its first line.
    value_column: int
    value: str


@mutable
class Level:
    """One container that is open: the document, the value of a key, or an item of a list."""

    kind: str
    column: int
    entry: Entry | None = None
    #: The keys of the object inside, and the column where they stand.
    entries: dict[str, Entry] = field(default_factory=dict)
    inner: int = -1


@mutable
class Skeleton:
    """The containers that are open at the beginning of a line, outermost first."""

    levels: list[Level]
    #: The line where brackets or quotes begin that are still open, and the column there.
    open_line: int = -1
    open_column: int = -1
    #: The column of the key whose text goes on here; -1 where none does.
    text_column: int = -1


def unquoted(text: str) -> str:
    """A key or value without its quotes."""
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text


def without_comment(text: str) -> str:
    """The text up to its comment; quotes are understood."""
    if "#" not in text:
        return text
    quote = ""
    for at, char in enumerate(text):
        if quote:
            if char == quote and not (quote == '"' and text[at - 1] == "\\"):
                quote = ""
        elif char in "\"'" and (at == 0 or text[at - 1] in " \t[{,:"):
            quote = char
        elif char == "#" and (at == 0 or text[at - 1] in " \t"):
            return text[:at]
    return text


def split_line(line: str) -> tuple[list[int], int]:
    """The columns of the dashes that begin a line, and where what follows them begins."""
    at = len(line) - len(line.lstrip(" "))
    dashes: list[int] = []
    while len(dashes) < DOCUMENT_DEPTH and (dash := _DASH.match(line, at)) is not None:
        dashes.append(at)
        at = dash.end()
    return dashes, at


def entry_at(line: str, number: int, column: int) -> Entry | None:
    """The key at a column, if there is one."""
    found = _ENTRY.match(line, column)
    if found is None:
        return None
    end = found.end()
    return Entry(unquoted(found[1]), number, column, end, without_comment(line[end:]).rstrip())


class Scanner:
    """Takes lines one by one; ``skeleton`` is what is open before the next."""

    def __init__(self) -> None:
        self.skeleton = Skeleton([Level("root", -1)])
        self._open = Brackets()

    def take(self, number: int, line: str) -> None:
        """One more line."""
        state = self.skeleton
        if len(line) > WIDE or len(state.levels) > DOCUMENT_DEPTH:
            return  # what a reader would refuse, or no human writes
        if state.open_line >= 0:
            self._open.read(line)
            if self._open.closed:
                state.open_line = -1
            return
        stripped = line.strip()
        indent = len(line) - len(line.lstrip(" "))
        if state.text_column >= 0:
            if not stripped or indent > state.text_column:
                return
            state.text_column = -1
        if not stripped or stripped[0] == "#" or stripped in ("---", "..."):
            return
        dashes, column = split_line(line)
        for dash in dashes:
            self.item(dash)
        entry = entry_at(line, number, column)
        if entry is None:
            self._value(line, number, column, column)
            return
        self.key(entry)
        self._value(line, number, entry.value_column, column)

    def item(self, column: int) -> None:
        """A dash: an item of the list that stands here."""
        levels = self.skeleton.levels
        while levels[-1].column > column or (
            levels[-1].column == column and levels[-1].kind == "item"
        ):
            levels.pop()
        levels.append(Level("item", column))

    def key(self, entry: Entry) -> None:
        """A key of the object that stands here."""
        self.close(entry.column)
        top = self.skeleton.levels[-1]
        if top.inner != entry.column:
            top.entries, top.inner = {}, entry.column
        top.entries[entry.key] = entry
        self.skeleton.levels.append(Level("key", entry.column, entry))

    def close(self, column: int) -> None:
        """Close what a key at this column is not inside of."""
        levels = self.skeleton.levels
        while levels[-1].column >= column:
            levels.pop()

    def _value(self, line: str, number: int, start: int, column: int) -> None:
        """Whether the value goes on in the next lines."""
        value = line[start:]
        if _BLOCK_TEXT.match(value):
            self.skeleton.text_column = column
        elif value[:1] in ("{", "[", '"', "'"):
            self._open = Brackets()
            self._open.read(value)
            if not self._open.closed:
                self.skeleton.open_line, self.skeleton.open_column = number, start


class Brackets:
    """Follows brackets and quotes until the first is closed."""

    def __init__(self) -> None:
        self.stack: list[str] = []
        self.quote = ""
        self.closed = False

    def read(self, text: str) -> None:
        """One more line."""
        skip = False
        for at, char in enumerate(text):
            if skip:
                skip = False
            elif self.quote:
                if char == "\\" and self.quote == '"':
                    skip = True
                elif char == self.quote:
                    self.quote = ""
                    if not self.stack:
                        self.closed = True
                        return
            elif char in "\"'" and (at == 0 or text[at - 1] in " \t[{,:"):
                self.quote = char
            elif char in "[{":
                self.stack.append(char)
            elif char in "]}" and self.stack:
                self.stack.pop()
                if not self.stack:
                    self.closed = True
                    return
            elif char == "#" and self.stack and (at == 0 or text[at - 1] in " \t"):
                return


def scan_to(lines: list[str], number: int) -> Scanner:
    """The scanner that has taken the lines before ``number``; of a long text those that matter."""
    scanner = Scanner()
    for at in _above(lines, number) if number > LONG else range(number):
        scanner.take(at, lines[at])
    return scanner


def _above(lines: list[str], number: int) -> list[int]:
    """The lines above one that can have to do with it: keys of the containers around it.

    Upwards from the line: whatever is indented deeper than what was met so far belongs to
    something else, and of a list only the item counts that the line is in.
    """
    found: list[int] = []
    beside = 0
    limit = 10**9
    in_item = False
    if number < len(lines) and lines[number].strip():
        limit = len(lines[number]) - len(lines[number].lstrip(" "))
        in_item = lines[number].lstrip(" ").startswith("- ")
    for at in range(number - 1, -1, -1):
        line = lines[at]
        text = line.lstrip(" ")
        if not text or text[0] == "#":
            continue
        indent = len(line) - len(text)
        is_item = text.startswith("- ")
        if indent > limit or (indent == limit and in_item and is_item):
            continue
        beside = beside + 1 if indent == limit else 0
        if beside > _KEYS:
            continue
        if indent == limit and in_item:
            in_item = False  # the key of the list, at the column of its dashes
        elif is_item:
            in_item = True
        elif indent < limit:
            in_item = False
        limit = indent
        found.append(at)
    found.reverse()
    return found
