"""Which form a document has, and the front end that reads it."""

from __future__ import annotations

from ...model.ast import Document
from ...model.diagnostics import Diagnostics
from ..nodes import Map, key_of, span_of
from ..read import Source
from ..tables import FORMS
from .native import parse_native


def parse_source(source: Source, diagnostics: Diagnostics) -> Document | None:
    """The document a tree describes, whatever its form; None where it describes none."""
    root = source.root
    if type(root) is not Map:
        return parse_native(source, diagnostics)
    form = _form(root, source.file, diagnostics)
    if form == "native":
        return parse_native(source, diagnostics)
    if form == "graph":
        from .graph.document import (
            parse_graph,  # few documents need it, and it takes time to import
        )

        return parse_graph(source, diagnostics)
    if form == "machine":
        from .machine import parse_machine  # as above

        return parse_machine(source, diagnostics)
    return None


def _form(root: Map, file: str, diagnostics: Diagnostics) -> str | None:
    """The form its top-level keys say; None (and a finding) where they say two."""
    present = [key for key in FORMS if key in root.entries]
    forms = {FORMS[key] for key in present}
    if len(forms) > 1:
        first, second = present[0], next(k for k in present if FORMS[k] != FORMS[present[0]])
        diagnostics.add(
            "RUNE-1106",
            f"`{first}` and `{second}` are two forms of document",
            span_of(key_of(root, second), file),
            f"/{second}",
            "a file has one form: `skript`, `workflow`/`nodes`, or `machine`",
            related=((span_of(key_of(root, first), file), "the other form"),),
        )
        return None
    return forms.pop() if forms else "native"
