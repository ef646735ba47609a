"""The documents that are open: their texts, what is known of them, and when they are looked at.

A change is looked at a moment after the last keystroke, in a thread, one look at a time for each
document; what has changed meanwhile is looked at again, and only the result for the present text is
shown. Questions (completion, hover ...) never wait: they are answered from the present text and
from the last look that could read one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ...compiler.editor.analysis import Analysis, analyse, is_ours
from ...compiler.pipeline import Options
from ...model.catalog import HandlerCatalog
from ...model.diagnostics import Diagnostic
from ...model.limits import DOCUMENT_BYTES
from ...model.spans import Span
from .places import path_of, split_lines

_LOG: Final = logging.getLogger(__name__)
#: Seconds after the last change until a text is looked at; for large ones longer, in proportion to
#: what the last look took.
DELAY: Final = 0.15
LONGEST: Final = 2.0
#: Documents beside an open one that completion proposes.
BESIDE: Final = 100


class OpenDocument:
    """One document as the client has it."""

    def __init__(self, uri: str, text: str, version: int | None) -> None:
        self.uri = uri
        self.path = path_of(uri)
        #: The name that diagnostics carry.
        self.file = self.path or uri
        self.known = Analysis(self.file)
        #: The text that ``known`` is about.
        self.looked_at: str | None = None
        self.took = 0.0
        self.task: asyncio.Task[None] | None = None
        self.put(text, version)

    def put(self, text: str, version: int | None) -> None:
        """A new text."""
        self.text = text
        self.version = version
        self.lines = split_lines(text)
        self.is_ours = is_ours(text)

    def is_current(self) -> bool:
        """Whether what is known is about the present text."""
        return self.looked_at == self.text


class Session:
    """All open documents. ``publish`` is called in the loop's thread after each look."""

    def __init__(
        self,
        catalog: HandlerCatalog,
        options: Callable[[], Options],
        publish: Callable[[OpenDocument], None],
    ) -> None:
        self.catalog = catalog
        self._options = options
        self._publish = publish
        self.documents: dict[str, OpenDocument] = {}

    def open(self, uri: str, text: str, version: int | None) -> None:
        """A document was opened."""
        self.documents[uri] = OpenDocument(uri, text, version)
        self._look(self.documents[uri])

    def change(self, uri: str, text: str, version: int | None) -> None:
        """A document was changed."""
        document = self.documents.get(uri)
        if document is None:
            self.open(uri, text, version)
            return
        document.put(text, version)
        self._look(document)

    def close(self, uri: str) -> None:
        """A document was closed."""
        document = self.documents.pop(uri, None)
        if document is not None and document.task is not None:
            document.task.cancel()

    def look_again(self) -> None:
        """Something outside of the documents has changed: a file that one of them runs."""
        for document in self.documents.values():
            document.looked_at = None
            self._look(document)

    # --- looking ------------------------------------------------------------------------------

    def _look(self, document: OpenDocument) -> None:
        """See to it that the present text will be looked at."""
        if document.task is None or document.task.done():
            document.task = asyncio.get_running_loop().create_task(self._follow(document))

    async def _follow(self, document: OpenDocument) -> None:
        """Look until what is known is about the present text."""
        while not document.is_current():
            text = document.text
            if document.looked_at is not None:
                # Not the first look: somebody is typing. Wait for a pause.
                await asyncio.sleep(min(max(DELAY, document.took / 2), LONGEST))
                if document.text != text:
                    continue
            began = time.monotonic()
            if not document.is_ours:
                document.known, document.looked_at = Analysis(document.file), text
                continue
            found = await asyncio.to_thread(self._analyse, document, text)
            document.took = time.monotonic() - began
            if found.root is None:
                # Names and types stay those of the last text that could be read.
                old = document.known
                old.diagnostics = found.diagnostics
                for name, spans in found.variables.items():
                    old.variables.setdefault(name, spans)
                for name, note in found.functions.items():
                    old.functions.setdefault(name, note)
                found = old
            document.known = found
            document.looked_at = text
        # Also for a text that came back to what it was: the client waits for this version.
        if document.uri in self.documents:
            self._publish(document)

    def _analyse(self, document: OpenDocument, text: str) -> Analysis:
        try:
            options = self._options()
            options = Options(
                resolve=self._resolve,
                passes=(),
                lint=True,
                levels=options.levels,
                max_calls=options.max_calls,
            )
            return analyse(text, document.file, self.catalog, options)
        except Exception as error:
            # A defect of ours, or of a handler's module: said, and the server goes on.
            _LOG.exception("looking at %s failed", document.file)
            start = Span(document.file, 1, 1, 1, 1)
            message = f"{type(error).__name__}: {error}"
            return Analysis(document.file, (Diagnostic("RUNE-9000", "error", message, start, ""),))

    def _resolve(self, path: str, file: str) -> bytes | str:
        """The text of `run: ./path`: as it is open, else from its file. Raises OSError."""
        base = Path(file)
        if not base.is_absolute():
            raise FileNotFoundError(2, "the document is not saved")
        full = (base.parent / path).resolve()
        for document in list(self.documents.values()):
            if document.path is not None and Path(document.path) == full:
                return document.text
        with full.open("rb") as opened:
            return opened.read(DOCUMENT_BYTES + 1)

    def beside(self, document: OpenDocument) -> list[str]:
        """Documents in the folder of one, as `run` names them."""
        if document.path is None:
            return []
        own = Path(document.path)
        try:
            names = sorted(p.name for p in own.parent.iterdir() if p.suffix in (".yaml", ".yml"))
        except OSError:
            return []
        return [f"./{name}" for name in names if name != own.name][:BESIDE]
