"""``rune jobs --server``: the same questions, asked of a service through the client.

The client that waits is the one whose modules load quickly; nothing here ever suspends, so the verb
needs no event loop (and Ctrl-C ends a request at once).
"""

from __future__ import annotations

from collections.abc import (
    AsyncIterator,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import contextmanager
from typing import Any, Final

from ..client.asks import move
from ..client.sync import Client
from ..engine.cancelled import FAR, cancel_in
from ..engine.cancelling import Asked
from ..engine.erasing import Erased
from ..engine.notices import notice_id
from ..engine.notices import shown as notice_shown
from ..engine.reasons import Reason
from ..engine.watch import JobEvent
from ..errors import CompletionError, EraseError, JobNotFoundError, RuneskriptError
from ..model.completions import read_token
from ..model.events import (
    GRACE_ALL,
    GRACE_ASKED,
    CancelRequested,
    GraceGiven,
    TimerFired,
)
from ..model.events import (
    Event as JournalEvent,
)
from ..model.machine import FINAL
from ..service.types import EventView, JobView
from ..stores.base import JobRow, ParentRef, PostOutcome
from ..stores.queries import JobFilter
from ..stores.rows import CommandKind
from .desk import Desk
from .jobs_words import End, Event, Note
from .usage import UsageError

#: Jobs that one request lists, and events.
ROWS: Final = 1_000
#: Fields of a filter that the service knows by the same names.
_FIELDS: Final = (
    "status", "state", "skript", "kind", "key", "created_from", "created_before", "updated_from",
    "updated_before",
)  # fmt: skip


class ServerDesk(Desk):
    """A service."""

    def __init__(self, url: str) -> None:
        """Raises RuntimeOptionError."""
        self._client = Client(url)

    async def close(self) -> None:
        """Close the connections."""
        self._client.close()

    # --- looking --------------------------------------------------------------------------------
    async def get(self, id_: str) -> JobRow:
        """``GET /jobs/{id}``"""
        with _named(id_):
            return row_of(self._client.job(id_))

    async def page(
        self, wanted: JobFilter, after: str | None, limit: int
    ) -> tuple[list[JobRow], bool]:
        """``GET /jobs``, as often as it takes."""
        given = _given(wanted)
        rows: list[JobRow] = []
        cursor: str | None = None
        while True:
            with _named(after or ""):
                found = self._client.jobs_page(
                    **given,
                    limit=min(limit - len(rows), ROWS),
                    cursor=cursor,
                    after=after,
                )
            rows += map(row_of, found.jobs)
            cursor, after = found.next, None
            if cursor is None or len(rows) >= limit:
                return rows, cursor is not None

    async def matching(self, wanted: JobFilter) -> AsyncIterator[JobRow]:
        """``GET /jobs``, page by page."""
        for one in self._client.jobs(**_given(wanted)):
            yield row_of(one)

    async def about(self, row: JobRow) -> dict[str, Any]:
        """Of other jobs, and of its history."""
        found: dict[str, Any] = {}
        if row.status == "Failed":
            try:
                notice = self._client.job(notice_id(row.id, row.seq - 1))
            except JobNotFoundError:
                pass
            else:
                found["on_failure"] = notice_shown(row_of(notice))
        try:
            cancel = cancel_in(_events(self._client.history(row.id, max(row.seq - FAR, 0))))
        except RuneskriptError as exc:  # the row is shown whatever its journal is like
            if not exc.code.startswith("RUNE-7"):
                raise
        else:
            if cancel is not None:
                found["cancel"] = cancel.shown()
        return found

    async def history(self, row: JobRow) -> AsyncIterator[JobEvent]:
        """``GET /jobs/{id}/history``"""
        for one in self._client.history(row.id):
            yield JobEvent(one.seq, one.at, one.kind, one.step, tuple(one.path), one.data)

    async def why(self, row: JobRow) -> Reason:
        """``GET /jobs/{id}/why``"""
        one: Any = self._client.why(row.id)
        return Reason(one.kind, one.text, one.since, one.due, one.owner, one.until, one.detail)

    async def graph(self, id_: str) -> dict[str, Any]:
        """``GET /jobs/{id}/graph``"""
        with _named(id_):
            return self._client.graph(id_)

    async def variables(self, id_: str, at: int | None) -> dict[str, Any]:
        """``GET /jobs/{id}/variables``"""
        with _named(id_):
            return self._client.variables(id_, at)

    async def watch(
        self, ids: Sequence[str], wanted: JobFilter, tell: Callable[[JobRow], None]
    ) -> None:
        """``GET /events``, from before the jobs are looked at."""
        waiting = set(ids)
        known: dict[str, int] = {}
        for view in self._client.watch():
            if view is None:
                rows: Iterable[JobRow] = [await self.get(id_) for id_ in ids]
            else:
                rows = [row_of(view)]
            for row in rows:
                if ids and (row.id not in waiting or known.get(row.id) == row.seq):
                    continue
                if not ids and not wanted.accepts(row):
                    continue
                known[row.id] = row.seq
                tell(row)
                if row.status in FINAL:
                    waiting.discard(row.id)
            if ids and not waiting:
                return

    async def export(self, id_: str) -> bytes:
        """``GET /jobs/{id}/export``"""
        with _named(id_):
            return self._client.export(id_)

    # --- telling --------------------------------------------------------------------------------
    async def ask(self, row: JobRow, kind: CommandKind, asked: Asked | None) -> bool:
        """``POST /jobs/{id}/cancel`` and the like."""
        if asked is not None:
            self._client.cancel(row.id, asked.reason, grace=asked.grace, force=asked.everything)
        else:
            getattr(self._client, kind)(row.id)
        return row.status not in FINAL or kind == "retry"

    async def erase(self, id_: str, *, dry: bool) -> list[Erased]:
        """``POST /jobs/{id}/erase``"""
        try:
            found = self._client.erase(id_, dry=dry)
        except EraseError:  # nothing was: which of them has not ended is told by a trial
            found = self._client.erase(id_, dry=True)
        return [Erased(one.job, one.outcome, one.by) for one in found.jobs]

    async def fork(
        self,
        id_: str,
        at: int,
        variables: Mapping[str, Any],
        key: str | None,
        labels: Mapping[str, str],
    ) -> str:
        """``POST /jobs/{id}/fork``"""
        with _named(id_):
            return self._client.fork(id_, at, variables=variables, key=key, labels=labels).id

    async def finish(self, end: End) -> tuple[str, PostOutcome]:
        """``POST /jobs/{id}/complete``"""
        job = read_token(end.token).job
        try:
            if end.type is None:
                found = self._client.complete(job, end.token, end.data)
            else:
                found = self._client.fail(job, end.token, end.message, type=end.type, data=end.data)
        except JobNotFoundError:
            raise CompletionError("the job of this token is gone, or has ended") from None
        return job, found.outcome

    async def signal(self, note: Note) -> PostOutcome:
        """``POST /signals``, or ``/jobs/{id}/signal``"""
        if note.tenant is not None:
            raise UsageError("--tenant is for stores: to a service it is the token's")
        try:
            found = self._client.signal(
                note.topic, note.data, key=note.key, id=note.id, keep=note.keep, job=note.job
            )
        except JobNotFoundError:
            raise JobNotFoundError(f"no job that is alive has the id {note.job}") from None
        return found.outcome

    async def send(self, event: Event) -> tuple[str, str] | None:
        """``PUT /jobs/{id}/state``"""
        if event.actor is not None:
            raise UsageError("--actor is for stores: to a service it is the token that says who")
        wait = int(event.seconds * 1000)
        ask: Any = move(
            event.job,
            event.name,
            event.data,
            why=event.why,
            event_id=event.id,
            wait=wait,
            version=event.version,
        )
        ask.told = True
        with _named(event.job):
            status, job = self._client.ask(ask)
        return None if status == 202 else (job.state, job.status)


def _given(wanted: JobFilter) -> dict[str, Any]:
    """A filter as the service takes it. Raises UsageError."""
    if wanted.tenant is not None:
        raise UsageError("--tenant is for stores: a service shows the jobs of the token's tenant")
    return {name: getattr(wanted, name) for name in _FIELDS} | {"label": wanted.labels}


def finished(work: Coroutine[Any, Any, None]) -> None:
    """Do work at a service, which never waits for an event loop."""
    try:
        work.send(None)
    except StopIteration:
        return
    work.close()
    raise RuntimeError("work at a service waits for an event loop")


@contextmanager
def _named(id_: str) -> Iterator[None]:
    """Says of which job the service has said that there is none."""
    try:
        yield
    except JobNotFoundError:
        raise JobNotFoundError(f"no job has the id {id_}") from None


def row_of(view: JobView) -> JobRow:
    """A job as a store has it, as far as a service tells."""
    return JobRow(
        id=view.id,
        key=view.key,
        labels=view.labels,
        skript=view.skript,
        version=view.skript_version,
        blueprint=view.blueprint,
        ast_hash="",
        input=view.input,
        created_at=view.created_at,
        updated_at=view.updated_at,
        status=view.status,
        state=view.state,
        output=view.output,
        error=view.error,
        seq=view.version,
        parent=None if view.parent is None else ParentRef(view.parent, (), 0, ""),
        tenant=view.tenant,
        kind=view.kind,
        handlers=tuple(view.handlers),
        queue=view.queue,
        priority=view.priority,
        owner=view.owner,
        due=view.due,
        reason=view.reason,
        data=view.data,
    )


def _events(rows: Iterable[EventView]) -> Iterable[JournalEvent]:
    """Those events of a history that a cancel consists of."""
    for one in rows:
        if one.kind == "cancel.requested":
            yield CancelRequested(one.at, one.data["reason"])
        elif one.kind == "cancel.grace":
            yield GraceGiven(one.at, one.data["grace"], one.data["everything"])
        elif one.kind in ("cancel.overdue", "cancel.forced"):
            m = GRACE_ASKED if one.kind == "cancel.overdue" else GRACE_ALL
            yield TimerFired(one.at, tuple(one.path), m)
