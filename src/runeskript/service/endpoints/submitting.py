"""Making jobs: new ones, copies, and many at once."""

from __future__ import annotations

from typing import Any

from ...errors import RequestError
from ..call import Answer, Call
from ..types import Submit
from .looking import shown


async def submit(call: Call) -> Answer:
    """One job; 200 where its key was known."""
    service = call.service
    service.check_open()
    body, tenant = call.body, call.caller.tenant
    options: dict[str, Any] = {
        "key": body.key,
        "labels": body.labels,
        "on_conflict": body.on_conflict,
        "priority": body.priority,
        "tenant": tenant,
    }
    runtime = service.runtime
    what = await _program(call, body)
    began = service.store.now()
    if what is None:
        raise RequestError("say `skript`, `machine` or `document`", status=422)
    job = await runtime.submit_job(what, body.data, hold=not body.start, **options)
    row = await service.row(call.caller, job.id)
    fresh = row.created_at >= began
    return shown(row, 201 if fresh else 200, (("location", f"/jobs/{row.id}"),))


async def _program(call: Call, body: Submit) -> Any:
    given = [name for name in ("skript", "machine", "document") if getattr(body, name) is not None]
    if len(given) > 1:
        raise RequestError(f"say {' or '.join(given)}, one of them", status=422)
    programs, tenant = call.service.programs, call.caller.tenant
    if body.document is not None:
        return await programs.compiled(body.document)
    if body.machine is not None:
        return await programs.deployed(body.machine, tenant, machine=True)
    if body.skript is not None:
        return await programs.deployed(body.skript, tenant)
    return None


async def fork(call: Call) -> Answer:
    """A copy of a job that goes on from a position."""
    service, body = call.service, call.body
    row = await service.row(call.caller, call.params["id"])
    job = await service.runtime.fork_job(
        row.id,
        at=body.at,
        variables=body.variables,
        key=body.key,
        labels=body.labels,
        start=body.start,
    )
    made = await service.row(call.caller, job.id)
    return shown(made, 201, (("location", f"/jobs/{made.id}"),))
