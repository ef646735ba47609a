"""The JSON reader (RFC 8259): the same tree as the YAML reader makes of the same text.

YAML 1.2 means to contain JSON, but libyaml reads YAML 1.1: it refuses surrogate pairs, keys over
1,024 characters and keys apart from their colon. So a text that is JSON is read as JSON. Iterative,
hence safe at any depth; positions as in ``nodes.py``.
"""

from __future__ import annotations

import json
import re
from typing import Final

from ..model.diagnostics import Diagnostics
from ..model.limits import DOCUMENT_DEPTH
from ..model.spans import Span
from ..model.values import is_text
from .nodes import Map, Node, Scalar, Seq, clip, empty_map, empty_seq, enter, scalar
from .scalars import ScalarError, to_float, to_int

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_LINE_BREAK: Final = re.compile("\r\n|\r|\n")
_STRING: Final = re.compile(r'"([^"\\\x00-\x1f]*+(?:\\.[^"\\\x00-\x1f]*+)*+)"')
#: A string up to what is wrong with it.
_OPEN_STRING: Final = re.compile(r'"[^"\\\x00-\x1f]*+(?:\\.[^"\\\x00-\x1f]*+)*+')
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z_0-9]*|-Infinity")
_WORDS: Final[dict[str, bool | None]] = {"null": None, "true": True, "false": False}


