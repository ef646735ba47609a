"""The connection that reads. Each statement is a transaction by itself, unless for many.

To begin one takes longer than most questions. So in a service what is read in one turn of the loop
is read in one transaction. It ends with the turn, or with a write of this store: whoever asks in a
later turn, or was told of a write, sees what there is then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, TypeAlias, TypeVar

import apsw

from .failing import translated
from .files import connect

Rows: TypeAlias = list[tuple[Any, ...]]
_T = TypeVar("_T")
_running_loop: Final = asyncio._get_running_loop  # None where there is none


class Reader:
    """Used from one thread at a time."""

    def __init__(self, path: str, sync: str) -> None:
        """Raises apsw.Error."""
        self._path = path
        self._connection = connect(path, sync)
        self._execute = self._connection.cursor().execute
        #: Whether there is one transaction for a turn, and whether that of this one is open.
        self.turns = False
        self._open = False
        #: What was read in it, and may be asked for again; always this dict.
        self.known: dict[object, Any] = {}

    def read(self, sql: str, args: tuple[Any, ...] = ()) -> Rows:
        """All rows of one statement, as of this turn. Raises StoreError."""
        try:
            if self.turns and not self._open and (loop := _running_loop()) is not None:
                self._execute("BEGIN")
                self._open = True
                loop.call_soon(self.let_go)
            return self._execute(sql, args).fetchall()
        except apsw.Error as exc:
            raise translated(exc, self._path) from exc

    def keep(self, key: object, found: _T) -> _T:
        """What was read once for all who ask in this turn; nobody changes it."""
        if self._open:
            self.known[key] = found
        return found

    def reading(self, work: Callable[[], _T]) -> _T:
        """Several statements that see the same state of the file."""
        if self._open or (self.turns and _running_loop() is not None):
            return work()
        self.read("BEGIN")
        try:
            return work()
        finally:
            self.read("COMMIT")

    def let_go(self) -> None:
        """What is read next is read anew."""
        if self._open:
            self._open = False
            self.known.clear()
            if self._connection.in_transaction:  # SQLite may have ended it after an error
                self._execute("COMMIT")

    def close(self) -> None:
        """Close it. Raises apsw.Error."""
        self.let_go()
        self._connection.close()
