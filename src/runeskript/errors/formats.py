"""Bytes that are not what they should be: values, Blueprints, journals, exported jobs."""

from __future__ import annotations

from typing import Any

from .base import RuneskriptError


class CodecError(RuneskriptError):
    """Bytes that are not a well-formed encoding of a value.

    ``limit``: they nest deeper, or hold more parts, than the reader was asked to take.
    """

    code = "RUNE-4001"

    def __init__(self, message: str, *, limit: bool = False) -> None:
        super().__init__(message)
        self.limit = limit


class BlueprintError(RuneskriptError):
    """A Blueprint that was refused; ``problems`` are the verifier's (``model.verify.Problem``)."""

    code = "RUNE-4002"

    def __init__(self, message: str, problems: tuple[Any, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class ReplayMismatchError(RuneskriptError):
    """Replaying a journal asked for something else than the journal records."""

    code = "RUNE-4010"


class DamagedError(RuneskriptError):
    """Stored bytes are not what was written: truncated, changed, or from another place."""

    code = "RUNE-4011"


class FormatVersionError(RuneskriptError):
    """Stored bytes were written by another version of Runeskript; they are never guessed at."""

    code = "RUNE-4012"


class SealedError(RuneskriptError):
    """Stored bytes are sealed by a codec that is not here, or does not open them."""

    code = "RUNE-4013"


class ExportError(RuneskriptError):
    """A file is no exported job."""

    code = "RUNE-4014"
