"""Groups of calls (``model/groups.py``): the commit waits for what they come to."""

from __future__ import annotations

from time import monotonic
from typing import Final

from ..kernel import Ready
from .live import Live
from .turn import Turn

#: Seconds that a commit waits for a group of calls, and events after which it waits no longer.
HOLD: Final = 0.005
HELD: Final = 100


def may_go_ahead(live: Live, ready: Ready) -> bool:
    """Whether all that a turn asks for may leave before the commit, which then waits.

    Not where anything else waits for the commit, nor for long: a tick.
    """
    if live.held is None:
        live.held_until = monotonic() + HOLD
    elif len(live.held.events) >= HELD or monotonic() >= live.held_until:
        return False
    done = ready.more or ready.finished is not None
    others = len(ready.ahead) < len(ready.effects) or live.arrivals or live.narrator
    return not (done or others or live.pausing or live.later) and live.started


def hold(live: Live, ready: Ready) -> None:
    """Keep what led to calls that go ahead for the next commit."""
    if live.held is None:
        live.held = ready
    else:
        live.held.events += ready.events
        live.held.effects += ready.effects


def turn_of(live: Live, ready: Ready) -> Turn:
    """The turn that is to be committed, with what was kept for it."""
    held, live.held = live.held, None
    if held is None:
        return Turn(live, ready)
    ready.events = held.events + ready.events
    ready.effects = held.effects + ready.effects
    return Turn(live, ready, len(held.effects))
