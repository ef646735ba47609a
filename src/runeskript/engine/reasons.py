"""Why a job is not moving: the one thing that it waits for, from what its store holds."""

from __future__ import annotations

from ..expr.runtime import Context
from ..kernel import load, outstanding, resume
from ..model import blueprint_codec
from ..model.batches import unfold_effects
from ..model.completions import completion_token
from ..model.events import CallOut
from ..model.machine import FINAL
from ..model.run import TokenState
from ..stores.base import JobRow, Store
from ..stores.leases import Loaded


async def reason_of(store: Store, row: JobRow) -> str:
    """One sentence. Raises the errors of a job that cannot be read."""
    if row.status in FINAL:
        return f"it has ended: {row.status}"
    if row.status == "Suspended":
        return f"it stands still: {row.reason}"
    if row.owner is None and row.due is not None and row.due <= store.now():
        return await _unowned(store, row)
    loaded = await store.load(row.id)
    if loaded is None:
        return "it is gone"
    found = await _waits(store, loaded)
    if row.owner is None:
        return f"no worker holds it, and none has to: {found}"
    until = {one.worker.id: one.until for one in await store.workers()}.get(row.owner)
    if until is None or until <= store.now():
        return f"its worker {row.owner} is gone; the next one goes on with it"
    return f"worker {row.owner} holds it (lease until {until}): {found}"


async def _unowned(store: Store, row: JobRow) -> str:
    """It could be claimed at once."""
    now = store.now()
    alive = [one.worker for one in await store.workers() if one.until > now]
    if any(worker.can_run(row.handlers, row.queue) for worker in alive):
        return "a worker is about to claim it"
    if not alive:
        return "no worker runs"
    known = frozenset[str]().union(*(worker.handlers for worker in alive))
    missing = [name for name in row.handlers if name not in known]
    if missing:
        return f"no worker has handler {', '.join(missing)}"
    return "no worker has all of its handlers"


async def _waits(store: Store, loaded: Loaded) -> str:
    """What its run rests on: calls first, then children, messages, timers."""
    row = loaded.row
    if row.seq == 0:
        return "it has not begun"
    data = await store.get_blob(row.blueprint)
    if data is None:
        return f"its Blueprint {row.blueprint[:12]} is not in the store"
    program = load(blueprint_codec.decode(data))
    start = None
    if loaded.snapshot is not None:
        from ..model.snapshot import decode_run

        start, _ = decode_run(loaded.snapshot, program.digest, Context())
    run = resume(program, loaded.events, start, rest=program.speaks).run
    calls, _ = outstanding(program, run, store.now())
    singles = [call for call in unfold_effects(calls) if isinstance(call, CallOut)]
    if run.ready:
        return "it computes"
    if singles:
        first = singles[0]
        more = f", and {len(singles) - 1} more calls" if len(singles) > 1 else ""
        return f"attempt {first.attempt} of {first.handler} in step {first.step}{more}"
    pending = [t for t in run.calls.values() if t.state == TokenState.PENDING]
    if pending:
        one_ = pending[0]
        token = completion_token(row.id, one_.path, one_.n, one_.attempt)
        return f"step {program.step_at(one_.pc)} to be completed from outside, token {token}"
    children = [t.child for t in run.calls.values() if t.state == TokenState.CHILD]
    if children:
        return f"child job {children[0]}"
    if loaded.listeners:
        one = loaded.listeners[0]
        until = [timer.due for timer in loaded.timers if (timer.path, timer.m) == (one.path, one.m)]
        limit = f", until {until[0]}" if until else ""
        return f"a message to topic {one.topic}, key {one.key!r}{limit}"
    if loaded.timers:
        timer = min(loaded.timers, key=lambda one: one.due)
        return f"a timer ({timer.kind}) of step {timer.step}, due at {timer.due}"
    return "it is about to move"
