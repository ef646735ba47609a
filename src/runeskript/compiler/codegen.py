"""Core -> instructions: names become slots, labels stay symbolic, pools fill up.

Every body is generated on its own, its slots allotted in the order in which its code mentions
them. Which variables a body captures follows from what it (or a body in it) mentions and an outer
body writes. ``assemble`` then lays the bodies out and turns labels into addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, Final

from ..model.ast import IR
from ..model.blueprint import (
    FunctionRow,
    HandlerRef,
    Instruction,
    ListenRef,
    Policy,
    SkriptRef,
)
from ..model.catalog import HandlerCatalog
from ..model.isa import Op
from ..model.records import mutable
from . import core
from .codegen_machines import MACHINES
from .irtools import fill

#: Slots of the document's body that are filled when a run starts.
ROOTS = ("input", "env", "job")


# Opcodes as plain numbers: the garbage collector follows a member of an enumeration, and with it
# every instruction that holds one. Labels stand where ``assemble`` puts addresses; None is the next
# instruction.
_JUMP, _PURE, _LOOP = int(Op.JUMP), int(Op.PURE), int(Op.LOOP)
_CALL, _EMIT, _LOG, _ENTER = int(Op.CALL), int(Op.EMIT), int(Op.LOG), int(Op.ENTER)
_LEAVE: Final[Instruction] = (int(Op.LEAVE),)
_ARRIVE: Final[Instruction] = (int(Op.ARRIVE),)


@mutable
class BodyCode:
    """The instructions of one body; ``labels`` are offsets into ``code``."""

    body: core.Body
    index: int
    code: list[Instruction] = field(default_factory=list)
    sites: list[int] = field(default_factory=list)
    labels: dict[core.Label, int] = field(default_factory=dict)
    slots: dict[str, int] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)
    captures: list[str] = field(default_factory=list)

    def slot(self, name: str) -> int:
        """The slot of a variable, allotted at its first mention."""
        return self.slots.setdefault(name, len(self.slots))

    def write(self, name: str) -> int:
        """The slot of a variable that is written here."""
        self.written.add(name)
        return self.slots.setdefault(name, len(self.slots))


@mutable
class Code:
    """The pools, and the code of all bodies."""

    bodies: list[BodyCode] = field(default_factory=list)
    exprs: list[IR] = field(default_factory=list)
    regions: list[tuple[IR, ...]] = field(default_factory=list)
    functions: list[FunctionRow] = field(default_factory=list)
    handlers: dict[str, tuple[int, HandlerRef]] = field(default_factory=dict)
    policies: list[Policy] = field(default_factory=list)
    listens: list[ListenRef] = field(default_factory=list)
    skripts: dict[SkriptRef, int] = field(default_factory=dict)


def generate(
    program: core.Program, catalog: HandlerCatalog, pinned: Mapping[str, SkriptRef]
) -> Code:
    """The code of a program that passed validation. ``pinned``: the skripts of ``run: path``."""
    bodies = program.bodies()
    generator = _Generator(program, catalog, pinned, {id(b): i for i, b in enumerate(bodies)})
    for index, body in enumerate(bodies):
        generator.body(body, index)
        body.ops = []  # nobody reads them again
    _captures(generator.out.bodies, generator.indexes)
    return generator.out


class _Slots(dict[str, IR]):
    """Variable -> its node in one body; the slot is allotted where one is first asked for."""

    def __init__(self, at: BodyCode) -> None:
        super().__init__()
        self._at = at

    def __missing__(self, name: str) -> IR:
        node = self[name] = ("slot", self._at.slot(name))
        return node


class _Generator:
    """Walks the operations of each body; one method per kind."""

    def __init__(
        self,
        program: core.Program,
        catalog: HandlerCatalog,
        pinned: Mapping[str, SkriptRef],
        indexes: dict[int, int],
    ) -> None:
        self.out = Code()
        self.catalog = catalog
        self.pinned = pinned
        self.indexes = indexes
        #: The indexes of policies by their fields, which is quicker than by the records.
        self.policies: dict[tuple[Any, ...], int] = {}
        functions = program.document.functions
        self.functions = {f.name: i for i, f in enumerate(functions)}
        self.at = BodyCode(program.root, 0)
        #: Of the body at hand: variable -> its node; identity of an IR, which is the program's, ->
        #: what became of it. Equal texts share their IR.
        self.slots = _Slots(self.at)
        self.known: dict[int, IR] = {}
        for f in functions:
            self.out.functions.append(FunctionRow(f.name, len(f.params), self.ir(f.body.ir)))

    # --- parts ---------------------------------------------------------------------------------
    def ir(self, ir: IR) -> IR:
        if ir[0] == "const":
            return ir
        known = self.known.get(id(ir))
        if known is None:
            known = self.known[id(ir)] = fill(ir, self.slots, self.functions)
        return known

    def operand(self, ir: IR) -> int:
        exprs = self.out.exprs
        exprs.append(ir if ir[0] == "const" else self.ir(ir))
        return len(exprs) - 1

    def expr(self, ir: IR | None) -> int | None:
        return None if ir is None else self.operand(ir)

    def into(self, name: str | None) -> int | None:
        return None if name is None else self.at.write(name)

    def statements(self, statements: tuple[IR, ...]) -> tuple[IR, ...]:
        return tuple([s if s[0] == "exit" else self.statement(s) for s in statements])

    def statement(self, s: IR) -> IR:
        tag = s[0]
        if tag == "set":
            value = s[3]  # before the target: slots in the order of the text's reads
            if value[0] != "const":
                value = self.ir(value)
            return (tag, s[1], self.at.write(s[2]), value)
        if tag == "path":
            keys = tuple(map(self.ir, s[3]))
            return (tag, s[1], self.at.write(s[2]), keys, self.ir(s[4]))
        if tag == "unset":
            return (tag, s[1], self.at.write(s[2]))
        if tag == "if":
            return (tag, s[1], self.ir(s[2]), self.statements(s[3]), self.statements(s[4]))
        if tag == "loop":
            return (tag, s[1], self.statements(s[2]))
        if tag == "raise":
            return (tag, s[1], self.ir(s[2]))
        return s

    def policy(self, p: core.Policy | None) -> int | None:
        if p is None:
            return None
        fields = (
            p.max_attempts,
            p.retry_on,
            p.backoff_ms,
            p.backoff_max_ms,
            self.expr(p.timeout),
            p.on_crash,
            p.queue,
        )
        index = self.policies.get(fields)
        if index is None:
            index = self.policies[fields] = len(self.out.policies)
            self.out.policies.append(Policy(*fields))
        return index

    def undo(self, body: core.Body | None) -> int | None:
        return None if body is None else self.indexes[id(body)]

    # --- bodies --------------------------------------------------------------------------------
    def body(self, body: core.Body, index: int) -> None:
        at = self.at = BodyCode(body, index)
        self.slots, self.known = _Slots(at), {}
        self.out.bodies.append(at)
        for name in (body.item, body.index, body.result):
            if name is not None:
                at.write(name)
        edges = core.edges(body)
        used = core.labels_used(body)
        ops = body.ops
        op: Any
        for position, op in enumerate(ops):
            kind = type(op)
            if kind is core.Mark:
                if op.label in used:
                    at.labels[op.label] = len(at.code)
                continue
            if kind is core.Jump and core.leads_on(ops, position, op.to, edges):
                continue
            at.code.append(EMIT[kind](self, op))
            at.sites.append(op.site)
        for row in body.ranges:
            at.write(row.variable)

    def handler(self, name: str) -> int:
        known = self.out.handlers.get(name)
        if known is not None:
            return known[0]
        info = self.catalog.get(name)
        ref = HandlerRef(name, info is not None and info.pure, info is not None and info.idempotent)
        index = len(self.out.handlers)
        self.out.handlers[name] = (index, ref)
        return index

    def jump(self, op: core.Jump) -> Instruction:
        return (_JUMP, op.to)

    def pure(self, op: core.Pure) -> Instruction:
        self.out.regions.append(self.statements(op.statements))
        return (_LOOP if op.loop else _PURE, len(self.out.regions) - 1, op.exits)

    def call(self, op: core.Call) -> Instruction:
        params = self.expr(op.params)
        policy = self.policy(op.policy)
        return (
            _CALL,
            self.handler(op.handler),
            params,
            self.into(op.into),
            policy,
            self.undo(op.undo),
            op.grouped,
        )

    def fork(self, op: core.Fork) -> Instruction:
        bodies = tuple(self.indexes[id(b)] for b in op.bodies)
        if op.pure:
            return (int(Op.FORKPURE), bodies, None, None, op.need)
        return (int(Op.FORK), bodies, op.need)

    def forkn(self, op: core.ForkN) -> Instruction:
        body, over, limit = self.indexes[id(op.body)], self.expr(op.over), self.expr(op.limit)
        if op.pure:
            return (int(Op.FORKPURE), (body,), over, limit, op.need)
        return (int(Op.FORKCALL if op.calls else Op.FORKN), body, over, limit, op.need)

    def arrive(self, op: core.Arrive) -> Instruction:
        return _ARRIVE

    def join(self, op: core.Join) -> Instruction:
        fork = op.fork
        for body in fork.bodies if isinstance(fork, core.Fork) else (fork.body,):
            for _, outer, _reducer in body.outs:
                self.at.write(outer)
        return (int(Op.JOIN), self.into(op.into), op.shape)

    def wait(self, op: core.Wait) -> Instruction:
        due = self.expr(op.due)
        listen = None
        if op.listen is not None:
            topic = self.operand(op.listen.topic)
            self.out.listens.append(
                ListenRef(
                    topic, self.expr(op.listen.key), self.expr(op.listen.where), op.listen.schema
                )
            )
            listen = len(self.out.listens) - 1
        return (int(Op.WAIT), due, op.clock, listen, self.into(op.into))

    def emit(self, op: core.Emit) -> Instruction:
        return (
            _EMIT,
            self.expr(op.topic),
            self.expr(op.key),
            self.expr(op.to),
            self.expr(op.data),
            self.expr(op.keep),
        )

    def run(self, op: core.Run) -> Instruction:
        if op.path is not None:
            ref = self.pinned[op.path]
        else:
            ref = SkriptRef(op.name or "", op.version, None)
        index = self.out.skripts.setdefault(ref, len(self.out.skripts))
        params = self.expr(op.params)
        policy = self.policy(op.policy)
        return (
            int(Op.RUN),
            index,
            params,
            self.into(op.into),
            policy,
            self.undo(op.undo),
            op.detach,
        )

    def log(self, op: core.Log) -> Instruction:
        return (_LOG, self.expr(op.text), op.level)

    def enter(self, op: core.Enter) -> Instruction:
        return (_ENTER, op.kind, self.expr(op.deadline))

    def leave(self, op: core.Leave) -> Instruction:
        return _LEAVE

    def raise_(self, op: core.Raise) -> Instruction:
        return (int(Op.RAISE), self.expr(op.error))

    def reraise(self, op: core.Reraise) -> Instruction:
        return (int(Op.RERAISE), self.at.slot(op.variable))

    def compensate(self, op: core.Compensate) -> Instruction:
        return (int(Op.COMPENSATE), self.at.slot(op.variable))

    def return_(self, op: core.Return) -> Instruction:
        return (int(Op.RETURN), self.expr(op.value))


EMIT: Mapping[type[core.Op], Callable[[_Generator, Any], Instruction]] = {
    core.Jump: _Generator.jump,
    core.Pure: _Generator.pure,
    core.Call: _Generator.call,
    core.Fork: _Generator.fork,
    core.ForkN: _Generator.forkn,
    core.Arrive: _Generator.arrive,
    core.Join: _Generator.join,
    core.Wait: _Generator.wait,
    core.Emit: _Generator.emit,
    core.Run: _Generator.run,
    core.Log: _Generator.log,
    core.Enter: _Generator.enter,
    core.Leave: _Generator.leave,
    core.Raise: _Generator.raise_,
    core.Reraise: _Generator.reraise,
    core.Compensate: _Generator.compensate,
    core.Return: _Generator.return_,
    **MACHINES,
}


def _captures(bodies: list[BodyCode], indexes: dict[int, int]) -> None:
    """Fill ``captures``: innermost bodies first, since what they need their parents must have."""
    for code in reversed(bodies):
        parent = code.body.parent
        if parent is None:
            continue
        outer = bodies[indexes[id(parent)]]
        for inner_name, outer_name, _ in code.body.outs:
            code.slot(inner_name)
            outer.write(outer_name)
    for code in reversed(bodies):
        if code.body.parent is None:
            continue
        outer = bodies[indexes[id(code.body.parent)]]
        for name in list(code.slots):
            if _is_private(name, code) or not _available(name, outer, bodies, indexes):
                continue
            code.captures.append(name)
            outer.slot(name)


def _is_private(name: str, code: BodyCode) -> bool:
    body = code.body
    return name.endswith("+") or name in (body.item, body.index, body.result)


def _available(name: str, code: BodyCode, bodies: list[BodyCode], indexes: dict[int, int]) -> bool:
    """Whether this body or one around it ever gives the variable a value."""
    while True:
        if name in code.written:
            return True
        parent = code.body.parent
        if parent is None:
            return name in ROOTS
        code = bodies[indexes[id(parent)]]
