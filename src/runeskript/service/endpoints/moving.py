"""Telling a job that is there what to do."""

from __future__ import annotations

import asyncio
from typing import Any

from ...engine.erasing import erase_job
from ...engine.handlers.durations import milliseconds
from ...engine.sending import EventFor, event_command
from ...errors import EraseError, JobNotFoundError, RequestError, VersionMismatchError
from ...stores.base import HELD, JobRow
from ..call import Answer, Call
from ..reading import tags
from ..types import Erased, Erasure
from .looking import shown


async def move(call: Call) -> Answer:
    """Fire an event, or go to a state; answered when it was its turn, or 202 when it waits."""
    body, service, id_ = call.body, call.service, call.params["id"]
    row = await service.row(call.caller, id_)
    if (body.event is None) == (body.state is None):
        raise RequestError("say `event` or `state`, one of the two", status=422)
    given = body.id or call.derived("event")
    event_id = given or service.ids.message_id()  # it may have to be sent again below
    options: dict[str, Any] = {
        "actor": call.caller.actor,
        "roles": call.caller.roles,
        "why": body.why,
        "event_id": given if body.event is None else event_id,
        "if_version": _wanted(call, row),
    }
    runtime, wait = service.runtime, _seconds(body.wait)
    if body.event is not None:
        moving = service.background(runtime.send(id_, body.event, body.data, **options))
    else:
        moving = service.background(runtime.set_state(id_, body.state, body.data, **options))
    done, _ = await asyncio.wait((moving,), timeout=wait)
    if done:
        await moving
        return shown(await service.row(call.caller, id_))
    if body.event is not None:
        # That it waits is said when it is in the store, and is not in doubt: of two with one id
        # only one counts.
        one = EventFor(
            id_, body.event, body.data, options["actor"], options["roles"], body.why,
            event_id, options["if_version"],
        )  # fmt: skip
        await service.store.post([event_command(one, event_id)])
    return shown(await service.row(call.caller, id_), 202)


def _wanted(call: Call, row: JobRow) -> int | None:
    """The revision that ``If-Match`` names; whether the job has it is found out when it is the
    event's turn. Of several that the job has now. Raises VersionMismatchError.
    """
    header = call.headers.get("if-match")
    known = None if header is None else tags(header)
    if known is None:
        return None
    # A tag of what was seen of a job begins with its version, and that is what has to be the same.
    wanted = {tag.partition("-")[0] for tag in known}
    if str(row.seq) in wanted:
        return row.seq
    (only, *more) = wanted or ("",)
    if more or not only.isascii() or not only.isdigit() or len(only) > 18:
        text = f"job {row.id} is at version {row.seq}"
        raise VersionMismatchError(text, row.id, row.seq, None)
    return int(only)


def _seconds(text: str | int) -> float:
    try:
        return min(milliseconds(text), 60_000) / 1000
    except ValueError as exc:
        raise RequestError(f"`wait`: {exc}", status=422) from None


def _who(call: Call) -> dict[str, Any]:
    """Who asks for something, for the journal."""
    return {"actor": call.caller.actor, "roles": call.caller.roles}


async def run(call: Call) -> Answer:
    """Have a job begin that was held."""
    service, id_ = call.service, call.params["id"]
    row = await service.row(call.caller, id_)
    if row.status == "Pending" and row.due == HELD:
        await service.runtime.resume_job(id_, **_who(call))
        row = await service.row(call.caller, id_)
    return shown(row)


async def cancel(call: Call) -> Answer:
    """Ask a job to end as Cancelled."""
    service, body = call.service, call.body
    row = await service.row(call.caller, call.params["id"])
    await service.runtime.cancel_job(
        row.id, body.reason, grace=body.grace, force=body.force, **_who(call)
    )
    return shown(await service.row(call.caller, row.id), 202)


async def pause(call: Call) -> Answer:
    """Ask a job to stand still."""
    service = call.service
    row = await service.row(call.caller, call.params["id"])
    await service.runtime.pause_job(row.id, **_who(call))
    return shown(await service.row(call.caller, row.id), 202)


async def resume(call: Call) -> Answer:
    """Go on with a job that stands still."""
    service = call.service
    row = await service.row(call.caller, call.params["id"])
    await service.runtime.resume_job(row.id, **_who(call))
    return shown(await service.row(call.caller, row.id), 202)


async def retry(call: Call) -> Answer:
    """Go on with a failed job."""
    service = call.service
    row = await service.row(call.caller, call.params["id"])
    await service.runtime.retry_job(row.id, **_who(call), command_id=call.derived("retry"))
    return shown(await service.row(call.caller, row.id), 202)


async def erase(call: Call) -> Answer:
    """Erase what a job holds, and what others hold of it; or say what that would be."""
    store, dry = call.service.store, call.body.dry
    row = await call.service.row(call.caller, call.params["id"])
    found = await erase_job(store, row.id, dry=dry)
    for one in found:
        if one.outcome == "unknown":
            raise JobNotFoundError("no job has this id")
        if one.outcome == "unfinished" and not dry:
            raise EraseError(f"job {one.by or one.job} has not ended, so it cannot be erased")
    return Answer(Erased(jobs=[Erasure(**one._asdict()) for one in found]))
