"""Compiled skripts of a runtime: Blueprints as blobs, programs in a bounded cache.

What is deployed under which name is in ``deployed.py``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from ..errors import (
    BlueprintError,
    InputError,
    RuntimeOptionError,
    UnknownHandlerError,
    UnknownSkriptError,
)
from ..kernel import Program, load
from ..model import blueprint_codec
from ..model.blueprint import Blueprint, MachineTable, pins
from ..model.isa import Op
from ..model.nearest import did_you_mean
from ..model.recent import Recent
from ..model.values import Value, type_name
from ..stores.base import JobRow, Store
from .deployed import Deployed, Deployments
from .handlers.registry import HandlerRegistry, Registered
from .inputs import InputCheck
from .resources import Resources
from .retrying import program_of

if TYPE_CHECKING:
    from .policy import Grants, Policy
    from .rights import Rights

#: Programs kept ready; others are loaded again from their blob.
PROGRAMS: Final = 256
#: Instructions of all of these together, and every fifty characters of their texts: each takes some
#: kB with its code.
PARTS: Final = 50_000
#: Programs kept of jobs that run elsewhere.
READ: Final = 32
#: Digits of a version.
_DIGITS: Final = 18


class Skripts(Deployments):
    """Programs by digest, and by the name and version they are deployed as."""

    def __init__(
        self,
        store: Store,
        registry: HandlerRegistry,
        resources: Resources,
        policy: Policy | None = None,
    ) -> None:
        super().__init__(store)
        #: What documents may use here; None: all there is.
        self.rights = None if policy is None else _rights(policy, store, self)
        self._registry = registry
        self._resources = resources
        self._programs: OrderedDict[str, Program] = OrderedDict()
        self._parts = 0
        #: Tables of machines that may run elsewhere.
        self._machines: Recent[str, MachineTable | None] = Recent(PROGRAMS)
        #: Programs that are only looked at: their handlers may be elsewhere.
        self._read: Recent[str, Program] = Recent(READ)
        self._checks: dict[str, InputCheck] = {}
        #: Programs by the identity of a Blueprint object, so that a hash is taken once.
        self._by_object: Recent[int, tuple[Blueprint, Program]] = Recent(PROGRAMS)

    # --- programs -------------------------------------------------------------------------------
    async def put(self, blueprint: Blueprint) -> Program:
        """Load a Blueprint, keep it in the store, and check that its handlers are here.

        Raises BlueprintError, UnknownHandlerError.
        """
        known = self._by_object.use(id(blueprint))
        if known is not None and known[0] is blueprint:
            return known[1]
        program = await self._keep(load(blueprint))
        pinned = pins(blueprint)
        await self._store.put_blob(program.digest, blueprint_codec.encode(blueprint), pinned)
        self._by_object[id(blueprint)] = (blueprint, program)
        return program

    async def put_all(
        self,
        blueprint: Blueprint,
        children: Mapping[str, Blueprint],
        tenant: str = "",
        *,
        deploying: bool = False,
    ) -> Program:
        """The same for one with those that it pins, if they may use what they name.

        Raises NotAllowedError, too.
        """
        await self.permit((blueprint, *children.values()), tenant, deploying=deploying)
        for child in children.values():
            await self.put(child)
        return await self.put(blueprint)

    async def program(self, digest: str) -> Program | None:
        """The program of a Blueprint that was put, or None."""
        known = self._programs.get(digest)
        if known is not None:
            self._programs.move_to_end(digest)
            return known
        data = await self._store.get_blob(digest)
        return None if data is None else await self._keep(load(blueprint_codec.decode(data)))

    async def machine(self, digest: str) -> MachineTable | None:
        """The table of a machine, whoever has its handlers; None where it is none, or is not there.

        Raises BlueprintError.
        """
        known = self._programs.get(digest)
        if known is not None:
            return known.blueprint.machine
        if digest not in self._machines:
            found = await self.blueprint(digest)
            self._machines[digest] = None if found is None else found.machine
        return self._machines[digest]

    async def readable(self, row: JobRow) -> Program:
        """The program of a job, to be looked at, whatever handlers are here.

        Raises StoreError where it is not in the store, and BlueprintError.
        """
        known = self._programs.get(row.blueprint) or self._read.get(row.blueprint)
        if known is None:
            known = self._read[row.blueprint] = await program_of(self._store, row)
        return known

    async def _keep(self, program: Program) -> Program:
        known = self._programs.get(program.digest)
        if known is not None:
            self._programs.move_to_end(program.digest)
            return known
        # A handler may have been loaded only now, because this program names it.
        await self._resources.set_up(self._handlers_of(program.blueprint))
        self._programs[program.digest] = program
        self._parts += parts_of(program)
        while len(self._programs) > 1 and (len(self._programs) > PROGRAMS or self._parts > PARTS):
            self._forget()
        return program

    def _forget(self) -> None:
        """Keep the program that was not used for longest no more."""
        gone, program = self._programs.popitem(last=False)
        self._checks.pop(gone, None)
        self._parts -= parts_of(program)
        for key, (_, known) in list(self._by_object.items()):
            if known is program:
                del self._by_object[key]

    def accept(self, program: Program, given: object) -> Value:
        """An input for the program, normalised and checked. Raises InputError."""
        check = self._checks.get(program.digest)
        if check is None:
            check = InputCheck(program.blueprint.input_schema)
            if program.digest in self._programs:
                self._checks[program.digest] = check
        if program.blueprint.machine is None:
            return check.accept(given)
        value = check.accept({} if given is None else given)
        if not isinstance(value, dict):
            raise InputError(f"a machine's data is an object, not {type_name(value)}")
        return value

    def _handlers_of(self, blueprint: Blueprint) -> list[Registered]:
        """The handlers a Blueprint names; they must have the flags it was compiled with."""
        handlers = []
        elsewhere = _elsewhere(blueprint)
        for ref in blueprint.handlers:
            found = self._registry.get(ref.name)
            if found is None and ref.name in elsewhere:
                continue
            if found is None:
                hint = did_you_mean(ref.name, self._registry.names())
                raise UnknownHandlerError(ref.name, hint)
            if (ref.pure and not found.pure) or (ref.idempotent and not found.idempotent):
                raise BlueprintError(
                    f"the Blueprint relies on handler {ref.name} being "
                    f"{'pure' if ref.pure and not found.pure else 'idempotent'}, which it is not "
                    "(any more); compile the document again"
                )
            handlers.append(found)
        return handlers

    # --- what they may use ----------------------------------------------------------------------
    async def permit(
        self, blueprints: Sequence[Blueprint], tenant: str, *, deploying: bool = False
    ) -> None:
        """See Rights; nothing is refused where there is no policy. Raises NotAllowedError."""
        if self.rights is not None:
            await self.rights.permit(blueprints, tenant, deploying=deploying)

    async def admit(self, row: JobRow | None) -> None:
        """The same for a job that is to go on. Raises NotAllowedError."""
        if self.rights is not None and row is not None:
            await self.rights.admit(row)

    async def grants(self, job: str) -> Grants | None:
        """What the document of a job may use; None: all there is."""
        return None if self.rights is None else await self.rights.of(job)

    # --- deployed -------------------------------------------------------------------------------
    async def deploy(self, blueprint: Blueprint, tenant: str = "") -> Deployed:
        """Make a skript known to a tenant by name; see :meth:`enter`. Raises VersionConflictError,
        and the errors of ``put``.
        """
        program = await self.put(blueprint)
        return await self.enter(blueprint, program.digest, tenant)

    async def named(self, text: str, tenant: str = "") -> tuple[Program, int]:
        """What a tenant has deployed as ``NAME`` or ``NAME@VERSION``, and the version it is.

        Raises UnknownSkriptError, RuntimeOptionError, and the errors of ``program``.
        """
        if not isinstance(text, str):
            raise RuntimeOptionError("what is deployed is named by a text")
        name, at, number = text.partition("@")
        if at and not (number.isascii() and number.isdigit() and len(number) <= _DIGITS):
            raise RuntimeOptionError(f"{text!r}: a version is a number")
        found = await self.find(name, int(number) if at else None, tenant)
        program = None if found is None else await self.program(found.digest)
        if found is None or program is None:
            raise UnknownSkriptError(f"no skript is deployed as {text!r}")
        return program, found.version


def _rights(policy: Policy, store: Store, skripts: Skripts) -> Rights:
    from .rights import Rights  # of no use to a plain run

    return Rights(policy, store, skripts)


def parts_of(program: Program) -> int:
    """How large a program is: its instructions, and what stands for its constants and its text."""
    blueprint = program.blueprint
    return len(blueprint.code) + len(blueprint.debug.source) // 50


def needed(blueprint: Blueprint) -> tuple[str, ...]:
    """The handlers that a worker must have to run a Blueprint: not those that it calls on named
    queues alone.
    """
    return tuple(sorted({ref.name for ref in blueprint.handlers} - _elsewhere(blueprint)))


def _elsewhere(blueprint: Blueprint) -> set[str]:
    """The handlers all of whose calls are on named queues."""
    if not any(policy.queue is not None for policy in blueprint.policies):
        return set()
    here: set[str] = set()
    placed: set[str] = set()
    for instruction in blueprint.code:
        if instruction[0] == Op.CALL:
            operands: Any = instruction
            _, handler, _, _, policy, _, _ = operands
            queued = policy is not None and blueprint.policies[policy].queue is not None
            (placed if queued else here).add(blueprint.handlers[handler].name)
    return placed - here
