"""What a runtime is asked about jobs that are there: one by its id, or those that fit a filter."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from ..errors import JobNotFoundError, RuntimeOptionError, StoreError, UnknownSkriptError
from ..model.events import Status
from ..stores import Store
from . import requests
from .deployed import Deployed
from .driver import Driver
from .jobs import Job, job_of
from .skripts import Skripts

if TYPE_CHECKING:
    from .diffs import SkriptDiff
    from .pictures import JobGraph
    from .variables import JobVariables

if TYPE_CHECKING:
    from ..model.values import Value
    from ..stores.rows import JobKind
    from .searching import JobPage


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

    async def find_jobs(
        self,
        *,
        status: Status | None = None,
        state: str | None = None,
        skript: str | None = None,
        key: str | None = None,
        label: Mapping[str, str] | None = None,
        kind: JobKind | None = None,
        tenant: str | None = None,
        created_from: int | None = None,
        created_before: int | None = None,
        updated_from: int | None = None,
        updated_before: int | None = None,
        data: Mapping[str, Value] | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> JobPage:
        """A page of at most ``limit`` (1 to 1,000) jobs, newest first; every condition that is
        given must hold.

        Times are milliseconds since 1970 UTC, from (included) and before (excluded). ``data``:
        fields of a job's data, or, where it has none, its input, by dotted path, and what they
        are equal to; such a search reads every job that the other conditions let through.
        ``cursor``: that of the page before, in a search with the same conditions. What is created
        meanwhile is on none of the pages that follow.

        Raises InvalidCursorError, RuntimeOptionError.
        """
        from .searching import JobPage, search

        self._running()
        given = {
            "status": status, "state": state, "skript": skript, "key": key, "label": label,
            "kind": kind, "tenant": tenant, "created_from": created_from,
            "created_before": created_before, "updated_from": updated_from,
            "updated_before": updated_before, "data": data,
        }  # fmt: skip
        rows, following = await search(self._store, given, limit, cursor)
        return JobPage(tuple(map(job_of, rows)), following)

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

    async def deployed(
        self,
        *,
        kind: Literal["skript", "machine"] | None = None,
        tenant: str = "",
        limit: int = 100,
        after: str = "",
    ) -> tuple[list[Deployed], str | None]:
        """A page of a tenant's deployed versions, by name, and what the page behind it is to be
        asked for with as ``after`` (None: there is none). Raises RuntimeOptionError.
        """
        self._running()
        if type(limit) is not int or limit < 1:
            raise RuntimeOptionError("limit is a number, at least 1")
        return await self._skripts.deployed(requests.tenant(tenant), kind, after, limit)

    async def versions(self, name: str, *, tenant: str = "") -> list[Deployed]:
        """All versions of a deployed skript, lowest first.

        Raises UnknownSkriptError, RuntimeOptionError.
        """
        self._running()
        found = await self._skripts.versions(name, requests.tenant(tenant))
        if not found:
            raise UnknownSkriptError(f"nothing is deployed as {name}")
        return found

    async def diff(self, name: str, old: int, new: int, *, tenant: str = "") -> SkriptDiff:
        """What differs between two versions of a deployed skript or machine.

        Raises UnknownSkriptError, RuntimeOptionError, StoreError.
        """
        from .diffs import diff_blueprints

        known = {one.version: one for one in await self.versions(name, tenant=tenant)}
        blueprints = []
        for version in (old, new):
            if version not in known:
                raise UnknownSkriptError(f"{name}@{version} is not deployed")
            blueprint = await self._skripts.blueprint(known[version].digest)
            if blueprint is None:
                raise StoreError(f"the Blueprint of {name}@{version} is not in the store")
            blueprints.append(blueprint)
        return await asyncio.to_thread(diff_blueprints, name, (old, new), *blueprints)

    async def source(
        self, name: str, version: int | None = None, *, tenant: str = ""
    ) -> str | None:
        """The text of a deployed version (None: the highest); None where it was built without one.

        Raises UnknownSkriptError, RuntimeOptionError, StoreError.
        """
        found = await self.versions(name, tenant=tenant)
        one = next((d for d in reversed(found) if version in (None, d.version)), None)
        if one is None:
            raise UnknownSkriptError(f"{name}@{version} is not deployed")
        blueprint = await self._skripts.blueprint(one.digest)
        if blueprint is None:
            raise StoreError(f"the Blueprint of {name}@{one.version} is not in the store")
        return blueprint.debug.source or None
