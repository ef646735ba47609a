"""Tells watchers what steps do, in words that are not journaled.

``step.started`` (a call's first attempt, a child job, a wait, a listen), ``step.retrying``,
``step.done``, ``step.failed``, ``step.cancelled``. The last three carry ``ms``, the time since the
start. A narrator is made for a job's first watcher; it does not know what began before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from ..kernel import Ready
from ..model.batches import unfold_effects, unfold_events
from ..model.effects import (
    CallDrop,
    CallOut,
    ChildOut,
    Effect,
    ListenDrop,
    ListenSet,
    TimerDrop,
    TimerSet,
)
from ..model.events import CallDone, CallFailed, ChildDone, Event, Path, TimerFired

#: (kind, at, step, path, data, the journal position it stands before)
Tell: TypeAlias = Callable[[str, int, str | None, Path, dict[str, Any], int], None]
#: Calls and children are counted by n, timers and listeners by m.
_Key: TypeAlias = tuple[str, Path, int]


class Narrator:
    """Follows one job's turns."""

    __slots__ = ("_after", "_open", "_tell", "_waits")

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._after = 0
        #: What has begun and not ended: step and time of the start.
        self._open: dict[_Key, tuple[str, int]] = {}
        #: Those of them that end well when their timer fires.
        self._waits: set[_Key] = set()

    def narrate(self, ready: Ready, at: int, first: int) -> None:
        """Tell what one turn did, whose first event has journal position ``first``."""
        effects = list(unfold_effects(ready.effects))
        again = {e.path for e in effects if isinstance(e, TimerSet) and e.kind == "retry"}
        fired: set[tuple[Path, int]] = set()
        self._after = first
        for event in unfold_events(ready.events):
            self._after += 1
            self._event(event, again, fired)
        # What the turn let out stands behind its events, but before the end of the job.
        self._after -= ready.finished is not None
        for path, m in fired:
            if ("m", path, m) in self._waits:
                self._waits.discard(("m", path, m))
                self._close("step.done", ("m", path, m), at)
        for effect in effects:
            self._effect(effect, at, fired)

    def _event(self, event: Event, again: set[Path], fired: set[tuple[Path, int]]) -> None:
        if isinstance(event, CallDone):
            self._close("step.done", ("n", event.path, event.n), event.at)
        elif isinstance(event, CallFailed):
            data = {"error": event.error, "attempt": event.attempt}
            self._failed(("n", event.path, event.n), event.step, event.at, data, again)
        elif isinstance(event, ChildDone):
            key = ("n", event.path, event.n)
            if event.status == "Completed":
                self._close("step.done", key, event.at)
            else:
                self._failed(key, event.step, event.at, {"error": event.error}, again)
        elif isinstance(event, TimerFired):
            fired.add((event.path, event.m))

    def _failed(
        self, key: _Key, step: str, at: int, data: dict[str, Any], again: set[Path]
    ) -> None:
        if key[1] in again:
            self._tell("step.retrying", at, step, key[1], data, self._after)
        else:
            self._close("step.failed", key, at, data)

    def _effect(self, effect: Effect, at: int, fired: set[tuple[Path, int]]) -> None:
        if isinstance(effect, CallOut):
            what = {"what": "call", "handler": effect.handler}
            self._start(("n", effect.path, effect.n), effect.step, at, what)
        elif isinstance(effect, ChildOut):
            if not effect.detach:
                what = {"what": "run", "skript": effect.name, "job": effect.id}
                self._start(("n", effect.path, effect.n), effect.step, at, what)
        elif isinstance(effect, CallDrop):
            if effect.settle:
                return  # its end is still to come
            self._close("step.cancelled", ("n", effect.path, effect.n), at)
        elif isinstance(effect, ListenSet):
            data = {"what": "listen", "topic": effect.topic, "key": effect.key}
            self._start(("m", effect.path, effect.m), effect.step, at, data)
        elif isinstance(effect, ListenDrop):
            kind = "step.failed" if (effect.path, effect.m) in fired else "step.cancelled"
            kind = kind if effect.consumed is None else "step.done"
            self._close(kind, ("m", effect.path, effect.m), at)
        elif isinstance(effect, TimerSet):
            if effect.kind == "wait":
                data = {"what": "wait", "due": effect.due}
                self._start(("m", effect.path, effect.m), effect.step, at, data)
                self._waits.add(("m", effect.path, effect.m))
        elif isinstance(effect, TimerDrop):
            key = ("m", effect.path, effect.m)
            if key in self._waits:  # else it is the timeout of a listen, a retry or a deadline
                self._waits.discard(key)
                self._close("step.cancelled", key, at)

    def _start(self, key: _Key, step: str, at: int, data: dict[str, Any]) -> None:
        if key not in self._open:  # else it is a further attempt
            self._open[key] = (step, at)
            self._tell("step.started", at, step, key[1], data, self._after)

    def _close(self, kind: str, key: _Key, at: int, data: dict[str, Any] | None = None) -> None:
        found = self._open.pop(key, None)
        if found is not None:
            step, began = found
            told = {**(data or {}), "ms": max(at - began, 0)}
            self._tell(kind, at, step, key[1], told, self._after)
