"""The root of the tree, and what should never be raised."""

from __future__ import annotations


class RuneskriptError(Exception):
    """Base of every exception this package raises on purpose."""

    code: str = "RUNE-9000"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class KernelInvariantError(RuneskriptError):
    """An assertion of the kernel failed: a defect in Runeskript itself, never in a document."""

    code = "RUNE-9001"
