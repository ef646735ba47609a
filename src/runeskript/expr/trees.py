"""Small pieces of Python syntax tree, and what every emitter does with operands.

Operands become :class:`Code`: a tree that evaluates once, what is known of the value, and a tree
that reads it again afterwards. Guards follow one pattern: bind the operands while testing their
types, use the host's operator where the test holds, call the checked operator where it does not.
"""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Final, Protocol

from ..model.ast import IR
from ..model.blueprint import FunctionRow
from ..model.limits import INT_MAX, INT_MIN
from ..model.rows import NamedTuple
from .kinds import ANY, CONTAINER, FITS, FLOAT, INT, Kind

LOAD: Final = ast.Load()
STORE: Final = ast.Store()
IS: Final = ast.Is()
IS_NOT: Final = ast.IsNot()
#: IR tag -> operator of the host.
OPERATORS: Final[dict[str, ast.operator]] = {
    "add": ast.Add(),
    "sub": ast.Sub(),
    "mul": ast.Mult(),
    "div": ast.Div(),
    "floordiv": ast.FloorDiv(),
    "mod": ast.Mod(),
}


#: Helpers that never spend work.
_FREE: Final = frozenset(
    ("sub", "div", "floordiv", "mod", "neg", "pos", "item", "as_list", "push", "to_duration")
)


class Code(NamedTuple):
    """``node`` evaluates the operand, once; ``again`` reads it afterwards, where that is possible
    without a temporary."""

    node: ast.expr
    kind: Kind
    again: ast.expr | None = None


class Functions(Protocol):
    """What an emitter needs of the table of user functions it emits for."""

    @property
    def rows(self) -> tuple[FunctionRow, ...]:
        """The functions, by index."""

    @property
    def frames(self) -> int:
        """Host frames that one level of user calls takes at most."""

    def serial(self) -> int:
        """A number that no other generated name has."""


