"""How a request is refused, and what is wrong with a document."""

from __future__ import annotations

from typing import Any, Literal

from .base import View


class Finding(View):
    """One thing that is wrong with a document, and where."""

    code: str
    severity: Literal["error", "warning", "info"]
    message: str
    file: str
    line: int
    column: int
    pointer: str
    hint: str | None


class Problem(View, omit_defaults=True):
    """Why a request was refused: problem details (RFC 9457) with a stable code.

    ``type``: the code as a URI, which leads nowhere. ``allowed``: what could be asked instead;
    ``version``: the revision that the job has now; ``state``: the state it is in; ``diagnostics``:
    of a document; ``error``: the error of a guard or an action.
    """

    type: str
    title: str
    status: int
    code: str
    detail: str = ""
    instance: str = ""
    hint: str | None = None
    allowed: list[str] | None = None
    version: int | None = None
    state: str | None = None
    diagnostics: list[Finding] | None = None
    error: dict[str, Any] | None = None
