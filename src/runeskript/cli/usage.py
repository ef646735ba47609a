"""What the command line refuses: one exception with a code, a message and a hint."""

from __future__ import annotations

from typing import Any

from ..errors import RuneskriptError


class UsageError(RuneskriptError):
    """A mistake in the command's words or in a file it names; the command exits with 2."""

    code = "RUNE-8002"

    def __init__(self, message: str, *, code: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, code=code)
        self.hint = hint

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {"code": self.code, "message": self.message, "hint": self.hint}
