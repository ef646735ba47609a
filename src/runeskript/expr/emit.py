"""IR -> Python syntax tree for one generated function: calls, comprehensions, dispatch.

Comprehensions become functions of their own, because only there are loops possible.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, Final

from ..errors import BlueprintError
from ..model.ast import IR
from ..model.limits import CALL_DEPTH
from .emit_operators import OperatorEmitter
from .emit_values import ValueEmitter
from .functions import FUNCTIONS
from .ir import children
from .kinds import (
    ANY,
    CONTAINER,
    FITS,
    INFINITE,
    INT,
    LIST,
    NULL,
    OBJECT,
    TEXT,
    TRUTH,
    TYPES,
    WIDEST,
    Kind,
)
from .trees import IS, IS_NOT, LOAD, OPERATORS, STORE, Code

#: Host frames per user call up to which the first ``runtime.GATE`` calls fit any host stack; beyond
#: it the first call makes room.
SHALLOW_FRAMES: Final = 8


class Emitter(OperatorEmitter, ValueEmitter):
    """Builds one function, and those of the comprehensions inside it."""

    def expression(self, ir: IR) -> None:
        """The body of ``compile_expr``."""
        code = self.emit(ir)
        if code.kind.fits or code.kind.grown:
            node = self.finish(code).node
        else:
            # Once per evaluation a call costs less than generating the inline test.
            node = self.call("fit", code.node)
        self.body.append(self.ret(node))

    def function(self, ir: IR) -> None:
        """The body of a user function: charges the call, bounds the depth."""
        deep = self.compare(self.context("depth"), ast.GtE(), self.context("gate"))
        if self.table.frames > SHALLOW_FRAMES:
            shallow = self.compare(self.context("gate"), ast.Lt(), self.const(CALL_DEPTH))
            deep = self.either(shallow, deep)
        gate = ast.If(
            deep,
            [
                self.ret(
                    self.call(
                        "descend",
                        self.var("c"),
                        self.var(self.name),
                        self.const(self.table.frames),
                        *[self.var(a) for a in self.arguments],
                    )
                )
            ],
            [],
            **self.place(),
        )
        spend = self.charge(1)
        enter = self.bump("depth", ast.Add(), 1)
        leave = self.bump("depth", ast.Sub(), 1)
        result = self.ret(self.finish(self.emit(ir)).node)
        self.body += [
            gate,
            *spend,
            enter,
            ast.Try([result], [], [], [leave], **self.place()),
        ]

    def definitions(self) -> list[ast.stmt]:
        """The finished functions, comprehensions first."""
        names = (["s"] if self.frame else []) + ["c"] + self.arguments
        return [*self.inner, self.define(self.name, names, self.body)]

    def emit(self, ir: IR) -> Code:
        """The code of any node."""
        handler = _EMIT.get(ir[0])
        if handler is None:
            raise BlueprintError(f"unknown expression {str(ir[0])[:40]!r}")
        return handler(self, ir)

    def function_call(self, ir: IR) -> Code:
        """``call``."""
        name, args = ir[1], ir[2]
        row = FUNCTIONS.get(name) if type(name) is str else None
        if row is None:
            raise BlueprintError("an unknown function")
        codes = [self.emit(arg) for arg in args]
        if not row.wide:
            codes = [self.narrow(code) for code in codes]
        mask = 0
        for type_ in row.result:
            mask |= TYPES[type_]
        grown = row.grows or (bool(mask & CONTAINER) and any(code.kind.grown for code in codes))
        kind = Kind(mask, WIDEST if row.wide else FITS, INFINITE, not row.wide, grown)
        if name == "len" and len(codes) == 1:
            return self.length(codes[0])
        self.risky = self.burns = True
        return Code(self.call(f"f_{name}", self.var("c"), *[code.node for code in codes]), kind)

    def length(self, code: Code) -> Code:
        """``len``."""
        kind = Kind(INT, 2**40, 0.0)
        if not code.kind.mask & ~(LIST | TEXT | OBJECT):
            return Code(self.call("len", code.node), kind)
        value, again = self.keep(code)
        test = self.compare(self.type_of(value), IS, self.var("list"))
        self.risky = True
        slow = self.call("f_len", self.var("c"), again)
        return Code(self.ifexp(test, self.call("len", again), slow), kind)

    def user_call(self, ir: IR) -> Code:
        """``ucall``."""
        index = ir[1]
        if type(index) is not int or not 0 <= index < len(self.table.rows):
            raise BlueprintError("a call of a function that is not in the table")
        if len(ir[2]) != self.table.rows[index].params:
            raise BlueprintError("a call with a wrong number of arguments")
        args = [self.finish(self.emit(arg)).node for arg in ir[2]]
        self.risky = self.burns = True
        return Code(self.call(f"u{index}", self.var("c"), *args), ANY)

    def isset(self, ir: IR) -> Code:
        """Whether a slot holds a value at all: the one read of a slot that cannot fail."""
        if type(ir[1]) is not int or ir[1] < 0 or not self.frame:
            raise BlueprintError("an expression reads a slot that it cannot see")
        if ir[1] in self.cached:
            # Read or set before on this path; the frame may not have it yet.
            return Code(self.const(True), TRUTH)
        test = ast.Compare(
            self.content(ir[1]), [IS_NOT], [self.var("U")], lineno=self.line, col_offset=0
        )
        return Code(test, TRUTH)

    def fault(self, ir: IR) -> Code:
        """``fault``: a stored error as the language's ``error``."""
        return Code(self.help("public_fault", self.emit(ir[1]).node), Kind(OBJECT | NULL))

    def as_list(self, ir: IR) -> Code:
        """``aslist``."""
        code = self.emit(ir[1])
        return Code(self.help("as_list", code.node), Kind(LIST, grown=code.kind.grown))

    def push(self, ir: IR) -> Code:
        """``push``: appends in place; what is pushed must be a value, one level down."""
        if ir[1][0] != "slot" or ir[1][1] not in self.holders:
            raise BlueprintError("only a list that one slot alone holds can be appended to")
        holder, value = self.held(ir[1]), self.narrow(self.emit(ir[2]))
        if value.kind.mask & CONTAINER:
            self.risky = self.burns = True
            value = Code(self.call("leave", value.node, self.var("c"), self.const(1)), value.kind)
        return Code(self.help("push", holder.node, value.node), Kind(LIST))

    def paid(self, ir: IR) -> Code:
        """``paid``: a value, charged what computing it would have cost."""
        if type(ir[2]) is not int or ir[2] < 0:
            raise BlueprintError("units of work out of range")
        value = self.emit(ir[1])
        return Code(self.help("paid", value.node, self.const(ir[2])), value.kind)

    def comprehension(self, ir: IR) -> Code:
        """A call of a function of its own, which holds the loops."""
        name = f"k{self.table.serial()}"
        inner = Emitter(
            self.table, name, params=0, frame=self.frame, maybe_unset=self.maybe_unset,
            slot_names=self.slot_names, holders=self.holders,
        )  # fmt: skip
        inner.line = self.line
        inner.constants = self.constants
        inner.inner = self.inner
        inner.scope = dict(self.scope)
        # Only what it reads is handed on: many comprehensions among many names stay small.
        inner.read = self.read if id(ir) in self.read else locals_read(ir)
        outer = [f"l{i}" for i in self.scope if i in inner.read[id(ir)]]
        inner.cached = dict(self.cached)
        inner.passed = set()
        grown = inner.loops(ir)
        # The frame may be older than what this function holds in variables, so slots are passed.
        slots = sorted(inner.passed)
        inner.frame = False
        inner.arguments = [f"v{i}" for i in slots] + outer
        self.inner.append(inner.definitions()[-1])
        self.risky = self.burns = True
        arguments = [self.content(i) for i in slots] + [self.var(name) for name in outer]
        node = self.call(name, self.var("c"), *arguments)
        mask = LIST if ir[0] == "listcomp" else OBJECT
        return Code(node, Kind(mask, grown=grown))

    def loops(self, ir: IR) -> bool:
        """Fill the body with the loops of a comprehension; returns whether the result is grown."""
        generators = ir[-1]
        as_list = ir[0] == "listcomp"
        empty: ast.expr = (
            ast.List([], LOAD, lineno=self.line, col_offset=0)
            if as_list
            else ast.Dict([], [], lineno=self.line, col_offset=0)
        )
        into: list[ast.stmt] = []
        outermost = into
        for targets, over, conditions in generators:
            loop, header = self.loop(targets, over)
            into += header
            into.append(loop)
            into = loop.body
            for condition in conditions:
                test = ast.If(self.emit(condition).node, [], [], lineno=self.line, col_offset=0)
                into.append(test)
                into = test.body
        codes = [self.emit(e) for e in ir[1:-1]]
        value = self.narrow(codes[-1])
        if as_list:
            append = ast.Attribute(self.var("o"), "append", LOAD, lineno=self.line, col_offset=0)
            call = ast.Call(append, [value.node], [], lineno=self.line, col_offset=0)
            into.append(ast.Expr(call, lineno=self.line, col_offset=0))
        else:
            key = codes[0]
            key_node = key.node if key.kind.mask == TEXT else self.call("text_key", key.node)
            # Written as one expression, so that the key is evaluated before the value.
            name = self.temp()
            into.append(self.store(key_node, self.target(name)))
            place = ast.Subscript(
                self.var("o"), self.var(name), STORE, lineno=self.line, col_offset=0
            )
            into.append(self.store(value.node, place))
        result: ast.expr = self.var("o")
        if len(generators) > 1:
            result = self.call("bounded", result)
        self.body = [self.store(empty, self.target("o")), *outermost, self.ret(result)]
        return bool(value.kind.mask & CONTAINER)

    def loop(self, targets: Any, over: IR) -> tuple[ast.For, list[ast.stmt]]:
        """One ``for``; functions that make pairs are iterated without building the pairs."""
        fast = _ITERATORS.get(over[1]) if over[0] == "call" else None
        width = len(targets)
        if (fast is not None and fast == width) or (over[0:2] == ("call", "zip") and width > 1
                                                  and width == len(over[2])):  # fmt: skip
            arguments = [self.narrow(self.emit(arg)).node for arg in over[2]]
            iterable = self.call(f"each_{over[1]}", self.var("c"), *arguments)
            kind = Kind(INT) if over[1] == "range" else ANY
            names: ast.expr = self.names(targets)
            body: list[ast.stmt] = []
        else:
            iterable = self.call("each", self.var("c"), self.emit(over).node)
            kind = ANY
            body = []
            if width == 1:
                names = self.names(targets)
            else:
                temp = self.temp()
                names = self.target(temp)
                unpacked = self.call("unpack", self.var(temp), self.const(width))
                body.append(self.store(unpacked, self.names(targets)))
        for target in targets:
            self.scope[target] = kind
        loop = ast.For(names, iterable, body, [], None, lineno=self.line, col_offset=0)
        return loop, []

    def names(self, targets: Any) -> ast.expr:
        """The loop variables as targets."""
        if not all(type(t) is int and t >= 0 and t not in self.scope for t in targets):
            raise BlueprintError("a comprehension binds a local that is taken")
        stores = [self.target(f"l{t}") for t in targets]
        if len(stores) == 1:
            return stores[0]
        return ast.Tuple(stores, STORE, lineno=self.line, col_offset=0)


