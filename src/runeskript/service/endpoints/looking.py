"""Looking at jobs: nothing here changes anything."""

from __future__ import annotations

from typing import Any

from ...engine.reasons import reason_of
from ...engine.searching import search
from ...engine.watch import journal_record
from ...errors import RequestError
from ...model.batches import unfold_events
from ...stores.base import JobRow
from ..call import Answer, Call
from ..reading import read_json, tags
from ..routes import BYTES
from ..types import History, JobPage, Why
from ..views import event_view, job_view


def shown(row: JobRow, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """A job as an answer, with its entity tag."""
    return Answer(job_view(row), status, (*headers, ("etag", f'"{row.seq}"')))


async def find(call: Call) -> Answer:
    """A page of jobs."""
    wanted = call.query
    fields = ("status", "state", "skript", "kind", "key", "created_from", "created_before",
              "updated_from", "updated_before")  # fmt: skip
    given: dict[str, Any] = {name: getattr(wanted, name) for name in fields}
    data = {name: _json(name, text) for name, text in _pairs("data", wanted.data).items()}
    given |= {"label": _pairs("label", wanted.label), "data": data, "tenant": call.caller.tenant}
    rows, following = await search(
        call.service.store, given, wanted.limit, wanted.cursor, wanted.after
    )
    return Answer(JobPage(jobs=[job_view(row) for row in rows], next=following))


def _pairs(field: str, words: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in words:
        name, _, text = word.partition("=")
        if found.setdefault(name, text) != text:
            told = f"`{field}` asks for two values of {name[:100]!r}"
            raise RequestError(told, status=422)
    return found


def _json(name: str, text: str) -> Any:
    try:
        return read_json(text.encode())
    except RequestError as exc:
        told = f"`data`: what {name[:100]!r} is to equal is JSON; {exc.message}"
        raise RequestError(told, status=422) from None


async def get(call: Call) -> Answer:
    """One job."""
    row = await call.service.row(call.caller, call.params["id"])
    known = call.headers.get("if-none-match")
    if known is not None:
        wanted = tags(known.replace("W/", ""))
        if wanted is None or str(row.seq) in wanted:
            return Answer(None, 304, (("etag", f'"{row.seq}"'),))
    return shown(row)


async def history(call: Call) -> Answer:
    """A page of a job's journal."""
    row = await call.service.row(call.caller, call.params["id"])
    at, limit = call.query.start, call.query.limit
    events = list(unfold_events(await call.service.store.journal(row.id, at, limit)))
    records = [event_view(journal_record(at + n, event)) for n, event in enumerate(events)]
    behind = at + len(events)
    return Answer(History(events=records, next=behind if behind < row.seq and events else None))


async def why(call: Call) -> Answer:
    """What a job waits for."""
    row = await call.service.row(call.caller, call.params["id"])
    found = await reason_of(call.service.store, row)
    return Answer(Why(**found._asdict()))


async def graph(call: Call) -> Answer:
    """Structure and state of what a job runs."""
    row = await call.service.row(call.caller, call.params["id"])
    return Answer((await call.service.runtime.job_graph(row.id)).shown())


async def variables(call: Call) -> Answer:
    """The variables of a job."""
    row = await call.service.row(call.caller, call.params["id"])
    return Answer((await call.service.runtime.job_variables(row.id, call.query.at)).shown())


async def export(call: Call) -> Answer:
    """A job in one file."""
    row = await call.service.row(call.caller, call.params["id"])
    data = await call.service.runtime.export_job(row.id)
    name = "".join(one for one in row.id if one.isalnum() or one == "-")
    disposition = ("content-disposition", f'attachment; filename="{name}.runejob"')
    return Answer(data, headers=(disposition,), media=BYTES)
