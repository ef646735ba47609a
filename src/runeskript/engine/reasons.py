"""Why a job is not moving: the one thing that it waits for, from what its store holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final, Literal

from ..expr.runtime import Context
from ..kernel import Program, load, outstanding, resume
from ..kernel.forcing import is_cancelled
from ..kernel.machine import SYSTEM, allowed
from ..model import blueprint_codec
from ..model.batches import unfold_effects, unfold_events
from ..model.completions import completion_token
from ..model.effects import CallOut
from ..model.events import Event, Path
from ..model.machine import FINAL
from ..model.rows import NamedTuple
from ..model.run import Run, TokenState
from ..stores.base import HELD, SUSPECT, JobRow, Store
from ..stores.leases import Loaded
from .apart import apart
from .cancelled import FAR, cancel_of
from .queued import id_of

#: What kind of thing it is. The first five come from outside (``event``: a machine rests in its
#: state); ``moving`` is for what needs nothing but time to get on (it computes, a worker is about
#: to claim it).
Kind = Literal[
    "call", "completion", "child", "message", "event", "timer", "limit", "ended", "paused",
    "parked", "unclaimed", "moving", "lost",
]  # fmt: skip
#: Timers that only bound how long something else is waited for.
_BOUNDS: Final = ("deadline", "timeout", "grace")


class Reason(NamedTuple):
    """Why a job is not moving. Times are milliseconds since 1970.

    ``text``: a sentence with all of it. ``since``: when a call was let out; ``due``: when it gets
    on by itself. ``owner`` and ``until``: the worker that holds the job, and its lease. ``detail``:
    handler, step, attempt; topic, key; timer; child; limits: what belongs to the kind.
    """

    kind: Kind
    text: str
    since: int | None = None
    due: int | None = None
    owner: str | None = None
    until: int | None = None
    detail: dict[str, Any] = {}  # noqa: RUF012 - nobody changes it


async def reason_of(store: Store, row: JobRow) -> Reason:
    """The one reason. Raises the errors of a job that cannot be read."""
    if row.status in FINAL:
        return Reason("ended", f"it has ended: {row.status}")
    runs = row.kind != "bare"
    if runs and row.status == "Suspended":
        kind: Kind = "paused" if row.reason == "paused" else "parked"
        return Reason(kind, f"it stands still: {row.reason}")
    if runs and row.due == HELD:
        return Reason("paused", "it is held: a resume has it begin")
    now = store.now()
    if row.owner is None and row.due is not None and row.due <= now:
        return await _unclaimed(store, row)
    loaded = await store.load(row.id)
    if loaded is None:
        return Reason("lost", "it is gone")
    found = await _waits(store, loaded)
    if row.owner is None:
        return found._replace(text=f"no worker holds it, and none has to: {found.text}")
    until = {one.worker.id: one.until for one in await store.workers()}.get(row.owner)
    held = found._replace(owner=row.owner, until=until)
    if until is None or until <= now:
        next_ = await _unclaimed(store, row)
        text = f"its worker {row.owner} is gone; {next_.text}"
        if next_.kind == "moving":
            text = f"its worker {row.owner} is gone; the next one goes on with it"
        return held._replace(kind=next_.kind, text=text, detail=next_.detail)
    text = f"worker {row.owner} holds it (lease until {_instant(until)}): {found.text}"
    return held._replace(text=text)


def _bare(row: JobRow) -> Reason:
    """A bare job waits for events of the default machine."""
    from .bare import default_machine

    can = allowed(default_machine(), row.status, {"id": SYSTEM})
    text = f"an event in status {row.status}: {' or '.join(can)}"
    if row.reason is not None:
        text += f"; it stands still: {row.reason}"
    return Reason("event", text, detail={"state": row.status, "events": can})


async def _unclaimed(store: Store, row: JobRow) -> Reason:
    """It could be claimed at once."""
    now = store.now()
    alive = [one.worker for one in await store.workers() if one.until > now]
    if any(worker.can_run(row.handlers, row.queue) for worker in alive):
        if row.claims < SUSPECT:
            return Reason("moving", "a worker is about to claim it")
        text = (
            f"it was claimed {row.claims} times in a row without getting on, and may be what ends"
            " its workers: they take such jobs one after the other"
        )
        return Reason("unclaimed", text, detail={"claims": row.claims})
    if not alive:
        return Reason("unclaimed", "no worker runs")
    known = frozenset[str]().union(*(worker.handlers for worker in alive))
    missing = [name for name in row.handlers if name not in known]
    if missing:
        text = f"no worker has handler {', '.join(missing)}"
        return Reason("unclaimed", text, detail={"handlers": missing})
    if not any(row.queue in worker.queues for worker in alive):
        text = f"no worker takes from queue {row.queue}"
        return Reason("unclaimed", text, detail={"queue": row.queue})
    return Reason("unclaimed", "no worker has all of its handlers")


# --- what its run rests on ------------------------------------------------------------------------
async def _waits(store: Store, loaded: Loaded) -> Reason:
    row = loaded.row
    if row.kind == "bare":
        return _bare(row)
    if row.status == "Pending":  # also a fork, which has a journal by then
        return Reason("moving", "it has not begun")
    data = await store.get_blob(row.blueprint)
    if data is None:
        return Reason("lost", f"its Blueprint {row.blueprint[:12]} is not in the store")
    program, run, calls = await apart(loaded, _told, data, loaded, store.now())
    if run.ready:
        return Reason("moving", "it computes")
    found = await _rests_on(store, program, run, calls, loaded)
    return await _cancelled(store, row, found) if _was_cancelled(run) else found


def _told(data: bytes, loaded: Loaded, now: int) -> tuple[Program, Run, list[CallOut]]:
    """Where a run stands, and its calls, if it rests. Apart from others: a journal may be long."""
    program = load(blueprint_codec.decode(data))
    run = _run(program, loaded, loaded.events)
    return program, run, [] if run.ready else list(_calls(program, run, now))


async def _rests_on(
    store: Store, program: Program, run: Run, calls: list[CallOut], loaded: Loaded
) -> Reason:
    """Calls first, then completions, children, messages, timers, events for a machine."""
    row = loaded.row
    # The store keeps a timer that has gone off until the job rests or is gone on with.
    timers = [one for one in loaded.timers if (one.path, one.m) in run.timers]
    loaded = loaded._replace(timers=timers)
    if loaded.queued:
        return _limit(loaded)
    here = [one for one in calls if one.queue is None]
    if here:
        return await _call(store, program, loaded, here)
    if loaded.inbox:
        return Reason("moving", "what has arrived for it is about to be taken")
    if calls:
        return await _placed(store, row, run, calls)
    found = _completion(program, run, row) or _child(program, run)
    found = found or _message(loaded)
    if found is None and all(one.kind in _BOUNDS for one in timers):
        found = _event(program, run, loaded)  # else its activity goes on by itself
    return found or _timer(loaded) or Reason("lost", "nobody knows for what")


def _was_cancelled(run: Run) -> bool:
    if run.ending is not None:
        return run.ending[0] == "Cancelled"
    return run.root is not None and is_cancelled(run.root)


async def _cancelled(store: Store, row: JobRow, found: Reason) -> Reason:
    """The reason of a job that is being cancelled says so."""
    cancel = await cancel_of(store, row)
    if cancel is None:
        return found
    more = f"; cancelled since {_instant(cancel.at)} ({cancel.reason})"
    if cancel.over is not None:
        more += f", its grace time was over at {_instant(cancel.over)}"
    if cancel.forced is not None:
        more += f", forced at {_instant(cancel.forced)}"
    if cancel.due is not None:
        more += f", its grace time ends at {_instant(cancel.due)}"
    return found._replace(text=found.text + more, detail=found.detail | {"cancel": cancel.shown()})


def _run(program: Program, loaded: Loaded, events: Sequence[Event]) -> Run:
    start = None
    if loaded.snapshot is not None:
        from ..model.snapshot import decode_run

        start, _ = decode_run(loaded.snapshot, program.digest, Context())
    return resume(program, events, start, rest=program.speaks).run


def _calls(program: Program, run: Run, now: int) -> Iterator[CallOut]:
    """The calls that are under way; with ``fresh`` also those that must not be made again."""
    effects, _ = outstanding(program, run, now, fresh=True)
    for effect in unfold_effects(effects):
        if isinstance(effect, CallOut):
            yield effect


async def _call(store: Store, program: Program, loaded: Loaded, calls: Sequence[CallOut]) -> Reason:
    first = calls[0]
    since = await _since(store, program, loaded, first)
    text = f"attempt {first.attempt} of {first.handler} in step {first.step}"
    if since is not None:
        text += f", since {_instant(since)}"
    if len(calls) > 1:
        text += f", and {len(calls) - 1} more calls"
    detail = {"handler": first.handler, "step": first.step, "attempt": first.attempt}
    return Reason("call", text, since, detail=detail)


async def _since(store: Store, program: Program, loaded: Loaded, call: CallOut) -> int | None:
    """When a call was let out: the time of the first event behind which it is under way."""
    row = loaded.row
    if loaded.first:
        whole = await store.load(row.id, whole=True) if row.seq <= FAR else None
        if whole is None or whole.first:
            return None  # so far back that nobody looks, or forgotten
        loaded = whole._replace(snapshot=None)
    return await apart(loaded, _let_out, program, loaded, call)


def _let_out(program: Program, loaded: Loaded, call: CallOut) -> int:
    """The same, from a whole journal."""
    row, events = loaded.row, list(unfold_events(loaded.events))
    wanted = (call.path, call.n, call.attempt)

    def under_way(count: int) -> bool:
        run = _run(program, loaded, events[:count])
        return any(
            (one.path, one.n, one.attempt) == wanted for one in _calls(program, run, row.updated_at)
        )

    low, high = 1, len(events)
    while low < high:
        middle = (low + high) // 2
        if under_way(middle):
            high = middle
        else:
            low = middle + 1
    return events[high - 1].at


def _limit(loaded: Loaded) -> Reason:
    one = loaded.queued[0]
    names = [limit.name for limit in one.limits]
    more = f", and {len(loaded.queued) - 1} more calls" if len(loaded.queued) > 1 else ""
    return Reason("limit", f"a slot of limit {', '.join(names)}{more}", detail={"limits": names})


def _completion(program: Program, run: Run, row: JobRow) -> Reason | None:
    pending = [t for t in run.calls.values() if t.state == TokenState.PENDING]
    if not pending:
        return None
    one, step = pending[0], program.step_at(pending[0].pc)
    token = completion_token(row.id, one.path, one.n, one.attempt)
    text = f"step {step} to be completed from outside, token {token}"
    detail = {"step": step, "attempt": one.attempt, "token": token}
    return Reason("completion", text, detail=detail)


def _child(program: Program, run: Run) -> Reason | None:
    for token in run.calls.values():
        if token.state == TokenState.CHILD:
            step = program.step_at(token.pc)
            return Reason(
                "child", f"child job {token.child}", detail={"child": token.child, "step": step}
            )
    return None


async def _placed(store: Store, row: JobRow, run: Run, calls: Sequence[CallOut]) -> Reason:
    """Calls on queues: the first is a job, which has a reason of its own."""
    first = calls[0]
    found: JobRow | None = None
    for again in count():
        (known,) = await store.get([id_of(row.id, run, first, again)])
        if known is None:
            break
        found = known
    if found is None:
        return Reason("lost", f"the job of its call on queue {first.queue} is gone")
    why = await reason_of(store, found)
    text = f"job {found.id} of {first.handler} on queue {first.queue}, step {first.step}"
    if len(calls) > 1:
        text += f", and {len(calls) - 1} more"
    detail = {"child": found.id, "step": first.step, "queue": first.queue}
    return Reason("child", f"{text}: {why.text}", detail=detail)


def _message(loaded: Loaded) -> Reason | None:
    if not loaded.listeners:
        return None
    one = loaded.listeners[0]
    until = _due_of(loaded, one.path, one.m)
    limit = "" if until is None else f", until {_instant(until)}"
    text = f"a message to topic {one.topic}, key {one.key!r}{limit}"
    return Reason("message", text, due=until, detail={"topic": one.topic, "key": one.key})


def _event(program: Program, run: Run, loaded: Loaded) -> Reason | None:
    machine, table = run.machine, program.blueprint.machine
    token = None if machine is None else machine.token
    if machine is None or table is None or token is None or token.state != TokenState.WAITING:
        return None
    state = table.states[machine.state]
    can = allowed(table, state.name, {"id": SYSTEM})
    text = (
        f"an event in state {state.name}: {' or '.join(can) or 'none is taken, but for a cancel'}"
    )
    due = None if token.timer is None else _due_of(loaded, token.path, token.timer)
    if due is not None:
        text += f"; else its timeout {state.after}, due at {_instant(due)}"
    return Reason("event", text, due=due, detail={"state": state.name, "events": can})


def _due_of(loaded: Loaded, path: Path, m: int) -> int | None:
    return next((one.due for one in loaded.timers if (one.path, one.m) == (path, m)), None)


def _timer(loaded: Loaded) -> Reason | None:
    if not loaded.timers:
        return None
    # A limit of time is nothing to wait for, where there is something else.
    one = min(loaded.timers, key=lambda one: (one.kind in _BOUNDS, one.due))
    of = f" of step {one.step}" if one.step else ""
    text = f"a timer ({one.kind}){of}, due at {_instant(one.due)}"
    return Reason("timer", text, due=one.due, detail={"timer": one.kind, "step": one.step})


def _instant(ms: int) -> str:
    """A time in UTC, to the millisecond."""
    text = datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00").removesuffix(".000") + "Z"
