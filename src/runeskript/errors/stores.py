"""What a store refuses, or cannot do."""

from __future__ import annotations

from .base import RuneskriptError


class StoreError(RuneskriptError):
    """The store refused or failed an operation."""

    code = "RUNE-7000"


class StoreBusyError(StoreError):
    """Another process kept the store locked for too long; the same may be asked again."""

    code = "RUNE-7003"


class StoreFullError(StoreError):
    """There is no room left where the store lives; nothing was written."""

    code = "RUNE-7004"


class StoreReadOnlyError(StoreError):
    """The store's file or directory cannot be written."""

    code = "RUNE-7005"


class StoreUnavailableError(StoreError):
    """There is no store at this place, or it cannot be reached."""

    code = "RUNE-7006"


class StoreFormatError(StoreError):
    """The store was written by another version of Runeskript, or with another codec."""

    code = "RUNE-7007"


class StoreDamagedError(StoreError):
    """What the store holds is not what was written. ``job``, ``record``: the id or the name of the
    one it concerns, if one. ``version``: that of the record, with which it can be replaced or
    dropped; 0 where it is not known.
    """

    code = "RUNE-7008"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        job: str | None = None,
        record: str | None = None,
        version: int = 0,
    ) -> None:
        super().__init__(message, code=code)
        self.job = job
        self.record = record
        self.version = version


class StoreTooLargeError(StoreError):
    """Something is larger than the store keeps in one piece; nothing was written."""

    code = "RUNE-7012"
