"""The word under a position, and what it is: a key, a name in an expression, a handler ..."""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias

from ...model.records import record
from .complete import verb_of
from .cursor import Cursor, locate
from .scan import WIDE

#: What a word is: a key of the tables, a parameter of a handler, a name of the document ...
Role: TypeAlias = Literal[
    "key",
    "parameter",
    "variable",
    "function",
    "handler",
    "skript",
    "code",
    "id",
    "type",
    "value",
    "state",
]

_WORD: Final = re.compile(r"[A-Za-z0-9_.$/@-]+")
_CHAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*\Z")
#: Kinds of values that name a step or a node.
_IDS: Final = frozenset(("id", "node-id", "node-ref", "else"))


@record
class Word:
    """A word of one line, in columns from ``start`` to ``end``; ``path`` is ``a.b.c`` in parts."""

    text: str
    role: Role
    start: int
    end: int
    path: tuple[str, ...]
    cursor: Cursor


def word_at(lines: list[str], line: int, column: int) -> Word | None:
    """The word that a position is in or behind; None where there is none that means anything."""
    if not 0 <= line < len(lines):
        return None
    text = lines[line]
    if len(text) > WIDE:
        return None
    for found in _WORD.finditer(text):
        if found.start() <= column <= found.end():
            return _word(lines, line, column, found.start(), found.end())
    return None


def _word(lines: list[str], line: int, column: int, start: int, end: int) -> Word | None:
    text = lines[line]
    cursor = locate(lines, line, end)
    if cursor.where == "key":
        key = text[start:end]
        shape = cursor.frame.shape
        if shape.kind == "functions":
            key = key.partition("(")[0]
        role: Role = "key"
        if shape.kind in ("targets", "vars"):
            role, key = "variable", key.partition(".")[0]
        elif shape.kind == "args":
            role = "parameter"
        elif shape.kind == "functions":
            role = "function"
        elif shape.kind == "silences":
            role = "code"
        elif shape.kind == "states":
            role = "state"
        return Word(key, role, start, start + len(key), (key,), cursor)
    if cursor.where != "value":
        return None
    if cursor.expression() is not None:
        return _in_expression(lines, line, column, start, end)
    word = text[start:end]
    kind = cursor.shape.kind
    if cursor.names_handler():
        return Word(word, "handler", start, end, (word,), cursor)
    if kind == "skript":
        return Word(word, "skript", start, end, (word,), cursor)
    if kind in _IDS:
        return Word(word, "id", start, end, (word,), cursor)
    if kind in ("state", "sources"):
        return Word(word, "state", start, end, (word,), cursor)
    if kind == "node-type":
        return Word(word, "type", start, end, (word,), cursor)
    if kind in ("target", "name", "names"):
        name = word.partition(".")[0]
        return Word(name, "variable", start, start + len(name), (name,), cursor)
    return Word(word, "value", start, end, (word,), cursor)


def _in_expression(lines: list[str], line: int, column: int, start: int, end: int) -> Word | None:
    """The chain of names up to the one that the position is in."""
    text = lines[line]
    stop = text.find(".", max(column, start), end)
    if stop < 0:
        stop = end
    cursor = locate(lines, line, stop)
    inside = cursor.expression()
    found = _CHAIN.search(inside) if inside is not None else None
    if found is None:
        return None
    path = tuple(found[0].split("."))
    role: Role = "function" if text[stop : stop + 1] == "(" and len(path) == 1 else "variable"
    return Word(path[-1], role, stop - len(path[-1]), stop, path, cursor)


def is_verb(word: Word) -> bool:
    """Whether a key is the verb of its step."""
    frame = word.cursor.frame
    frame.keys.setdefault(word.text, "")
    verb = verb_of(frame)
    return verb is not None and verb.name == word.text
