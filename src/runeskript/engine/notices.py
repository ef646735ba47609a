"""What is done when a job has failed: a job of its own, created in the unit that ends the other.

So the end and the intention are durable together or not at all, and what is done has all that jobs
have: it is done at least once, with the same idempotency keys whoever does it; it is retried as its
step says; where it fails, that is its own end, and nothing else's.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ..errors import RuneskriptError, StoreError
from ..model.effects import ChildOut
from ..model.ids import derive
from ..model.machine import FINAL
from ..model.values import Value
from ..stores.base import JobRow, Store
from .skripts import needed

if TYPE_CHECKING:
    from ..kernel import Program
    from ..model.blueprint import Blueprint
    from ..stores.base import RowChange
    from .clock import Clock
    from .lease import Lease
    from .live import Live
    from .skripts import Skripts

_log = logging.getLogger("runeskript.job")


def notice_id(job: str, end: int) -> str:
    """The id of the job that tells of a failure; ``end``: number of the event the failed one ended
    with (one that is retried may fail again).
    """
    return derive("notice", job, (), end)


async def notice_of(store: Store, row: JobRow) -> JobRow | None:
    """The job that tells of the failure of a job; None where there is none."""
    if row.status != "Failed":
        return None
    (found,) = await store.get([notice_id(row.id, row.seq - 1)])
    return found


async def decide_notice(
    live: Live, change: RowChange, end: int, skripts: Skripts, clock: Clock, lease: Lease
) -> tuple[JobRow, Program | None] | None:
    """The job that tells of a failure, and its program where it can run here; else any worker that
    has its handlers may take it. None: its Blueprint is gone or damaged, which the log says; the
    job fails all the same. ``end``: see :func:`notice_id`.

    Raises StoreError.
    """
    digest = live.program.blueprint.on_failure
    if digest is None:
        return None
    program, blueprint = await _found(live, digest, skripts)
    if blueprint is None:
        return None
    owner = None
    if program is not None:
        await lease.ensure()
        owner = lease.worker.id
    id_ = notice_id(live.id, end)
    return _row(live, change, blueprint, digest, id_, clock.now_ms(), owner), program


async def _found(
    live: Live, digest: str, skripts: Skripts
) -> tuple[Program | None, Blueprint | None]:
    """The program, where it can run here, and the Blueprint, where it can be read."""
    try:
        try:
            program = await skripts.program(digest)
            blueprint = None if program is None else program.blueprint
        except StoreError:
            raise
        except RuneskriptError:  # a handler is missing here, or is another one by now
            program, blueprint = None, await skripts.blueprint(digest)
    except StoreError:
        raise
    except RuneskriptError as exc:
        text = "job %s: its on_failure, Blueprint %s, cannot be read, nobody is told: %s: %s"
        _log.error(text, live.id, digest, exc.code, exc)
        return None, None
    if blueprint is None:
        _log.error("job %s: its on_failure, Blueprint %s, is not in the store", live.id, digest)
    return program, blueprint


def _row(
    live: Live,
    change: RowChange,
    blueprint: Blueprint,
    digest: str,
    id_: str,
    now: int,
    owner: str | None,
) -> JobRow:
    failed = live.row
    table = live.program.blueprint.machine
    if table is not None:
        from ..kernel.machine import data_of

        failed = failed._replace(data=data_of(table, live.run))
    return JobRow(
        id=id_,
        key=None,
        labels=dict(failed.labels),
        skript=blueprint.name,
        version=failed.version,
        blueprint=digest,
        ast_hash=blueprint.ast_hash,
        input=notice_input(failed, change.error),
        created_at=now,
        updated_at=now,
        tenant=failed.tenant,
        handlers=needed(blueprint),
        priority=failed.priority,
        owner=owner,
        epoch=0 if owner is None else 1,
    )


def notice_input(failed: JobRow, error: dict[str, Value] | None) -> Value:
    """What the names `job`, `input` and `error` mean in ``on_failure``."""
    job: dict[str, Value] = {
        "id": failed.id,
        "key": failed.key,
        "created_at": failed.created_at,
        "labels": dict(failed.labels),
    }
    given = failed.data if failed.kind == "machine" else failed.input
    return {"job": job, "input": given, "error": error}


def as_effect(row: JobRow) -> ChildOut:
    """The creation of such a job as a run would ask for it."""
    of = (row.id, row.skript, row.version, row.blueprint, row.input)
    return ChildOut((), 0, "on_failure", *of, True)


def shown(row: JobRow) -> dict[str, object]:
    """What has become of it, for people."""
    error = row.error or {}
    found: dict[str, object] = {"job": row.id, "status": row.status}
    if row.status in FINAL and row.status != "Completed":
        found |= {"type": error.get("type"), "message": error.get("message")}
    return found
