"""What ``rune jobs`` asks for, whoever answers: a store, or a service that has one.

The verb knows what to ask and how to show it; a desk knows where it is found. ``desk_server`` has
the one that asks a service.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from ..errors import JobNotFoundError, StoreError
from ..stores.base import Command, JobRow, PostOutcome, Store
from .jobs_words import End, Event, Note

if TYPE_CHECKING:
    from ..engine.cancelling import Asked
    from ..engine.erasing import Erased
    from ..engine.reasons import Reason
    from ..engine.skripts import Skripts
    from ..engine.watch import JobEvent
    from ..stores.queries import JobFilter
    from ..stores.rows import CommandKind

#: Jobs, or events, read at once.
PAGE: Final = 500


class Desk(ABC):
    """Where jobs are asked for. Raises JobNotFoundError, and what is wrong with what is asked."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of what it holds."""

    # --- looking --------------------------------------------------------------------------------
    @abstractmethod
    async def get(self, id_: str) -> JobRow:
        """One job."""

    @abstractmethod
    async def page(
        self, wanted: JobFilter, after: str | None, limit: int
    ) -> tuple[list[JobRow], bool]:
        """Jobs behind job ``after``, newest first, and whether there are more."""

    @abstractmethod
    async def about(self, row: JobRow) -> dict[str, Any]:
        """What more there is to say of a job: ``on_failure``, ``cancel``."""

    @abstractmethod
    def history(self, row: JobRow) -> AsyncIterator[JobEvent]:
        """The events of its journal."""

    @abstractmethod
    async def why(self, row: JobRow) -> Reason:
        """What it waits for."""

    @abstractmethod
    async def graph(self, id_: str) -> dict[str, Any]:
        """What it runs, and what became of each step."""

    @abstractmethod
    async def variables(self, id_: str, at: int | None) -> dict[str, Any]:
        """Its variables, now or behind the first ``at`` events."""

    @abstractmethod
    async def watch(
        self, ids: Sequence[str], wanted: JobFilter, tell: Callable[[JobRow], None]
    ) -> None:
        """Tell what jobs become: those with ``ids`` as they are and until all have ended, else
        those that the filter accepts, from now on, until somebody stops it.
        """

    @abstractmethod
    async def export(self, id_: str) -> bytes:
        """A job as one file."""

    # --- telling --------------------------------------------------------------------------------
    @abstractmethod
    async def ask(self, row: JobRow, kind: CommandKind, asked: Asked | None) -> bool:
        """Ask a job for something; whether it can be asked for it. ``asked``: of a cancel."""

    @abstractmethod
    async def erase(self, id_: str, *, dry: bool) -> list[Erased]:
        """Erase what a job and its parts hold."""

    @abstractmethod
    async def fork(
        self,
        id_: str,
        at: int,
        variables: Mapping[str, Any],
        key: str | None,
        labels: Mapping[str, str],
    ) -> str:
        """The id of a copy that goes on from a position."""

    @abstractmethod
    async def finish(self, end: End) -> tuple[str, PostOutcome]:
        """End a pending call: of which job, and what became of it."""

    @abstractmethod
    async def signal(self, note: Note) -> PostOutcome:
        """Send a message."""

    @abstractmethod
    async def send(self, event: Event) -> tuple[str, str] | None:
        """Fire an event: state and status then; None where it waits longer. Raises what
        ``Runtime.send`` does.
        """

    @abstractmethod
    def matching(self, wanted: JobFilter) -> AsyncIterator[JobRow]:
        """All jobs that a filter accepts, newest first."""


