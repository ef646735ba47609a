"""What a runtime is asked about jobs that are there: one by its id, or those that fit a filter."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..errors import JobNotFoundError, RuntimeOptionError
from ..model.events import Status
from ..stores import Store
from .driver import Driver
from .jobs import Job, job_of
from .skripts import Skripts

if TYPE_CHECKING:
    from .pictures import JobGraph
    from .variables import JobVariables


class Finding(ABC):
    """The part of ``Runtime`` that only reads."""

    _store: Store
    _skripts: Skripts

    @abstractmethod
    def _running(self) -> Driver:
        """The driver. Raises RuntimeClosedError."""

    async def get_job(self, id: str) -> Job:  # noqa: A002 - it is one
        """The job as it is now. Raises JobNotFoundError."""
        self._running()
        (row,) = await self._store.get([id])
        if row is None:
            raise JobNotFoundError(f"no job has the id {id}")
        return job_of(row)

    async def list_jobs(
        self,
        *,
        status: Status | None = None,
        state: str | None = None,
        skript: str | None = None,
        key: str | None = None,
        label: Mapping[str, str] | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> list[Job]:
        """At most ``limit`` jobs, newest first; ``after``: the id of the last one of the page
        before. Every condition that is given must hold.
        """
        self._running()
        if type(limit) is not int or limit < 1:
            raise RuntimeOptionError("limit is a number, at least 1")
        from ..stores.queries import JobFilter

        wanted = JobFilter(status, skript, key, dict(label or {}), state=state)
        cursor = None
        if after is not None:
            (last,) = await self._store.get([after])
            if last is None:
                return []
            cursor = str(last.number)
        rows, _ = await self._store.query(wanted, cursor, limit)
        return [job_of(row) for row in rows]

    async def notice(self, id: str) -> Job | None:  # noqa: A002
        """The job that does what the ``on_failure`` of a failed job says; None where there is none.

        Raises JobNotFoundError.
        """
        from .notices import notice_of

        self._running()
        (row,) = await self._store.get([id])
        if row is None:
            raise JobNotFoundError(f"no job has the id {id}")
        found = await notice_of(self._store, row)
        return None if found is None else job_of(found)

    # --- views ----------------------------------------------------------------------------------
    async def job_graph(self, id: str) -> JobGraph:  # noqa: A002 - it is one
        """The structure of what a job runs, and the state of each node; whoever runs the job.

        Raises JobNotFoundError, and the errors of a job that cannot be read.
        """
        self._running()
        from .pictures import job_graph

        return await job_graph(self._store, self._skripts, id)

    async def job_variables(
        self,
        id: str,  # noqa: A002 - it is one
        at: int | None = None,
    ) -> JobVariables:
        """The variables of a job behind the first ``at`` events of its journal; None: as it is now.

        Raises JobNotFoundError, PositionError where the journal has no such position, StoreError
        (RUNE-7011 where it was pruned), and the errors of a job that cannot be read.
        """
        self._running()
        from .variables import variables_at

        return await variables_at(self._store, self._skripts, id, at)
