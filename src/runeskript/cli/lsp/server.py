"""The server itself: which questions it answers, over pygls, on standard input and output only."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, Final

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from ...compiler.editor.complete import complete
from ...compiler.editor.define import Place, define
from ...compiler.editor.hover import hover
from ...compiler.editor.symbols import symbols
from ...compiler.format import format_text
from ...compiler.pipeline import DEFAULTS, Options
from ...engine.handlers.registry import HandlerRegistry
from ...errors import CompileError
from ...model.catalog import HandlerInfo
from ...model.codes import CODES
from ..diagnostics import is_note
from ..registry import load_registry
from ..settings import options_for
from ..usage import UsageError
from ..verbs.version import own_version
from .messages import Converter, file_start, markdown, page_uri, whole
from .places import from_client, path_of, uri_of
from .session import OpenDocument, Session

#: Characters after which a client asks by itself.
TRIGGERS: Final = (".", ":", " ", "{", '"', "/", "-", "$")


class Handlers:
    """The project's handlers as the compiler sees them; without them where they cannot be loaded.

    Said once: an editor would show the same message after each keystroke.
    """

    def __init__(self, sources: Sequence[str], project: bool, say: Callable[[str], None]) -> None:
        self._say = say
        self._sources = sources
        self._project = project
        self._known: HandlerRegistry | None = None
        self._lock = Lock()

    def _load(self) -> HandlerRegistry:
        with self._lock:  # a look and a question may ask at the same time
            if self._known is None:
                try:
                    registry = load_registry(self._sources, project=self._project)
                    registry.names()  # imports them
                except UsageError as error:
                    self._say(f"{error.code}: {error.message}")
                    registry = load_registry((), project=False)
                self._known = registry
            return self._known

    def names(self) -> Collection[str]:
        """Every name."""
        return self._load().names()

    def get(self, name: str) -> HandlerInfo | None:
        """The handler of this name, or None."""
        return self._load().get(name)

    def source(self, name: str) -> tuple[str, int] | None:
        """File and line (from 0) of a handler's function, where it is written in Python."""
        found = self._load().get(name)
        code = getattr(getattr(found, "function", None), "__code__", None)
        if code is None or not Path(code.co_filename).is_file():
            return None
        return code.co_filename, code.co_firstlineno - 1


class RuneServer(LanguageServer):
    """One client, its documents, and the handlers of its project."""

    def __init__(self, handlers: Sequence[str] = (), *, project: bool = True) -> None:
        # Whole texts: pygls applies parts of them by Python's idea of a line, which is not YAML's.
        super().__init__("rune", own_version(), types.TextDocumentSyncKind.Full)
        #: What is wrong with the project's settings or handlers, each to be said once.
        self._warnings: list[str] = []
        self._warned: set[str] = set()
        self.handlers = Handlers(handlers, project, self._warnings.append)
        self.session = Session(self.handlers, self._options, self.publish)

    @property
    def encoding(self) -> str:
        """How the client counts characters."""
        agreed = self.workspace.position_encoding
        return str(getattr(agreed, "value", agreed) or "utf-16")

    def _options(self) -> Options:
        """The project's settings, or the usual ones where they are wrong. From any thread."""
        try:
            return options_for()
        except UsageError as error:
            self._warnings.append(f"{error.code}: {error.message}")
            return DEFAULTS

    def publish(self, document: OpenDocument) -> None:
        """Show what was found in a document's present text, and what was wrong around it."""
        while self._warnings:
            text = self._warnings.pop()
            if text not in self._warned:
                self._warned.add(text)
                self.window_show_message(types.ShowMessageParams(types.MessageType.Warning, text))
        convert = self.converter(document)
        found = [
            d for d in document.known.diagnostics if d.span.file == document.file and not is_note(d)
        ]
        self.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(
                document.uri,
                [convert.diagnostic(d, document.uri) for d in found],
                document.version,
            )
        )

    def converter(self, document: OpenDocument) -> Converter:
        """What turns places of a document into the client's."""
        return Converter(document.lines, self.encoding)

    def place(self, uri: str, position: types.Position) -> tuple[OpenDocument, int, int] | None:
        """A document, and a position in it as line and column."""
        document = self.session.documents.get(uri)
        if document is None or not document.is_ours:
            return None
        line = min(position.line, len(document.lines) - 1)
        text = document.lines[line]
        return document, line, from_client(text, position.character, self.encoding)


def make_server(handlers: Sequence[str] = (), *, project: bool = True) -> RuneServer:
    """A server with all its features; ``project`` False leaves the project's handlers alone."""
    server = RuneServer(handlers, project=project)
    for method, function, options in _FEATURES:
        server.feature(method, options)(_bound(server, function))
    return server


def _bound(server: RuneServer, function: Callable[[RuneServer, Any], Any]) -> Callable[[Any], Any]:
    def feature(params: Any) -> Any:
        return function(server, params)

    return feature


# --- documents --------------------------------------------------------------------------------


def _initialize(server: RuneServer, params: types.InitializeParams) -> None:
    """Settings and handlers are those of the folder that was opened."""
    folders = params.workspace_folders or []
    uri = folders[0].uri if folders else params.root_uri
    root = path_of(uri) if uri is not None else None
    if root is not None and Path(root).is_dir():
        os.chdir(root)


def _opened(server: RuneServer, params: types.DidOpenTextDocumentParams) -> None:
    document = params.text_document
    server.session.open(document.uri, document.text, document.version)


