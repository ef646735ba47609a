"""A worker of the task pool, and what the workers need of the driver."""

from __future__ import annotations

import asyncio
import enum
from typing import TYPE_CHECKING, Any, Protocol

from ...model.effects import CallOut
from ...model.events import CallDone
from ...model.values import Value
from .base import Batch, Call, Host

if TYPE_CHECKING:
    from ..handlers.context import HandlerContext


class TaskHost(Host, Protocol):
    """The driver, as the workers see it."""

    @property
    def pending(self) -> Any: ...  # noqa: D102 - true while runs wait for a tick
    @property
    def ticking(self) -> bool: ...  # noqa: D102 - a tick is waiting for its commit

    #: Until when (``monotonic``) the last reading of the clock serves as the time of events.
    fresh_until: float

    def read_clock(self, now: float) -> None:
        """Take a new reading; ``now`` is the interval clock's."""

    def lead(self, batch: Batch, call: CallOut, result: Value) -> tuple[CallDone, CallOut] | None:
        """The one call of a batch succeeded: what ``follow`` takes, or None."""

    async def follow(self, batch: Batch, event: CallDone, call: CallOut) -> Batch | None:
        """Make the event durable: the call on its way, to be made at once, or None."""

    async def tick(self) -> None:
        """Advance pending runs, commit, let the effects out. Raises nothing."""


class Then(enum.Enum):
    """What a worker does next."""

    GO_ON = 1
    #: Nothing to do: rest until woken.
    REST = 2
    #: A handler that had suspended is over: rest too, but see to it that its completion is taken.
    RESUMED = 3
    #: End: the next handler would see traces of this one.
    RETIRE = 4


class Worker:
    """One pooled task. ``current`` is set while a handler runs, ``call`` once it suspended."""

    __slots__ = ("batch", "call", "cancels", "current", "task", "wake")

    def __init__(self) -> None:
        self.task: asyncio.Task[None]
        self.wake: asyncio.Future[None]
        self.current: HandlerContext | None = None
        self.batch: Batch | None = None
        self.call: Call | None = None
        self.cancels = 0
