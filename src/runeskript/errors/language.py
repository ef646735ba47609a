"""Mistakes in documents, and the typed errors that documents catch."""

from __future__ import annotations

from typing import Any

from .base import RuneskriptError


class CompileError(RuneskriptError):
    """A document has errors; ``diagnostics`` lists all of them (see ``model/diagnostics.py``)."""

    code = "RUNE-1000"

    def __init__(self, message: str, diagnostics: tuple[Any, ...]) -> None:
        super().__init__(message)
        self.diagnostics = diagnostics


class UnknownPassError(RuneskriptError):
    """The optimizer has no pass of this name."""

    code = "RUNE-8010"

    def __init__(self, name: str, hint: str | None = None) -> None:
        super().__init__(f"no pass is called `{name}`" + (f"; {hint}" if hint else ""))
        self.name = name


class StepError(RuneskriptError):
    """A typed error of the language; raise it in a handler to fail a step with a type.

    ``type`` is dotted and matched by prefix (``http`` matches ``http.503``). ``data`` must be a
    value. ``retryable`` marks the error for a ``retry`` that names no types of its own.
    ``code`` defaults to the code of the type's family (``model/codes.py``).
    """

    code = "RUNE-5000"

    def __init__(
        self,
        type: str,  # noqa: A002 - the language calls it `type`
        message: str = "",
        *,
        data: Any = None,
        retryable: bool = False,
        code: str | None = None,
    ) -> None:
        super().__init__(message or type, code=code)
        self.type = type
        self.data = data
        self.retryable = retryable


class NotAValueError(RuneskriptError):
    """Something that is no value (bytes, a set, NaN, a huge int ...) reached a boundary."""

    code = "RUNE-5020"
