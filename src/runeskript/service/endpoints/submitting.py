"""Making jobs: new ones, copies, and many at once."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any, Final
from urllib.parse import quote

from ...compiler.pipeline import Compiled
from ...engine.submissions import Chosen, Receipt, Submission
from ...errors import RequestError, RuneskriptError
from ..call import Answer, Call
from ..problems import problem_of
from ..types import Outcome, Outcomes, Submit
from .looking import shown

#: Seconds after which others get on.
SLICE: Final = 0.005


async def submit(call: Call) -> Answer:
    """One job; 200 where its key was known."""
    service = call.service
    service.check_open()
    id_ = call.derived("job")
    item = _submission(call, await _skript(call, call.body), call.body, id_)
    whose = {"route": call.route.name, "peer": call.peer, "request": call.id}
    call.note = service.audit.beforehand(call.caller, **whose)
    outcome, row = await service.runtime.submit(item, call.note)
    # What was submitted before by the id of this request was made by it.
    known = outcome == "exists" and row.id != id_
    return shown(row, 200 if known else 201, _location(call, row.id))


async def batch(call: Call) -> Answer:
    """Many jobs, each with its own outcome."""
    service = call.service
    service.check_open()
    items: list[Submission] = []
    outcomes: list[Outcome | None] = []
    key = call.derived("batch")
    programs: dict[Any, Chosen | Compiled | RuneskriptError | None] = {}
    until = monotonic() + SLICE
    for number, body in enumerate(call.body.jobs):
        found = await _like(call, body, programs)
        if monotonic() > until:  # a thousand documents are a second of compiling
            await asyncio.sleep(0)
            until = monotonic() + SLICE
        if isinstance(found, RuneskriptError):
            outcomes.append(_refused(found, call.root))
            continue
        id_ = None if key is None else f"{key}-{number}"
        items.append(_submission(call, found, body, id_))
        outcomes.append(None)
    receipts = iter(await service.runtime.submit_many(items))
    told = [_outcome(next(receipts), call.root) if one is None else one for one in outcomes]
    return Answer(Outcomes(outcomes=told))


async def _like(
    call: Call, body: Submit, known: dict[Any, Chosen | Compiled | RuneskriptError | None]
) -> Chosen | Compiled | RuneskriptError | None:
    """What a submit of a batch runs, or why it cannot; what is the same is found out once."""
    document = body.document
    text = id(document) if isinstance(document, dict) else document
    same = (body.skript, body.machine, text, body.data is None)
    if same not in known:
        try:
            known[same] = await _skript(call, body)
        except RuneskriptError as exc:
            known[same] = exc
    return known[same]


async def _skript(call: Call, body: Submit) -> Chosen | Compiled | None:
    """What is to be run; None: nothing, it is a bare job. Raises CompileError, UnknownSkriptError,
    RequestError.
    """
    skript, machine, document = body.skript, body.machine, body.document
    if (skript is None) + (machine is None) + (document is None) < 2:
        names = ("skript", "machine", "document")
        given = [name for name in names if getattr(body, name) is not None]
        raise RequestError(f"say {' or '.join(given)}, one of them", status=422)
    programs, tenant = call.service.programs, call.caller.tenant
    if skript is not None:
        return await programs.deployed(skript, tenant, "skript")
    if machine is not None:
        return await programs.deployed(machine, tenant, "machine")
    if document is not None:
        return await programs.compiled(document)
    if body.data is None:
        raise RequestError("say `skript`, `machine`, `document`, or `data` alone", status=422)
    return None


def _submission(
    call: Call, skript: Chosen | Compiled | None, body: Submit, id_: str | None
) -> Submission:
    """What is to be submitted: what is run, and all else that a body says."""
    return Submission(
        skript,
        body.data,
        None,
        body.key,
        body.labels,
        body.on_conflict,
        call.service.runtime.runs,
        not body.start,
        body.priority,
        call.caller.tenant,
        id_,
        waits=False,
    )


def _outcome(receipt: Receipt, root: str) -> Outcome:
    if receipt.error is not None:
        return _refused(receipt.error, root)
    status = 200 if receipt.outcome == "exists" else 201
    return Outcome(status=status, outcome=receipt.outcome, id=receipt.id)


def _refused(error: RuneskriptError, root: str) -> Outcome:
    problem = problem_of(error, root=root)
    return Outcome(status=problem.status, outcome="refused", problem=problem)


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
        hold=not body.start,
        new_id=call.derived("job"),
    )
    made = await service.row(call.caller, job.id)
    return shown(made, 201, _location(call, made.id))


def _location(call: Call, job: str) -> tuple[tuple[str, str], ...]:
    return (("location", f"{call.root}/jobs/{quote(job, safe='')}"),)
