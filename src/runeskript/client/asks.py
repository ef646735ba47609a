# ruff: noqa: A002 - `id` is the word of the routes
"""What each method of the client asks for: one function a route, which sends nothing.

``key``: an idempotency key, where the caller wants the same request to be the same in another
process; else each call has one of its own, which its retries share. Times and durations are those
of the service: milliseconds, or texts such as ``"10s"``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, cast

from ..model.durations import parse_duration
from ..service import types as t
from ..service.routes import BYTES
from .answers import decoded
from .ask import Ask, Paged, Streamed

Document = str | dict[str, Any]
Duration = str | int
#: Events and other rows that one page of an iteration holds.
PAGE: Final = 500


class JobChange(NamedTuple):
    """A job as it was when it had changed. ``id``: to go on behind it with ``after``."""

    id: str
    job: t.JobView


# --- jobs -----------------------------------------------------------------------------------------
def submit(
    *,
    skript: str | None = None,
    machine: str | None = None,
    document: Document | None = None,
    data: Any = None,
    key: str | None = None,
    labels: Mapping[str, str] | None = None,
    start: bool = True,
    priority: int = 0,
    on_conflict: Literal["return", "reject", "replace"] = "return",
    idempotency_key: str | None = None,
) -> Ask[t.JobView]:
    """Create a job: of a deployed skript or machine (``NAME``, ``NAME@VERSION``), of a document's
    text, or of ``data`` alone. ``key`` is the job's own: see ``on_conflict``.
    """
    body = t.Submit(
        skript=skript, machine=machine, document=document, data=data, key=key,
        labels=dict(labels or {}), start=start, priority=priority, on_conflict=on_conflict,
    )  # fmt: skip
    return Ask("jobs.submit", t.JobView, body=body, key=idempotency_key)


def batch(
    jobs: Sequence[t.Submit | Mapping[str, Any]], *, idempotency_key: str | None = None
) -> Ask[t.Outcomes]:
    """Create up to 10,000 jobs; what became of each, in their order: none harms another."""
    rows = [one if isinstance(one, t.Submit) else t.Submit(**one) for one in jobs]
    return Ask("batch", t.Outcomes, body=t.Batch(jobs=rows), key=idempotency_key)


def jobs_page(
    *,
    status: t.Status | None = None,
    state: str | None = None,
    skript: str | None = None,
    kind: t.Kind | None = None,
    key: str | None = None,
    label: Mapping[str, str] | None = None,
    data: Sequence[str] = (),
    created_from: int | None = None,
    created_before: int | None = None,
    updated_from: int | None = None,
    updated_before: int | None = None,
    limit: int = 100,
    cursor: str | None = None,
    after: str | None = None,
) -> Ask[t.JobPage]:
    """A page of jobs, newest first; every condition that is given must hold. ``data``: fields by
    dotted path and the JSON they must equal (``customer.id=7``). ``after``: a job to begin behind.
    """
    query = t.JobsQuery(
        status=status, state=state, skript=skript, kind=kind, key=key,
        label=[f"{name}={text}" for name, text in (label or {}).items()], data=list(data),
        created_from=created_from, created_before=created_before, updated_from=updated_from,
        updated_before=updated_before, limit=limit, cursor=cursor, after=after,
    )  # fmt: skip
    return Ask("jobs.list", t.JobPage, query=query)


def jobs(
    *,
    status: t.Status | None = None,
    state: str | None = None,
    skript: str | None = None,
    kind: t.Kind | None = None,
    key: str | None = None,
    label: Mapping[str, str] | None = None,
    data: Sequence[str] = (),
    created_from: int | None = None,
    created_before: int | None = None,
    updated_from: int | None = None,
    updated_before: int | None = None,
) -> Paged[t.JobPage, t.JobView]:
    """All jobs that ``jobs_page`` would show, page by page."""

    def page(cursor: str | None) -> Ask[t.JobPage]:
        return jobs_page(
            status=status, state=state, skript=skript, kind=kind, key=key, label=label, data=data,
            created_from=created_from, created_before=created_before, updated_from=updated_from,
            updated_before=updated_before, limit=PAGE, cursor=cursor,
        )  # fmt: skip

    return Paged(page, lambda found: found.jobs, lambda found: found.next)


def job(id: str) -> Ask[t.JobView]:
    """A job as it is now."""
    return Ask("jobs.get", t.JobView, {"id": id})


def move(
    id: str,
    event: str | None = None,
    data: Any = None,
    *,
    state: str | None = None,
    why: str | None = None,
    event_id: str | None = None,
    wait: Duration = "10s",
    version: int | None = None,
    idempotency_key: str | None = None,
) -> Ask[t.JobView]:
    """Fire an event at a job, or have it go to a state. ``version``: only if the job still has it.

    Raises TransitionRefusedError with what is ``allowed``, TransitionForbiddenError,
    TransitionFailedError, VersionMismatchError with the ``version`` that the job has by now.
    """
    body = t.Move(event=event, state=state, data=data, why=why, id=event_id, wait=wait)
    headers = {} if version is None else {"if-match": f'"{version}"'}
    ms = wait if isinstance(wait, int) else parse_duration(wait) or 0
    return Ask(
        "jobs.move",
        t.JobView,
        {"id": id},
        body=body,
        key=idempotency_key,
        headers=headers,
        waits=ms / 1000,
    )


def run(id: str, *, idempotency_key: str | None = None) -> Ask[t.JobView]:
    """Have a job begin that was not to start at once; else nothing."""
    return Ask("jobs.run", t.JobView, {"id": id}, key=idempotency_key)


def cancel(
    id: str,
    reason: str = "",
    *,
    grace: Duration | None = None,
    force: bool = False,
    idempotency_key: str | None = None,
) -> Ask[t.JobView]:
    """Ask a job to end as Cancelled, through its ``finally`` blocks and undos."""
    body = t.Cancel(reason=reason, grace=grace, force=force)
    return Ask("jobs.cancel", t.JobView, {"id": id}, body=body, key=idempotency_key)


def pause(id: str, *, idempotency_key: str | None = None) -> Ask[t.JobView]:
    """Ask a job to stand still at its next boundary."""
    return Ask("jobs.pause", t.JobView, {"id": id}, key=idempotency_key)


def resume(id: str, *, idempotency_key: str | None = None) -> Ask[t.JobView]:
    """Go on with a job that stands still."""
    return Ask("jobs.resume", t.JobView, {"id": id}, key=idempotency_key)


def retry(id: str, *, idempotency_key: str | None = None) -> Ask[t.JobView]:
    """Go on with a failed job from its failed step. Raises RetryError."""
    return Ask("jobs.retry", t.JobView, {"id": id}, key=idempotency_key)


def fork(
    id: str,
    at: int,
    *,
    variables: Mapping[str, Any] | None = None,
    key: str | None = None,
    labels: Mapping[str, str] | None = None,
    start: bool = True,
    idempotency_key: str | None = None,
) -> Ask[t.JobView]:
    """A new job that goes on from behind the first ``at`` events of another one's journal."""
    body = t.Fork(
        at=at, variables=dict(variables or {}), key=key, labels=dict(labels or {}), start=start
    )
    return Ask("jobs.fork", t.JobView, {"id": id}, body=body, key=idempotency_key)