def locals_read(ir: IR) -> dict[int, frozenset[int]]:
    """For each comprehension in ``ir`` (by ``id``) the locals that are read inside it."""
    found: dict[int, frozenset[int]] = {}
    reading: list[tuple[int, set[int]]] = []
    stack: list[IR | None] = [ir]
    while stack:
        node = stack.pop()
        if node is None:  # the comprehension opened last has been walked
            key, read = reading.pop()
            found[key] = frozenset(read)
            if reading:
                reading[-1][1].update(read)
        elif node[0] == "local":
            if reading:
                reading[-1][1].add(node[1])
        else:
            if node[0] in ("listcomp", "dictcomp"):
                reading.append((id(node), set()))
                stack.append(None)
            stack.extend(children(node))
    return found


#: Functions that a loop need not materialise -> how many names it must bind.
_ITERATORS: Final = {"range": 1, "enumerate": 2, "items": 2}

_EMIT: Final[dict[str, Callable[[Emitter, IR], Code]]] = {
    "const": Emitter.constant,
    "slot": Emitter.slot,
    "local": Emitter.local,
    "list": Emitter.list_,
    "object": Emitter.object_,
    "item": Emitter.item,
    "slice": Emitter.slice_,
    "neg": Emitter.negative,
    "pos": Emitter.positive,
    "not": Emitter.negate,
    "pow": Emitter.power,
    "concat": Emitter.concat,
    "compare": Emitter.comparison,
    "and": Emitter.connect,
    "or": Emitter.connect,
    "ifelse": Emitter.choose,
    "call": Emitter.function_call,
    "ucall": Emitter.user_call,
    "listcomp": Emitter.comprehension,
    "dictcomp": Emitter.comprehension,
    "text": Emitter.text,
    "secret": Emitter.secret,
    "duration": Emitter.duration,
    "instant": Emitter.instant,
    "isset": Emitter.isset,
    "fault": Emitter.fault,
    "aslist": Emitter.as_list,
    "push": Emitter.push,
    "paid": Emitter.paid,
    **dict.fromkeys(OPERATORS, Emitter.arithmetic),
}
