"""``allow``: the findings that a document silences, each with a reason.

A step's ``allow`` covers the step and what stands in it, the document's covers all of it. Errors
cannot be silenced, and a silence that is of no use is a finding of its own.
"""

from __future__ import annotations

from typing import TypeAlias

from ..model.ast import Allow, Document, Step
from ..model.diagnostics import Diagnostics

#: Code -> pointer of the step that allows it ("" is the document) -> its entry.
Silences: TypeAlias = dict[str, dict[str, Allow]]

NEEDLESS = "RUNE-3100"


def silences_of(document: Document, steps: list[Step]) -> Silences:
    """Every silence of a document; ``steps``: all its steps."""
    found: Silences = {}
    for allow in document.allow:
        found.setdefault(allow.code, {})[""] = allow
    for step in steps:
        for allow in step.site.allow:
            found.setdefault(allow.code, {})[step.site.pointer] = allow
    return found


def check_silences(silences: Silences, found: Diagnostics) -> None:
    """Report the silences that were of no use. Comes when all other checks are done."""
    for code, places in silences.items():
        if code != NEEDLESS:
            _report(code, places, found)
    found.silence({})  # a silence of this finding cannot hide that it is needless itself
    _report(NEEDLESS, silences.get(NEEDLESS, {}), found)


def _report(code: str, places: dict[str, Allow], found: Diagnostics) -> None:
    for pointer, allow in places.items():
        if (code, pointer) not in found.silenced and not found.is_off(code):
            found.add(
                NEEDLESS,
                f"`{code}` is not found here: there is nothing to silence",
                allow.span,
                allow.pointer,
                "delete this entry of `allow`",
            )
