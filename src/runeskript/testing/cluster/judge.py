"""What must hold when all is over: read from ledger and journals, not believed of the engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from ...engine.notices import notice_id, notice_input
from ...engine.queued import origin_of
from ...errors import RuneskriptError
from ...kernel import Program, replay
from ...model.batches import unfold_events
from ...model.completions import completion_token
from ...model.events import (
    CallDone,
    CallFailed,
    ChildDone,
    Event,
    Finished,
    Forked,
    MessageIn,
    Started,
    TimerFired,
    is_force,
)
from ...model.ids import idempotency_key
from ...model.machine import FINAL
from ...model.retries import standing
from ...stores.base import JobRow, Store
from ...stores.queries import JobFilter
from .ledger import Ledger
from .programs import decode, load

_T = TypeVar("_T")
#: Events of which there may be one for each token path and number.
_ONCE = (TimerFired, ChildDone)


def now(operation: Coroutine[Any, Any, _T]) -> _T:
    """The result of a store's operation that does not wait for anything."""
    try:
        operation.send(None)
    except StopIteration as exc:
        result: _T = exc.value
        return result
    operation.close()
    raise AssertionError("the operation waits")


def jobs(store: Store) -> list[JobRow]:
    """All jobs of a store."""
    rows: list[JobRow] = []
    cursor: str | None = None
    while True:
        page, cursor = now(store.query(JobFilter(), cursor, 500))
        rows += page
        if cursor is None:
            return rows


def judge(store: Store, ledger: Ledger, programs: dict[str, Program]) -> None:
    """Everything that is not as it has to be becomes a finding of the ledger."""
    rows = {row.id: row for row in jobs(store)}
    for id_ in ledger.submitted:
        if id_ not in rows:
            ledger.find("lost", f"job {id_} was submitted, and is not there")
    for key, (first, *others) in ledger.begun.items():
        for (
            one
        ) in others:  # by operators' retries, too: of what was taken back no key is used again
            if (one.handler, one.params) != (first.handler, first.params):
                text = f"call {key}, {first}, was made again as {one}"
                ledger.find("changed", text)
    for row in rows.values():
        _job(store, ledger, row, programs)
    _notices(store, rows, ledger, programs)


def _notices(
    store: Store, rows: dict[str, JobRow], ledger: Ledger, programs: dict[str, Program]
) -> None:
    """Each job that failed has told so, once, and no other has; one that was retried, and may have
    completed since, has told of each failure.
    """
    due = {}
    for row in rows.values():
        program = programs.get(row.blueprint)
        if row.status == "Failed" and program and program.blueprint.on_failure is not None:
            due[notice_id(row.id, row.seq - 1)] = row, program.blueprint.on_failure
    told = {one.blueprint.on_failure for one in programs.values()}
    for id_, (row, digest) in due.items():
        notice = rows.get(id_)
        if notice is None or notice.blueprint != digest:
            ledger.find("lost", f"job {row.id} failed, and nobody was told")
        elif notice.input != notice_input(row, row.error):
            ledger.find("changed", f"job {id_} tells of {notice.input}, job {row.id} ended {row}")
    for row in rows.values():
        if row.blueprint in told and row.id not in due and not _retracted(store, rows, row):
            ledger.find("duplicated", f"job {row.id} tells of a failure that was none")


def _retracted(store: Store, rows: dict[str, JobRow], notice: JobRow) -> bool:
    """Whether a notice tells of a failure that was one until its job was retried."""
    told = notice.input
    job = told.get("job") if isinstance(told, dict) else None
    of = rows.get(str(job.get("id"))) if isinstance(job, dict) else None
    if of is None:
        return False
    journal = unfold_events(now(store.journal(of.id, 0, 1_000_000)))
    return any(
        isinstance(event, Finished)
        and event.status == "Failed"
        and notice.id == notice_id(of.id, position)
        for position, event in enumerate(journal)
    )


