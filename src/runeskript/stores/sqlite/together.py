"""Writes of many who do not know of each other: those of one turn of the loop are one transaction.

Each stands in a savepoint, so that one that fails harms no other. What comes while a transaction is
under way, in a thread or behind another process, waits for it together, too. Whoever writes by
himself waits for a turn in vain; that is why a store does so only where it is told to.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, TypeAlias

import apsw

from ...errors import StoreBusyError
from ..gathering import Gathering, Waiting
from .failing import translated

#: What became of a write: its result, or what it raised.
Outcome: TypeAlias = "tuple[Any, BaseException | None]"
#: What is to be written, and when it was asked for.
Write: TypeAlias = "tuple[Callable[[], Any], float]"
#: Writes of one transaction.
MOST: Final = 500


class Transaction(Protocol):
    """What is asked of the database that is written to, inside a transaction."""

    path: str
    ex: Any
    on_rollback: Callable[[], None]

    @property
    def in_transaction(self) -> bool:
        """Whether it is still there."""

    def is_over(self, asked: float) -> bool:
        """Whether a write has waited for other processes as long as it is to."""


class Together:
    """Gathers writes. ``write``: carries out one function, asked for then, in a transaction."""

    def __init__(self, db: Transaction, write: Callable[..., Awaitable[Any]]) -> None:
        self._db = db
        self._write = write
        self.writes: Gathering[Write, Any] = Gathering(self._carry_out, MOST)

    async def _carry_out(self, group: list[Waiting[Write, Any]]) -> None:
        works = [work for (work, _), _ in group]
        asked = group[0][0][1]  # they stand in the order they came
        found: list[Outcome]
        try:
            if len(works) == 1:
                found = [(await self._write(asked, works[0]), None)]
            else:
                found = await self._write(asked, self._each, works)
        except StoreBusyError:
            # The first has waited in vain for all its time; those that came later have theirs.
            later = range(1, len(group))
            in_time = (at for at in later if not self._db.is_over(group[at][0][1]))
            self.writes.put_back(group, next(in_time, len(group)))
            raise
        for (_, told), (result, error) in zip(group, found, strict=True):
            if told.done():
                continue
            if error is None:
                told.set_result(result)
            else:
                told.set_exception(error)

    def _each(self, works: list[Callable[[], Any]]) -> list[Outcome]:
        """Carry out each, inside the transaction."""
        db, found = self._db, list[Outcome]()
        for work in works:
            db.ex("SAVEPOINT one")
            try:
                found.append((work(), None))
            except Exception as exc:
                if not db.in_transaction:  # SQLite has undone all of it
                    raise
                db.ex("ROLLBACK TO one")
                db.on_rollback()
                found.append((None, _raised(exc, db.path)))
            db.ex("RELEASE one")
        return found


def _raised(exc: Exception, path: str) -> Exception:
    """What whoever asked for a write is told of what it raised."""
    if isinstance(exc, apsw.Error):
        return translated(exc, path)
    if isinstance(exc, StopIteration):  # which no future takes: a codec of somebody else's may
        return RuntimeError(f"a write raised {exc!r}")
    return exc