class Trees(ABC):
    """The state of building one function, and makers of tree nodes at the current line."""

    def __init__(
        self,
        table: Functions,
        name: str,
        *,
        params: int,
        frame: bool,
        maybe_unset: frozenset[int] | None = None,
        slot_names: Sequence[str] | None = None,
        holders: frozenset[int] = frozenset(),
    ) -> None:
        self.table = table
        self.name = name
        self.frame = frame
        self.maybe_unset = maybe_unset
        self.slot_names = slot_names
        #: Slots whose list ``push`` appends to in place, so that nothing else may hold it: what is
        #: read from them and what is put there is a copy.
        self.holders = holders
        self.line = 1
        self.temps = 0
        self.constants: dict[str, Any] = {}
        self.inner: list[ast.stmt] = []
        self.body: list[ast.stmt] = []
        self.arguments = [f"l{i}" for i in range(params)]
        #: Locals in scope and what is known of them.
        self.scope: dict[int, Kind] = dict.fromkeys(range(params), ANY)
        #: The locals that comprehensions of this expression read (``emit.locals_read``).
        self.read: dict[int, frozenset[int]] = {}
        #: Slots whose value the host variable ``v<slot>`` holds at this point.
        self.cached: dict[int, Kind] = {}
        #: Slots of which it holds the content, which may be that of a slot nothing has set.
        self.loose: set[int] = set()
        #: Set when something emitted since it was cleared may raise.
        self.risky = False
        #: Comprehensions only: the slots they are passed, because they read them.
        self.passed: set[int] | None = None
        #: Whether something emitted may spend units of work.
        self.burns = False

    @abstractmethod
    def emit(self, ir: IR) -> Code:
        """The code of any node."""

    def known(self) -> tuple[dict[int, Kind], set[int]]:
        """What is known of slots here; for :meth:`forget`."""
        return dict(self.cached), set(self.loose)

    def forget(self, before: tuple[dict[int, Kind], set[int]]) -> None:
        """Back to what was known: what was emitted since is evaluated only under a condition."""
        self.cached, self.loose = before

    def place(self) -> Any:
        """Line and column keywords."""
        return {"lineno": self.line, "col_offset": 0}

    def var(self, name: str) -> ast.expr:
        """A read of a name."""
        return ast.Name(name, LOAD, lineno=self.line, col_offset=0)

    def const(self, value: Any) -> ast.expr:
        """A constant."""
        return ast.Constant(value, lineno=self.line, col_offset=0)

    def call(self, helper: str, *args: ast.expr) -> ast.expr:
        """A call of a helper."""
        return ast.Call(self.var(helper), list(args), [], lineno=self.line, col_offset=0)

    def help(
        self, helper: str, *args: ast.expr, burns: bool = True, last: Sequence[ast.expr] = ()
    ) -> ast.expr:
        """A call that may raise (and spend work, if ``burns``); ``last`` follow the context."""
        self.risky = True
        self.burns = self.burns or (burns and helper not in _FREE)
        return self.call(helper, *args, self.var("c"), *last)

    def context(self, field: str) -> ast.expr:
        """A field of the context."""
        return ast.Attribute(self.var("c"), field, LOAD, lineno=self.line, col_offset=0)

    def compare(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> ast.expr:
        """One comparison of the host."""
        return ast.Compare(left, [op], [right], lineno=self.line, col_offset=0)

    def ifexp(self, test: ast.expr, then: ast.expr, other: ast.expr) -> ast.expr:
        """``then if test else other``."""
        return ast.IfExp(test, then, other, lineno=self.line, col_offset=0)

    def binop(self, left: ast.expr, tag: str, right: ast.expr) -> ast.expr:
        """An arithmetic operator of the host."""
        return ast.BinOp(left, OPERATORS[tag], right, lineno=self.line, col_offset=0)

    def both(self, *tests: ast.expr) -> ast.expr:
        """All tests hold."""
        return ast.BoolOp(ast.And(), list(tests), lineno=self.line, col_offset=0)

    def all_of(self, tests: Sequence[ast.expr]) -> ast.expr:
        """Any number of tests hold."""
        return self.both(*tests) if len(tests) > 1 else tests[0] if tests else self.const(True)

    def either(self, *tests: ast.expr) -> ast.expr:
        """One of the tests holds."""
        return ast.BoolOp(ast.Or(), list(tests), lineno=self.line, col_offset=0)

    def bind(self, name: str, node: ast.expr) -> ast.expr:
        """``(name := node)``."""
        target = ast.Name(name, STORE, lineno=self.line, col_offset=0)
        return ast.NamedExpr(target, node, lineno=self.line, col_offset=0)

    def type_of(self, node: ast.expr) -> ast.expr:
        """``type(node)``."""
        return self.call("type", node)

    def ret(self, node: ast.expr) -> ast.stmt:
        """``return node``."""
        return ast.Return(node, lineno=self.line, col_offset=0)

    def store(self, node: ast.expr, *targets: ast.expr) -> ast.stmt:
        """Assign to every target, in order."""
        return ast.Assign(list(targets), node, lineno=self.line, col_offset=0)

    def target(self, name: str) -> ast.expr:
        """A name to assign to."""
        return ast.Name(name, STORE, lineno=self.line, col_offset=0)

    def element(self, slot: int, context: ast.expr_context = LOAD) -> ast.expr:
        """A slot of the frame."""
        return ast.Subscript(
            self.var("s"), self.const(slot), context, lineno=self.line, col_offset=0
        )

    def bump(self, field: str, op: ast.operator, amount: int) -> ast.stmt:
        """``context.field op= amount``."""
        target = ast.Attribute(self.var("c"), field, STORE, lineno=self.line, col_offset=0)
        return ast.AugAssign(target, op, self.const(amount), lineno=self.line, col_offset=0)

    def charge(self, units: int) -> list[ast.stmt]:
        """Spend units of work."""
        test = self.compare(self.context("fuel"), ast.Lt(), self.const(0))
        spent = ast.Expr(self.call("spent"), **self.place())
        return [
            self.bump("fuel", ast.Sub(), units),
            ast.If(test, [spent], [], lineno=self.line, col_offset=0),
        ]

    def temp(self) -> str:
        """A fresh temporary."""
        self.temps += 1
        return f"t{self.temps}"

    def define(self, name: str, arguments: Sequence[str], body: list[ast.stmt]) -> ast.FunctionDef:
        """A function definition."""
        spec = ast.arguments(
            [], [ast.arg(a, None, **self.place()) for a in arguments], None, [], [], None, []
        )
        node = ast.FunctionDef(name, spec, body, [], None, **self.place())
        node.type_params = []  # type: ignore[attr-defined,unused-ignore]
        return node

    def unfolded(self, node: ast.expr) -> ast.expr:
        """The node, or a temporary for what the host folds to a constant: it warns about some uses
        of those."""
        folds = isinstance(node, ast.Constant | ast.BinOp | ast.UnaryOp)
        return self.bind(self.temp(), node) if folds else node

    def keep(self, code: Code) -> tuple[ast.expr, ast.expr]:
        """(tree that evaluates and keeps the value, tree that reads it again)."""
        if code.again is not None:
            return code.node, code.again
        name = self.temp()
        return self.bind(name, code.node), self.var(name)

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
                    self.compare(self.type_of(value), IS, self.var("float")),
                    ast.Compare(
                        low, [ast.LtE(), ast.LtE()], [again, high], lineno=self.line, col_offset=0
                    ),
                )
        else:
            not_int = ast.Compare(
                self.type_of(value), [IS_NOT], [self.var("int")], lineno=self.line,
                col_offset=0,
            )  # fmt: skip
            within = ast.Compare(
                low, [ast.LtE(), ast.LtE()], [again, high], lineno=self.line, col_offset=0
            )
            test = self.either(not_int, within)
        return Code(self.ifexp(test, again, self.call("fit", again)), known, None)

    def finish(self, code: Code) -> Code:
        """What is stored, returned or passed to a user function must be a value."""
        if code.kind.grown and code.kind.mask & CONTAINER:
            kind = code.kind._replace(grown=False, fits=True, ints=min(code.kind.ints, FITS))
            return Code(self.help("leave", code.node), kind)
        return self.narrow(code)
