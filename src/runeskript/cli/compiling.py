"""Compiling the document a verb names, by the project's settings."""

from __future__ import annotations

from collections.abc import Sequence

from ..compiler.pipeline import Compiled, compile_text
from ..model.catalog import HandlerCatalog
from . import documents, terminal
from .diagnostics import render_all
from .registry import load_registry
from .settings import options_for


def compile_file(
    name: str,
    handlers: Sequence[str] = (),
    *,
    catalog: HandlerCatalog | None = None,
    passes: tuple[str, ...] | None = None,
    keep: bool = False,
    lint: bool = True,
) -> Compiled:
    """The compiled document; its warnings are written to standard error.

    Raises UsageError for a file that cannot be read, CompileError for a document with errors.
    """
    known = load_registry(handlers) if catalog is None else catalog
    source = documents.load(name)
    options = options_for(lint=lint, passes=passes, keep=keep)
    compiled = compile_text(source, name, known, options)
    said = render_all(compiled.diagnostics)
    if said:
        terminal.note(said)
    return compiled