class JsonSyntaxError(Exception):
    """Where a text stops being JSON. ``definite``: it is no YAML flow text either."""

    def __init__(
        self,
        message: str,
        line: int,
        column: int,
        *,
        code: str = "RUNE-1019",
        hint: str | None = None,
        definite: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column
        self.code = code
        self.hint = hint
        self.definite = definite

    def report(self, diagnostics: Diagnostics, file: str) -> None:
        """Add this error to ``diagnostics``."""
        span = Span(file, self.line + 1, self.column + 1, self.line + 1, self.column + 2)
        diagnostics.add(self.code, self.message, span, "", self.hint)


def read_json(text: str, file: str, diagnostics: Diagnostics) -> Node:
    """The tree of a JSON text. Raises JsonSyntaxError, with nothing reported, if it is no JSON."""
    return _Reader(text, file).read(diagnostics)


class _Reader:
    """One reading: the cursor and the open containers."""

    __slots__ = ("file", "found", "line", "line_start", "memo", "pos", "stack", "text")

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.pos = 0
        self.line = 0
        self.line_start = 0
        self.stack: list[tuple[Map | Seq, Scalar | None]] = []
        self.memo: dict[str, str] = {}
        #: Findings that do not stop the reading; kept back until the text is known to be JSON.
        self.found = Diagnostics()

    def read(self, diagnostics: Diagnostics) -> Node:
        node: Node | None = None
        while True:
            node = self._open_or_scalar()
            while node is not None:  # a finished value: hand it to its container
                if not self.stack:
                    if self._next() != "":
                        raise self._error("text goes on after the end of the JSON document")
                    for item in self.found.sorted():
                        diagnostics.add(item.code, item.message, item.span, hint=item.hint,
                                        related=item.related)  # fmt: skip
                    return node
                node = self._attach(node)

    def _next(self) -> str:
        """Skip white space; the character there ("" at the end)."""
        found = _SPACE.match(self.text, self.pos)
        end = found.end() if found is not None else self.pos
        if end != self.pos:
            for line_break in _LINE_BREAK.finditer(self.text, self.pos, end):
                self.line += 1
                self.line_start = line_break.end()
            self.pos = end
        return self.text[end : end + 1]

    def _open_or_scalar(self) -> Node | None:
        """A scalar or an empty container; None when a container was opened and wants its first."""
        start = self._next()
        if start == '"':
            return self._string()
        if start == "{" or start == "[":
            return self._open(start)
        return self._literal(start)

    def _open(self, start: str) -> Node | None:
        if len(self.stack) >= DOCUMENT_DEPTH:
            raise self._error(
                f"the document nests deeper than {DOCUMENT_DEPTH} levels",
                code="RUNE-1013",
                hint="move an inner part to a document of its own and `run` it",
                definite=True,
            )
        kind = empty_map if start == "{" else empty_seq
        container = kind(True, self.line, self.pos - self.line_start)
        self.pos += 1
        after = self._next()
        if after == ("}" if start == "{" else "]"):
            self._close(container)
            return container
        self.stack.append((container, self._key() if start == "{" else None))
        return None

    def _close(self, container: Map | Seq) -> None:
        self.pos += 1
        container.end_line = self.line
        container.end_column = self.pos - self.line_start

    def _attach(self, node: Node) -> Node | None:
        """Put a value into the innermost container; that container, if this ends it."""
        container, key = self.stack[-1]
        if type(container) is Map:
            if key is not None:
                self._enter(container, key, node)
            closing = "}"
        else:
            container.items.append(node)
            closing = "]"
        after = self._next()
        if after == ",":
            self.pos += 1
            self._next()
            if type(container) is Map:
                self.stack[-1] = (container, self._key())
            return None
        if after == closing:
            self._close(container)
            self.stack.pop()
            return container
        raise self._error(f"expected `,` or `{closing}` here")

    def _enter(self, container: Map, key: Scalar, node: Node) -> None:
        first = enter(container, key, node)
        if first is not None:
            self.found.add(
                "RUNE-1015",
                f"the key `{clip(key.text)}` stands twice in this object",
                self._span(key),
                "",
                "only one can count; delete or rename one",
                related=((self._span(first), "the first one"),),
            )

    def _key(self) -> Scalar:
        if self._next() != '"':
            raise self._error("expected a key in double quotes here")
        key = self._string()
        if self._next() != ":":
            raise self._error("expected `:` after this key")
        self.pos += 1
        return key

    def _string(self) -> Scalar:
        column = self.pos - self.line_start
        found = _STRING.match(self.text, self.pos)
        if found is None:
            raise self._bad_string()
        value = found[1]
        if "\\" in value:
            try:
                value = json.loads(found[0])
            except json.JSONDecodeError as error:
                self.pos += min(error.pos, len(found[0]) - 1)
                message = f"in this text: {error.msg[:1].lower()}{error.msg[1:]}"
                raise self._error(message) from None
        self.pos = found.end()
        value = self.memo.setdefault(value, value)
        end = self.pos - self.line_start
        node = scalar(value, value, '"', self.line, column, self.line, end)
        if not value.isascii() and not is_text(value):
            self.found.add(
                "RUNE-1003",
                "an escape in this text is a lone surrogate, which is no character",
                self._span(node),
                "",
                "characters past U+FFFF are a pair: \\ud83d\\ude00",
            )
            node.value = node.text = value.encode("utf-8", "replace").decode()
        return node

    def _bad_string(self) -> JsonSyntaxError:
        """Why the text that begins at the cursor has no end."""
        found = _OPEN_STRING.match(self.text, self.pos)
        end = found.end() if found is not None else self.pos
        if end >= len(self.text):
            return self._error("the text that begins here is never closed")
        self.pos = end
        if self.text[end] in "\r\n":
            return self._error("a line break cannot stand inside a text", hint="write \\n")
        if self.text[end] == "\t":
            return self._error("a tab cannot stand inside a text", hint="write \\t")
        return self._error("a backslash needs a character after it", hint="write \\\\")

    def _literal(self, start: str) -> Scalar:
        column = self.pos - self.line_start
        value: bool | int | float | None
        number = _NUMBER.match(self.text, self.pos)
        if number is not None:
            text = number[0]
            try:
                value = to_int(text, 10) if number.lastindex is None else to_float(text)
            except ScalarError as error:
                value = 0
                span = Span(self.file, self.line + 1, column + 1, self.line + 1,
                            column + 1 + len(text))  # fmt: skip
                self.found.add(error.code, error.message, span, "", error.hint)
        else:
            word = _WORD.match(self.text, self.pos)
            text = word[0] if word is not None else ""
            if text in ("NaN", "Infinity", "-Infinity"):
                raise self._error(
                    f"`{text}` is no value: numbers must be finite",
                    code="RUNE-1018",
                    hint="use null, a text, or a very large number",
                    definite=True,
                )
            if text not in _WORDS:
                raise self._error("expected a value here" if start else "the document ends early")
            value = _WORDS[text]
        self.pos += len(text)
        return scalar(value, text, "", self.line, column, self.line, column + len(text))

    def _span(self, node: Scalar) -> Span:
        return Span(
            self.file, node.line + 1, node.column + 1, node.end_line + 1, node.end_column + 1
        )

    def _error(
        self,
        message: str,
        *,
        code: str = "RUNE-1019",
        hint: str | None = None,
        definite: bool = False,
    ) -> JsonSyntaxError:
        """An error at the cursor."""
        return JsonSyntaxError(
            message,
            self.line,
            self.pos - self.line_start,
            code=code,
            hint=hint,
            definite=definite,
        )
