"""Diagnostics as data: what a compiler stage says about a document."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

from .codes import CODES, Level
from .limits import DIAGNOSTICS, DIAGNOSTICS_COUNTED
from .records import record
from .spans import Span

Severity = Literal["error", "warning", "info"]


@record
class Diagnostic:
    """One finding. ``pointer`` is the RFC 6901 JSON pointer of the place in the document."""

    code: str
    severity: Severity
    message: str
    span: Span
    pointer: str = ""
    hint: str | None = None
    #: Other places that matter (the first of two conflicting writers ...), each with a caption.
    related: tuple[tuple[Span, str], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The JSON form that ``rune check --output json`` prints."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "file": self.span.file,
            "line": self.span.line,
            "column": self.span.column,
            "pointer": self.pointer,
            "hint": self.hint,
        }


class Diagnostics:
    """The findings of one compilation, collected by all stages so that the user sees all at once.

    Codes must be in ``codes.CODES``; the table also gives the default severity. ``levels`` (code ->
    level) changes that of codes which are no errors. Past ``limits.DIAGNOSTICS`` findings further
    ones are only counted.
    """

    __slots__ = ("_errors", "_items", "_levels", "_silences", "dropped", "silenced")

    def __init__(self, levels: Mapping[str, Level] | None = None) -> None:
        self._items: list[Diagnostic] = []
        self._errors = 0
        self._levels: Mapping[str, Level] = levels or {}
        self._silences: Mapping[str, Collection[str]] = {}
        self.dropped = 0
        #: (code, pointer of the step that allows it) of every silence that was of use.
        self.silenced: set[tuple[str, str]] = set()

    def add(
        self,
        code: str,
        message: str,
        span: Span,
        pointer: str = "",
        hint: str | None = None,
        *,
        severity: Severity | None = None,
        related: tuple[tuple[Span, str], ...] = (),
    ) -> None:
        """Record one finding; ``severity`` defaults to the code's own."""
        chosen: Level = severity or CODES[code].severity
        if chosen == "error":
            self._errors += 1
        else:
            if self._silences and self._is_silenced(code, pointer):
                return
            chosen = self._levels.get(code, chosen)
            if chosen == "off":
                return
            if chosen == "error":
                self._errors += 1
        if len(self._items) >= DIAGNOSTICS:
            self.dropped += 1
            return
        item = Diagnostic(code, chosen, message, span, pointer, hint, related)
        if item not in self._items[-3:]:
            self._items.append(item)

    def silence(self, places: Mapping[str, Collection[str]]) -> None:
        """From here on, and of what is there: drop findings that a step allows.

        ``places``: code -> the pointers of the steps that allow it. Errors are never dropped.
        """
        self._silences = places
        kept = []
        for item in self._items:
            raised = self._levels.get(item.code) == "error"
            fixed = item.severity == "error" and not raised
            if fixed or not self._is_silenced(item.code, item.pointer):
                kept.append(item)
            else:
                self._errors -= raised
        self._items = kept

    def is_off(self, code: str) -> bool:
        """Whether findings of this code are left out."""
        return self._levels.get(code) == "off"

    def _is_silenced(self, code: str, pointer: str) -> bool:
        """Whether the step at the pointer, or one around it, allows the code."""
        places = self._silences.get(code)
        if not places:
            return False
        while pointer not in places:
            if not pointer:
                return False
            pointer = pointer.rpartition("/")[0]
        self.silenced.add((code, pointer))
        return True

    @property
    def has_errors(self) -> bool:
        """Whether compilation must stop at the end of the current group of stages."""
        return self._errors > 0

    @property
    def is_hopeless(self) -> bool:
        """Whether so much was found that looking for more helps nobody: the rest is left unread."""
        return self.dropped >= DIAGNOSTICS_COUNTED and self.has_errors

    @property
    def errors(self) -> int:
        """The errors found so far, those past the limit included."""
        return self._errors

    def sorted(self) -> tuple[Diagnostic, ...]:
        """All findings in the order of the document."""
        return tuple(
            sorted(self._items, key=lambda d: (d.span.file, d.span.line, d.span.column, d.code))
        )
