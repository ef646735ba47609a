"""Events for machines: posted as any command is, and what became of them.

Whoever runs the job decides, in the journal; whoever sent the event looks there, or is told at once
where both are one process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ..errors import (
    NoMachineError,
    NotAValueError,
    RuneskriptError,
    RuntimeOptionError,
    TransitionFailedError,
    TransitionForbiddenError,
    TransitionRefusedError,
    VersionMismatchError,
)
from ..kernel.machine import SYSTEM, allowed, data_of, state_of
from ..model.events import Event, Moved, MoveFailed, Refused, Sent, SentIf
from ..model.limits import NAME
from ..model.records import record
from ..model.values import Value, is_text, normalise
from ..stores.base import Command, InboxRow, JobRow, RowChange
from . import requests

if TYPE_CHECKING:
    from ..model.blueprint import MachineTable
    from .live import Live

#: What became of an event.
Outcome: TypeAlias = "Moved | Refused | MoveFailed"
OUTCOMES: Final = (Moved, Refused, MoveFailed)
#: Characters of what somebody says about an event.
WHY: Final = 10_000
_new: Any = tuple.__new__  # skips the NamedTuple's own constructor


@record
class EventFor:
    """An event for a machine's job; see ``Runtime.send``."""

    job: str
    event: str
    data: object = None
    actor: str | None = None
    roles: Sequence[str] = ()
    why: str | None = None
    id: str | None = None
    if_version: int | None = None
    to: str | None = None


@record
class Answer:
    """What became of an event. ``state``: the one it led to; ``error``: why it led to none."""

    job: str
    event: str
    state: str | None
    error: RuneskriptError | None


# --- what is posted -----------------------------------------------------------------------------
def event_command(one: EventFor, id_: str) -> Command:
    """The command that brings a machine an event. Raises RuntimeOptionError.

    ``actor`` None: this process itself, which needs no role.
    """
    event: Any = one.event
    data, why, given = one.data, one.why, one.actor
    if not isinstance(event, str) or not 0 < len(event) <= NAME or not is_text(event):
        raise RuntimeOptionError(f"an event is a text of 1 to {NAME} characters")
    roles = _roles(one.roles, given)
    if why is not None and (not isinstance(why, str) or len(why) > WHY or not is_text(why)):
        raise RuntimeOptionError(f"why is a text of at most {WHY:,} characters")
    try:
        value = normalise(data)
    except NotAValueError as exc:
        raise RuntimeOptionError(f"the event's data is no value: {exc.message}") from None
    who = SYSTEM if given is None else requests.name(given, "the actor")
    body: dict[str, Value] = {
        "id": id_,
        "event": event,
        "data": value,
        "actor": {"id": who, "roles": roles},
        "why": why,
    }
    if one.if_version is not None:
        body["if_version"] = requests.version(one.if_version)
    if one.to is not None:
        body["to"] = requests.name(one.to, "the state")
    return Command(one.job, "event", body, f"event {id_}")


def _roles(given: Any, actor: str | None) -> list[Value]:
    """The roles of who fires an event. Raises RuntimeOptionError."""
    if actor is None and given == ():
        return []
    if actor is None:
        if given:
            raise RuntimeOptionError("roles say what an actor is: name the actor, too")
    elif actor == SYSTEM:
        raise RuntimeOptionError(f"`{SYSTEM}` is who fires what a machine raises itself")
    if not isinstance(given, list | tuple) or not all(
        isinstance(role, str) and 0 < len(role) <= NAME and is_text(role) for role in given
    ):
        raise RuntimeOptionError(f"roles are a list of texts of 1 to {NAME} characters")
    return [*given]


def who_asks(actor: str | None, roles: Sequence[str]) -> dict[str, Value] | None:
    """What a command says of who asks for it; None for this process itself. Raises
    RuntimeOptionError.
    """
    mine = _roles(roles, actor)
    if actor is None:
        return None
    return {"actor": {"id": requests.name(actor, "the actor"), "roles": mine}}


