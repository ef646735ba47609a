"""What a call on a named queue is as a job: a program of that one call, and what goes to and fro.

Its input holds the parameters with nothing in the place of each reference to a secret, and beside
them where those stand: whoever runs the call resolves them, and the store never has one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from ..expr.runtime import SecretRef, SecretText
from ..kernel import Program
from ..model import ids
from ..model.batches import unfold_events
from ..model.blueprint import Blueprint, Body, HandlerRef, Policy
from ..model.effects import CallOut
from ..model.events import CallDone, CallFailed, Event
from ..model.isa import Op
from ..model.rows import NamedTuple
from ..model.run import Run
from ..model.values import Value
from ..stores.base import Command, JobRow, ParentRef, RowChange
from .handlers.failures import failure
from .handlers.sink import Origin

_INPUT: Final = ("slot", 0)
_CANCELLED: Final = "handler.CancelledError"


# --- the job ------------------------------------------------------------------------------------
def id_of(job: str, run: Run, call: CallOut, again: int) -> str:
    """The id of the job of one attempt. What an operator's retry makes anew has another one, and so
    has what is made ``again`` because that job has been given up since.
    """
    return ids.derive(f"queued {call.attempt} {run.floor} {again}", job, call.path, call.n)


class Shape(NamedTuple):
    """What the programs of calls differ in. ``flags``: what the compiler relied on."""

    handler: str
    flags: tuple[bool, bool]
    step: str
    timed: bool
    on_crash: Any
    undone: bool


def shape_of(program: Program, run: Run, call: CallOut) -> Shape:
    """That of a call which a run has just made."""
    token = run.calls.get(call.path)
    if token is not None:
        ins = program.code[token.pc]
    else:  # a branch that is none
        fork = run.forks[call.path[:-1]]
        ins = program.code[program.bodies[fork.bodies[0]].entry]
    refs = (ref for ref in program.blueprint.handlers if ref.name == call.handler)
    flags = next((ref.pure, ref.idempotent) for ref in refs)
    timed, on_crash, undone = call.timeout is not None, ins[4].on_crash, ins[5] is not None
    return Shape(call.handler, flags, call.step, timed, on_crash, undone)


def blueprint_of(shape: Shape, origin: Blueprint) -> Blueprint:
    """The program of such a call: it is made, and what it comes to is returned.

    One with an undo has an empty one: so its end is awaited where it is cancelled.
    """
    timeout = 1 if shape.timed else None
    undo = 1 if shape.undone else None
    bodies: tuple[Body, ...] = (Body(shape.handler, 0, 2, None, 2), Body("undo", 2, 3, 0, 0))
    code: tuple[tuple[object, ...], ...] = (
        (Op.CALL, 0, 0, 1, 0, undo, False),
        (Op.RETURN, 2),
        (Op.ARRIVE,),
    )
    if undo is None:
        code, bodies = code[:2], bodies[:1]
    return Blueprint(
        name=shape.handler,
        version=origin.version,
        labels={},
        ast_hash=origin.ast_hash,
        input_schema=None,
        env=(),
        roots=(("input", 0),),
        code=code,
        sites=(0,) * len(code),
        steps=(shape.step,),
        bodies=bodies,
        exceptions=(),
        exprs=(
            ("item", _INPUT, ("const", "with")),
            ("item", _INPUT, ("const", "timeout")),
            ("slot", 1),
        ),
        regions=(),
        functions=(),
        handlers=(HandlerRef(shape.handler, *shape.flags),),
        policies=(Policy(timeout=timeout, on_crash=shape.on_crash),),
        listens=(),
        skripts=(),
    )


def row_of(
    id_: str, parent: JobRow, call: CallOut, origin: Blueprint, digest: str, given: Value, now: int
) -> JobRow:
    """The job of a call, which nobody has yet."""
    return JobRow(
        id=id_,
        key=None,
        labels={},
        skript=call.handler,
        version=origin.version,
        blueprint=digest,
        ast_hash=origin.ast_hash,
        input=given,
        created_at=now,
        updated_at=now,
        depth=parent.depth,
        parent=ParentRef(parent.id, call.path, call.n, call.step),
        tenant=parent.tenant,
        kind="call",
        handlers=(call.handler,),
        queue=call.queue or "",
        priority=parent.priority,
    )


class Placed(NamedTuple):
    """A job to create; ``program`` where it is to run here."""

    row: JobRow
    program: Program | None


# --- its input ----------------------------------------------------------------------------------
def input_of(call: CallOut) -> dict[str, Value]:
    """What a job is given that makes a call."""
    found: list[Value] = []
    params = _without(call.params, [], found)
    return {"with": params, "timeout": call.timeout, "attempt": call.attempt, "secrets": found}


def _without(value: Any, path: list[Value], found: list[Value]) -> Any:
    """A value without references to secrets; ``found``: where they stood."""
    if isinstance(value, dict):
        return {name: _without(item, [*path, name], found) for name, item in value.items()}
    if isinstance(value, list):
        return [_without(item, [*path, i], found) for i, item in enumerate(value)]
    if type(value) is SecretText:
        parts: list[Value] = [
            part if isinstance(part, str) else {"secret": part.name} for part in value.parts
        ]
        found.append([path, parts])
        return None
    return value


def origin_of(row: JobRow) -> Origin | None:
    """Whose call a job makes; None where it is no such job."""
    if row.kind != "call" or row.parent is None:
        return None
    given: Any = row.input
    return Origin(row.parent.job, row.parent.path, row.parent.n, given["attempt"])


def secrets_in(row: JobRow) -> set[str]:
    """The names of the secrets that the call of such a job is given; none of another job."""
    if row.kind != "call":
        return set()
    given: Any = row.input
    return {
        part["secret"] for _, parts in given["secrets"] for part in parts if isinstance(part, dict)
    }


def restored(call: CallOut, row: JobRow) -> CallOut:
    """The call of such a job, with the references to secrets where they stood."""
    given: Any = row.input
    params = call.params
    for path, parts in given["secrets"]:
        text = SecretText(
            tuple(part if isinstance(part, str) else SecretRef(part["secret"]) for part in parts)
        )
        params = _with(params, path, text)
    return call._replace(params=params)


def _with(value: Any, path: Sequence[Any], text: SecretText) -> Any:
    """A copy of a value with something else at a place."""
    if not path:
        return text
    copy = value.copy()
    copy[path[0]] = _with(value[path[0]], path[1:], text)
    return copy


# --- its end ------------------------------------------------------------------------------------
def told(job: str, call: CallOut, id_: str, error: dict[str, Value]) -> Command:
    """What a job tells itself where there will be no job for its call."""
    body: dict[str, Value] = {"attempt": call.attempt, "error": error}
    return Command(job, "fail", body, f"call {id_}", call.path, call.n)


def end_of_call(row: JobRow, change: RowChange, events: Iterable[Event]) -> Command | None:
    """What the job of a call tells its parent, in the very unit that ends it: what the call came
    to, also where the job was cancelled by then. ``events``: those of the turn that ends it.
    """
    parent, origin = row.parent, origin_of(row)
    if parent is None or origin is None:
        return None
    data: dict[str, Value] = {"attempt": origin.attempt}
    kind, id_ = "fail", f"call {row.id}"
    for event in unfold_events(events):
        if isinstance(event, CallDone):
            kind = "complete"
            data["result"] = event.result
        elif isinstance(event, CallFailed):
            data["error"] = event.error
    if kind == "complete":
        return Command(parent.job, "complete", data, id_, parent.path, parent.n)
    data.setdefault("error", without_end(change.error))
    return Command(parent.job, "fail", data, id_, parent.path, parent.n)


def without_end(error: dict[str, Value] | None) -> dict[str, Value]:
    """What a call came to whose job has ended before it did."""
    if error is None or error.get("type") == "cancel":
        return failure(_CANCELLED, "the job of the call was cancelled")
    return failure(str(error.get("type")), str(error.get("message")), error.get("data"))


def late_end(at: int, call: CallOut, row: JobRow) -> CallDone:
    """The event that a call comes to whose job has completed before anybody asked."""
    return CallDone(at, call.path, call.n, call.step, call.attempt, row.output)


def lost_end(at: int, parent: ParentRef, row: JobRow, error: dict[str, Value]) -> CallFailed:
    """The same of a job that cannot go on."""
    origin = origin_of(row)
    attempt = 1 if origin is None else origin.attempt
    gone = without_end(error)
    return CallFailed(at, parent.path, parent.n, parent.step, attempt, gone)