class StoreDesk(Desk):
    """A store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def close(self) -> None:
        """Close the store."""
        await self._store.close()

    async def get(self, id_: str) -> JobRow:
        """Its row."""
        (row,) = await self._store.get([id_])
        if row is None:
            raise JobNotFoundError(f"no job has the id {id_}")
        return row

    async def page(
        self, wanted: JobFilter, after: str | None, limit: int
    ) -> tuple[list[JobRow], bool]:
        """From the store's query."""
        cursor = None if after is None else str((await self.get(after)).number)
        rows, more = await self._store.query(wanted, cursor, limit)
        return rows, more is not None

    async def matching(self, wanted: JobFilter) -> AsyncIterator[JobRow]:
        """From the store's query, page by page."""
        cursor: str | None = None
        while True:
            rows, cursor = await self._store.query(wanted, cursor, PAGE)
            for row in rows:
                yield row
            if cursor is None:
                return

    async def about(self, row: JobRow) -> dict[str, Any]:
        """From the store: the row is shown whatever its journal is like."""
        from ..engine.cancelled import cancel_of
        from ..engine.notices import notice_of, shown

        found: dict[str, Any] = {}
        notice = await notice_of(self._store, row)
        if notice is not None:
            found["on_failure"] = shown(notice)
        with suppress(StoreError):
            cancel = await cancel_of(self._store, row)
            if cancel is not None:
                found["cancel"] = cancel.shown()
        return found

    async def history(self, row: JobRow) -> AsyncIterator[JobEvent]:
        """From the journal."""
        from ..engine.watch import journal_record
        from ..model.batches import unfold_events

        at = 0
        while at < row.seq:
            for event in unfold_events(await self._store.journal(row.id, at, PAGE)):
                yield journal_record(at, event)
                at += 1

    async def why(self, row: JobRow) -> Reason:
        """From what the store holds of it."""
        from ..engine.reasons import reason_of

        return await reason_of(self._store, row)

    async def graph(self, id_: str) -> dict[str, Any]:
        """From its journal."""
        from ..engine.pictures import job_graph

        return (await job_graph(self._store, self._programs(), id_)).shown()

    async def variables(self, id_: str, at: int | None) -> dict[str, Any]:
        """From its journal."""
        from ..engine.variables import variables_at

        return (await variables_at(self._store, self._programs(), id_, at)).shown()

    def _programs(self) -> Skripts:
        """Programs to be looked at, which takes no handlers."""
        from ..engine.handlers.registry import HandlerRegistry
        from ..engine.resources import Resources
        from ..engine.skripts import Skripts

        return Skripts(self._store, HandlerRegistry(), Resources())

    async def watch(
        self, ids: Sequence[str], wanted: JobFilter, tell: Callable[[JobRow], None]
    ) -> None:
        """From the store's feed."""
        from .jobs_watch import watch

        await watch(self._store, ids, wanted, tell)

    async def export(self, id_: str) -> bytes:
        """From the store."""
        from ..engine.exporting import export_job

        return await export_job(self._store, id_)

    async def ask(self, row: JobRow, kind: CommandKind, asked: Asked | None) -> bool:
        """A command in the store, for whoever runs the job."""
        if kind == "retry":
            from ..engine.retrying import check_retry

            await check_retry(self._store, row.id)
        if asked is None:
            told = Command(row.id, kind)
        else:
            from ..engine.cancelling import command

            told = command(row.id, asked)
        (outcome,) = await self._store.post([told])
        return outcome == "accepted"

    async def erase(self, id_: str, *, dry: bool) -> list[Erased]:
        """In the store."""
        from ..engine.erasing import erase_job

        return await erase_job(self._store, id_, dry=dry)

    async def fork(
        self,
        id_: str,
        at: int,
        variables: Mapping[str, Any],
        key: str | None,
        labels: Mapping[str, str],
    ) -> str:
        """A job that is only stored."""
        from ..engine.forking import fork_job
        from ..engine.ids import SystemIds

        return (await fork_job(self._store, SystemIds(), id_, at, variables, key, labels)).id

    async def finish(self, end: End) -> tuple[str, PostOutcome]:
        """A command in the store."""
        from ..engine import completing

        if end.type is None:
            command = completing.completed(end.token, end.data)
        else:
            command = completing.failed(end.token, end.type, end.message, end.data, False)
        return command.job, await completing.post(self._store, command)

    async def signal(self, note: Note) -> PostOutcome:
        """A message in the store."""
        from ..engine import requests

        whose = requests.tenant(note.tenant or "")
        message = requests.message(*note[:6], whose)
        (outcome,) = await self._store.post([message])
        if outcome == "unknown":
            raise JobNotFoundError(f"no job that is alive has the id {note.job}")
        return outcome

    async def send(self, event: Event) -> tuple[str, str] | None:
        """An event in the store, dealt with by its worker, or by this process."""
        from .jobs_send import send

        return await send(self._store, event)