def event_of(row: InboxRow, at: int) -> Sent | SentIf | None:
    """The event that an inbox row becomes; None for what is none."""
    data: Any = row.data
    try:
        fields = (at, data["id"], data["event"], data["data"], data["actor"], data["why"])
    except (TypeError, KeyError):
        return None
    if len(data) > 5:  # with conditions
        expected, to = data.get("if_version"), data.get("to")
        if (expected is None or type(expected) is int) and (to is None or type(to) is str):
            return SentIf(*fields, expected, to, -1)
    found: Sent = _new(Sent, fields)
    return found


# --- what is written of a machine's job ---------------------------------------------------------
def with_state(live: Live, change: RowChange, *, moved: bool) -> RowChange:
    """A change of the row of a machine's job, with the state it is in. ``moved``: its data, too."""
    table = live.program.blueprint.machine
    if table is None:
        return change
    change = change._replace(state=state_of(table, live.run))
    if moved:
        change = change._replace(data=data_of(table, live.run))
    return change


# --- what became of it --------------------------------------------------------------------------
class Expected:
    """Events of one job that somebody waits for, and what became of those that are decided."""

    __slots__ = ("decided", "found", "job", "left")

    def __init__(self, job: str, ids: Iterable[str]) -> None:
        self.job = job
        self.found: dict[str, Outcome] = {}
        self.left = set(ids)
        #: Done as soon as all of them are decided.
        self.decided: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def told(self, event: Outcome) -> None:
        """What became of one of them."""
        if event.id in self.left:
            self.found[event.id] = event
            self.left.remove(event.id)
            if not self.left and not self.decided.done():
                self.decided.set_result(None)


class Answers:
    """Who waits in this process for what became of events."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: dict[str, list[Expected]] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def expect(self, job: str, ids: Iterable[str]) -> Expected:
        """To be told of some events of a job; ``forget`` it afterwards."""
        one = Expected(job, ids)
        self._waiting.setdefault(job, []).append(one)
        return one

    def forget(self, one: Expected) -> None:
        """Nobody waits for it any more."""
        others = self._waiting[one.job]
        others.remove(one)
        if not others:
            del self._waiting[one.job]

    def tell(self, job: str, events: Sequence[Event]) -> None:
        """These events of a job are durable now."""
        waiting = self._waiting.get(job)
        if waiting is None:
            return
        for event in events:
            if isinstance(event, OUTCOMES):
                for one in waiting:
                    one.told(event)


def answer_of(
    row: JobRow, table: MachineTable, one: EventFor, actor: dict[str, Value], found: Outcome | None
) -> Answer:
    """What somebody who sent an event is told; ``found`` None: the job ended before its turn."""
    if isinstance(found, Moved):
        return Answer(row.id, one.event, found.to, None)
    error: RuneskriptError
    if found is None:
        text = f"job {row.id} ended before `{one.event}` was its turn"
        error = TransitionRefusedError(text, row.id, row.state, one.event, ())
    elif isinstance(found, MoveFailed):
        error = TransitionFailedError(row.id, found.source, one.event, found.error)
    elif found.reason == "version":
        text = f"job {row.id}: {found.error.get('message')}"
        error = VersionMismatchError(text, row.id, _number(found), one.if_version)
    else:
        can = tuple(allowed(table, found.state, actor))
        text = f"job {row.id}: {found.error.get('message')}"
        kind = TransitionForbiddenError if found.reason == "forbidden" else TransitionRefusedError
        error = kind(text, row.id, found.state, one.event, can, found.error)
    return Answer(row.id, one.event, None, error)


def _number(found: Refused) -> int:
    version: Any = found.error.get("version")
    return version if type(version) is int else -1


def table_of(row: JobRow, table: MachineTable | None) -> MachineTable:
    """The table of a declared machine's job. Raises NoMachineError."""
    if table is None:
        raise NoMachineError(f"job {row.id} runs the skript {row.skript}, which is no machine")
    return table
