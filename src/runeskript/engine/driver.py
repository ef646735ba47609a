"""The driver: all that has arrived -> advance every run concerned -> one commit -> effects out.

The rule that is never broken: an effect leaves the process only after the event that caused it is
durable. ``tick`` does one turn; the workers of the task pool (``executors/tasks.py``) call it in
turns with the handlers it lets out, so a handler's completion opens the next tick. Under load ticks
take many events and grow; idle, a tick is one event. A run gets a slice, then the next run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from time import monotonic
from typing import Any, Final

from ..errors import RuneskriptError, StoreError, StoreTooLargeError
from ..kernel import Program, Ready, all_stopping, new_run
from ..model.effects import Effect
from ..model.events import Event, Started
from ..model.values import Value
from ..stores.base import (
    Committed,
    InboxRow,
    JobRow,
    Store,
    Timer,
    Unit,
)
from .clock import Clock
from .drafts import Draft, fits_a_row, row_behind
from .groups import hold, may_go_ahead, turn_of
from .ids import Ids
from .lease import Lease
from .live import Live, force_is_due, one_more, waits
from .secrets import Vault
from .turn import Turn
from .turns import TURNS_START, Turns

#: Seconds after which a tick takes no further run.
TICK: Final = 0.005

_log = logging.getLogger("runeskript.engine")


class Driver(Turns):
    """Runs live jobs on one event loop. Used by ``Runtime``, from the loop's thread."""

    def __init__(
        self,
        store: Store,
        lease: Lease,
        clock: Clock,
        ids: Ids,
        vault: Vault,
        env: Callable[[Sequence[str]], dict[str, Value]],
        resources: dict[str, Any],
    ) -> None:
        super().__init__(store, lease, clock, vault, resources)
        self.ids = ids
        self.env = env
        #: Whether the runs of jobs are written down now and then.
        self.snapshots = False

    # --- jobs -----------------------------------------------------------------------------------
    def adopt(self, row: JobRow, program: Program) -> Live:
        """Take a job that was just created into memory and start it."""
        return self.begin(row, program, ())

    def begin(self, row: JobRow, program: Program, inbox: Collection[InboxRow]) -> Live:
        """Start a job that is this worker's."""
        live, start = self._born(row, program)
        self._enter(live)
        self.arrive(live, start)
        self.deliver_early(live, inbox)
        return live

    def _born(self, row: JobRow, program: Program) -> tuple[Live, Started]:
        """A job that is not live yet, and its first event."""
        live = Live(row, program, new_run(program))
        live.turns = TURNS_START
        job: dict[str, Value] = {
            "id": row.id,
            "key": row.key,
            "created_at": row.created_at,
            "labels": dict(row.labels),
        }
        env = self.env(program.blueprint.env)
        start = Started(self.at(), row.blueprint, job, row.input, env, self.ids.seed())
        return live, start

    @property
    def can_draft(self) -> bool:
        """Whether jobs may begin before they are written."""
        return True

    async def draft(self, row: JobRow, program: Program) -> Draft | None:
        """The first slice of a job that is about to be written; None where it cannot begin, which
        whoever begins it then is told.
        """
        try:
            live, start = self._born(row, program)
        except Exception:
            return None
        draft = Draft(Turn(live, self._slice(live, [start])))
        try:
            if fits_a_row(live, draft.turn.ready, self.lanes):
                await self.outlet.prepare(draft.turn)
                draft.row = row_behind(row, draft.turn.units[0])
        except Exception:
            _log.debug("job %s: its draft could not be prepared", live.id, exc_info=True)
            draft.row = None  # the tick sees to it
        return draft

    def take_in(self, draft: Draft, row: JobRow) -> None:
        """A job is written, with its first turn or without it: it goes on."""
        live, turn = draft.turn.live, draft.turn
        live.row = row
        self._enter(live)
        if draft.row is None:
            live.ready = turn.ready
            self.schedule(live)
        elif row.owner is None and turn.ready.finished is None:
            self._lose(live, "the worker's lease had run out")
        else:
            self._carry_out(turn)
        if not live.ended:
            self.deliver_early(live, ())

    def _enter(self, live: Live) -> None:
        """A job becomes live. It may have been suspended and claimed anew while we still waited for
        the reply that it is: what was in memory of it then makes way.
        """
        before = self.lives.get(live.id)
        if before is not None:
            self.let_go(before)
        self.lives[live.id] = live

    def go_on(
        self,
        live: Live,
        inbox: Collection[InboxRow],
        timers: Iterable[Timer],
        effects: list[Effect],
        lost: Iterable[Event],
        *,
        stood: bool,
        used: Collection[int] = (),
    ) -> None:
        """Go on with a job that was rebuilt: what caused ``effects`` is durable already.

        ``stood``: it was paused, so none of its calls can have begun. ``used``: numbers of inbox
        rows that are used up already.
        """
        live.turns = TURNS_START
        self._enter(live)
        live.busy = bool(live.run.ready)
        for timer in timers:
            self.outlet.set_timer(live, timer.path, timer.m, timer.due)
        for event in lost:
            self.arrive(live, event)
        self.outlet.stopping.expect(live, all_stopping(live.run))
        self.deliver_early(live, inbox, used)
        if (live.inbox and stood) or force_is_due(live, self.at()):
            live.later += effects  # what has arrived may make them needless
        else:
            self.outlet.again(live, effects)
        if live.busy:
            self.schedule(live)

    def idle(self) -> bool:
        """Whether all live jobs wait, and for nothing that comes by itself.

        In the middle of a tick that cannot be said: what was advanced may not be durable yet.
        """
        if self.ticking:
            return False
        return all(waits(live) and not live.timers for live in self.lives.values())

    # --- the tick -------------------------------------------------------------------------------
    async def tick(self) -> None:
        """One turn; see the module's text. A failing store ends all live jobs' waiting."""
        self.ticking = True
        try:
            await self._tick()
        except Exception as exc:
            self.crash(exc)
        finally:
            self.ticking = False
        await self._give_back()

    async def _tick(self) -> None:
        until = monotonic() + TICK
        turns: list[Turn] = []
        units: list[Unit] = []
        pending = self.pending
        ahead: list[Live] = []
        later: list[Live] = []
        while pending:
            live = pending.popleft()
            if units and live.busy:
                later.append(live)  # a long computation: no effect is to wait for its slice
                continue
            live.scheduled = False
            if live.ended:
                continue
            ready = self._advance(live)
            if (
                ready.ahead
                and not self.outlet.lines.limited(ready.effects)
                and may_go_ahead(live, ready)
            ):
                hold(live, ready)
                self.outlet.let_ahead(live, ready)
                ahead.append(live)
            elif not (pending or turns) and one_more(live, ready, self.lanes):
                first: Any = ready.effects[0]
                batch = await self._one_more(live, ready.events[0], first)
                if batch is not None:
                    self.tasks.queue.append(batch)
                break
            else:
                turn = await self._turn(live, ready)
                if turn is not None:
                    units.extend(turn.units)
                    turns.append(turn)
            if monotonic() >= until:
                break
        pending.extendleft(reversed(later))
        for live in ahead:
            self.schedule(live)  # the next tick takes what they came to, and commits all of it
        if not turns:
            return
        try:
            try:
                outcomes = iter(await self.store.commit(units))
            except StoreTooLargeError:
                turns, outcomes = await self._singly(turns)
        except StoreError:
            self.lease.drop_children(units)
            raise
        mail = False
        for turn in turns:
            results = [next(outcomes) for _ in turn.units]
            if any(one.outcome not in ("ok", "already", "limited") for one in results):
                told = ", ".join(one.outcome for one in results)
                self._lose(turn.live, f"the store refused a commit: {told}")
                self.lease.drop_children(turn.units)
                continue
            queued = [call for one in results for call in one.queued]
            if queued:
                self.outlet.lines.stand(turn, queued)
            if turn.units:
                turn.live.part = turn.units[-1].part
            mail = mail or turn.mail or self.behind(turn.live)
            self._carry_out(turn)
        if self._holding:
            await self._hold()
        if mail:
            await self.collect()

    async def _singly(self, turns: list[Turn]) -> tuple[list[Turn], Iterator[Committed]]:
        """Commit each turn by itself: one of them is too large for the store, and its job fails."""
        kept: list[Turn] = []
        outcomes: list[Committed] = []
        for turn in turns:
            try:
                outcomes += await self.store.commit(turn.units)
                kept.append(turn)
            except StoreTooLargeError as exc:
                _log.exception("job %s: its turn is too large for the store", turn.live.id)
                failed, committed = await self._fail(turn.live, exc)
                kept.append(failed)
                outcomes += committed
        return kept, iter(outcomes)

    async def _turn(self, live: Live, ready: Ready) -> Turn | None:
        """One slice of a run and its units. A defect met on the way fails this job only; where the
        store fails, or that end cannot be prepared either, the run is dropped (None).
        """
        turn = turn_of(live, ready)
        try:
            await self.outlet.prepare(turn)
        except StoreError as exc:
            self._lose(live, f"the store failed: {exc}")
            return None
        except Exception as exc:
            _log.exception("job %s: its turn could not be prepared", live.id)
            turn = Turn(live, self._broken(live, exc))
            try:
                await self.outlet.prepare(turn)
            except Exception as again:
                _log.exception("job %s: its failure could not be prepared", live.id)
                self._lose(live, f"{type(again).__name__}: {again}")
                return None
        return turn

    def _advance(self, live: Live) -> Ready:
        """One slice of a run, which may have been taken already."""
        ready, live.ready = live.ready, None
        return self._slice(live, live.batch(self.at())) if ready is None else ready

    async def close(self, exc: RuneskriptError) -> None:
        """Stop: cancel handlers, forget timers, tell whoever waits."""
        self.timers.close()
        self.pending.clear()
        lives = list(self.lives.values())
        for live in lives:
            self._release(live)
            live.fail(exc)
        await self.outlet.lines.close()
        await self.tasks.close()