def erase(id: str, *, dry: bool = False, idempotency_key: str | None = None) -> Ask[t.Erased]:
    """Erase what a job that has ended was given, did and gave, and its copies in its parts.

    ``dry``: only say which jobs those are. Raises EraseError.
    """
    return Ask("jobs.erase", t.Erased, {"id": id}, body=t.Erase(dry=dry), key=idempotency_key)


# --- messages -------------------------------------------------------------------------------------
def signal(
    topic: str,
    data: Any = None,
    *,
    key: Any = None,
    id: str | None = None,
    keep: Duration = 0,
    job: str | None = None,
    idempotency_key: str | None = None,
) -> Ask[t.Received]:
    """Send a message to whoever listens to a topic and key, or to the listeners of one ``job``."""
    body = t.Signal(topic=topic, key=key, data=data, id=id, keep=keep)
    if job is None:
        return Ask("signals", t.Received, body=body, key=idempotency_key)
    return Ask("jobs.signal", t.Received, {"id": job}, body=body, key=idempotency_key)


def hook(
    topic: str,
    data: Any = None,
    *,
    key: str | None = None,
    id: str | None = None,
    keep: str = "0s",
    idempotency_key: str | None = None,
) -> Ask[t.Received]:
    """A message as those elsewhere send it, with a token of the hook."""
    query = t.HookQuery(key=key, id=id, keep=keep)
    return Ask("hooks", t.Received, {"topic": topic}, query=query, body=data, key=idempotency_key)