def _changed(server: RuneServer, params: types.DidChangeTextDocumentParams) -> None:
    uri = params.text_document.uri
    for change in params.content_changes:
        server.session.change(uri, change.text, params.text_document.version)


def _closed(server: RuneServer, params: types.DidCloseTextDocumentParams) -> None:
    uri = params.text_document.uri
    server.session.close(uri)
    server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))


def _saved(server: RuneServer, params: types.DidSaveTextDocumentParams) -> None:
    server.session.look_again()


def _files_changed(server: RuneServer, params: types.DidChangeWatchedFilesParams) -> None:
    server.session.look_again()


# --- questions --------------------------------------------------------------------------------


def _complete(server: RuneServer, params: types.CompletionParams) -> types.CompletionList | None:
    found = server.place(params.text_document.uri, params.position)
    if found is None:
        return None
    document, line, column = found
    items = complete(
        document.lines, line, column, server.handlers, document.known,
        server.session.beside(document),
    )  # fmt: skip
    convert = server.converter(document)
    return types.CompletionList(False, [convert.item(item, line, column) for item in items])


def _hover(server: RuneServer, params: types.HoverParams) -> types.Hover | None:
    found = server.place(params.text_document.uri, params.position)
    if found is None:
        return None
    document, line, column = found
    about = hover(document.lines, line, column, server.handlers, document.known)
    texts = [] if about is None else [about.text]
    if document.is_current():
        for d in document.known.diagnostics:
            span = d.span
            inside = (span.line, span.column) <= (line + 1, column + 1) <= (
                span.end_line, span.end_column,
            )  # fmt: skip
            if span.file == document.file and inside:
                page = page_uri(d.code)
                code = d.code if page is None else f"[{d.code}]({page})"
                texts.append(f"{code}: {CODES[d.code].title}.")
    if not texts:
        return None
    convert = server.converter(document)
    stretch = None if about is None else convert.stretch(line, about.start, about.end)
    return types.Hover(markdown("\n\n---\n\n".join(texts)), stretch)


def _define(server: RuneServer, params: types.DefinitionParams) -> list[types.Location]:
    found = server.place(params.text_document.uri, params.position)
    if found is None:
        return []
    document, line, column = found
    places = define(document.lines, line, column, document.known)
    return [at for place in places if (at := _location(server, document, place)) is not None]


def _location(server: RuneServer, document: OpenDocument, place: Place) -> types.Location | None:
    if place.span is not None:
        return types.Location(document.uri, server.converter(document).range(place.span))
    if place.file is not None and document.path is not None:
        path = Path(document.path).parent / place.file
        return file_start(str(path)) if path.is_file() else None
    if place.handler is not None:
        source = server.handlers.source(place.handler)
        if source is not None:
            start = types.Position(source[1], 0)
            return types.Location(uri_of(source[0]), types.Range(start, start))
    return None


def _outline(server: RuneServer, params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
    document = server.session.documents.get(params.text_document.uri)
    if document is None:
        return []
    convert = server.converter(document)
    return [convert.symbol(symbol) for symbol in symbols(document.known)]


def _format(
    server: RuneServer, params: types.DocumentFormattingParams
) -> list[types.TextEdit] | None:
    document = server.session.documents.get(params.text_document.uri)
    if document is None or not document.is_ours:
        return None
    try:
        text = format_text(document.text, document.file)
    except CompileError:
        return None  # what is wrong is shown as diagnostics
    if text == document.text:
        return []
    return [types.TextEdit(whole(document.lines, server.encoding), text)]


def _actions(server: RuneServer, params: types.CodeActionParams) -> list[types.CodeAction]:
    document = server.session.documents.get(params.text_document.uri)
    if document is None or not document.is_current():
        return []
    convert = server.converter(document)
    actions = []
    for found in document.known.diagnostics:
        if found.span.file != document.file or found.hint is None:
            continue
        if not params.range.start.line <= found.span.line - 1 <= params.range.end.line:
            continue
        action = convert.fix(found, document.uri)
        if action is not None:
            actions.append(action)
    return actions


_FEATURES: Final[tuple[tuple[str, Callable[[RuneServer, Any], Any], Any], ...]] = (
    (types.INITIALIZE, _initialize, None),
    (types.TEXT_DOCUMENT_DID_OPEN, _opened, None),
    (types.TEXT_DOCUMENT_DID_CHANGE, _changed, None),
    (types.TEXT_DOCUMENT_DID_CLOSE, _closed, None),
    (types.TEXT_DOCUMENT_DID_SAVE, _saved, None),
    (types.WORKSPACE_DID_CHANGE_WATCHED_FILES, _files_changed, None),
    (
        types.TEXT_DOCUMENT_COMPLETION,
        _complete,
        types.CompletionOptions(trigger_characters=list(TRIGGERS)),
    ),
    (types.TEXT_DOCUMENT_HOVER, _hover, None),
    (types.TEXT_DOCUMENT_DEFINITION, _define, None),
    (types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, _outline, None),
    (types.TEXT_DOCUMENT_FORMATTING, _format, None),
    (
        types.TEXT_DOCUMENT_CODE_ACTION,
        _actions,
        types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix]),
    ),
)


def serve(handlers: Sequence[str] = (), *, project: bool = True) -> None:
    """Answer one client on standard input and output, until it leaves."""
    inlet, outlet = _own_pipes()
    make_server(handlers, project=project).start_io(inlet, outlet)


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The pipes to the client, for nobody else: what a handler's module prints goes to stderr."""
    sys.stdout.flush()
    inlet, outlet = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return inlet, outlet