def _job(store: Store, ledger: Ledger, row: JobRow, programs: dict[str, Program]) -> None:
    def find(kind: str, text: str) -> None:
        ledger.find(kind, f"job {row.id}: {text}")

    if row.status not in FINAL:
        find("stuck", f"it is {row.status}: {row.reason}, owner {row.owner}, due {row.due}")
        return
    if row.error is not None and row.error.get("code") == "RUNE-9000":
        find("defect", f"{row.error}")
    seen = (row.status, row.output, row.error)
    if ledger.ended(row.id, seen) != seen:
        find("changed", f"it ended as {ledger.ended(row.id, seen)}, and now {seen}")
    journal = list(unfold_events(now(store.journal(row.id, 0, 1_000_000))))
    for position, event in ledger.durable[row.id].items():
        if position >= len(journal):
            find("lost", f"event {position} was durable: {event}")
        elif journal[position] != event:
            find("changed", f"event {position} was {event}, and is {journal[position]}")
    _once(standing(journal), find)
    origin = origin_of(row)
    forked = [place for place, event in enumerate(journal) if isinstance(event, Forked)]
    for event in journal[forked[-1] if forked else 0 :]:  # what was done before is another job's
        if isinstance(event, CallDone | CallFailed):
            key, attempt = idempotency_key(row.id, event.path, event.n), event.attempt
            if origin is not None:
                key = idempotency_key(origin.job, origin.path, origin.n)
                attempt = origin.attempt
            began = any(one.attempt == attempt for one in ledger.begun[key])
            if not began and isinstance(event, CallDone):
                find("changed", f"{event} of a call that was never made")
            token = completion_token(row.id, event.path, event.n, event.attempt)
            if isinstance(event, CallDone) and token in ledger.left:
                answers = ledger.left[token]
                if answers[:1] != [event.result]:
                    find("changed", f"{event} was left to somebody who said {answers}")
    loaded = now(store.load(row.id))
    left = loaded and (loaded.timers, loaded.listeners, loaded.inbox, loaded.queued)
    if left != ([], [], [], []):
        find("changed", f"it has ended, and still waits: {left}")
    _replayed(store, row, programs, journal, find)


def _once(journal: Sequence[Event], find: Callable[[str, str], None]) -> None:
    """Each thing that ends a wait does so once."""
    ended: Counter[tuple[object, ...]] = Counter(
        ("call", event.path, event.n, event.attempt)
        for event in journal
        if isinstance(event, CallDone | CallFailed)
    )
    ended.update(
        (type(event).__name__, *event[1:3])
        for event in journal
        if isinstance(event, _ONCE) and not is_force(event)  # each cancel may set it anew
    )
    for event in journal:
        if isinstance(event, MessageIn):  # a listener may turn down any number of messages
            ended["message", event.path, event.m, str(event.message["id"])] += 1
    for what, number in ended.items():
        if number > 1:
            find("duplicated", f"{what} ended {number} times")
    for kind in (Started, Finished):
        if sum(isinstance(event, kind) for event in journal) != 1:
            find("duplicated", f"there is not one {kind.__name__} in its journal")


def _replayed(
    store: Store,
    row: JobRow,
    programs: dict[str, Program],
    journal: list[Event],
    find: Callable[[str, str], None],
) -> None:
    """The journal leads to the end that it has, and to the row."""
    program = programs.get(row.blueprint)
    if program is None:
        data = now(store.get_blob(row.blueprint))
        if data is None:
            find("lost", "its Blueprint")
            return
        program = programs[row.blueprint] = load(decode(data))
    try:
        end = replay(program, now(store.journal(row.id, 0, 1_000_000))).finished
    except RuneskriptError as exc:
        find("changed", f"its journal cannot be replayed: {exc}")
        return
    last = journal[-1]
    if end != last or not isinstance(last, Finished):
        find("changed", f"it replays to {end}, and ended with {last}")
    elif (last.status, last.output) != (row.status, row.output):
        find("changed", f"its journal ends with {last}, and its row is {row.status}, {row.output}")
