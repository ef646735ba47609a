"""The WAL is copied back into the file by a thread of its own, in small portions.

What is written meanwhile stays in it; the writer copies that little itself, for only a WAL that is
copied back to its end is written from its beginning again, and does not grow.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

import apsw

from .files import connect

#: Pages written to the WAL from which on it is copied back (4 MB).
CHECKPOINT_PAGES: Final = 1_000
#: The most pages that the writer copies back itself (1 MB: about as long as a COMMIT on a disk).
REST_PAGES: Final = 250


class Wal:
    """That of one file. ``apart``: runs a function in a thread."""

    def __init__(
        self,
        writer: apsw.Connection,
        path: str,
        sync: str,
        apart: Callable[[Callable[[], None]], Future[None]],
    ) -> None:
        self._writer = writer
        self._path = path
        self._sync = sync
        self._apart = apart
        self._pages = 0
        #: What copies it back.
        self.copying: Future[None] | None = None

    def look(self, *, sampled: bool) -> None:
        """Between two transactions: see to it that it does not grow. ``sampled``: count what was
        written even where nothing was copied back.
        """
        copied = self.copying is not None and self.copying.done()
        if not (copied or sampled):
            return
        self._pages += self._writer.status(apsw.SQLITE_DBSTATUS_CACHE_WRITE, True)[0]
        if copied and self._pages <= REST_PAGES:
            self.copying = None
            self._pages = 0
            self._copy_rest()
        elif copied or (self.copying is None and self._pages >= CHECKPOINT_PAGES):
            self._pages = 0
            self.copying = self._apart(self._copy_back)

    def _copy_back(self) -> None:
        """Copy it into the file, as far as nobody reads it."""
        connection = connect(self._path, self._sync)
        try:
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.BusyError:
            return  # somebody else does it
        finally:
            connection.close()

    def _copy_rest(self) -> None:
        """Copy back what was written while the thread copied."""
        try:
            self._writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.BusyError:
            pass  # somebody else copies
