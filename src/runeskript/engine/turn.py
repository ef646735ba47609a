"""A turn: one slice of one run on its way through the commit and out."""

from __future__ import annotations

from typing import TypeAlias

from ..kernel import Ready
from ..model.effects import CallOut, CallsOut, ChildOut, Effect
from ..model.events import Path, is_force
from ..stores.base import RowChange, Unit
from .children import Decision
from .executors.base import Lane
from .live import Live
from .queued import Placed

#: Calls on their way out, in order: those to one handler in a row, or those of one batch.
Calls: TypeAlias = "list[tuple[Lane, list[CallOut] | CallsOut]]"


class Turn:
    """One slice of one run on its way through commit and outlet."""

    __slots__ = (
        "arrived",
        "asked",
        "calls",
        "change",
        "children",
        "given_up",
        "live",
        "mail",
        "others",
        "placed",
        "ready",
        "sent",
        "units",
    )

    def __init__(self, live: Live, ready: Ready, sent: int = 0) -> None:
        self.live = live
        self.ready = ready
        #: How many of the effects have left already, ahead of the commit.
        self.sent = sent
        self.units: list[Unit] = []
        #: Calls to be let out.
        self.calls: Calls = []
        #: Effects that are no calls, in order.
        self.others: list[Effect] = []
        #: What became of each ChildOut, in order.
        self.children: list[tuple[ChildOut, Decision]] = []
        #: The jobs it creates for calls on queues.
        self.placed: list[Placed] = []
        self.change: RowChange | None = None
        #: Calls whose end is in the inbox already; made when a dropped call has to settle.
        self.arrived: set[tuple[Path, int]] | None = None
        #: Path and n of calls that were asked to stop, and whose end is awaited.
        self.asked: list[tuple[Path, int]] = []
        #: Whether the commit may put something into inboxes.
        self.mail = False
        #: As ``forced``; None before somebody asks.
        self.given_up: bool | None = None

    @property
    def forced(self) -> bool:
        """Whether the grace time of a cancel was over in it: the calls it drops were given up."""
        if self.given_up is None:
            self.given_up = any(map(is_force, self.ready.events))
        return self.given_up
