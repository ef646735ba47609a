"""How a simulated run ended, and what it did on the way."""

from __future__ import annotations

from dataclasses import dataclass

from ..model.effects import CallOut, MessageOut
from ..model.events import Event
from ..model.run import Run
from ..model.values import Value


@dataclass(slots=True)
class Outcome:
    """How a simulated run ended: status ``Running`` where nothing more could happen.

    ``trace`` is everything that happened, one line each; ``calls`` the attempts in dispatch order.
    """

    status: str
    output: Value
    error: dict[str, Value] | None
    journal: list[Event]
    trace: list[str]
    calls: list[CallOut]
    logs: list[str]
    messages: list[MessageOut]
    run: Run
