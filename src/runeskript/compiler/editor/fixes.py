"""What a finding's hint proposes, as a change of the text."""

from __future__ import annotations

import re
from typing import Final

from ...model.diagnostics import Diagnostic
from ...model.records import record

_MEANT: Final = re.compile(r"did you mean `([^`]+)`\?")
_QUOTED: Final = re.compile(r"`([^`]+)`")


@record
class Fix:
    """Write ``text`` in the place of the columns ``start`` to ``end`` of a line (from 0)."""

    title: str
    line: int
    start: int
    end: int
    text: str


def fix_of(found: Diagnostic, lines: list[str]) -> Fix | None:
    """The change that a "did you mean" hint proposes; None where the place is not certain."""
    meant = _MEANT.search(found.hint or "")
    span = found.span
    if meant is None or span.line != span.end_line or not 0 < span.line <= len(lines):
        return None
    line = lines[span.line - 1]
    inside = line[span.column - 1 : span.end_column - 1]
    for word in (quoted[1] for quoted in _QUOTED.finditer(found.message)):
        # Once, as a whole word: else one would have to guess which is meant.
        places = [m.start() for m in re.finditer(rf"(?<![\w-]){re.escape(word)}(?![\w-])", inside)]
        if len(places) == 1 and word != meant[1]:
            start = span.column - 1 + places[0]
            title = f"Write `{meant[1]}`"
            return Fix(title, span.line - 1, start, start + len(word), meant[1])
    return None
