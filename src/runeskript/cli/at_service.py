"""Documents that a service is asked about in place of the compiler here: what it finds in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..compiler.pipeline import check_text
from ..errors import CompileError
from ..model.diagnostics import Diagnostic
from ..model.spans import Span
from . import documents
from .usage import UsageError

if TYPE_CHECKING:
    from ..service.types import Finding


def text_of(name: str) -> str:
    """A document's text. Raises UsageError, and CompileError for what is no text."""
    data = documents.load(name)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CompileError(f"{name}: 1 error", check_text(data, name)) from None


def diagnostics_of(findings: Iterable[Finding], name: str) -> tuple[Diagnostic, ...]:
    """What a service has found in a document, at the places of the file that it is here."""
    return tuple(
        Diagnostic(
            one.code,
            one.severity,
            one.message,
            Span(name, one.line, one.column, one.line, one.column + 1),
            one.pointer,
            one.hint,
        )
        for one in findings
    )


def refused(error: CompileError, name: str) -> CompileError:
    """A service's refusal of a document, as the compiler here would have worded it."""
    found = diagnostics_of(error.diagnostics, name)
    count = sum(one.severity == "error" for one in found)
    return CompileError(f"{name}: {count} error{'' if count == 1 else 's'}", found)


def check_options(given: dict[str, object]) -> None:
    """Refuse options that mean nothing to a service. Raises UsageError."""
    for option, value in given.items():
        if value:
            raise UsageError(f"{option} does not go with --server: a service compiles by itself")
