"""Writes of many who do not know of each other: those of one turn of the loop are one transaction.

Each stands in a savepoint, so that one that fails harms no other. What comes while a transaction is
under way, in a thread or behind another process, waits for it together, too. Whoever writes by
himself waits for a turn in vain; that is why a store does so only where it is told to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, TypeAlias

import apsw

from ...errors import StoreBusyError
from .failing import translated

#: What became of a write: its result, or what it raised.
Outcome: TypeAlias = "tuple[Any, BaseException | None]"
#: What is to be written, who is told of it, and when it was asked for.
Waiting: TypeAlias = "tuple[Callable[[], Any], asyncio.Future[Any], float]"
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
        self._waiting: list[Waiting] = []
        self._writer: asyncio.Task[None] | None = None

    async def add(self, work: Callable[[], Any], asked: float) -> Any:
        """What it gives, once it is durable. It is carried out even if nobody waits any more.
        ``asked``: when it was asked for.
        """
        loop = asyncio.get_running_loop()
        told: asyncio.Future[Any] = loop.create_future()
        self._waiting.append((work, told, asked))
        if self._writer is None or self._writer.done():
            self._writer = loop.create_task(self._run())
            self._writer.add_done_callback(self._left)
        return await told

    async def done(self) -> None:
        """Wait until nothing is waiting to be written."""
        while self._writer is not None and not self._writer.done():
            await asyncio.wait((self._writer,))

    async def _run(self) -> None:
        while self._waiting:
            part = self._waiting[:MOST]
            del self._waiting[:MOST]
            await self._carry_out(part)

    def _left(self, writer: asyncio.Task[None]) -> None:
        """Nobody writes what is left: the task was cancelled, maybe before it had begun."""
        if writer is self._writer:
            left, self._waiting = self._waiting, []
            for _, told, _ in left:
                told.cancel()

    async def _carry_out(self, part: list[Waiting]) -> None:
        found: list[Outcome] = []
        try:
            asked = part[0][2]  # they stand in the order they came
            if len(part) == 1:
                found.append((await self._write(asked, part[0][0]), None))
            else:
                found = await self._write(asked, self._each, [work for work, _, _ in part])
        except StoreBusyError as exc:
            # The first has waited in vain for all its time; those that came later have theirs.
            late = [one for one in part[1:] if not self._db.is_over(one[2])]
            part = part[: len(part) - len(late)]
            self._waiting[:0] = late
            found = [(None, exc)] * len(part)
        except Exception as exc:
            found = [(None, exc)] * len(part)
        finally:
            for at, (_, told, _) in enumerate(part):
                if told.done():
                    continue
                if at >= len(found):
                    told.cancel()
                    continue
                result, error = found[at]
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
