"""What SQLite raises, as errors of ours."""

from __future__ import annotations

from typing import Final

import apsw

from ...errors import (
    StoreBusyError,
    StoreDamagedError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
    StoreTooLargeError,
    StoreUnavailableError,
)

#: apsw's exception -> ours, and what it comes to; the first that fits.
_ROWS: Final[tuple[tuple[type[apsw.Error], type[StoreError], str], ...]] = (
    (apsw.BusyError, StoreBusyError, "another process keeps it locked"),
    (apsw.LockedError, StoreBusyError, "it is locked within this process"),
    (apsw.FullError, StoreFullError, "the disk is full"),
    (apsw.TooBigError, StoreTooLargeError, "it is larger than SQLite keeps in one piece"),
    (apsw.ReadOnlyError, StoreReadOnlyError, "it cannot be written"),
    (apsw.CantOpenError, StoreUnavailableError, "it cannot be opened"),
    (apsw.PermissionsError, StoreUnavailableError, "access is denied"),
    (apsw.NotADBError, StoreUnavailableError, "it is no SQLite database"),
    (apsw.CorruptError, StoreDamagedError, "the file is damaged; `rune store check` says where"),
    (apsw.IOError, StoreUnavailableError, "the disk failed"),
)


def translated(exc: apsw.Error, path: str) -> StoreError:
    """The error to raise for one of apsw's."""
    for theirs, ours, text in _ROWS:
        if isinstance(exc, theirs):
            return ours(f"{path}: {text} (SQLite: {exc})")
    return StoreError(f"{path}: SQLite: {type(exc).__name__}: {exc}")
