"""One line of text for each event and each effect: what a simulation's trace is made of."""

from __future__ import annotations

import json
from typing import Any

from ..model.batches import completions, unfold_effects
from ..model.effects import (
    CallDrop,
    CallOut,
    CallsDrop,
    CallsOut,
    ChildDrop,
    ChildOut,
    Effect,
    ListenDrop,
    ListenSet,
    LogOut,
    MessageOut,
    TimerDrop,
    TimerSet,
)
from ..model.events import (
    GRACE_ALL,
    CallDone,
    CallFailed,
    CallPending,
    CallsDone,
    CancelRequested,
    ChildDone,
    Event,
    Forked,
    GraceGiven,
    MessageIn,
    Moved,
    MoveFailed,
    Path,
    Refused,
    Retried,
    Sent,
    SentIf,
    Started,
    TimerFired,
    is_force,
)


def show_event(event: Event) -> str:
    """An event that was applied."""
    if isinstance(event, Started):
        return f"started input={_json(event.input)}"
    if isinstance(event, CallDone):
        return f"done {event.step} [{_path(event.path)}#{event.n}] {_json(event.result)}"
    if isinstance(event, CallsDone):
        return "\n".join(map(show_event, completions(event)))
    if isinstance(event, CallFailed):
        return (
            f"failed {event.step} [{_path(event.path)}#{event.n}] attempt {event.attempt}: "
            f"{event.error.get('type')}"
        )
    if isinstance(event, TimerFired):
        if is_force(event):
            return "forced" if event.m == GRACE_ALL else "overdue"
        return f"timer [{_path(event.path)}@{event.m}]{_stop(event.stop)}"
    if isinstance(event, MessageIn):
        return f"message [{_path(event.path)}@{event.m}] {_json(event.message.get('data'))}"
    if isinstance(event, ChildDone):
        line = f"child {event.step} [{_path(event.path)}#{event.n}] {event.status}"
        return f"{line} {_json(event.output)}"
    if isinstance(event, CancelRequested):
        return f"cancel {_json(event.reason)}{_stop(event.stop)}"
    if isinstance(event, GraceGiven):
        return f"grace {event.grace}ms{' for everything' if event.everything else ''}"
    if isinstance(event, Retried):
        return f"retried {event.step} [{_path(event.path)}#{event.n}] back={event.back}"
    if isinstance(event, Forked):
        return f"forked from {event.origin} at {event.position} {_json(event.variables)}"
    if isinstance(event, CallPending):
        return f"pending {event.step} [{_path(event.path)}#{event.n}] attempt {event.attempt}"
    if isinstance(event, Sent | SentIf):
        return f"event {event.name} {_json(event.data)} by {_json(event.actor.get('id'))}"
    if isinstance(event, Moved):
        return f"moved {event.source or '-'} -> {event.to} by {event.event or '-'}"
    if isinstance(event, Refused):
        return f"refused {event.event} in {event.state}: {event.reason}"
    if isinstance(event, MoveFailed):
        return f"failed {event.source} -> {event.to} by {event.event}: {event.error['type']}"
    error = event.error and f" error={event.error['type']}: {event.error['message']}"
    return f"finished {event.status} output={_json(event.output)}{error or ''}"


def show_effect(effect: Effect, now: int) -> str:
    """An effect that left; ``now`` makes due times readable as delays."""
    if isinstance(effect, CallOut):
        extra = f" timeout={effect.timeout}ms" if effect.timeout is not None else ""
        extra += f" queue={effect.queue}" if effect.queue is not None else ""
        return (
            f"call {effect.handler} for {effect.step} [{_path(effect.path)}#{effect.n}] "
            f"attempt {effect.attempt} with {_json(effect.params)}{extra}"
        )
    if isinstance(effect, CallsOut | CallsDrop):
        return "\n".join(show_effect(one, now) for one in unfold_effects([effect]))
    if isinstance(effect, CallDrop):
        return f"drop call [{_path(effect.path)}#{effect.n}]"
    if isinstance(effect, TimerSet):
        where = f"[{_path(effect.path)}@{effect.m}]"
        for_ = f" for {effect.step}" if effect.step else ""
        return f"timer {where} {effect.kind} in {effect.due - now}ms{for_}"
    if isinstance(effect, TimerDrop):
        return f"drop timer [{_path(effect.path)}@{effect.m}]"
    if isinstance(effect, ListenSet):
        where = f"[{_path(effect.path)}@{effect.m}]"
        return f"listen {where} {effect.topic} key={_json(effect.key)} for {effect.step}"
    if isinstance(effect, ListenDrop):
        took = "" if effect.consumed is None else " took a message"
        return f"drop listen [{_path(effect.path)}@{effect.m}]{took}"
    if isinstance(effect, MessageOut):
        extra = "" if effect.to is None else f" to={effect.to}"
        extra += f" keep={effect.keep}ms" if effect.keep else ""
        return f"emit {effect.topic} key={_json(effect.key)}{extra} {_json(effect.data)}"
    if isinstance(effect, ChildOut):
        name = effect.name if effect.version is None else f"{effect.name}@{effect.version}"
        how = "run detached" if effect.detach else "run"
        return f"{how} {name} [{_path(effect.path)}#{effect.n}] with {_json(effect.input)}"
    if isinstance(effect, ChildDrop):
        grace = "" if effect.grace is None else f" grace {effect.grace}ms"
        return f"drop child [{_path(effect.path)}#{effect.n}]{grace}"
    if isinstance(effect, LogOut):
        return f"log {effect.level}: {effect.text}"
    raise TypeError(f"no effect: {effect!r}")


def _json(value: Any) -> str:
    """Values as JSON; what is none (secret references in parameters) by its own text."""
    return json.dumps(value, ensure_ascii=False, default=str)


def _path(path: Path) -> str:
    return "/".join(map(str, path)) or "."


def _stop(stop: tuple[Path, int] | None) -> str:
    return "" if stop is None else f" at {_path(stop[0])}:{stop[1]}"
