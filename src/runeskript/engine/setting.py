"""Setting the state of a job: the event or the command that leads there from where it stands.

The event is chosen by the state that the job is in now; by the time it is its turn the job may be
in another one. So it comes with the state it is to lead to, and whoever decides takes no transition
that leads elsewhere; where it is refused in another state, the choice is made anew.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from ..errors import JobNotFoundError, RuntimeOptionError, TransitionRefusedError
from ..kernel.machine import SYSTEM, may
from ..model.blueprint import MachineTable, TransitionRow
from ..model.machine import FINAL, RAISED
from ..model.values import Value
from ..stores.base import HELD, JobRow, Store
from .outcomes import machine_of_job
from .requests import name
from .sending import EventFor
from .skripts import Skripts

if TYPE_CHECKING:
    from .jobs import Job
    from .sending import Answer

#: How often the event is chosen anew where the job has left its state meanwhile.
TRIES: Final = 50


class Commands(Protocol):
    """What a runtime can be asked to do with a job."""

    async def send_many(self, events: Sequence[EventFor]) -> list[Answer]:
        """Fire events."""

    async def cancel_job(self, id: str, reason: str = "") -> Job:  # noqa: A002
        """Cancel it."""

    async def pause_job(self, id: str) -> Job:  # noqa: A002
        """Have it stand still."""

    async def resume_job(self, id: str) -> Job:  # noqa: A002
        """Go on with it."""

    async def retry_job(self, id: str) -> Job:  # noqa: A002
        """Go on with it from its failed step."""


async def set_state(runtime: Commands, store: Store, skripts: Skripts, one: EventFor) -> None:
    """Bring a job to the state ``one.to``; see ``Runtime.set_state``."""
    to = name(one.to, "a state")
    error: TransitionRefusedError | None = None
    for again in range(TRIES):
        (row,) = await store.get([one.job])
        if row is None:
            raise JobNotFoundError(f"no job has the id {one.job}")
        if row.kind not in ("machine", "bare"):
            await _command(runtime, row, one, to)
            return
        table = await machine_of_job(row, skripts)
        event = _event(table, row, to, one)
        id_ = one.id if one.id is None or not again else f"{one.id}/{again}"
        fired = EventFor(
            one.job, event, one.data, one.actor, one.roles, one.why, id_, one.if_version, to
        )
        (answer,) = await runtime.send_many([fired])
        if answer.error is None:
            return
        if not isinstance(answer.error, TransitionRefusedError):
            raise answer.error
        error = answer.error
        error.allowed = _states(table, error.state, one.actor, one.roles)
        if error.state == row.state or row.status in FINAL:
            raise error
    assert error is not None  # noqa: S101 - there is one try at least
    raise error


def _event(table: MachineTable, row: JobRow, to: str, one: EventFor) -> str:
    """The event of the first transition that leads there and that the actor may fire; else of the
    first that leads there, which is refused then. Raises TransitionRefusedError where none does.
    """
    ways = [way for way in _ways(table, row.state) if table.states[way.to].name == to]
    if not ways and one.id is not None:
        # It may have been sent before, and be what has brought the job there.
        ways = [
            way
            for way in table.transitions
            if table.states[way.to].name == to and way.event not in RAISED
        ]
    if not ways:
        can = _states(table, row.state, one.actor, one.roles)
        text = f"job {row.id}: no transition leads from state `{row.state}` to `{to}`"
        raise TransitionRefusedError(text, row.id, row.state, "", can)
    actor = _actor(one.actor, one.roles)
    return next((way.event for way in ways if may(way.roles, actor)), ways[0].event)


def _ways(table: MachineTable, state: str) -> list[TransitionRow]:
    return [
        way
        for way in table.transitions
        if table.states[way.source].name == state and way.event not in RAISED
    ]


def _states(
    table: MachineTable, state: str, actor: str | None, roles: Sequence[str]
) -> tuple[str, ...]:
    """The states that somebody may bring a job to, guards aside, in the order of the table."""
    who = _actor(actor, roles)
    found = [table.states[way.to].name for way in _ways(table, state) if may(way.roles, who)]
    return tuple(dict.fromkeys(found))


def _actor(actor: str | None, roles: Sequence[str]) -> dict[str, Value]:
    return {"id": SYSTEM if actor is None else actor, "roles": [*roles]}


# --- jobs that run a skript -----------------------------------------------------------------------
async def _command(runtime: Commands, row: JobRow, one: EventFor, to: str) -> None:
    """What people ask of a run. Raises TransitionRefusedError, RuntimeOptionError, RetryError."""
    if one.if_version is not None or one.data is not None:
        raise RuntimeOptionError(
            f"job {row.id} runs a skript: its state is set without data, and whatever its version"
        )
    commands: dict[str, Callable[[], Awaitable[Job]]] = {}
    if row.status in ("Pending", "Running", "Suspended"):
        commands["Cancelled"] = lambda: runtime.cancel_job(row.id, one.why or "")
    if row.status in ("Pending", "Running"):
        commands["Suspended"] = lambda: runtime.pause_job(row.id)
    if row.status == "Suspended" or row.due == HELD:
        commands["Running"] = lambda: runtime.resume_job(row.id)
    if row.status == "Failed":
        commands["Running"] = lambda: runtime.retry_job(row.id)
    if to not in commands:
        text = f"job {row.id} runs a skript and is {row.status}: nothing that is asked of it leads"
        raise TransitionRefusedError(
            f"{text} to `{to}`", row.id, row.status, "", tuple(sorted(commands))
        )
    await commands[to]()
