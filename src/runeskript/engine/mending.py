"""What the store has to be told of a job that was rebuilt, before it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import ReplayMismatchError
from ..kernel import Ready
from ..model.effects import ListenSet, TimerSet
from ..model.events import Event, Path
from ..model.run import Run
from ..stores.base import InboxRow, Listener, RowChange, Timer, Unit
from .live import Live
from .sending import with_state

if TYPE_CHECKING:
    from ..stores.leases import Loaded


def timers_of(
    run: Run, stored: Sequence[Timer], since: dict[tuple[Path, int], TimerSet]
) -> dict[tuple[Path, int], Timer]:
    """The timers of a run with the time at which each is due."""
    known = {(timer.path, timer.m): timer for timer in stored}
    found: dict[tuple[Path, int], Timer] = {}
    for key in run.timers:
        timer = known.get(key)
        if timer is None:
            set_ = since.get(key)
            if set_ is None:
                raise ReplayMismatchError(f"nobody knows when timer {key} is due")
            timer = Timer(set_.path, set_.m, set_.due, set_.kind, set_.step)
        found[key] = timer
    return found


def overtaken(inbox: Sequence[InboxRow]) -> list[int]:
    """The rows that ask for a pause or its end, up to the last that asks for the job to go on; and
    those of slots: whoever has one does not stand in line any more, and is known by that.
    """
    last = max((one.number for one in inbox if one.kind in ("resume", "cancel")), default=0)
    return [
        one.number
        for one in inbox
        if one.kind == "slot" or (one.kind in ("pause", "resume") and one.number <= last)
    ]


def mend(
    live: Live,
    loaded: Loaded,
    timers: dict[tuple[Path, int], Timer],
    since: dict[tuple[Path, int], ListenSet],
    at: int,
    *,
    always: bool,
    said: Sequence[Event] = (),
) -> Unit | None:
    """What the store has to be told before anything else: what a slice that was never committed
    had set or dropped, and that a job that was paused is running again. ``said``: what its machine
    said then.
    """
    row, run = loaded.row, live.run
    known = loaded.timers or loaded.listeners or loaded.inbox
    if not (always or said or known or timers or since or run.listens) and (
        row.status == "Running"
    ):
        return None
    stored = {(timer.path, timer.m) for timer in loaded.timers}
    heard = {(one.path, one.m) for one in loaded.listeners}
    listens = [
        Listener(row.id, one.path, one.m, one.topic, one.key)
        for key, one in since.items()
        if key not in heard
    ]
    if any(key not in heard and key not in since for key in run.listens):
        raise ReplayMismatchError("nobody knows what one of its listeners listens to")
    change = None
    if said or row.status != "Running":
        change = with_state(live, RowChange("Running", at), moved=bool(said))
    unit = Unit(
        live.id,
        row.epoch,
        row.seq,
        said,
        change,
        listens=listens,
        unlistens=[key for key in heard if key not in run.listens],
        timers=[timer for key, timer in timers.items() if key not in stored],
        untimers=[key for key in stored if key not in timers],
        inbox=overtaken(loaded.inbox),
        part=0 if said else loaded.part + 1,
    )
    return unit if always or change is not None or unit.furnished else None


def its_end(run: Run, said: Sequence[Event]) -> Ready:
    """The turn by which a run ended that replay brought to its end, and what its machine said."""
    ready = Ready()
    if run.finished is not None:
        ready.events = [*said, run.finished]
    ready.finished, ready.moved = run.finished, run.machine is not None
    return ready
