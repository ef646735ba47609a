"""Reading: bytes or text -> positioned node tree (the first stage of the compiler).

A text that begins as JSON is read by the JSON reader, everything else (and JSON with YAML
liberties) by the YAML reader; both make the same tree. What either refuses becomes a diagnostic
with file, line and column; where the tree is still usable, reading goes on and the caller gets it.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Final

from ..model.diagnostics import Diagnostics
from ..model.limits import DOCUMENT_BYTES
from ..model.spans import Span
from .masks import mask
from .nodes import Node, Scalar
from .read_json import JsonSyntaxError, read_json
from .read_lines import read_lines

#: Characters that no document may contain: C0 controls but tab and line breaks, DEL, C1 controls
#: but NEL, surrogates, non-characters, and byte order marks past the start.
_FORBIDDEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]"
)
_ASCII_ALLOWED: Final = bytes([9, 10, 13, *range(0x20, 0x7F)])
#: Line breaks that YAML 1.1 knows and YAML 1.2 does not; they are ordinary characters here.
_LINE_BREAK: Final = re.compile("\r\n|\r|\n")
#: Bad characters of one document that are reported one by one.
_REPORTED: Final = 5


class Source:
    """One text: its file name, its lines, and the tree read from it (None: no usable tree)."""

    __slots__ = ("_lines", "file", "is_json", "root", "slips", "text")

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.root: Node | None = None
        #: Whether the JSON reader read it, where every text is quoted.
        self.is_json = False
        #: Lines (from 0) with a syntax error that was reported and read over.
        self.slips: frozenset[int] = frozenset()
        self._lines: list[str] | None = None

    def line(self, number: int) -> str:
        """Line ``number`` (from 0) without its line break; empty past the end."""
        if self._lines is None:
            self._lines = _LINE_BREAK.split(self.text)
        return self._lines[number] if 0 <= number < len(self._lines) else ""


def read(data: bytes | str, file: str, diagnostics: Diagnostics) -> Source:
    """Read a document. All that is wrong with its text is added to ``diagnostics``.

    ``Source.root`` is None when there is no tree to go on with (a syntax error, an empty text).
    """
    text = decode(data, file, diagnostics)
    source = Source(file, text if text is not None else "")
    if text is None:
        return source
    if not text.isascii() or text.encode("ascii").translate(None, _ASCII_ALLOWED):
        text = _check_characters(source, diagnostics)
    start = text.lstrip(" \t\r\n")[:1]
    if not start:
        diagnostics.add("RUNE-1005", "the document is empty", Span(file, 1, 1, 1, 1), "", _EMPTY)
        return source
    if start in "{[":
        failed = _try_json(source, text, diagnostics)
        if failed is None:
            return source
        _read_yaml(source, text, diagnostics, failed)
    elif file.endswith(".json"):
        try:
            source.root = read_json(text, file, diagnostics)
        except JsonSyntaxError as error:
            error.report(diagnostics, file)
    else:
        _read_yaml(source, text, diagnostics, None)
    return source


_EMPTY: Final = "begin with `skript: NAME` and `do:`; `rune init` writes a first document"


def _try_json(source: Source, text: str, diagnostics: Diagnostics) -> JsonSyntaxError | None:
    """Read as JSON; the error, if the text may still be YAML."""
    try:
        source.root = read_json(text, source.file, diagnostics)
        source.is_json = True
    except JsonSyntaxError as error:
        if not error.definite and not source.file.endswith(".json"):
            return error
        error.report(diagnostics, source.file)
    return None


def _read_yaml(
    source: Source, text: str, diagnostics: Diagnostics, as_json: JsonSyntaxError | None
) -> None:
    """Read as YAML. Where that fails too, the reader that got further has the say."""
    masked, stand_ins = mask(text)
    if stand_ins is None and as_json is None:
        source.root = read_lines(text)
        if source.root is not None:
            return
    from .read_yaml import read_yaml  # few texts need PyYAML, and it takes a while to import

    attempt = Diagnostics()
    root, stopped = read_yaml(masked, source.file, attempt, stand_ins)
    if as_json is not None and stopped and stopped[0] <= (as_json.line, as_json.column):
        as_json.report(diagnostics, source.file)
        return
    source.slips = frozenset(line for line, _ in stopped)
    nothing = root is None or (type(root) is Scalar and root.value is None)
    if nothing and not attempt.sorted():
        attempt.add("RUNE-1005", "the document is empty", Span(source.file, 1, 1, 1, 1), "", _EMPTY)
    source.root = None if nothing else root
    for item in attempt.sorted():
        diagnostics.add(
            item.code, item.message, item.span, "", item.hint,
            severity=item.severity, related=item.related,
        )  # fmt: skip


def decode(data: bytes | str, file: str, diagnostics: Diagnostics) -> str | None:
    """The text of a document without its byte order mark; None where nothing can be made of it.

    Bytes that are no UTF-8 are reported with their places and replaced, so that the rest of the
    document is still checked.
    """
    if len(data) > DOCUMENT_BYTES:
        diagnostics.add(
            "RUNE-1004",
            f"the document has {len(data):,} bytes, at most {DOCUMENT_BYTES:,} are read",
            Span(file, 1, 1, 1, 1),
            "",
            "split it: a step `run: ./part.yaml` runs another document",
        )
        return None
    if isinstance(data, str):
        return data.removeprefix("\ufeff")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in data[:4]:
        diagnostics.add(
            "RUNE-1001",
            "the document is UTF-16 or UTF-32, not UTF-8",
            Span(file, 1, 1, 1, 1),
            "",
            "save it as UTF-8",
        )
        return None
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _decode_broken(data, file, diagnostics)


def _decode_broken(data: bytes, file: str, diagnostics: Diagnostics) -> str:
    """Report the bytes that are no UTF-8; each becomes U+FFFD."""
    text = data.decode("utf-8", errors="surrogateescape")
    bad = list(islice(re.finditer("[\udc80-\udcff]", text), _REPORTED + 1))
    for found in bad[:_REPORTED]:
        byte = ord(found[0]) - 0xDC00
        latin = bytes([byte]).decode("latin-1")
        known = f" (in Latin-1 it would be `{latin}`)" if latin.isprintable() else ""
        more = "; more bytes like it follow" if len(bad) > 1 else ""
        diagnostics.add(
            "RUNE-1001",
            f"byte 0x{byte:02X} is not valid UTF-8{known}",
            _place(text, found.start(), file),
            "",
            f"save the document as UTF-8{more if found is bad[0] else ''}",
        )
    return re.sub("[\udc80-\udcff]", "\ufffd", text)


def _check_characters(source: Source, diagnostics: Diagnostics) -> str:
    """Report forbidden characters and put U+FFFD in their places, which keeps all positions."""
    text = source.text
    bad = list(islice(_FORBIDDEN.finditer(text), _REPORTED + 1))
    for found in bad[:_REPORTED]:
        point = ord(found[0])
        span = _place(text, found.start(), source.file)
        if 0xD800 <= point <= 0xDFFF:
            code, what = "RUNE-1003", "is a lone surrogate, which is no character"
            hint = "write the character itself, or `\\U0001F600` with all its digits"
        else:
            code, what = "RUNE-1002", "is a control character, which no document may contain"
            hint = f'delete it; inside double quotes it can be written "\\x{point:02x}"'
            if point > 0xFF:
                what, hint = "has no place inside a document", "delete it"
        more = " (more follow)" if found is bad[0] and len(bad) > 1 else ""
        diagnostics.add(code, f"U+{point:04X} {what}{more}", span, "", hint)
    return _FORBIDDEN.sub("\ufffd", text) if bad else text


def _place(text: str, offset: int, file: str) -> Span:
    """The span of one character."""
    before = _LINE_BREAK.split(text[:offset])
    return Span(file, len(before), len(before[-1]) + 1, len(before), len(before[-1]) + 2)
