"""Expressions that may have another value the next time, with the same variables."""

from __future__ import annotations

from ..expr.functions import FUNCTIONS
from ..expr.ir import walk
from ..model.ast import IR, Document


def drawing_functions(document: Document) -> frozenset[str]:
    """The document's functions that draw from ``uuid()`` or ``random()``, themselves or below."""
    drawing: frozenset[str] = frozenset()
    while True:
        more = {f.name for f in document.functions if draws(f.body.ir, drawing)}
        if more <= drawing:
            return drawing
        drawing |= more


def draws(ir: IR, drawing: frozenset[str]) -> bool:
    """Whether an expression draws; ``now()`` stands still while no time passes, and does not."""
    for node in walk(ir):
        if node[0] == "call" and FUNCTIONS[node[1]].effect == "entropy":
            return True
        if node[0] == "ucall" and node[1] in drawing:
            return True
    return False
