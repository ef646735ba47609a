"""What a runtime is told about schedules: they are registered, paused and removed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..errors import ScheduleNotFoundError
from ..kernel import Program
from . import requests
from .compiling import Skript
from .deployed import owned_name
from .finding import Finding
from .skripts import Skripts

if TYPE_CHECKING:
    from .registered import DamagedSchedule, Scheduled
    from .schedules import Schedules


class Scheduling(Finding):
    """The part of ``Runtime`` that reaches schedules by their names."""

    _skripts: Skripts

    @abstractmethod
    async def _load(self, skript: Skript, tenant: str = "", *, deploying: bool = False) -> Program:
        """The program of a skript, which is then in the store. Raises NotAllowedError."""

    async def schedule(
        self,
        skript: Skript,
        input: object = None,  # noqa: A002 - the language's word
        *,
        labels: Mapping[str, str] | None = None,
        priority: int = 0,
        tenant: str = "",
    ) -> Scheduled:
        """Deploy a skript and register its ``schedule``, in the place of the one it had: workers
        (:meth:`work`, ``rune worker``) create a job of the tenant with this input for each tick.

        Raises RuntimeOptionError (it has none), InputError, CompileError, VersionConflictError.
        """
        self._running()
        own, rank = requests.labels(labels), requests.priority(priority)
        whose = requests.tenant(tenant)
        program = await self._load(skript, whose, deploying=True)
        value = self._skripts.accept(program, input)
        plans = self._plans()
        plans.check(program)
        await self._skripts.deploy(program.blueprint, whose)  # a refused content is never due
        return await plans.add(program, value, own, rank, whose)

    async def schedules(self, *, tenant: str | None = None) -> list[Scheduled]:
        """The schedules that are registered and can be read, by tenant and name; ``tenant``: its
        own alone.
        """
        self._running()
        found = (await self._plans().read())[0]
        return [one for one in found if tenant in (None, one.tenant)]

    async def damaged_schedules(self) -> list[DamagedSchedule]:
        """The schedules whose records cannot be read, by name, each with the ``problem``. Such a
        one can be removed, or made anew with :meth:`schedule`.
        """
        self._running()
        return (await self._plans().read())[1]

    async def pause_schedule(self, name: str, *, tenant: str = "") -> Scheduled:
        """Have a schedule create no jobs. Raises ScheduleNotFoundError, StoreDamagedError."""
        self._running()
        return await self._plans().pause(_record(tenant, name), paused=True)

    async def resume_schedule(self, name: str, *, tenant: str = "") -> Scheduled:
        """Go on with a schedule; what was due since is not made up for. As ``pause_schedule``."""
        self._running()
        return await self._plans().pause(_record(tenant, name), paused=False)

    async def remove_schedule(self, name: str, *, tenant: str = "") -> None:
        """Forget a schedule, a damaged one too; its jobs stay. Raises ScheduleNotFoundError."""
        self._running()
        await self._plans().remove(_record(tenant, name))

    def _plans(self) -> Schedules:
        from .schedules import Schedules  # of no use to a plain run

        return Schedules(self._store)


def _record(tenant: str, name: str) -> str:
    """What the record of a tenant's schedule is called. Raises RuntimeOptionError, and
    ScheduleNotFoundError for what is no name: with a `/` it would be that of another tenant's.
    """
    owner = requests.tenant(tenant)
    if "/" in name:
        raise ScheduleNotFoundError(f"no schedule has the name {name}")
    return owned_name(owner, name)
