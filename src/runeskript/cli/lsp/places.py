"""Positions as clients count them: in UTF-16 units, unless another encoding was agreed upon.

The compiler counts characters. Line breaks are those of the protocol (and of YAML 1.2): CR LF, LF
and CR, and no others.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

_LINE_BREAK: Final = re.compile("\r\n|\r|\n")


def split_lines(text: str) -> list[str]:
    """The lines of a text, without their breaks; one more than there are breaks."""
    return _LINE_BREAK.split(text)


def units(text: str, encoding: str) -> int:
    """How many units of an encoding a text takes."""
    if text.isascii() or encoding == "utf-32":
        return len(text)
    if encoding == "utf-8":
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text) + sum([char > "\uffff" for char in text])


def to_client(line: str, column: int, encoding: str) -> int:
    """A column of ours (characters, from 0) as the client counts; clamped to the line."""
    return units(line[: max(column, 0)], encoding)


def from_client(line: str, character: int, encoding: str) -> int:
    """The column (characters, from 0) of a client's position; clamped to the line.

    A position inside a character is that character's beginning.
    """
    if line.isascii() or encoding == "utf-32":
        return min(max(character, 0), len(line))
    taken = 0
    for column, char in enumerate(line):
        taken += units(char, encoding)
        if taken > character:
            return column
    return len(line)


def path_of(uri: str) -> str | None:
    """The path of a file's URI; None for a document that is no file."""
    parts = urlsplit(uri)
    if parts.scheme != "file":
        return None
    path = unquote(parts.path)
    if re.match(r"/[A-Za-z]:", path):  # /C:/folder/file on Windows
        path = path[1:]
    return path


def uri_of(path: str) -> str:
    """The URI of a file."""
    return Path(path).absolute().as_uri()
