"""Blueprint -> Program: verify, then bind operands to generated functions.

Functions are generated on first use: most runs take few of a document's paths, and generating all
of a large one would cost more than running it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from ..errors import BlueprintError, StepError
from ..expr.generate import FunctionTable, Looped, compile_expr, compile_region, push_targets
from ..expr.ir import uses
from ..expr.ir_check import check_ir
from ..expr.labels import has_loops, region_expressions
from ..expr.schema import check_schema, compile_schema
from ..model.blueprint import Blueprint, Body, ExceptionRow, MachineTable
from ..model.blueprint_codec import digest
from ..model.isa import BY_OP, Op
from ..model.values import UNSET, Value
from ..model.verify import Table, verify

if TYPE_CHECKING:
    from ..expr.branches import BranchLoop

#: (state, event) -> for each transition its place among those of its state, and its roles.
Ways: TypeAlias = dict[tuple[int, str], list[tuple[int, tuple[str, ...] | None, str]]]
#: A generated expression or region: (frame, context) -> value or exit index.
Function: TypeAlias = Callable[[list[Any], Any], Any]


class CallBody(NamedTuple):
    """The body of a FORKCALL: a CALL, perhaps a PURE, ARRIVE."""

    into: int | None
    undo: int | None
    #: The region of the PURE and its address.
    region: int | None
    tail: int
    #: Nothing happens in a branch but that its result, if anything, is its yield.
    plain: bool
    yields: bool
    #: Something in it draws by ``uuid()`` or ``random()``, or its call is given the time.
    tokens: bool


class Program:
    """A verified Blueprint ready to run; immutable but for its caches, shared by all its runs."""

    __slots__ = (
        "_branch_loops",
        "_call_bodies",
        "_covered",
        "_held",
        "_owners",
        "_schemas",
        "_table",
        "_wheres",
        "blueprint",
        "bodies",
        "code",
        "digest",
        "entropy",
        "exprs",
        "finallys",
        "functions",
        "loops",
        "machine",
        "plans",
        "regions",
        "sites",
        "speaks",
        "steps",
        "ways",
    )

    def __init__(self, blueprint: Blueprint) -> None:
        self.blueprint = blueprint
        self.digest = digest(blueprint)
        self.code: tuple[Any, ...] = tuple(
            _decode(blueprint, pc) for pc in range(len(blueprint.code))
        )
        self.bodies: tuple[Body, ...] = blueprint.bodies
        self.sites = blueprint.sites
        self.steps = blueprint.steps
        self.functions = FunctionTable(blueprint.functions)
        self.exprs: list[Function] = [self._lazy_expr(i) for i in range(len(blueprint.exprs))]
        self.regions: list[Function] = [self._lazy_region(i) for i in range(len(blueprint.regions))]
        #: By address of a CALL, what comes behind it; see ``chain.py``.
        self.ways: dict[int, Any] = {}
        #: The regions with loops that have run so far.
        self.loops: dict[int, Looped] = {}
        self.entropy = _uses_entropy(blueprint)
        #: Of a machine: (state, event) -> its transitions; see ``machine.py``.
        #: By address, what the code of a transition does; see ``moving.py``.
        self.plans: dict[int, Any] = {}
        self.machine: Ways = {} if blueprint.machine is None else _ways(blueprint.machine)
        #: Whether a run may send messages or create children: what must not be done again.
        self.speaks = any(ins[0] in (Op.EMIT, Op.RUN) for ins in self.code)
        #: Where a token stands on its way into the shield of a ``finally``.
        self.finallys = frozenset(r.handler for r in blueprint.exceptions if r.kind == "finally")
        self._call_bodies: dict[int, CallBody] = {}
        self._branch_loops: dict[int, BranchLoop | None] = {}
        self._table: Table | None = None
        self._owners: dict[tuple[str, int], set[int]] | None = None
        self._held: dict[int, frozenset[int]] = {}
        self._covered: set[int] = set()
        self._wheres: dict[int, Callable[..., Value]] = {}
        self._schemas: dict[int, Callable[[Any], Any]] = {}

    def _lazy_expr(self, i: int) -> Function:
        def generate(frame: list[Any], context: Any) -> Any:
            function = compile_expr(
                self.blueprint.exprs[i],
                self.functions,
                slot_names=self._names("expr", i),
                holders=self._holders("expr", i),
            )
            self.exprs[i] = function
            return function(frame, context)

        return generate

    def _lazy_region(self, i: int) -> Function:
        def generate(frame: list[Any], context: Any) -> Any:
            function = compile_region(
                self.blueprint.regions[i], self.functions, **self._surroundings(i)
            )
            self.regions[i] = function
            return function(frame, context)

        return generate

    def looped(self, i: int) -> Looped:
        """The function of a region with loops."""
        made = self.loops[i] = Looped(
            self.blueprint.regions[i], self.functions, **self._surroundings(i)
        )
        return made

    def _surroundings(self, i: int) -> dict[str, Any]:
        """What generating a region needs to know of the frames it runs over."""
        names, holders = self._names("region", i), self._holders("region", i)
        return {"slot_names": names, "holders": holders, "protected": i in self._covered}

    def _names(self, kind: str, i: int) -> tuple[str, ...]:
        """The slot names, for messages, of the body that an expression or region belongs to."""
        names = self.blueprint.debug.slot_names
        body = min(self._users(kind, i), default=0)
        return names[body] if body < len(names) else ()

    def _holders(self, kind: str, i: int) -> frozenset[int]:
        """The slots with lists that are appended to in place, in the frames it may see."""
        users = self._users(kind, i)  # fills what is asked for next
        held = [self._held[body] for body in users if body in self._held]
        return frozenset().union(*held)

    def _users(self, kind: str, i: int) -> set[int]:
        """The bodies whose code evaluates an expression or region."""
        if self._owners is None:
            self._owners = _owners(self.blueprint)
            self._held = _held(self.blueprint, self._owners)
            self._covered = _covered(self.blueprint)
        return self._owners.get((kind, i), set())

    def where(self, listen: int, frame: list[Any], context: Any, data: Value) -> bool:
        """Whether the ``where`` of a listener holds for a message."""
        where = self.blueprint.listens[listen].where
        if where is None:
            return True
        function = self._wheres.get(where)
        if function is None:
            function = self._wheres[where] = compile_expr(
                self.blueprint.exprs[where],
                self.functions,
                locals_=1,
                slot_names=self._names("expr", where),
                holders=self._holders("expr", where),
            )
        return bool(function(frame, context, data))

    def rows_at(self, pc: int) -> list[ExceptionRow]:
        """The rows of the exception table that cover an address, innermost first."""
        if self._table is None:
            self._table = Table(self.blueprint)
        table, found = self._table, []
        row = table.innermost[pc]
        while row >= 0:
            found.append(table.rows[row])
            row = table.around[row]
        return found

    def step_at(self, pc: int) -> str:
        """The name of the step an instruction belongs to."""
        return self.steps[self.sites[pc]]

    def call_body(self, body: int) -> CallBody:
        """What the body of a FORKCALL does besides its call."""
        found = self._call_bodies.get(body)
        if found is None:
            found = _call_body(self.blueprint, self.bodies[body])
            self._call_bodies[body] = found
        return found

    def branch_loop(self, body: int) -> BranchLoop | None:
        """The function that runs branches of a FORKPURE; None where they have to be tokens.

        Draws are counted by tokens.
        """
        if body not in self._branch_loops:
            from ..expr.branches import BranchLoop  # for forks of this kind alone
            from .straight import straight_branch

            branch = straight_branch(self.blueprint, body)
            self._users("region", 0)  # fills what is asked for next
            held = self._held.get(body, frozenset())
            made = None if branch is None else BranchLoop(branch, self.functions, held)
            self._branch_loops[body] = None if made is None or made.draws else made
        return self._branch_loops[body]

    def accepts(self, listen: int, data: Value) -> bool:
        """Whether a message satisfies the schema of a listener.

        One that takes too much work to check does not: a message from outside must not end a run.
        """
        schema = self.blueprint.listens[listen].schema
        if schema is None:
            return True
        check = self._schemas.get(listen)
        if check is None:
            check = self._schemas[listen] = compile_schema(schema)
        try:
            return not check(data)
        except StepError:
            return False

    def frame(self, body: int, outer: list[Any] | None) -> list[Any]:
        """A fresh frame of a body with its captures copied from ``outer``."""
        row = self.bodies[body]
        frame: list[Any] = [UNSET] * row.slots
        if outer is not None:
            for source, target in row.captures:
                frame[target] = outer[source]
        return frame


def _call_body(blueprint: Blueprint, body: Body) -> CallBody:
    code: Sequence[Any] = blueprint.code
    _, _, with_, into, policy, undo, _ = code[body.entry]
    tail = body.entry + 1
    region = code[tail][1] if code[tail][0] == Op.PURE else None
    plain = (
        region is None
        and undo is None
        and not body.outs
        and (body.result is None or body.result == into)
    )
    timeout = None if policy is None else blueprint.policies[policy].timeout
    irs = [blueprint.exprs[expr] for expr in (with_, timeout) if expr is not None]
    tokens = any("clock" in uses(ir, blueprint.functions) for ir in irs)
    if region is not None:
        irs.extend(region_expressions(blueprint.regions[region]))
    tokens |= any("entropy" in uses(ir, blueprint.functions) for ir in irs)
    return CallBody(into, undo, region, tail, plain, body.result is not None, tokens)


def _opcode(instruction: Any) -> int:
    return int(instruction[0])


def _owners(blueprint: Blueprint) -> dict[tuple[str, int], set[int]]:
    """(kind of operand, index) -> bodies, for the operands that are expressions or regions."""
    owners: dict[tuple[str, int], set[int]] = {}
    for number, body in enumerate(blueprint.bodies):
        for ins in blueprint.code[body.entry : body.end]:
            for operand, value in zip(BY_OP[_opcode(ins)].operands, ins[1:], strict=True):
                kind = operand.kind.rstrip("?")
                if value is None or type(value) is not int:
                    continue
                if kind in ("expr", "region"):
                    owners.setdefault((kind, value), set()).add(number)
                elif kind == "policy":
                    timeout = blueprint.policies[value].timeout
                    if timeout is not None:
                        owners.setdefault(("expr", timeout), set()).add(number)
                elif kind == "listen":
                    row = blueprint.listens[value]
                    for expr in (row.topic, row.key, row.where):
                        if expr is not None:
                            owners.setdefault(("expr", expr), set()).add(number)
    return owners


def _held(
    blueprint: Blueprint, owners: dict[tuple[str, int], set[int]]
) -> dict[int, frozenset[int]]:
    """Body -> its slots with lists that some region appends to in place."""
    held: dict[int, set[int]] = {}
    for i, region in enumerate(blueprint.regions):
        targets = set(push_targets(region))
        for body in owners.get(("region", i), ()) if targets else ():
            held.setdefault(body, set()).update(targets)
    return {body: frozenset(slots) for body, slots in held.items()}


def _covered(blueprint: Blueprint) -> set[int]:
    """The regions whose errors may be caught, by a row of the exception table."""
    found: set[int] = set()
    at = 0
    for row in sorted(blueprint.exceptions, key=lambda row: row.start):
        at = max(at, row.start)
        while at < row.end:
            ins: Any = blueprint.code[at]
            if ins[0] == Op.PURE or ins[0] == Op.LOOP:
                found.add(ins[1])
            at += 1
    return found


#: What stands for PURE where the region has loops (:func:`_decode`); no opcode of a Blueprint.
LOOPED: Final = 0


def _decode(blueprint: Blueprint, pc: int) -> Any:
    """An instruction as the kernel runs it: CALL and RUN get their table rows and step bound.

    (CALL, handler name, with, into, policy row, undo, step, grouped);
    (RUN, skript row, with, into, policy row, undo, detach, step). A PURE with loops is LOOPED.
    """
    ins: Any = blueprint.code[pc]
    step = blueprint.steps[blueprint.sites[pc]]
    if ins[0] == Op.CALL:
        _, handler, with_, into, policy, undo, group = ins
        row = None if policy is None else blueprint.policies[policy]
        return (int(Op.CALL), blueprint.handlers[handler].name, with_, into, row, undo, step, group)
    if ins[0] == Op.RUN:
        _, skript, with_, into, policy, undo, detach = ins
        row = None if policy is None else blueprint.policies[policy]
        return (int(Op.RUN), blueprint.skripts[skript], with_, into, row, undo, detach, step)
    if ins[0] == Op.PURE and has_loops(blueprint.regions[ins[1]]):
        return (LOOPED, *ins[1:])
    return (int(ins[0]), *ins[1:])


def _uses_entropy(blueprint: Blueprint) -> bool:
    irs = [*blueprint.exprs, *(f.ir for f in blueprint.functions)]
    for region in blueprint.regions:
        irs.extend(region_expressions(region))
    return any("entropy" in uses(ir) for ir in irs)


def _ways(table: MachineTable) -> Ways:
    ways: Ways = {}
    numbers = [0] * len(table.states)
    for row in table.transitions:
        way = (numbers[row.source], row.roles, table.states[row.to].name)
        ways.setdefault((row.source, row.event), []).append(way)
        numbers[row.source] += 1
    return ways


def load(blueprint: Blueprint) -> Program:
    """Verify a Blueprint and bind it. Raises BlueprintError naming every problem found."""
    problems = verify(blueprint, check_ir, check_schema)
    if problems:
        shown = "; ".join(map(str, problems[:3])) + (" ..." if len(problems) > 3 else "")
        raise BlueprintError(f"the Blueprint is not well-formed: {shown}", tuple(problems))
    return Program(blueprint)
