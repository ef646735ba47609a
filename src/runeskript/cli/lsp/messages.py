"""Answers of ``compiler/editor`` as messages of the protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lsprotocol import types

from ...compiler.editor.complete import Item
from ...compiler.editor.fixes import fix_of
from ...compiler.editor.symbols import Symbol
from ...engine.pages import page_of
from ...model.diagnostics import Diagnostic
from ...model.spans import Span
from .places import to_client, uri_of

SOURCE: Final = "rune"
#: A step that no path reaches is shown as what could be deleted.
_UNREACHABLE: Final = "RUNE-3020"
_SEVERITIES: Final = {
    "error": types.DiagnosticSeverity.Error,
    "warning": types.DiagnosticSeverity.Warning,
    "info": types.DiagnosticSeverity.Information,
}
_ITEMS: Final = {
    "verb": types.CompletionItemKind.Keyword,
    "key": types.CompletionItemKind.Property,
    "word": types.CompletionItemKind.Value,
    "handler": types.CompletionItemKind.Function,
    "parameter": types.CompletionItemKind.Field,
    "variable": types.CompletionItemKind.Variable,
    "field": types.CompletionItemKind.Field,
    "function": types.CompletionItemKind.Function,
    "code": types.CompletionItemKind.Constant,
    "file": types.CompletionItemKind.File,
    "node": types.CompletionItemKind.Reference,
    "state": types.CompletionItemKind.Reference,
}
_SYMBOLS: Final = {
    "skript": types.SymbolKind.Module,
    "step": types.SymbolKind.Event,
    "call": types.SymbolKind.Method,
    "block": types.SymbolKind.Namespace,
    "variable": types.SymbolKind.Variable,
    "function": types.SymbolKind.Function,
    "field": types.SymbolKind.Field,
}


def page_uri(code: str) -> str | None:
    """The URI of an error code's page, where the pages are installed."""
    page = page_of(code)
    return None if page is None else page.as_uri()


class Converter:
    """Turns places of one text into those of a client."""

    def __init__(self, lines: Sequence[str], encoding: str) -> None:
        self.lines = lines
        self.encoding = encoding

    def position(self, line: int, column: int) -> types.Position:
        """A line and column from 0; clamped to the text."""
        if line >= len(self.lines):
            line, column = len(self.lines) - 1, len(self.lines[-1])
        line = max(line, 0)
        return types.Position(line, to_client(self.lines[line], column, self.encoding))

    def range(self, span: Span) -> types.Range:
        """A span of the compiler, at least one character long where the line has one."""
        start = self.position(span.line - 1, span.column - 1)
        end = self.position(span.end_line - 1, span.end_column - 1)
        if (end.line, end.character) < (start.line, start.character):
            end = start
        return types.Range(start, end)

    def stretch(self, line: int, start: int, end: int) -> types.Range:
        """Columns of one line."""
        return types.Range(self.position(line, start), self.position(line, end))

    # --- messages -----------------------------------------------------------------------------

    def diagnostic(self, found: Diagnostic, uri: str) -> types.Diagnostic:
        """A finding; its hint is part of the message, its page a link."""
        page = page_uri(found.code)
        related = [
            types.DiagnosticRelatedInformation(types.Location(uri, self.range(span)), caption)
            for span, caption in found.related
            if span.file == found.span.file
        ]
        return types.Diagnostic(
            range=self.range(found.span),
            severity=_SEVERITIES[found.severity],
            code=found.code,
            code_description=None if page is None else types.CodeDescription(page),
            source=SOURCE,
            message=found.message if found.hint is None else f"{found.message}\n{found.hint}",
            tags=[types.DiagnosticTag.Unnecessary] if found.code == _UNREACHABLE else None,
            related_information=related or None,
        )

    def item(self, item: Item, line: int, column: int) -> types.CompletionItem:
        """A completion that replaces what is written of the word."""
        return types.CompletionItem(
            label=item.label,
            kind=_ITEMS[item.kind],
            detail=item.detail or None,
            documentation=markdown(item.doc) if item.doc else None,
            sort_text=f"{item.rank}{item.label}",
            filter_text=item.label,
            text_edit=types.TextEdit(self.stretch(line, item.start, column), item.insert),
        )

    def symbol(self, symbol: Symbol) -> types.DocumentSymbol:
        """A line of the outline with those below it."""
        whole, selection = self.range(symbol.span), self.range(symbol.selection)
        return types.DocumentSymbol(
            name=symbol.name,
            detail=symbol.detail or None,
            kind=_SYMBOLS[symbol.kind],
            range=whole,
            selection_range=selection,
            children=[self.symbol(child) for child in symbol.children],
        )

    def fix(self, found: Diagnostic, uri: str) -> types.CodeAction | None:
        """What a hint proposes, as a quick fix."""
        fix = fix_of(found, list(self.lines))
        if fix is None:
            return None
        edit = types.TextEdit(self.stretch(fix.line, fix.start, fix.end), fix.text)
        return types.CodeAction(
            title=fix.title,
            kind=types.CodeActionKind.QuickFix,
            diagnostics=[self.diagnostic(found, uri)],
            is_preferred=True,
            edit=types.WorkspaceEdit(changes={uri: [edit]}),
        )


def markdown(text: str) -> types.MarkupContent:
    """A text in Markdown."""
    return types.MarkupContent(types.MarkupKind.Markdown, text)


def whole(lines: Sequence[str], encoding: str) -> types.Range:
    """A whole text."""
    return types.Range(types.Position(0, 0), Converter(lines, encoding).position(len(lines), 0))


def file_start(path: str) -> types.Location:
    """The beginning of a file."""
    return types.Location(uri_of(path), types.Range(types.Position(0, 0), types.Position(0, 0)))
