"""Lines: calls that are limited (``handlers/limits.py``) stand in one until the store has a slot
for them.

Slots are taken in the unit that lets a call out and given back in the unit that takes in its
result, so neither a crash nor a lost reply leaves one behind. What the store does not let go at
once waits here, without an executor's place and without its timeout running, until an inbox row
says that its turn has come.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from ..errors import StoreError
from ..model.batches import unfold_effects, unfold_events
from ..model.effects import CallDrop, CallOut, CallsOut, Effect
from ..model.events import CallDone, CallFailed, Event, Path
from ..stores.base import Store, Unit
from .executors.base import Lane, members
from .live import Live
from .timers import Timer, Timers
from .turn import Turn

if TYPE_CHECKING:
    from ..stores.slots import Take

_log = logging.getLogger("runeskript.engine")


class Core(Protocol):
    """The driver, as the lines see it."""

    store: Store
    timers: Timers

    def at(self) -> int: ...  # noqa: D102 - see Driver
    async def collect(self) -> None: ...  # noqa: D102
    def poke(self) -> None: ...  # noqa: D102


class Lines:
    """The limited calls of one worker."""

    def __init__(self, core: Core, lanes: Mapping[str, Lane]) -> None:
        self._core = core
        self._lanes = lanes
        self._timer: Timer | None = None
        self._asking: asyncio.Task[None] | None = None

    def limited(self, effects: Iterable[Effect]) -> bool:
        """Whether one of these is a call that needs a slot."""
        return any(
            isinstance(effect, CallOut | CallsOut)
            and effect.queue is None
            and bool(self._lanes[effect.handler].limits)
            for effect in effects
        )

    # --- before the commit ----------------------------------------------------------------------
    def furnish(self, turn: Turn, unit: Unit, effects: Sequence[Effect]) -> Unit:
        """The unit with the slots that a turn's calls need, and those that are given back."""
        live = turn.live
        frees = self._given_back(live, unit.events, effects)
        turn.calls = [
            (lane, members_of(calls) if lane.limits and isinstance(calls, CallsOut) else calls)
            for lane, calls in turn.calls
        ]
        takes = self._line_up(live, effects, limited(turn))
        # Who stands in line for what is given back may be one of ours.
        turn.mail = turn.mail or bool(frees) or turn.ready.finished is not None
        return unit._replace(takes=takes, frees=frees)

    def _line_up(
        self, live: Live, effects: Sequence[Effect], calls: list[tuple[Lane, list[CallOut]]]
    ) -> list[Take]:
        """What the calls of a turn need; they are noted with the job.

        A call that is dropped in the same turn needs nothing: it leaves ``calls``.
        """
        from ..stores.slots import Take

        gone = {
            (effect.path, effect.n): effect.settle
            for effect in unfold_effects(effects)
            if isinstance(effect, CallDrop)
        }
        takes = []
        for lane, row in calls:
            if not lane.limits:
                continue
            for call in list(row):
                key = call.path, call.n
                if key in gone:
                    row.remove(call)
                    if gone[key]:
                        live.lined[key] = call  # whoever drops it says that it never began
                    continue
                limits = tuple(limit.of(call.handler, call.params) for limit in lane.limits)
                takes.append(Take(call.path, call.n, limits))
                live.slots.add(key)
        return takes

    def _given_back(
        self, live: Live, events: Iterable[Event], effects: Iterable[Effect]
    ) -> list[tuple[Path, int]]:
        """The calls of a turn that need no slot any more."""
        frees = []
        for event in unfold_events(events):
            if isinstance(event, CallDone | CallFailed) and (event.path, event.n) in live.slots:
                frees.append((event.path, event.n))
                live.slots.discard((event.path, event.n))
        for effect in unfold_effects(effects):
            if not isinstance(effect, CallDrop):
                continue
            key = effect.path, effect.n
            # One that is awaited holds its slot until it has ended; in the line there is none.
            if key in live.slots and (not effect.settle or key in live.lined):
                frees.append(key)
                live.slots.discard(key)
        return frees

    # --- after the commit -----------------------------------------------------------------------
    def stand(self, turn: Turn, queued: Collection[tuple[Path, int]]) -> None:
        """These calls of a turn got no slot: they are not let out, and wait."""
        self._stand(turn.live, limited(turn), queued)

    def _stand(
        self,
        live: Live,
        calls: list[tuple[Lane, list[CallOut]]],
        queued: Collection[tuple[Path, int]],
    ) -> None:
        timed, queued = False, set(queued)
        for lane, row in calls:
            if lane.limits:
                waiting = [call for call in row if (call.path, call.n) in queued]
                if waiting:
                    row[:] = [call for call in row if (call.path, call.n) not in queued]
                    live.lined.update(((call.path, call.n), call) for call in waiting)
                    timed = timed or any(limit.hold is not None for limit in lane.limits)
        if timed:
            self._ask()

    async def again(
        self,
        live: Live,
        effects: Sequence[Effect],
        queued: Collection[tuple[Path, int]],
        *,
        anew: bool,
    ) -> list[Effect] | None:
        """Of the calls a rebuilt run waits for those that may be made now; the others wait.

        ``queued``: those that stand in line in the store. ``anew``: none holds a slot or stands in
        line, they have to ask. None where the job is somebody else's by now.
        """
        free: list[Effect] = []
        calls: list[tuple[Lane, list[CallOut]]] = []
        for effect in effects:
            if isinstance(effect, CallOut | CallsOut) and self.limited((effect,)):
                lane = self._lanes[effect.handler]
                calls.append((lane, members_of(effect)))
            else:
                free.append(effect)
        if not calls:
            return free
        if anew:
            takes = self._line_up(live, (), calls)
            unit = Unit(live.id, live.row.epoch, live.seq, (), takes=takes, part=live.part + 1)
            (committed,) = await self._core.store.commit([unit])
            if committed.outcome not in ("ok", "already", "limited"):
                return None
            live.part = unit.part
            queued = committed.queued
        else:
            live.slots.update((call.path, call.n) for _, row in calls for call in row)
        self._stand(live, calls, queued)
        return [*free, *(call for _, row in calls for call in row)]

    # --- slots that time makes free -------------------------------------------------------------
    def _ask(self) -> None:
        """Have the store give out what time has made free, now and when there is more."""
        if self._asking is None:
            self._asking = asyncio.get_running_loop().create_task(self._refill())

    async def _refill(self) -> None:
        try:
            due = await self._core.store.refill()
            await self._core.collect()
            self._core.poke()
        except StoreError as exc:
            _log.warning("the store could not be asked for slots: %s", exc)
            due = self._core.at() + 1_000
        finally:
            self._asking = None
        if due is not None:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._core.timers.set(due, self._ask)

    async def close(self) -> None:
        """Ask no more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)


def members_of(effect: CallOut | CallsOut) -> list[CallOut]:
    """The calls an effect stands for, each by itself: a slot is one call's."""
    return list(members(effect)) if isinstance(effect, CallsOut) else [effect]


def limited(turn: Turn) -> list[tuple[Lane, list[CallOut]]]:
    """The calls of a turn that need slots; each stands by itself."""
    return [(lane, row) for lane, row in turn.calls if lane.limits and isinstance(row, list)]
