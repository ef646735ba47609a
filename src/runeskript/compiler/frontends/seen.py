"""What can only be said about a document when all its names are known.

While a document is read its names, the names that comprehensions bind, and texts that look like
arithmetic are noted; :func:`check_seen` draws the conclusions at the end.
"""

from __future__ import annotations

import re
from dataclasses import field
from typing import Final

from ...expr.parser import looks_like_expression
from ...model.ast import Name
from ...model.diagnostics import Diagnostics
from ...model.records import mutable
from ..nodes import Scalar, clip, span_of
from ..read import Source
from ..tables import ROOTS
from .places import place

#: Names that are in scope everywhere.
_EVERYWHERE: Final = ("input", "env", "job")
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@mutable
class Seen:
    """Notes taken while reading one document."""

    #: Names of variables, set anywhere.
    variables: set[str] = field(default_factory=set)
    #: Name of a loop's element or index -> pointers of the loops.
    loops: dict[str, list[str]] = field(default_factory=dict)
    #: Names that comprehensions bind: (scalar, offset of the expression in it, names, pointer).
    bound: list[tuple[Scalar, int, tuple[Name, ...], str]] = field(default_factory=list)
    #: Plain texts that look like arithmetic, with the pointers of their places.
    suspects: dict[str, list[tuple[Scalar, str]]] = field(default_factory=dict)


def check_seen(seen: Seen, source: Source, diagnostics: Diagnostics) -> None:
    """Report names that hide others, and texts that were probably meant as expressions."""
    for node, start, names, pointer in seen.bound:
        for name in names:
            finding = _hides(name.name, pointer, seen)
            if finding is not None:
                code, message = finding
                span = place(node, source, start + name.offset, len(name.name))
                diagnostics.add(code, message, span, pointer, "choose another name here")
    known = {*seen.variables, *seen.loops, *_EVERYWHERE}
    for text, places in seen.suspects.items():
        if known.isdisjoint(_WORD.findall(text)) or not looks_like_expression(text, known):
            continue
        for node, pointer in places:
            diagnostics.add(
                "RUNE-1124",
                f"`{clip(text)}` is a text here, not an expression",
                span_of(node, source.file),
                pointer,
                f"write `${{{clip(text)}}}` to compute it, or quote it to keep the text",
            )


def _hides(name: str, pointer: str, seen: Seen) -> tuple[str, str] | None:
    """Code and message, if a name bound by a comprehension at ``pointer`` hides another."""
    if name in ROOTS:
        return "RUNE-1109", f"`{name}` has a meaning of its own and cannot be declared"
    if name in seen.variables:
        return "RUNE-3005", f"`{name}` would hide the variable of that name"
    for loop in seen.loops.get(name, ()):
        if pointer.startswith(f"{loop}/do/"):
            return "RUNE-3005", f"`{name}` is the name of a loop around this one already"
    return None