def complete(
    id: str, token: str, result: Any = None, *, idempotency_key: str | None = None
) -> Ask[t.Received]:
    """Give a pending call its result. Raises CompletionError."""
    body = t.Complete(token=token, result=result)
    return Ask("jobs.complete", t.Received, {"id": id}, body=body, key=idempotency_key)


def fail(
    id: str,
    token: str,
    message: str = "",
    *,
    type: str = "external",
    data: Any = None,
    retryable: bool = False,
    idempotency_key: str | None = None,
) -> Ask[t.Received]:
    """Fail a pending call with a typed error. Raises CompletionError."""
    error = t.CallError(type=type, message=message, data=data, retryable=retryable)
    body = t.Complete(token=token, error=error)
    return Ask("jobs.complete", t.Received, {"id": id}, body=body, key=idempotency_key)


# --- views of a job -------------------------------------------------------------------------------
def history_page(id: str, start: int = 0, limit: int = 100) -> Ask[t.History]:
    """Events of a job's journal from a position on."""
    query = t.HistoryQuery(start=start, limit=limit)
    return Ask("jobs.history", t.History, {"id": id}, query=query)


def history(id: str, start: int = 0) -> Paged[t.History, t.EventView]:
    """The events that a job's journal holds, from a position on, page by page."""
    return Paged(
        lambda at: history_page(id, at, PAGE),
        lambda found: found.events,
        lambda found: found.next,
        start,
    )


def why(id: str) -> Ask[t.Why]:
    """What a job waits for."""
    return Ask("jobs.why", t.Why, {"id": id})


def graph(id: str) -> Ask[dict[str, Any]]:
    """The structure of what a job runs, and the state of each node."""
    return Ask("jobs.graph", dict[str, Any], {"id": id})


def variables(id: str, at: int | None = None) -> Ask[dict[str, Any]]:
    """The variables of a job, now or behind the first ``at`` events of its journal."""
    query = t.VariablesQuery(at=at)
    return Ask("jobs.variables", dict[str, Any], {"id": id}, query=query)


def export(id: str) -> Ask[bytes]:
    """A job with its Blueprint and its whole journal, for ``rune replay``."""
    return Ask("jobs.export", BYTES, {"id": id})


def job_events(id: str, after: int | None = None) -> Streamed[t.EventView]:
    """The events of a job's journal as they come, behind event ``after``, until it has ended.

    None is missed and none comes twice, however often the connection breaks.
    """

    def read(id_: str, kind: str, data: bytes) -> t.EventView | None:
        return None if kind == "job" else cast(t.EventView, decoded(data, t.EventView))

    ask: Ask[Any] = Ask("jobs.events", None, {"id": id})
    return Streamed(ask, read, ends="job", after=None if after is None else str(after))


def watch() -> Streamed[t.JobView | None]:
    """Every job that changes from now on, as it changes; None first, when that has begun."""

    def read(id_: str, kind: str, data: bytes) -> t.JobView | None:
        return cast(t.JobView, decoded(data, t.JobView)) if kind == "job" else None

    return Streamed(Ask("events", None), read, ends=None, after="now", begins=(None,))


def events(after: str | None = None) -> Streamed[JobChange]:
    """Every job that changes, as it changes; for ever. Without ``after`` all jobs come first;
    ``"now"``: those that change from now on.
    """

    def read(id_: str, kind: str, data: bytes) -> JobChange | None:
        return JobChange(id_, decoded(data, t.JobView)) if kind == "job" else None

    return Streamed(Ask("events", None), read, ends=None, after=after)
