"""IR -> Python syntax tree for one generated function.

Operands become :class:`Code`: a tree that evaluates once, what is known of the value, and a tree
that reads it again afterwards. Guards follow one pattern: bind the operands while testing their
types, use the host's operator where the test holds, call the checked operator where it does not.
Comprehensions become functions of their own, because only there are loops possible.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..errors import BlueprintError
from ..model.ast import IR
from ..model.limits import CALL_DEPTH, INT_MAX, INT_MIN
from .functions import FUNCTIONS
from .kinds import (
    A_FLOAT,
    A_SECRET,
    A_TEXT,
    ANY,
    BOOL,
    CONTAINER,
    FITS,
    FLOAT,
    INFINITE,
    INT,
    LIST,
    NULL,
    NUMBER,
    OBJECT,
    SAFE_FLOAT,
    SAFE_INT,
    SECRET,
    TEXT,
    TRUTH,
    TYPES,
    VALUE,
    WIDEST,
    Kind,
    either,
    kind_of,
)
from .runtime import SecretRef, SecretText

if TYPE_CHECKING:
    from .generate import FunctionTable

_LOAD: Final = ast.Load()
_STORE: Final = ast.Store()

_OPERATORS: Final[dict[str, ast.operator]] = {
    "add": ast.Add(),
    "sub": ast.Sub(),
    "mul": ast.Mult(),
    "div": ast.Div(),
    "floordiv": ast.FloorDiv(),
    "mod": ast.Mod(),
}
_IS: Final = ast.Is()
_COMPARES: Final[dict[str, tuple[ast.cmpop, str]]] = {
    "==": (ast.Eq(), "eq"),
    "!=": (ast.NotEq(), "ne"),
    "<": (ast.Lt(), "lt"),
    "<=": (ast.LtE(), "le"),
    ">": (ast.Gt(), "gt"),
    ">=": (ast.GtE(), "ge"),
    "in": (ast.In(), "contains"),
    "not-in": (ast.NotIn(), "lacks"),
}
_SHORT_TEXT: Final = 256
#: Host frames per user call up to which the first ``runtime.GATE`` calls fit any host stack; beyond
#: it the first call makes room.
SHALLOW_FRAMES: Final = 8


class Code(NamedTuple):
    """``node`` evaluates the operand, once; ``again`` reads it afterwards, where that is possible
    without a temporary."""

    node: ast.expr
    kind: Kind
    again: ast.expr | None = None


class Emitter:
    """Builds one function, and those of the comprehensions inside it."""

    def __init__(
        self,
        table: FunctionTable,
        name: str,
        *,
        params: int,
        frame: bool,
        maybe_unset: frozenset[int] | None = None,
        slot_names: Sequence[str] | None = None,
    ) -> None:
        self.table = table
        self.name = name
        self.frame = frame
        self.maybe_unset = maybe_unset
        self.slot_names = slot_names
        self.line = 1
        self.temps = 0
        self.constants: dict[str, Any] = {}
        self.inner: list[ast.stmt] = []
        self.body: list[ast.stmt] = []
        self.arguments = [f"l{i}" for i in range(params)]
        #: Locals in scope and what is known of them.
        self.scope: dict[int, Kind] = dict.fromkeys(range(params), ANY)
        #: Slots whose value the host variable ``v<slot>`` holds at this point.
        self.cached: dict[int, Kind] = {}
        #: Set when something emitted since it was cleared may raise.
        self.risky = False
        #: Slots read before anything was emitted: loaded at the start (comprehensions only).
        self.preloaded: set[int] | None = None

    # --- whole functions ----------------------------------------------------------------------

    def expression(self, ir: IR) -> None:
        """The body of ``compile_expr``."""
        self.body.append(self.ret(self.finish(self.emit(ir)).node))

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

    def define(self, name: str, arguments: Sequence[str], body: list[ast.stmt]) -> ast.FunctionDef:
        spec = ast.arguments(
            [], [ast.arg(a, None, **self.place()) for a in arguments], None, [], [], None, []
        )
        node = ast.FunctionDef(name, spec, body, [], None, **self.place())
        node.type_params = []  # type: ignore[attr-defined,unused-ignore]
        return node

    # --- small trees --------------------------------------------------------------------------

    def place(self) -> Any:
        return {"lineno": self.line, "col_offset": 0}

    def var(self, name: str) -> ast.expr:
        return ast.Name(name, _LOAD, lineno=self.line, col_offset=0)

    def const(self, value: Any) -> ast.expr:
        return ast.Constant(value, lineno=self.line, col_offset=0)

    def call(self, helper: str, *args: ast.expr) -> ast.expr:
        return ast.Call(self.var(helper), list(args), [], lineno=self.line, col_offset=0)

    def help(self, helper: str, *args: ast.expr) -> ast.expr:
        """A call that may raise, with the context as last argument."""
        self.risky = True
        return self.call(helper, *args, self.var("c"))

    def context(self, field: str) -> ast.expr:
        return ast.Attribute(self.var("c"), field, _LOAD, lineno=self.line, col_offset=0)

    def compare(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> ast.expr:
        return ast.Compare(left, [op], [right], lineno=self.line, col_offset=0)

    def ifexp(self, test: ast.expr, then: ast.expr, other: ast.expr) -> ast.expr:
        return ast.IfExp(test, then, other, lineno=self.line, col_offset=0)

    def binop(self, left: ast.expr, tag: str, right: ast.expr) -> ast.expr:
        return ast.BinOp(left, _OPERATORS[tag], right, lineno=self.line, col_offset=0)

    def both(self, *tests: ast.expr) -> ast.expr:
        return ast.BoolOp(ast.And(), list(tests), lineno=self.line, col_offset=0)

    def bind(self, name: str, node: ast.expr) -> ast.expr:
        target = ast.Name(name, _STORE, lineno=self.line, col_offset=0)
        return ast.NamedExpr(target, node, lineno=self.line, col_offset=0)

    def type_of(self, node: ast.expr) -> ast.expr:
        return self.call("type", node)

    def ret(self, node: ast.expr) -> ast.stmt:
        return ast.Return(node, lineno=self.line, col_offset=0)

    def store(self, node: ast.expr, *targets: ast.expr) -> ast.stmt:
        return ast.Assign(list(targets), node, lineno=self.line, col_offset=0)

    def target(self, name: str) -> ast.expr:
        return ast.Name(name, _STORE, lineno=self.line, col_offset=0)

    def element(self, slot: int, context: ast.expr_context = _LOAD) -> ast.expr:
        return ast.Subscript(
            self.var("s"), self.const(slot), context, lineno=self.line, col_offset=0
        )

    def bump(self, field: str, op: ast.operator, amount: int) -> ast.stmt:
        target = ast.Attribute(self.var("c"), field, _STORE, lineno=self.line, col_offset=0)
        return ast.AugAssign(target, op, self.const(amount), lineno=self.line, col_offset=0)

    def charge(self, units: int) -> list[ast.stmt]:
        test = self.compare(self.context("fuel"), ast.Lt(), self.const(0))
        spent = ast.Expr(self.call("spent"), **self.place())
        return [
            self.bump("fuel", ast.Sub(), units),
            ast.If(test, [spent], [], lineno=self.line, col_offset=0),
        ]

    def temp(self) -> str:
        self.temps += 1
        return f"t{self.temps}"

    def keep(self, code: Code) -> tuple[ast.expr, ast.expr]:
        """(tree that evaluates and keeps the value, tree that reads it again)."""
        if code.again is not None:
            return code.node, code.again
        name = self.temp()
        return self.bind(name, code.node), self.var(name)

    # --- leaving ------------------------------------------------------------------------------

    def narrow(self, code: Code) -> Code:
        """Make sure that an int has 64 bits."""
        kind = code.kind
        if kind.fits or not kind.mask & INT:
            return code
        self.risky = True
        known = kind._replace(fits=True, ints=min(kind.ints, FITS))
        value, again = self.keep(code)
        low, high = self.const(INT_MIN), self.const(INT_MAX)
        if kind.number:
            test: ast.expr = ast.Compare(
                low, [ast.LtE(), ast.LtE()], [value, high], lineno=self.line, col_offset=0
            )
            if kind.mask & FLOAT:
                test = self.either(
                    self.compare(self.type_of(value), _IS, self.var("float")),
                    ast.Compare(
                        low, [ast.LtE(), ast.LtE()], [again, high], lineno=self.line, col_offset=0
                    ),
                )
        else:
            not_int = ast.Compare(
                self.type_of(value), [ast.IsNot()], [self.var("int")], lineno=self.line,
                col_offset=0,
            )  # fmt: skip
            within = ast.Compare(
                low, [ast.LtE(), ast.LtE()], [again, high], lineno=self.line, col_offset=0
            )
            test = self.either(not_int, within)
        return Code(self.ifexp(test, again, self.call("fit", again)), known, None)

    def either(self, *tests: ast.expr) -> ast.expr:
        return ast.BoolOp(ast.Or(), list(tests), lineno=self.line, col_offset=0)

    def finish(self, code: Code) -> Code:
        """What is stored, returned or passed to a user function must be a value."""
        if code.kind.grown and code.kind.mask & CONTAINER:
            kind = code.kind._replace(grown=False, fits=True, ints=min(code.kind.ints, FITS))
            return Code(self.help("leave", code.node), kind)
        return self.narrow(code)

    # --- dispatch -----------------------------------------------------------------------------

    def emit(self, ir: IR) -> Code:
        handler = _EMIT.get(ir[0])
        if handler is None:
            raise BlueprintError(f"unknown expression {str(ir[0])[:40]!r}")
        return handler(self, ir)

    def maybe(self, ir: IR) -> Code:
        """Emit what is evaluated only under a condition: slots read there may stay unread."""
        before = dict(self.cached)
        code = self.emit(ir)
        self.cached = before
        # A variable bound only under a condition cannot be read again outside it; inside it can.
        return code

    # --- leaves -------------------------------------------------------------------------------

    def constant(self, ir: IR) -> Code:
        value = ir[1]
        kind = type(value)
        if kind is list or kind is dict:
            return Code(self.shared(value), kind_of(value), None)
        if kind not in (int, float, str, bool, type(None)):
            raise BlueprintError("a constant that is no value")
        node = self.const(value)
        return Code(node, kind_of(value), node)

    def shared(self, value: Any) -> ast.expr:
        """A constant that the syntax tree cannot hold: a global. Values are never changed."""
        name = f"q{self.table.serial()}"
        self.constants[name] = value
        return self.var(name)

    def slot(self, ir: IR) -> Code:
        index = ir[1]
        if type(index) is not int or index < 0 or not self.frame:
            raise BlueprintError("an expression reads a slot that it cannot see")
        name = f"v{index}"
        node = self.var(name)
        known = self.cached.get(index)
        if known is not None:
            return Code(node, known, node)
        certain = self.maybe_unset is not None and index not in self.maybe_unset
        if self.preloaded is not None:
            self.preloaded.add(index)
            value: ast.expr = node
        elif certain:
            value = self.bind(name, self.element(index))
        else:
            value = self.bind(name, self.element(index))
        self.cached[index] = ANY
        if certain:
            return Code(value, ANY, node)
        self.risky = True
        test = ast.Compare(value, [ast.IsNot()], [self.var("U")], lineno=self.line, col_offset=0)
        return Code(self.ifexp(test, node, self.unset(index)), ANY, node)

    def unset(self, index: int) -> ast.expr:
        names = self.slot_names
        if names is not None and index < len(names):
            return self.call("unset", self.const(str(names[index])))
        return self.call("unset")

    def local(self, ir: IR) -> Code:
        index = ir[1]
        kind = self.scope.get(index) if type(index) is int else None
        if kind is None:
            raise BlueprintError("an expression reads a local that is not bound")
        node = self.var(f"l{index}")
        return Code(node, kind, node)

    def secret(self, ir: IR) -> Code:
        if type(ir[1]) is not str:
            raise BlueprintError("a secret without a name")
        return Code(self.shared(SecretText((SecretRef(ir[1]),))), A_SECRET, None)

    # --- containers ---------------------------------------------------------------------------

    def list(self, ir: IR) -> Code:
        parts = [self.narrow(self.emit(e)) for e in ir[1]]
        grown = any(p.kind.mask & CONTAINER for p in parts)
        node = ast.List([p.node for p in parts], _LOAD, lineno=self.line, col_offset=0)
        return Code(node, Kind(LIST, grown=grown))

    def object(self, ir: IR) -> Code:
        keys: list[ast.expr | None] = []
        values = []
        grown = False
        for key, value in ir[1]:
            keys.append(self.key(key))
            code = self.narrow(self.emit(value))
            grown = grown or bool(code.kind.mask & CONTAINER)
            values.append(code.node)
        node = ast.Dict(keys, values, lineno=self.line, col_offset=0)
        return Code(node, Kind(OBJECT, grown=grown))

    def key(self, ir: IR) -> ast.expr:
        code = self.emit(ir)
        if code.kind.mask == TEXT:
            return code.node
        self.risky = True
        return self.call("text_key", code.node)

    def item(self, ir: IR) -> Code:
        holder, key = self.emit(ir[1]), self.emit(ir[2])
        kind = ANY._replace(grown=holder.kind.grown)
        literal = ir[2][1] if ir[2][0] == "const" else None
        if type(literal) is str:
            value, again = self.keep(holder)
            test = self.both(
                self.compare(self.type_of(value), _IS, self.var("dict")),
                self.compare(key.node, ast.In(), again),
            )
        elif type(literal) is int and -1 <= literal <= 0:
            value, again = self.keep(holder)
            test = self.both(self.compare(self.type_of(value), _IS, self.var("list")), again)
        else:
            return Code(self.help("item", holder.node, key.node), kind)
        found = ast.Subscript(again, key.node, _LOAD, lineno=self.line, col_offset=0)
        return Code(self.ifexp(test, found, self.help("item", again, key.node)), kind)

    def slice(self, ir: IR) -> Code:
        holder = self.emit(ir[1])
        ends = [self.const(None) if e is None else self.emit(e).node for e in ir[2:]]
        kind = Kind(TEXT | LIST, grown=holder.kind.grown)
        return Code(self.help("cut", holder.node, *ends), kind)

    # --- arithmetic ---------------------------------------------------------------------------

    def arithmetic(self, ir: IR) -> Code:
        tag = ir[0]
        a, b = self.emit(ir[1]), self.emit(ir[2])
        kind = _result(tag, a.kind, b.kind)
        if tag in _DIVISIONS and not _nonzero(ir[2]):
            return Code(self.help(tag, a.node, b.node), kind)
        if kind.mask & INT and kind.ints >= WIDEST:
            return Code(self.help(tag, a.node, b.node), kind)
        if a.kind.number and b.kind.number:
            return self.direct(tag, a, b, kind)
        if not a.kind.mask & INT or not b.kind.mask & INT:
            return Code(self.help(tag, a.node, b.node), kind)
        left, left_again = self.keep(a)
        right, right_again = self.keep(b)
        test = self.int_test(a, left, b, right)
        checked = self.help(tag, left_again, right_again)
        return Code(self.ifexp(test, self.binop(left_again, tag, right_again), checked), kind)

    def int_test(self, a: Code, left: ast.expr, b: Code, right: ast.expr) -> ast.expr:
        """A test that both operands are ints; evaluates both, in order."""
        a_done, b_done = left is a.again, right is b.again
        if b.kind.mask == INT and b_done:
            return self.compare(self.type_of(left), _IS, self.var("int"))
        if a.kind.mask == INT and a_done:
            return self.compare(self.type_of(right), _IS, self.var("int"))
        return ast.Compare(
            self.type_of(left), [_IS, _IS], [self.type_of(right), self.var("int")],
            lineno=self.line, col_offset=0,
        )  # fmt: skip

    def direct(self, tag: str, a: Code, b: Code, kind: Kind) -> Code:
        """Both operands are numbers: the host's operator, checked where it may overflow."""
        node = self.binop(a.node, tag, b.node)
        if not kind.mask & FLOAT or kind.floats < SAFE_FLOAT:
            return Code(node, kind)
        if max(a.kind.ints, b.kind.ints) >= SAFE_INT:
            return Code(self.help(tag, a.node, b.node), kind)
        self.risky = True
        value, again = self.keep(Code(node, kind))
        # Of a number only inf and nan differ from themselves by anything but zero.
        test = self.compare(self.binop(value, "sub", again), ast.Eq(), self.const(0))
        return Code(self.ifexp(test, again, self.call("overflow")), kind)

    def power(self, ir: IR) -> Code:
        a, b = self.emit(ir[1]), self.emit(ir[2])
        if ir[2] == ("const", 2) and a.kind.number and a.again is not None:
            kind = _result("mul", a.kind, a.kind)
            if kind.ints < WIDEST and kind.floats < SAFE_FLOAT:
                return Code(self.binop(a.node, "mul", a.again), kind)
        kind = Kind(NUMBER, WIDEST, INFINITE, fits=False)
        return Code(self.help("pow", a.node, b.node), kind)

    def concat(self, ir: IR) -> Code:
        a, b = self.emit(ir[1]), self.emit(ir[2])
        kind = _result("add", a.kind, b.kind)
        mask = kind.mask | TEXT
        left, right = self.narrow(a), self.narrow(b)
        return Code(self.help("concat", left.node, right.node), kind._replace(mask=mask))

    def negative(self, ir: IR) -> Code:
        a = self.emit(ir[1])
        kind = Kind(a.kind.mask & NUMBER or NUMBER, a.kind.ints, a.kind.floats, a.kind.ints < FITS)
        if a.kind.number:
            return Code(ast.UnaryOp(ast.USub(), a.node, lineno=self.line, col_offset=0), kind)
        value, again = self.keep(a)
        test = self.compare(self.type_of(value), _IS, self.var("int"))
        minus = ast.UnaryOp(ast.USub(), again, lineno=self.line, col_offset=0)
        return Code(self.ifexp(test, minus, self.help("neg", again)), kind)

    def positive(self, ir: IR) -> Code:
        a = self.emit(ir[1])
        if a.kind.number:
            return a
        return Code(self.help("pos", a.node), a.kind._replace(mask=a.kind.mask & NUMBER or NUMBER))

    # --- truth --------------------------------------------------------------------------------

    def negate(self, ir: IR) -> Code:
        node = self.emit(ir[1]).node
        return Code(ast.UnaryOp(ast.Not(), node, lineno=self.line, col_offset=0), TRUTH)

    def connect(self, ir: IR) -> Code:
        first = self.emit(ir[1][0])
        kind = first.kind
        nodes = [first.node]
        before = dict(self.cached)
        for part in ir[1][1:]:
            code = self.emit(part)
            nodes.append(code.node)
            kind = either(kind, code.kind)
        self.cached = before
        if len(nodes) == 1:
            return first
        op: ast.boolop = ast.And() if ir[0] == "and" else ast.Or()
        return Code(ast.BoolOp(op, nodes, lineno=self.line, col_offset=0), kind)

    def choose(self, ir: IR) -> Code:
        test = self.emit(ir[1])
        then, other = self.maybe(ir[2]), self.maybe(ir[3])
        kind = either(then.kind, other.kind)
        return Code(self.ifexp(test.node, then.node, other.node), kind)

    def comparison(self, ir: IR) -> Code:
        left_ir, left = ir[1], self.emit(ir[1])
        before: dict[int, Kind] | None = None
        tests = []
        for i, (op, right_ir) in enumerate(ir[2]):
            right = self.emit(right_ir)
            if i == 0:
                before = dict(self.cached)
            if i + 1 < len(ir[2]):
                value, again = self.keep(right)
                right = Code(value, right.kind, again if right.again is None else right.again)
                kept = Code(again, right.kind, again)
            else:
                kept = right
            tests.append(self.test(op, left_ir, left, right_ir, right))
            left_ir, left = right_ir, kept
        self.cached = before if before is not None else self.cached
        return Code(tests[0] if len(tests) == 1 else self.both(*tests), TRUTH)

    def test(self, op: str, a_ir: IR, a: Code, b_ir: IR, b: Code) -> ast.expr:
        """One comparison."""
        host, helper = _COMPARES[op]
        if op in ("==", "!="):
            return self.equality(op, a_ir, a, b_ir, b)
        if op in ("in", "not-in"):
            if _plain_choices(b_ir):
                return self.compare(a.node, host, b.node)
            return self.help(helper, a.node, b.node)
        if a.kind.number and b.kind.number:
            return self.compare(a.node, host, b.node)
        if not a.kind.mask & INT or not b.kind.mask & INT:
            return self.help(helper, a.node, b.node)
        left, left_again = self.keep(a)
        right, right_again = self.keep(b)
        test = self.int_test(a, left, b, right)
        checked = self.help(helper, left_again, right_again)
        return self.ifexp(test, self.compare(left_again, host, right_again), checked)

    def equality(self, op: str, a_ir: IR, a: Code, b_ir: IR, b: Code) -> ast.expr:
        host, helper = _COMPARES[op]
        for one_ir, one, other in ((b_ir, b, a), (a_ir, a, b)):
            if one_ir[0] != "const":
                continue
            value = one_ir[1]
            if value is None or type(value) is bool:
                # Singletons: identity is equality, and a bool equals nothing else.
                same: ast.cmpop = _IS if op == "==" else ast.IsNot()
                return self.compare(other.node, same, one.node)
            if type(value) is str and len(value) <= _SHORT_TEXT:
                return self.compare(a.node, host, b.node)
            if type(value) in (int, float) and value not in (0, 1):
                return self.compare(a.node, host, b.node)
        x, y = a.kind.mask, b.kind.mask
        mixed = (x & BOOL and y & NUMBER) or (x & NUMBER and y & BOOL)
        if not mixed and not (x & y & (CONTAINER | TEXT)):
            return self.compare(a.node, host, b.node)
        return self.help(helper, a.node, b.node)

    # --- calls --------------------------------------------------------------------------------

    def function_call(self, ir: IR) -> Code:
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
        grown = row.grows or (
            bool(mask & CONTAINER) and any(code.kind.grown for code in codes)
        )
        kind = Kind(mask, WIDEST if row.wide else FITS, INFINITE, not row.wide, grown)
        if name == "len" and len(codes) == 1:
            return self.length(codes[0])
        self.risky = True
        return Code(self.call(f"f_{name}", self.var("c"), *[code.node for code in codes]), kind)

    def length(self, code: Code) -> Code:
        kind = Kind(INT, 2**40, 0.0)
        if not code.kind.mask & ~(LIST | TEXT | OBJECT):
            return Code(self.call("len", code.node), kind)
        value, again = self.keep(code)
        test = self.compare(self.type_of(value), _IS, self.var("list"))
        self.risky = True
        slow = self.call("f_len", self.var("c"), again)
        return Code(self.ifexp(test, self.call("len", again), slow), kind)

    def user_call(self, ir: IR) -> Code:
        index = ir[1]
        if type(index) is not int or not 0 <= index < len(self.table.rows):
            raise BlueprintError("a call of a function that is not in the table")
        if len(ir[2]) != self.table.rows[index].params:
            raise BlueprintError("a call with a wrong number of arguments")
        args = [self.finish(self.emit(arg)).node for arg in ir[2]]
        self.risky = True
        return Code(self.call(f"u{index}", self.var("c"), *args), ANY)

    def text(self, ir: IR) -> Code:
        codes = [self.narrow(self.emit(part)) for part in ir[1]]
        parts = ast.Tuple([code.node for code in codes], _LOAD, lineno=self.line, col_offset=0)
        if any(code.kind.mask & SECRET for code in codes):
            return Code(self.help("secret_text", parts), A_SECRET)
        return Code(self.help("join_text", parts), A_TEXT)

    def duration(self, ir: IR) -> Code:
        return Code(self.help("to_duration", self.emit(ir[1]).node), Kind(INT, 2**53, 0.0))

    def instant(self, ir: IR) -> Code:
        return Code(self.help("to_instant", self.emit(ir[1]).node), Kind(INT, 2**53, 0.0))

    def isset(self, ir: IR) -> Code:
        """Whether a slot holds a value at all: the one read of a slot that cannot fail."""
        if type(ir[1]) is not int or ir[1] < 0 or not self.frame:
            raise BlueprintError("an expression reads a slot that it cannot see")
        test = ast.Compare(
            self.element(ir[1]), [ast.IsNot()], [self.var("U")], lineno=self.line, col_offset=0
        )
        return Code(test, TRUTH)

    def fault(self, ir: IR) -> Code:
        return Code(self.help("public_fault", self.emit(ir[1]).node), Kind(OBJECT | NULL))

    def as_list(self, ir: IR) -> Code:
        return Code(self.help("as_list", self.emit(ir[1]).node), Kind(LIST))

    # --- comprehensions -----------------------------------------------------------------------

    def comprehension(self, ir: IR) -> Code:
        """A call of a function of its own, which holds the loops."""
        name = f"k{self.table.serial()}"
        inner = Emitter(
            self.table, name, params=0, frame=self.frame, maybe_unset=self.maybe_unset,
            slot_names=self.slot_names,
        )  # fmt: skip
        inner.line = self.line
        inner.constants = self.constants
        inner.inner = self.inner
        inner.scope = dict(self.scope)
        inner.arguments = [f"l{i}" for i in self.scope]
        inner.preloaded = set()
        grown = inner.loops(ir)
        self.inner.append(inner.definitions()[-1])
        self.risky = True
        frame = [self.var("s")] if self.frame else []
        arguments = [self.var(f"l{i}") for i in self.scope]
        node = self.call(name, *frame, self.var("c"), *arguments)
        mask = LIST if ir[0] == "listcomp" else OBJECT
        return Code(node, Kind(mask, grown=grown))

    def loops(self, ir: IR) -> bool:
        """Fill the body with the loops of a comprehension; returns whether the result is grown."""
        generators = ir[-1]
        as_list = ir[0] == "listcomp"
        empty: ast.expr = (
            ast.List([], _LOAD, lineno=self.line, col_offset=0)
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
            append = ast.Attribute(self.var("o"), "append", _LOAD, lineno=self.line, col_offset=0)
            call = ast.Call(append, [value.node], [], lineno=self.line, col_offset=0)
            into.append(ast.Expr(call, lineno=self.line, col_offset=0))
        else:
            key = codes[0]
            key_node = key.node if key.kind.mask == TEXT else self.call("text_key", key.node)
            # Written as one expression, so that the key is evaluated before the value.
            name = self.temp()
            into.append(self.store(key_node, self.target(name)))
            place = ast.Subscript(
                self.var("o"), self.var(name), _STORE, lineno=self.line, col_offset=0
            )
            into.append(self.store(value.node, place))
        loads = [
            self.store(self.element(i), self.target(f"v{i}")) for i in sorted(self.preloaded or ())
        ]
        result: ast.expr = self.var("o")
        if len(generators) > 1:
            result = self.call("bounded", result)
        self.body = [
            *loads, self.store(empty, self.target("o")), *outermost, self.ret(result)
        ]  # fmt: skip
        return bool(value.kind.mask & CONTAINER)

    def loop(self, targets: Any, over: IR) -> tuple[ast.For, list[ast.stmt]]:
        """One ``for``; functions that make pairs are iterated without building the pairs."""
        fast = _ITERATORS.get(over[1]) if over[0] == "call" else None
        width = len(targets)
        if fast is not None and fast == width or (over[0:2] == ("call", "zip") and width > 1
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
        if not all(type(t) is int and t >= 0 and t not in self.scope for t in targets):
            raise BlueprintError("a comprehension binds a local that is taken")
        stores = [self.target(f"l{t}") for t in targets]
        if len(stores) == 1:
            return stores[0]
        return ast.Tuple(stores, _STORE, lineno=self.line, col_offset=0)


#: Functions that a loop need not materialise -> how many names it must bind.
_ITERATORS: Final = {"range": 1, "enumerate": 2, "items": 2}
_DIVISIONS: Final = ("div", "floordiv", "mod")


def _nonzero(ir: IR) -> bool:
    return ir[0] == "const" and type(ir[1]) in (int, float) and ir[1] != 0


def _plain_choices(ir: IR) -> bool:
    """Whether ``x in`` this constant list means the same to the host: short texts, and numbers
    that no bool equals."""
    return (
        ir[0] == "const"
        and type(ir[1]) is list
        and len(ir[1]) <= 64
        and all(
            (type(v) is str and len(v) <= _SHORT_TEXT)
            or (type(v) in (int, float) and v not in (0, 1))
            for v in ir[1]
        )
    )


def _result(tag: str, a: Kind, b: Kind) -> Kind:
    """What is known of the result of an arithmetic operator."""
    mask = 0
    numbers = a.mask & NUMBER and b.mask & NUMBER
    if numbers:
        mask = (a.mask | b.mask) & FLOAT | (INT if a.mask & b.mask & INT else 0)
    if tag == "div":
        floor = 1.0 if not b.mask & FLOAT else 0.0
        return A_FLOAT._replace(floats=a.magnitude if floor else INFINITE)
    if tag == "add":
        ints = a.ints + b.ints
        floats = a.magnitude + b.magnitude
        mask |= a.mask & b.mask & (TEXT | LIST)
    elif tag == "sub":
        ints = a.ints + b.ints
        floats = a.magnitude + b.magnitude
    elif tag == "mul":
        ints = a.ints * b.ints
        floats = a.magnitude * b.magnitude
        if floats != floats:  # noqa: PLR0124 - 0 * inf
            floats = INFINITE
        mask |= (a.mask & (TEXT | LIST) if b.mask & INT else 0)
        mask |= (b.mask & (TEXT | LIST) if a.mask & INT else 0)
    elif tag == "floordiv":
        ints = a.ints
        floats = INFINITE
    else:
        ints = b.ints
        floats = b.magnitude
    ints = min(ints, WIDEST)
    return Kind(mask or VALUE, ints, floats, ints < FITS, a.grown or b.grown)


_EMIT: Final[dict[str, Callable[[Emitter, IR], Code]]] = {
    "const": Emitter.constant,
    "slot": Emitter.slot,
    "local": Emitter.local,
    "list": Emitter.list,
    "object": Emitter.object,
    "item": Emitter.item,
    "slice": Emitter.slice,
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
    **dict.fromkeys(_OPERATORS, Emitter.arithmetic),
}
