"""Messages to jobs, and ends of their pending calls."""

from __future__ import annotations

from ...errors import CompletionError, RequestError
from ...model.completions import read_token
from ...stores.base import PostOutcome
from ..call import Answer, Call
from ..settings import KEPT
from ..types import Received


async def signal(call: Call) -> Answer:
    """A message to whoever of the tenant listens."""
    return await _signal(call, None)


async def signal_job(call: Call) -> Answer:
    """A message to the listeners of one job."""
    row = await call.service.row(call.caller, call.params["id"])
    return await _signal(call, row.id)


async def _signal(call: Call, job: str | None) -> Answer:
    body = call.body
    outcome = await call.service.runtime.signal(
        body.topic,
        key=body.key,
        data=body.data,
        id=body.id or call.derived("message"),
        keep=body.keep,
        job=job,
        tenant=call.caller.tenant,
        remember=0 if call.key is None else KEPT,
    )
    return _received(outcome)


def _received(outcome: PostOutcome, status: int = 200) -> Answer:
    """What became of it; a job that is gone was said with an error."""
    return Answer(Received(outcome="duplicate" if outcome == "duplicate" else "accepted"), status)


async def hook(call: Call) -> Answer:
    """A message from elsewhere."""
    query = call.query
    outcome = await call.service.runtime.signal(
        call.params["topic"],
        key=query.key,
        data=call.body,
        id=query.id or call.derived("message"),
        keep=query.keep,
        tenant=call.caller.tenant,
        remember=0 if call.key is None else KEPT,
    )
    return _received(outcome, 202)


async def complete(call: Call) -> Answer:
    """The end of a pending call of this job, and of no other."""
    body, service = call.body, call.service
    row = await service.row(call.caller, call.params["id"])
    if body.error is not None and body.result is not None:
        raise RequestError("a call has a `result` or an `error`, one of the two", status=422)
    if read_token(body.token).job != row.id:
        raise CompletionError("the token is of another job")
    if body.error is None:
        outcome = await service.runtime.complete_call(body.token, body.result)
    else:
        failed = body.error
        outcome = await service.runtime.fail_call(
            body.token,
            failed.message,
            type=failed.type,
            data=failed.data,
            retryable=failed.retryable,
        )
    return _received(outcome)
