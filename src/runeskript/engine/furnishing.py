"""What a turn's effects put into its commit: listeners, messages, timers and child jobs."""

from __future__ import annotations

from collections.abc import Sequence

from ..model.effects import (
    ChildDrop,
    ChildOut,
    ListenDrop,
    ListenSet,
    MessageOut,
    TimerDrop,
    TimerSet,
)
from ..model.events import Event, Path, TimerFired
from ..stores.base import Command, JobRow, Listener, Message, Timer, Unit
from .cancelling import Asked, command
from .children import Children, refusal
from .live import Live
from .turn import Turn


async def furnish(turn: Turn, unit: Unit, children: Children) -> Unit:
    """The unit with everything besides events and row. ``children`` decides about these."""
    live = turn.live
    listens: list[Listener] = []
    unlistens: list[tuple[Path, int]] = []
    taken: list[str] = []
    messages: list[Message | Command] = []
    timers: dict[tuple[Path, int], Timer] = {}
    untimers: list[tuple[Path, int]] = []
    rows: list[JobRow] = []
    for effect in turn.others:
        if isinstance(effect, ListenSet):
            listens.append(Listener(live.id, effect.path, effect.m, effect.topic, effect.key))
        elif isinstance(effect, ListenDrop):
            gone = Listener(live.id, effect.path, effect.m, "", None)
            # One that was set in this very turn was never known to anybody.
            kept = [one for one in listens if one[1:3] != gone[1:3]]
            if len(kept) == len(listens):
                unlistens.append((effect.path, effect.m))
            listens = kept
            if effect.consumed is not None:
                taken.append(effect.consumed)
        elif isinstance(effect, MessageOut):
            fields = (effect.id, effect.topic, effect.key, effect.to, effect.data, effect.keep)
            messages.append(Message(*fields))
        elif isinstance(effect, TimerSet):
            path, m, step, due, kind = effect
            timers[path, m] = Timer(path, m, due, kind, step)
        elif isinstance(effect, TimerDrop):
            # One that was set in this very turn was never known to anybody.
            if timers.pop((effect.path, effect.m), None) is None:
                untimers.append((effect.path, effect.m))
        elif isinstance(effect, ChildDrop):
            asked = Asked(f"cancelled by job {live.id}", effect.grace, effect.everything)
            again = "" if effect.grace is None else f", with a grace time at {live.run.now}"
            again += ", by force" if effect.everything else ""
            messages.append(command(effect.id, asked, f"dropped {effect.n}{again}"))
        elif isinstance(effect, ChildOut):
            decision = await children.decide(live, effect, len(rows))
            turn.children.append((effect, decision))
            if decision.program is not None and decision.row is not None:
                rows.append(decision.row)
            refused = refusal(live.id, effect, decision)
            if refused is not None:
                messages.append(refused)
    turn.mail = bool(listens or messages)
    waiting = {id(event) for event in (*live.run.inbox, *live.inbox, *live.urgent)}
    untimers += _over(live, turn.ready.events)
    # What an inbox row became has been taken or refused, unless it still waits.
    consumed = [number for event, number in live.arrivals if id(event) not in waiting]
    live.arrivals = [pair for pair in live.arrivals if id(pair[0]) in waiting]
    return unit._replace(
        listens=listens,
        unlistens=unlistens,
        inbox=consumed,
        taken=taken,
        messages=messages,
        children=rows,
        timers=list(timers.values()),
        untimers=untimers,
    )


def _over(live: Live, events: Sequence[Event]) -> list[tuple[Path, int]]:
    """The timers that have fired and whose events are taken, or were of no use."""
    fired = live.fired
    if not fired:
        return []
    if live.run.inbox or live.inbox or live.urgent:
        keys = ((one.path, one.m) for one in events if isinstance(one, TimerFired))
        over = [key for key in keys if key in fired]
    else:
        over = sorted(fired)
    fired.difference_update(over)
    return over
