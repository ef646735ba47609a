"""Bare jobs: data and a status, which others move through the default job machine.

There is no program. Whoever claims the job, any worker, decides on what has arrived, in its order:
each event stands in the journal as :class:`Sent` with what became of it behind, as those of a
declared machine do, and the row changes in the same commit. Between the two a process may die: the
event waits in the store for the next one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from ..errors import NotAValueError, ReplayMismatchError
from ..kernel.machine import SYSTEM, refusal, stale
from ..model import versions
from ..model.batches import unfold_events
from ..model.blueprint import MachineTable, StateRow, TransitionRow
from ..model.codec import encode
from ..model.events import Event, Finished, Moved, Refused, Sent, SentIf, Status
from ..model.faults import Fault
from ..model.machine import EVENTS, FINAL, STATUSES
from ..model.rows import NamedTuple
from ..model.values import UNSET, Value, copy_value, normalise
from ..stores.base import InboxRow, JobRow, RowChange, Unit
from .cancelling import asked_by
from .sending import event_of
from .turns import PAUSED

if TYPE_CHECKING:
    from ..stores.leases import Loaded
    from .driver import Driver

#: Events after which the job is written down, so that nobody reads far back to load it.
SNAPSHOT: Final = 16
#: Commands that people give to jobs -> the events that they are.
_COMMANDS: Final = {"cancel": "cancel", "pause": "suspend", "resume": "resume", "retry": "retry"}


@cache
def default_machine() -> MachineTable:
    """The default job machine as a table."""
    states = tuple(
        StateRow(status, status in FINAL and not any(one[0] == status for one in EVENTS), None)
        for status in STATUSES
    )
    number = {status: at for at, status in enumerate(STATUSES)}
    rows = tuple(
        TransitionRow(number[source], event, number[to], None) for source, event, to in EVENTS
    )
    return MachineTable(0, number["Pending"], states, rows)


# --- what an event does -------------------------------------------------------------------------
class Stands(NamedTuple):
    """Where a bare job stands: its status, its data, and how it ended."""

    status: Status
    data: Value
    error: dict[str, Value] | None = None


def merged(data: Value, patch: Value) -> Value:
    """A JSON Merge Patch (RFC 7396) applied: objects are merged key by key, null removes a key,
    everything else takes the place of what was there.
    """
    if not isinstance(patch, dict):
        return patch
    found: dict[str, Any] = dict(data) if isinstance(data, dict) else {}
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = merged(found.get(name), value)
    return found


def take(before: Stands, event: Sent | SentIf) -> tuple[Stands, list[Event]]:
    """Where the job stands behind an event, and what it says of that."""
    table = default_machine()
    if isinstance(event, SentIf) and event.expected not in (None, event.version):
        text = f"the job is at version {event.version}, not {event.expected}"
        return before, [stale(event.at, before.status, event, text)]
    found = refusal(table, before.status, event)
    if found is not None:
        return _refused(before, event, found[0], f"machine.{found[0]}", found[1])
    if event.data is not None and not isinstance(event.data, dict):
        text = "what comes with an event for a bare job is merged into its data: an object"
        return _refused(before, event, "conflict", "machine.data", text)
    try:
        data = before.data if event.data is None else normalise(merged(before.data, event.data))
    except NotAValueError as exc:
        text = f"the job's data would be too large: {exc.message}"
        return _refused(before, event, "limit", "limit.size", text)
    to = next(to for source, name, to in EVENTS if (source, name) == (before.status, event.name))
    moved = Moved(event.at, before.status, to, event.name, event.id, event.actor, event.why)
    said: list[Event] = [moved]
    after = Stands(to, data, _error(to, event))
    if to in FINAL:
        output = copy_value(data) if to == "Completed" else None
        said.append(Finished(event.at, to, output, after.error))
    return after, said


def _refused(
    before: Stands, event: Sent | SentIf, reason: Any, type_: str, text: str
) -> tuple[Stands, list[Event]]:
    error: dict[str, Value] = {"type": type_, "message": text}
    return before, [
        Refused(event.at, before.status, event.name, event.id, event.actor, reason, error)
    ]


def _error(status: Status, event: Sent | SentIf) -> dict[str, Value] | None:
    """What is wrong with a job that was failed or cancelled by an event."""
    if status not in ("Failed", "Cancelled"):
        return None
    type_ = "cancel" if status == "Cancelled" else "failed"
    message = event.why or f"`{event.name}` was fired by {event.actor.get('id')}"
    return Fault(type_, message).public()


def replayed(given: Value, journal: Iterable[Event]) -> Stands:
    """Where a bare job stands that began with some data, behind the events of its journal.

    Raises ReplayMismatchError where what the journal says of an event is not what it comes to.
    """
    stands, said = Stands("Pending", given), list[Event]()
    for position, event in enumerate(unfold_events(journal)):
        if said:
            if event != said.pop(0):
                raise ReplayMismatchError(f"record {position}: it does not follow: {event!r}")
        elif isinstance(event, Sent) or (isinstance(event, SentIf) and event.version == position):
            stands, said = take(stands, event)
        else:
            raise ReplayMismatchError(f"record {position}: a bare job has no {event!r}")
    return stands


# --- what has arrived ---------------------------------------------------------------------------
def sent_of(row: InboxRow, at: int, position: int) -> Sent | SentIf | None:
    """The event that something in the inbox is, at its position; None where it is none."""
    if row.kind == "event":
        event = event_of(row, at)
        return event._replace(version=position) if isinstance(event, SentIf) else event
    if row.kind not in _COMMANDS:
        return None
    why = asked_by(row.data).reason if row.kind == "cancel" else None
    told: Any = row.data
    actor = told.get("actor") if isinstance(told, dict) else None
    if actor is None:
        actor = {"id": SYSTEM, "roles": []}
    return Sent(at, f"{row.kind} {row.number}", _COMMANDS[row.kind], None, actor, why)


def decide(row: JobRow, inbox: Sequence[InboxRow], at: int, part: int) -> list[Unit]:
    """The units that use up what has arrived, one for each change of status that the job machine
    has: what comes behind an end is decided with it, for an end empties the inbox.
    """
    before = stands = Stands(row.status, row.data, row.error)
    updated, reason = row.updated_at, row.reason
    units: list[Unit] = []
    events: list[Event] = []
    used: list[int] = []
    first = row.seq
    for place, one in enumerate(inbox, 1):
        used.append(one.number)
        event = sent_of(one, at, first + len(events))
        if event is not None:
            after, said = take(stands, event)
            moved = isinstance(said[0], Moved)
            if moved:
                updated, reason = at, PAUSED if after.status == "Suspended" else None
            if moved or one.kind == "event":  # a command that leads nowhere does nothing
                stands = after
                events += [event, *said]
        last = place == len(inbox)
        if not last and (stands.status in FINAL or not events):
            continue
        change = _change(before, stands, updated, reason)._replace(rest=last)
        unit = Unit(row.id, row.epoch, first, events, change, inbox=used)
        if not events:
            unit = unit._replace(part=1 if units else part + 1)
        if first // SNAPSHOT != (first + len(events)) // SNAPSHOT:
            unit = unit._replace(snapshot=_written(stands))
        units.append(unit)
        first, before, events, used = first + len(events), stands, [], []
    return units


def _change(before: Stands, after: Stands, updated: int, reason: str | None) -> RowChange:
    """What a unit changes in the row."""
    return RowChange(
        after.status,
        updated,
        output=copy_value(after.data) if after.status == "Completed" else None,
        error=after.error,
        data=UNSET if after.data is before.data else after.data,
        reason=reason,
    )


def _written(stands: Stands) -> bytes:
    """The job as a store keeps it in the place of the events before."""
    return bytes([versions.SNAPSHOT]) + encode(["bare", stands.status, stands.data])


async def go_on(driver: Driver, loaded: Loaded) -> None:
    """Decide on what has arrived for a bare job that was just claimed, and let it rest again.

    Raises StoreError.
    """
    from ..stores.leases import Release

    row, lease = loaded.row, driver.lease
    units = decide(row, loaded.inbox, driver.at(), loaded.part)
    if not units:
        await driver.store.release(lease.worker.id, [Release(row.id, row.epoch, rest=True)])
        return
    for unit, committed in zip(units, await driver.store.commit(units), strict=True):
        if committed.outcome not in ("ok", "already"):
            lease.drop(row.id, row.epoch)  # it is somebody else's by now
            break
        driver.answers.tell(row.id, unit.events)
        if unit.row is not None and unit.row.status in FINAL:
            driver.ended[unit.row.status] += 1
    driver.forget_mail(row.id)
