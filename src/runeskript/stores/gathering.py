"""What comes one by one and is done in groups: what comes while a group is done is the next one.

So the number of groups follows the load: each thing by itself where one comes at a time, and
hundreds at once where they come faster than they are done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeAlias, TypeVar

_I = TypeVar("_I")
_R = TypeVar("_R")
#: A thing, and who is told what became of it.
Waiting: TypeAlias = "tuple[_I, asyncio.Future[_R]]"


class Gathering(Generic[_I, _R]):
    """``do`` is given a group of at most ``most``, in the order they came, and tells each; what it
    raises is told to all that it has not told yet. Where all this is cancelled, from outside, those
    who wait are cancelled with it; what no group came to is given to ``dropped``. ``turns``: of the
    loop, for which a group waits at most before it is done, as long as each brings more.
    """

    def __init__(
        self,
        do: Callable[[list[Waiting[_I, _R]]], Awaitable[None]],
        most: int,
        dropped: Callable[[_I], None] | None = None,
        turns: int = 0,
    ) -> None:
        self._do = do
        self._most = most
        self._dropped = dropped
        self._turns = turns
        self._waiting: list[Waiting[_I, _R]] = []
        #: What does the groups, until nothing is waiting.
        self.task: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether a group is being done, or about to be."""
        task = self.task
        return task is not None and not task.done() and not task.get_loop().is_closed()

    def add(self, item: _I) -> asyncio.Future[_R]:
        """Have a thing done, even if nobody waits for it any more."""
        loop = asyncio.get_running_loop()
        told: asyncio.Future[_R] = loop.create_future()
        if self.task is not None and self.task.get_loop().is_closed():
            self._drop()
        self._waiting.append((item, told))  # before the task, which may be eager to begin
        if not self.busy:
            self.task = loop.create_task(self._run())
            self.task.add_done_callback(self._ended)
        return told

    def put_back(self, group: list[Waiting[_I, _R]], first: int) -> None:
        """What ``do`` was given, from ``first`` on, it does not do: it comes first in the next
        group.
        """
        self._waiting[:0] = group[first:]
        del group[first:]

    async def done(self) -> None:
        """Wait until nothing is waiting."""
        while self.task is not None and self.busy:
            await asyncio.wait((self.task,))

    async def _run(self) -> None:
        while self._waiting:
            await self._more()
            group = self._waiting[: self._most]
            del self._waiting[: self._most]
            try:
                await self._do(group)
            except Exception as exc:
                for _, told in group:
                    if not told.done():
                        told.set_exception(exc)
            finally:
                for _, told in group:
                    _cancel(told)

    async def _more(self) -> None:
        """Whoever comes in the next turns of the loop is done with those that wait."""
        for _ in range(self._turns):
            there = len(self._waiting)
            await asyncio.sleep(0)
            if there == len(self._waiting) or there >= self._most:
                return

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task is self.task:  # else another does what it has left
            self._drop()

    def _drop(self) -> None:
        """What is left here the task did not come to: it was cancelled, maybe before it began."""
        left, self._waiting = self._waiting, []
        for item, told in left:
            _cancel(told)
            if self._dropped is not None:
                self._dropped(item)


def _cancel(told: asyncio.Future[Any]) -> None:
    """Nobody is left waiting; on a loop that is closed nobody does."""
    if not told.done() and not told.get_loop().is_closed():
        told.cancel()
