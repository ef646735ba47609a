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

from .failing import translated

#: What became of a write: its result, or what it raised.
Outcome: TypeAlias = "tuple[Any, BaseException | None]"
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


class Together:
    """Gathers writes. ``write``: carries out one function in a transaction."""

    def __init__(self, db: Transaction, write: Callable[..., Awaitable[Any]]) -> None:
        self._db = db
        self._write = write
        self._waiting: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def add(self, work: Callable[[], Any]) -> Any:
        """What it gives, once it is durable. It is carried out even if nobody waits any more."""
        loop = asyncio.get_running_loop()
        told: asyncio.Future[Any] = loop.create_future()
        self._waiting.append((work, told))
        if self._writer is None:
            self._writer = loop.create_task(self._run())
        return await told

    async def done(self) -> None:
        """Wait until nothing is waiting to be written."""
        while self._writer is not None:
            await asyncio.wait((self._writer,))

    async def _run(self) -> None:
        try:
            while self._waiting:
                part = self._waiting[:MOST]
                del self._waiting[:MOST]
                await self._carry_out(part)
        finally:
            self._writer = None
            for _, told in self._waiting:  # only where the task was cancelled
                told.cancel()

    async def _carry_out(self, part: list[tuple[Callable[[], Any], asyncio.Future[Any]]]) -> None:
        found: list[Outcome] = []
        try:
            if len(part) == 1:
                found.append((await self._write(part[0][0]), None))
            else:
                found = await self._write(self._each, [work for work, _ in part])
        except Exception as exc:
            found = [(None, exc)] * len(part)
        finally:
            for at, (_, told) in enumerate(part):
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
                error = translated(exc, db.path) if isinstance(exc, apsw.Error) else exc
                found.append((None, error))
            db.ex("RELEASE one")
        return found
