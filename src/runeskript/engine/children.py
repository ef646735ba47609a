"""Child jobs: what a ``run`` step becomes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import InputError, RuneskriptError, StoreError
from ..kernel import Program, Ready
from ..model import limits
from ..model.batches import weight
from ..model.effects import ChildOut
from ..model.events import ChildDone, Event, Path
from ..model.faults import Fault
from ..model.rows import NamedTuple
from ..model.values import Value
from ..stores.base import Command, JobRow, ParentRef, RowChange, Store
from .clock import Clock
from .handlers.failures import clean
from .lease import Lease
from .live import Live
from .queued import end_of_call
from .secrets import has_secret
from .skripts import Skripts, needed


class Decision(NamedTuple):
    """What a ChildOut comes to.

    ``program`` and ``row``: a job to create, and to start here if the row says that it is ours.
    ``row`` alone: the job is there already.
    ``error``: there will be none.
    """

    row: JobRow | None
    program: Program | None
    error: dict[str, Value] | None


class Children:
    """Decides on child jobs, before the commit that creates them.

    ``full``: whether there is no place for one more job, so many besides those alive.
    """

    def __init__(
        self,
        store: Store,
        skripts: Skripts,
        clock: Clock,
        lease: Lease,
        full: Callable[[int], bool],
    ) -> None:
        self._store = store
        self._lease = lease
        self._skripts = skripts
        self._clock = clock
        self._full = full

    async def decide(self, live: Live, effect: ChildOut, more: int = 0) -> Decision:
        """The job row and program of a child, the job that has its id already, or an error.

        ``more``: children of the same turn that take a place here.
        """
        (known,) = await self._store.get([effect.id])
        if known is not None:
            return Decision(known, None, None)
        if live.row.depth + 1 > limits.RUN_DEPTH:
            text = f"`run` nests deeper than {limits.RUN_DEPTH} jobs"
            return _refused("limit.depth", text)
        if has_secret(effect.input):
            return _refused("secret.place", "a secret cannot be in a job's input: it is journaled")
        try:
            program, version = await self._program(live, effect)
            if program is None:
                return _refused("skript.unknown", f"no skript `{_name(effect)}` is deployed")
            given = self._skripts.accept(program, effect.input)
        except StoreError:
            raise  # it may pass: that is no answer
        except InputError as exc:
            return _refused("input", exc.message)
        except RuneskriptError as exc:
            return _refused("skript.invalid", exc.message)
        row = self._row(live, effect, program, given, version)
        if not self._full(more):
            await self._lease.ensure()
            row = row._replace(owner=self._lease.worker.id, epoch=1)
        return Decision(row, program, None)

    async def notify(
        self, live: Live, ready: Ready, change: RowChange
    ) -> tuple[ChildOut, Decision] | None:
        """The job that tells of the failure which a turn ends with. Raises StoreError."""
        from .notices import as_effect, decide_notice  # for the few jobs that fail and say so

        end = live.seq + sum(map(weight, ready.events)) - 1
        decided = await decide_notice(live, change, end, self._skripts, self._clock, self._lease)
        if decided is None:
            return None
        row, program = decided
        return as_effect(row), Decision(row, program, None)

    def _row(
        self, live: Live, effect: ChildOut, program: Program, given: Value, version: int | None
    ) -> JobRow:
        blueprint, now = program.blueprint, self._clock.now_ms()
        parent = ParentRef(live.id, effect.path, effect.n, effect.step)
        return JobRow(
            id=effect.id,
            key=None,
            labels=dict(blueprint.labels),
            skript=blueprint.name,
            version=version if blueprint.version is None else blueprint.version,
            blueprint=program.digest,
            ast_hash=blueprint.ast_hash,
            input=given,
            created_at=now,
            updated_at=now,
            depth=live.row.depth + 1,
            parent=None if effect.detach else parent,
            tenant=live.row.tenant,
            handlers=needed(blueprint),
            priority=live.row.priority,
        )

    async def _program(self, live: Live, effect: ChildOut) -> tuple[Program | None, int | None]:
        """What a child runs, and the version that it is deployed or pinned as."""
        if effect.digest is not None:
            return await self._skripts.program(effect.digest), effect.version
        deployed = await self._skripts.find(effect.name, effect.version, live.row.tenant)
        if deployed is not None:
            return await self._skripts.program(deployed.digest), deployed.version
        own = live.program.blueprint
        if own.name == effect.name and effect.version in (None, own.version):
            return live.program, own.version  # recursion by name needs no deployment
        return None, None


def end_of(row: JobRow, change: RowChange, events: Sequence[Event]) -> Command | None:
    """What a job that ends tells its parent, in the very unit that ends it. ``events``: those of
    the turn that ends it.
    """
    if row.kind == "call":
        return end_of_call(row, change, events)
    parent = row.parent
    if parent is None:
        return None
    data: dict[str, Value] = {
        "job": row.id,
        "step": parent.step,
        "status": change.status,
        "output": change.output,
        "error": change.error,
    }
    return Command(parent.job, "child", data, f"child {row.id}", parent.path, parent.n)


def refusal(job: str, effect: ChildOut, decision: Decision) -> Command | None:
    """What a job tells itself, in the very unit that asks for a child, where there will be none:
    who goes on with it after a crash must not wait for ever.
    """
    if decision.error is None or effect.detach:
        return None
    data: dict[str, Value] = {
        "job": effect.id,
        "step": effect.step,
        "status": "Failed",
        "output": None,
        "error": decision.error,
    }
    return Command(job, "child", data, f"child {effect.id}", effect.path, effect.n)


def child_done(at: int, path: Path, n: int, data: dict[str, Any]) -> ChildDone:
    """The event that such a command becomes."""
    step, status = data["step"], data["status"]
    return ChildDone(at, path, n, step, status, data["output"], data["error"])


def _name(effect: ChildOut) -> str:
    return effect.name if effect.version is None else f"{effect.name}@{effect.version}"


def _refused(type_: str, message: str) -> Decision:
    return Decision(None, None, Fault(type_, clean(message)).public())
