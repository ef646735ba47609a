"""Findings about documents as text: with the source line and a caret under the place."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Final

from ..compiler.render import render
from ..model.diagnostics import Diagnostic
from . import documents, terminal

#: A call of a handler nobody has registered.
UNKNOWN_HANDLER: Final = "RUNE-3007"
#: An estimate, of interest where somebody asked what is to be said of a document.
MOST_CALLS: Final = "RUNE-3140"


def is_note(item: Diagnostic) -> bool:
    """Whether a finding only tells how many calls a job can make: a line for `check` to add."""
    return item.code == MOST_CALLS and item.severity == "info"


def render_all(diagnostics: Iterable[Diagnostic], stream: object = None) -> str:
    """All findings and a line that counts them, for standard error or the given stream."""
    items = tuple(d for d in diagnostics if not is_note(d))
    files = {d.span.file for d in items} | {s.file for d in items for s, _ in d.related}
    sources = {name: text for name in files if (text := documents.text_of(name)) is not None}
    out = stream if stream is sys.stdout else sys.stderr
    text = render(items, sources, color=terminal.colour(out)).rstrip("\n")
    if any(d.code == UNKNOWN_HANDLER and d.hint is None for d in items):
        text += (
            "\nhandlers come from --handlers FILE_OR_MODULE, or from `handlers` under "
            "[tool.runeskript] in pyproject.toml"
        )
    return text
