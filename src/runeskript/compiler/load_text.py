"""Text -> AST in one call: reading and parsing together."""

from __future__ import annotations

from ..model.ast import Document
from ..model.collector import paused_collector
from ..model.diagnostics import Diagnostics
from .frontends.forms import parse_source
from .read import Source, read


def read_text(source: bytes | str, file: str, diagnostics: Diagnostics) -> Source:
    """The positioned tree of a YAML or JSON text (``Source.root``, None where there is none)."""
    with paused_collector(len(source)):
        return read(source, file, diagnostics)


def parse_tree(source: Source, diagnostics: Diagnostics) -> Document | None:
    """The AST of a tree. Comes back even with errors, where there is something to check further;
    what could not be read is replaced by an expression of unknown type."""
    with paused_collector(len(source.text)):
        return _parse(source, diagnostics)


def parse_document(source: bytes | str, file: str, diagnostics: Diagnostics) -> Document | None:
    """Read and parse. All findings are in ``diagnostics``; see :func:`parse_tree`."""
    return parse_tree(read_text(source, file, diagnostics), diagnostics)


def _parse(source: Source, diagnostics: Diagnostics) -> Document | None:
    if not source.slips:
        return parse_source(source, diagnostics)
    # A line with a syntax error was read with a stand-in; what follows from that is not reported.
    found = Diagnostics()
    document = parse_source(source, found)
    for item in found.sorted():
        if not any(item.span.line - 1 <= line < item.span.end_line for line in source.slips):
            diagnostics.add(
                item.code, item.message, item.span, item.pointer, item.hint,
                severity=item.severity, related=item.related,
            )  # fmt: skip
    return document
