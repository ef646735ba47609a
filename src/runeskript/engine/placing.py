"""Calls on named queues: each is a job of its own, which any worker of that queue may take.

To the run it is a call like any other. Its job is created in the very unit that lets the call out,
its end comes back as a completion from outside, and a run that waits for nothing else is dormant.
Retries are the run's own: each attempt is another job.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from ..errors import NotAValueError, StoreError
from ..kernel import Program, load
from ..model import blueprint_codec
from ..model.batches import unfold_effects, unfold_events
from ..model.codec import encode
from ..model.effects import CallDrop, CallOut, CallsDrop, CallsOut, Effect
from ..model.events import CallDone, CallFailed, Event
from ..model.machine import FINAL
from ..model.recent import Recent
from ..model.rows import NamedTuple
from ..stores.base import Command, InboxRow, JobRow, Store, Unit
from ..stores.retention import BLOB_GRACE
from . import queued
from .cancelling import Asked, command
from .clock import Clock
from .executors.base import members
from .handlers.failures import failure
from .handlers.registry import HandlerRegistry
from .lease import Lease
from .live import Live
from .queued import Placed
from .skripts import Skripts
from .turn import Turn

#: Programs of calls that are known, and for how long nobody looks whether the store has them.
KNOWN: Final = 1_024
FRESH_MS: Final = BLOB_GRACE // 4


class Core(Protocol):
    """The driver, as seen from here."""

    lives: dict[str, Live]

    def at(self) -> int: ...  # noqa: D102 - see Driver
    def adopt(self, row: JobRow, program: Program) -> Live: ...  # noqa: D102
    def full(self, more: int) -> bool: ...  # noqa: D102


class Made(NamedTuple):
    """The program of a call in the store; ``program`` where its handler is here."""

    digest: str
    program: Program | None
    put_at: int


class Placing:
    """Makes jobs of one worker's calls. ``own``: it takes from the queues that the calls of its own
    jobs are on, besides the unnamed one.
    """

    def __init__(
        self,
        core: Core,
        store: Store,
        skripts: Skripts,
        registry: HandlerRegistry,
        clock: Clock,
        lease: Lease,
        own: bool,
    ) -> None:
        self._core = core
        self._store = store
        self._skripts = skripts
        self._registry = registry
        self._clock = clock
        self._lease = lease
        self._own = own
        self._made: Recent[tuple[str, queued.Shape], Made] = Recent(KNOWN)

    # --- before the commit ----------------------------------------------------------------------
    async def furnish(self, turn: Turn, unit: Unit) -> Unit:
        """The unit with the jobs of a turn's calls, and with what tells those to stop that are
        needed no more.
        """
        live = turn.live
        if not live.placed and not any(map(is_placed, turn.others)):
            return unit
        drops = [
            one
            for one in unfold_effects(e for e in turn.others if type(e) in (CallDrop, CallsDrop))
            if isinstance(one, CallDrop)
        ]
        # One that is dropped in the very turn that makes it never begins, and has no job; but one
        # whose end is awaited needs somebody to tell that, also after a crash.
        gone = {(drop.path, drop.n) for drop in drops if not drop.settle}
        calls = [one for one in calls_of(turn.others) if (one.path, one.n) not in gone]
        rows = list(unit.children)
        messages = list(unit.messages)
        for call, id_, known in await self._look(live, calls):
            live.placed[call.path, call.n] = id_
            if known is None:
                placed = await self._place(live, call, id_, len(rows))
                if isinstance(placed, Command):
                    messages.append(placed)
                else:
                    rows.append(placed.row)
                    turn.placed.append(placed)
        messages += [self._stop(turn, drop) for drop in drops if (drop.path, drop.n) in live.placed]
        turn.mail = turn.mail or bool(messages)
        return unit._replace(children=rows, messages=messages)

    def _stop(self, turn: Turn, drop: CallDrop) -> Command:
        id_, job = turn.live.placed[drop.path, drop.n], turn.live.id
        if turn.forced:
            asked = Asked(f"given up by job {job}", 0, everything=True)
            return command(id_, asked, f"force {id_}")
        return command(id_, Asked(f"cancelled by job {job}"), f"drop {id_}")

    async def _look(
        self, live: Live, calls: Sequence[CallOut]
    ) -> list[tuple[CallOut, str, JobRow | None]]:
        """The jobs of calls: the latest, or one that is to be, where the latest was given up."""
        found: list[tuple[CallOut, str, JobRow | None]] = []
        asked, again = list(calls), 0
        while asked:
            names = [queued.id_of(live.id, live.run, call, again) for call in asked]
            rows = await self._store.get(names)
            left = []
            for call, id_, row in zip(asked, names, rows, strict=True):
                if row is None or row.status not in FINAL or row.status == "Completed":
                    found.append((call, id_, row))
                else:
                    left.append(call)
            asked, again = left, again + 1
        return found

    async def _place(self, live: Live, call: CallOut, id_: str, more: int) -> Placed | Command:
        """The job of a call, or why there is none."""
        given = queued.input_of(call)
        try:
            encode(given)
        except NotAValueError as exc:
            error = failure("params", f"the call cannot be handed over: {exc.message}")
            return queued.told(live.id, call, id_, error)
        made = await self._program(live, call)
        origin, now = live.program.blueprint, self._clock.now_ms()
        row = queued.row_of(id_, live.row, call, origin, made.digest, given, now)
        if made.program is None or not self.serves(row.queue) or self._core.full(more):
            return Placed(row, None)
        await self._lease.ensure()
        return Placed(row._replace(owner=self._lease.worker.id, epoch=1), made.program)

    def serves(self, queue: str) -> bool:
        """Whether this worker takes from a queue that one of its jobs has a call on."""
        worker = self._lease.worker
        if self._own and queue not in worker.queues:
            worker = worker._replace(queues=worker.queues | {queue})
            self._lease.worker = worker
        return queue in worker.queues

    async def _program(self, live: Live, call: CallOut) -> Made:
        key = live.program.digest, queued.shape_of(live.program, live.run, call)
        known, now = self._made.use(key), self._store.now()
        if known is not None and now - known.put_at < FRESH_MS:
            return known
        blueprint = queued.blueprint_of(key[1], live.program.blueprint)
        program = load(blueprint)
        await self._store.put_blob(program.digest, blueprint_codec.encode(blueprint))
        here = None
        if self._registry.get(call.handler) is not None:
            here = await self._skripts.program(program.digest)
        made = self._made[key] = Made(program.digest, here, now)
        return made

    # --- after the commit -----------------------------------------------------------------------
    def let_out(self, placed: Iterable[Placed]) -> None:
        """Begin the jobs that are this worker's, once they are durable."""
        for row, program in placed:
            if program is not None and row.id not in self._core.lives:
                self._core.adopt(row, program)

    def dropped(self, turn: Turn, drop: CallDrop) -> bool:
        """A call is needed no more, or only its end is; whether it is one on a queue."""
        live, key = turn.live, (drop.path, drop.n)
        if key not in live.placed:
            return False
        if drop.settle:
            turn.asked.append(key)
        else:
            del live.placed[key]
        return True

    # --- a run that was rebuilt -----------------------------------------------------------------
    async def again(
        self, live: Live, effects: Sequence[Effect], inbox: Iterable[InboxRow], *, anew: bool
    ) -> tuple[list[Effect], list[CallDone]] | None:
        """Of the calls that a rebuilt run waits for those that are on no queue, and what has become
        of others in the meantime.

        ``anew``: calls may have been taken back since their jobs were told to stop; those get
        others, but for the ones whose ends wait in the ``inbox``. None where the job is
        somebody else's by now. Raises StoreError.
        """
        free = [one for one in effects if not is_placed(one)]
        calls = calls_of(effects)
        if not calls:
            return free, []
        there = {(one.path, one.n) for one in inbox if one.kind in ("complete", "fail")}
        ends: list[CallDone] = []
        placed: list[Placed] = []
        told: list[Command] = []
        for call, id_, known in await self._look(live, calls):
            live.placed[call.path, call.n] = id_
            self.serves(call.queue or "")
            if not anew or (call.path, call.n) in there:
                continue
            if known is None:
                one = await self._place(live, call, id_, len(placed))
                if isinstance(one, Command):
                    told.append(one)
                else:
                    placed.append(one)
            elif known.status == "Completed":
                ends.append(queued.late_end(self._core.at(), call, known))
        if placed or told:
            rows = [one.row for one in placed]
            first, part = live.seq, live.part + 1
            unit = Unit(live.id, live.row.epoch, first, (), messages=told, children=rows, part=part)
            try:
                (committed,) = await self._store.commit([unit])
            except StoreError:
                self._lease.drop_children([unit])
                raise
            if committed.outcome not in ("ok", "already"):
                return None
            live.part = part
            self.let_out(placed)
        return free, ends


def ended(live: Live, events: Iterable[Event]) -> None:
    """What a turn took: the jobs of calls that have ended are no concern of it any more."""
    for event in unfold_events(events):
        if isinstance(event, CallDone | CallFailed):
            live.placed.pop((event.path, event.n), None)


def is_placed(effect: Effect) -> bool:
    """Whether an effect is a call on a queue, or calls on one."""
    return isinstance(effect, CallOut | CallsOut) and effect.queue is not None


def calls_of(effects: Iterable[Effect]) -> list[CallOut]:
    """The calls on queues among effects, each by itself."""
    found: list[CallOut] = []
    for effect in effects:
        if isinstance(effect, CallsOut) and effect.queue is not None:
            found += members(effect)
        elif isinstance(effect, CallOut) and effect.queue is not None:
            found.append(effect)
    return found
