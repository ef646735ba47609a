"""Operators: arithmetic, comparison, truth."""

from __future__ import annotations

import ast
from typing import Final

from ..model.ast import IR
from .kinds import (
    A_FLOAT,
    A_TEXT,
    BOOL,
    CONTAINER,
    FITS,
    FLOAT,
    INFINITE,
    INT,
    LIST,
    NUMBER,
    SAFE_FLOAT,
    SAFE_INT,
    TEXT,
    TRUTH,
    VALUE,
    WIDEST,
    Kind,
    either,
)
from .trees import IS, IS_NOT, Code, Trees

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


class OperatorEmitter(Trees):
    """Emits operators: by the host's where that is exact, else checked."""

    def arithmetic(self, ir: IR) -> Code:
        """The operators of the host: inline for ints."""
        a, b = self.operands(ir)
        kind = _result(ir[0], a.kind, b.kind)
        if ir[0] == "floordiv":
            kind = _divided(kind, a.kind, ir[2])
        if ir[0] in _DIVISIONS and not _nonzero(ir[2]):
            return Code(self.help(ir[0], a.node, b.node), kind)
        return self.inline(ir[0], ir[0], a, b, kind)

    def operands(self, ir: IR) -> tuple[Code, Code]:
        """Both operands of an arithmetic operator."""
        return self.emit(ir[1]), self.emit(ir[2])

    def concat(self, ir: IR) -> Code:
        """``concat``: ``+`` that joins text; numbers as ``add`` does."""
        a, b = self.emit(ir[1]), self.emit(ir[2])
        kind = _result("add", a.kind, b.kind)
        if TEXT in (a.kind.mask, b.kind.mask):
            kind = A_TEXT
        elif (a.kind.mask | b.kind.mask) & TEXT:
            kind = kind._replace(mask=kind.mask | TEXT)
        return self.inline("add", "concat", a, b, kind)

    def inline(self, tag: str, helper: str, a: Code, b: Code, kind: Kind) -> Code:
        """The host's operator ``tag`` for ints, else ``helper``."""
        if kind.mask & INT and kind.ints >= WIDEST:
            return Code(self.help(helper, a.node, b.node), kind)
        if a.kind.number and b.kind.number:
            return self.direct(tag, a, b, kind)
        if not a.kind.mask & INT or not b.kind.mask & INT:
            return Code(self.help(helper, a.node, b.node), kind)
        left, left_again = self.keep(a)
        right, right_again = self.keep(b)
        test = self.int_test(a, left, b, right)
        checked = self.help(helper, left_again, right_again)
        return Code(self.ifexp(test, self.binop(left_again, tag, right_again), checked), kind)

    def int_test(self, a: Code, left: ast.expr, b: Code, right: ast.expr) -> ast.expr:
        """A test that both operands are ints; evaluates both, in order."""
        a_done, b_done = left is a.again, right is b.again
        if b.kind.mask == INT and b_done:
            return self.compare(self.type_of(left), IS, self.var("int"))
        if a.kind.mask == INT and a_done:
            return self.compare(self.type_of(right), IS, self.var("int"))
        return ast.Compare(
            self.type_of(left), [IS, IS], [self.type_of(right), self.var("int")],
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
        """``pow``: a square of a known number inline."""
        a, b = self.emit(ir[1]), self.emit(ir[2])
        square = ir[2][0] == "const" and type(ir[2][1]) is int and ir[2][1] == 2
        if square and a.kind.number and a.again is not None:
            kind = _result("mul", a.kind, a.kind)
            if kind.ints < WIDEST and kind.floats < SAFE_FLOAT:
                return Code(self.binop(a.node, "mul", a.again), kind)
        kind = Kind(NUMBER, WIDEST, INFINITE, fits=False)
        return Code(self.help("pow", a.node, b.node), kind)

    def negative(self, ir: IR) -> Code:
        """``neg``."""
        a = self.emit(ir[1])
        kind = Kind(a.kind.mask & NUMBER or NUMBER, a.kind.ints, a.kind.floats, a.kind.ints < FITS)
        if a.kind.number:
            return Code(ast.UnaryOp(ast.USub(), a.node, lineno=self.line, col_offset=0), kind)
        value, again = self.keep(a)
        test = self.compare(self.type_of(value), IS, self.var("int"))
        minus = ast.UnaryOp(ast.USub(), again, lineno=self.line, col_offset=0)
        return Code(self.ifexp(test, minus, self.help("neg", again)), kind)

    def positive(self, ir: IR) -> Code:
        """``pos``."""
        a = self.emit(ir[1])
        if a.kind.number:
            return a
        return Code(self.help("pos", a.node), a.kind._replace(mask=a.kind.mask & NUMBER or NUMBER))

    def negate(self, ir: IR) -> Code:
        """``not``."""
        node = self.emit(ir[1]).node
        return Code(ast.UnaryOp(ast.Not(), node, lineno=self.line, col_offset=0), TRUTH)

    def connect(self, ir: IR) -> Code:
        """``and``, ``or``."""
        first = self.emit(ir[1][0])
        kind = first.kind
        nodes = [first.node]
        before = self.known()
        for part in ir[1][1:]:
            code = self.emit(part)
            nodes.append(code.node)
            kind = either(kind, code.kind)
        self.forget(before)
        if len(nodes) == 1:
            return first
        op: ast.boolop = ast.And() if ir[0] == "and" else ast.Or()
        return Code(ast.BoolOp(op, nodes, lineno=self.line, col_offset=0), kind)

    def maybe(self, ir: IR) -> Code:
        """Emit what is evaluated only under a condition: slots read there may stay unread."""
        before = self.known()
        code = self.emit(ir)
        self.forget(before)
        # A variable bound only under a condition cannot be read again outside it; inside it can.
        return code

    def choose(self, ir: IR) -> Code:
        """``ifelse``."""
        test = self.emit(ir[1])
        then, other = self.maybe(ir[2]), self.maybe(ir[3])
        kind = either(then.kind, other.kind)
        return Code(self.ifexp(test.node, then.node, other.node), kind)

    def comparison(self, ir: IR) -> Code:
        """``compare``, chained as in Python: every operand once."""
        left_ir, left = ir[1], self.emit(ir[1])
        before = None
        tests = []
        for i, (op, right_ir) in enumerate(ir[2]):
            right = self.emit(right_ir)
            if i == 0:
                before = self.known()
            if i + 1 < len(ir[2]):
                value, again = self.keep(right)
                right = Code(value, right.kind, again if right.again is None else right.again)
                kept = Code(again, right.kind, again)
            else:
                kept = right
            tests.append(self.test(op, left_ir, left, right_ir, right))
            left_ir, left = right_ir, kept
        if before is not None:
            self.forget(before)
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
        """``==`` and ``!=``: by the host where it cannot confuse bools with numbers."""
        host, helper = _COMPARES[op]
        for one_ir, one, other in ((b_ir, b, a), (a_ir, a, b)):
            if one_ir[0] != "const":
                continue
            value = one_ir[1]
            if value is None or type(value) is bool:
                # Singletons: identity is equality, and a bool equals nothing else.
                same: ast.cmpop = IS if op == "==" else IS_NOT
                return self.compare(self.unfolded(other.node), same, one.node)
            if type(value) is str and len(value) <= _SHORT_TEXT:
                return self.compare(a.node, host, b.node)
            if type(value) in (int, float) and value not in (0, 1):
                return self.compare(a.node, host, b.node)
            if type(value) in (int, float) and other.kind.mask & BOOL:
                # To the host False and True are 0 and 1.
                left, again = self.keep(other)
                same = IS_NOT if op == "==" else IS
                tests = [
                    self.compare(left, host, one.node),
                    self.compare(again, same, self.const(bool(value))),
                ]
                joint: ast.boolop = ast.And() if op == "==" else ast.Or()
                return ast.BoolOp(joint, tests, lineno=self.line, col_offset=0)
        x, y = a.kind.mask, b.kind.mask
        mixed = (x & BOOL and y & NUMBER) or (x & NUMBER and y & BOOL)
        if not mixed and not (x & y & (CONTAINER | TEXT)):
            return self.compare(a.node, host, b.node)
        return self.help(helper, a.node, b.node)


_DIVISIONS: Final = ("div", "floordiv", "mod")


def _nonzero(ir: IR) -> bool:
    return ir[0] == "const" and type(ir[1]) in (int, float) and ir[1] != 0


def _divided(kind: Kind, a: Kind, divisor: IR) -> Kind:
    """What is known of ``a // divisor`` where that is a constant."""
    if not _nonzero(divisor) or abs(divisor[1]) < 1:
        return kind
    ints = kind.ints
    if type(divisor[1]) is int:
        ints = a.ints // abs(divisor[1]) + 1
    return kind._replace(ints=ints, floats=a.magnitude + 1, fits=ints < FITS)


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
        if floats != floats:
            floats = INFINITE
        mask |= a.mask & (TEXT | LIST) if b.mask & INT else 0
        mask |= b.mask & (TEXT | LIST) if a.mask & INT else 0
    elif tag == "floordiv":
        ints = a.ints
        floats = INFINITE
    else:
        ints = b.ints
        floats = b.magnitude
    ints = min(ints, WIDEST)
    return Kind(mask or VALUE, ints, floats, ints < FITS, a.grown or b.grown)
