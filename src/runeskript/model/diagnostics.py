"""Diagnostics as data: what a compiler stage says about a document."""

from __future__ import annotations

from typing import Any, Literal

from .codes import CODES
from .limits import DIAGNOSTICS
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

    Codes must be in ``codes.CODES``; the table also gives the default severity. Past
    ``limits.DIAGNOSTICS`` findings further ones are only counted.
    """

    __slots__ = ("_errors", "_items", "dropped")

    def __init__(self) -> None:
        self._items: list[Diagnostic] = []
        self._errors = 0
        self.dropped = 0

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
        chosen = severity or CODES[code].severity
        if chosen == "error":
            self._errors += 1
        if len(self._items) >= DIAGNOSTICS:
            self.dropped += 1
            return
        item = Diagnostic(code, chosen, message, span, pointer, hint, related)
        if item not in self._items[-3:]:
            self._items.append(item)

    @property
    def has_errors(self) -> bool:
        """Whether compilation must stop at the end of the current group of stages."""
        return self._errors > 0

    def sorted(self) -> tuple[Diagnostic, ...]:
        """All findings in the order of the document."""
        return tuple(
            sorted(self._items, key=lambda d: (d.span.file, d.span.line, d.span.column, d.code))
        )
