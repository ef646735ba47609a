"""Python's syntax tree -> IR, by a strict allow-list.

Everything not on the list is refused with what to write instead. Findings are collected, so that
all of one expression are reported at once.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from math import isfinite
from typing import Any, Final

from ..model.ast import IR, Name
from ..model.limits import BOUND_NAMES, EXPRESSION_DEPTH, GENERATORS, INT_MAX
from ..model.nearest import did_you_mean
from ..model.rows import NamedTuple
from ..model.values import is_text
from .faults import Problem
from .functions import FUNCTIONS, REQUIRED, Function
from .lexer import Prepared, too_deep
from .refused import METHODS, REFUSED

_BINARY: Final[dict[type[ast.operator], str]] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.FloorDiv: "floordiv",
    ast.Mod: "mod",
    ast.Pow: "pow",
}
_COMPARE: Final[dict[type[ast.cmpop], str]] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not-in",
}
_CONSTANT_NAMES: Final[dict[str, Any]] = {"true": True, "false": False, "null": None}


class Reading(NamedTuple):
    """What a tree means, and every finding; ``ir`` counts only where there is none."""

    ir: IR
    names: tuple[Name, ...]
    bound: tuple[Name, ...]
    problems: tuple[Problem, ...]


def read_tree(
    tree: ast.Expression,
    prepared: Prepared,
    skipped: int,
    locals_: tuple[str, ...],
    *,
    joins: bool = False,
) -> Reading:
    """Translate what Python's parser made of ``prepared.source[skipped:]``.

    ``locals_`` are the names of locals 0, 1, ...; offsets are characters of the source. ``joins``:
    ``+`` joins text (``concat``).
    """
    reader = _Reader(prepared, skipped, locals_, joins)
    ir = reader.read(tree.body, 1)
    return Reading(
        ir,
        tuple(sorted(reader.names, key=lambda name: name.offset)),
        tuple(reader.bound),
        tuple(sorted(reader.problems, key=lambda problem: problem[2])),
    )


class _Reader:
    """Translates one syntax tree; collects findings, names and locals."""

    __slots__ = ("ascii", "base", "bound", "fresh", "given", "joins", "keys", "locals", "names",
                 "problems", "raw", "source")  # fmt: skip

    def __init__(
        self, prepared: Prepared, base: int, locals_: tuple[str, ...], joins: bool
    ) -> None:
        self.joins = joins
        self.source = prepared.source[base:]
        self.base = base
        self.ascii = prepared.ascii
        self.raw = b"" if prepared.ascii else self.source.encode()
        self.keys = prepared.keys
        self.problems: list[Problem] = []
        self.names: list[Name] = []
        self.bound: list[Name] = []
        self.locals = {name: i for i, name in enumerate(locals_)}
        self.fresh = self.given = len(locals_)

    # --- places -------------------------------------------------------------------------------

    def offset(self, column: int) -> int:
        """The character, in the text given, of a column in bytes."""
        if not self.ascii:
            column = len(self.raw[:column].decode())
        return column + self.base

    def at(self, node: Any) -> tuple[int, int]:
        start = self.offset(node.col_offset)
        return start, max(self.offset(node.end_col_offset or 0) - start, 1)

    def refuse(
        self, message: str, node: Any, hint: str | None = None, code: str = "RUNE-2004"
    ) -> IR:
        start, length = self.at(node)
        self.problems.append((code, message, start, length, hint))
        return ("const", None)

    # --- nodes --------------------------------------------------------------------------------

    def read(self, node: ast.AST, level: int) -> IR:
        if level > EXPRESSION_DEPTH:
            if not any(p[0] == "RUNE-2002" for p in self.problems):
                self.problems.append(too_deep(self.at(node)[0]))
            return ("const", None)
        handler = _READ.get(type(node))
        if handler is not None:
            return handler(self, node, level + 1)
        what, hint = REFUSED.get(type(node), (f"`{type(node).__name__}`", None))
        return self.refuse(f"{what} is not allowed", node, hint)

    def constant(self, node: ast.Constant, level: int) -> IR:
        value: Any = node.value
        kind = type(value)
        if kind is str:
            if not is_text(value):
                return self.refuse("the text has a lone surrogate", node, code="RUNE-2001")
        elif kind is int:
            if value > INT_MAX:
                return self.refuse("the integer does not fit 64 bits", node, code="RUNE-2003")
        elif kind is float:
            if not isfinite(value):
                return self.refuse("the number is not finite", node, code="RUNE-2003")
        elif kind is not bool and value is not None:
            what = "an imaginary number" if kind is complex else f"`{value!r}`"
            return self.refuse(f"{what} is not allowed", node)
        return ("const", value)

    def name(self, node: ast.Name, level: int) -> IR:
        name = node.id
        if name in _CONSTANT_NAMES:
            return ("const", _CONSTANT_NAMES[name])
        if name in self.locals:
            return ("local", self.locals[name])
        if name == "secrets":
            return self.refuse("`secrets` is read one by one", node, "write secrets.NAME")
        self.names.append(Name(name, self.offset(node.col_offset), "variable"))
        return ("name", name)

    def attribute(self, node: ast.Attribute, level: int) -> IR:
        key = node.attr
        if self.keys:
            place = self.offset(node.end_col_offset or 0) - len(key)
            key = self.keys.get(place, key)
        if type(node.value) is ast.Name and node.value.id == "secrets":
            self.names.append(Name(key, self.offset(node.value.col_offset), "secret"))
            return ("secret", key)
        return ("item", self.plain(node.value, level), ("const", key))

    def plain(self, node: ast.AST, level: int) -> IR:
        """An operand: anything but a secret."""
        ir = self.read(node, level)
        if ir[0] == "secret":
            hint = 'it may stand alone or as an insert of a text: "Bearer ${secrets.X}"'
            return self.refuse("nothing can be computed from a secret", node, hint, "RUNE-2006")
        return ir

    def subscript(self, node: ast.Subscript, level: int) -> IR:
        if type(node.value) is ast.Name and node.value.id == "secrets":
            return self.refuse("`secrets` is read one by one", node, "write secrets.NAME")
        value = self.plain(node.value, level)
        index = node.slice
        if type(index) is not ast.Slice:
            return ("item", value, self.plain(index, level))
        if index.step is not None:
            hint = "reversed(x), or [x[i] for i in range(0, len(x), 2)]"
            return self.refuse("a slice with a step is not allowed", node, hint)
        low = None if index.lower is None else self.plain(index.lower, level)
        high = None if index.upper is None else self.plain(index.upper, level)
        return ("slice", value, low, high)

    def unary(self, node: ast.UnaryOp, level: int) -> IR:
        op = type(node.op)
        if op is ast.Not:
            return ("not", self.plain(node.operand, level))
        if op is ast.USub and type(node.operand) is ast.Constant:
            value = node.operand.value
            if type(value) is int and value <= INT_MAX + 1:
                return ("const", -value)
            if type(value) is float and isfinite(value):
                return ("const", -value)
        if op is ast.Invert:
            return self.refuse("`~` is no operator of the language", node)
        return ("neg" if op is ast.USub else "pos", self.plain(node.operand, level))

    def binary(self, node: ast.BinOp, level: int) -> IR:
        tag = _BINARY.get(type(node.op))
        left, right = self.plain(node.left, level), self.plain(node.right, level)
        if tag is None:
            return self.refuse("this operator is not in the language", node)
        return ("concat" if self.joins and tag == "add" else tag, left, right)

    def boolean(self, node: ast.BoolOp, level: int) -> IR:
        tag = "and" if type(node.op) is ast.And else "or"
        return (tag, tuple([self.plain(value, level) for value in node.values]))

    def compare(self, node: ast.Compare, level: int) -> IR:
        first = self.plain(node.left, level)
        rest = []
        for op, right in zip(node.ops, node.comparators, strict=True):
            symbol = _COMPARE.get(type(op))
            if symbol is None:
                return self.refuse("`is` is no operator of the language", node, "write `==`")
            rest.append((symbol, self.plain(right, level)))
        return ("compare", first, tuple(rest))

    def ifelse(self, node: ast.IfExp, level: int) -> IR:
        condition = self.plain(node.test, level)
        return ("ifelse", condition, self.plain(node.body, level), self.plain(node.orelse, level))

    def list_(self, node: ast.List, level: int) -> IR:
        parts = tuple([self.plain(e, level) for e in node.elts])
        if all(part[0] == "const" for part in parts):
            return ("const", [part[1] for part in parts])
        return ("list", parts)

    def dict_(self, node: ast.Dict, level: int) -> IR:
        pairs = []
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                return self.refuse("`**` is not allowed", value, "write merge(a, b)")
            name = self.plain(key, level)
            if name[0] == "const" and type(name[1]) is not str:
                self.refuse("the key of an object must be text", key)
            pairs.append((name, self.plain(value, level)))
        texts = [name[1] for name, _ in pairs if name[0] == "const"]
        if len(set(map(str, texts))) < len(texts):
            return self.refuse("an object with two equal keys", node)
        if all(name[0] == "const" and value[0] == "const" for name, value in pairs):
            return ("const", {str(name[1]): value[1] for name, value in pairs})
        return ("object", tuple(pairs))

    # --- calls --------------------------------------------------------------------------------

    def call(self, node: ast.Call, level: int) -> IR:
        if type(node.func) is ast.Attribute:
            return self.method(node, node.func)
        if type(node.func) is not ast.Name:
            return self.refuse("only functions with a name can be called", node)
        name = node.func.id
        row = FUNCTIONS.get(name)
        arguments = []
        for argument in node.args:
            if type(argument) is ast.GeneratorExp and len(node.args) == 1:
                arguments.append(self.comprehension((argument.elt,), argument, "listcomp", level))
            else:
                arguments.append(self.plain(argument, level))
        if row is None:
            self.names.append(Name(name, self.offset(node.func.col_offset), "function"))
            for keyword in node.keywords:
                self.refuse("functions of the document take no named arguments", keyword)
            return ("ucall", name, tuple(arguments))
        return self.table_call(node, row, arguments, level)

    def method(self, node: ast.Call, function: ast.Attribute) -> IR:
        name = function.attr
        if self.keys:
            place = self.offset(function.end_col_offset or 0) - len(name)
            name = self.keys.get(place, name)
        value = self.source_of(function.value)
        if name in FUNCTIONS:
            inner = ", ".join([value, *[self.source_of(a) for a in node.args]])
            hint: str | None = f"write {name}({inner})"
        elif name in METHODS:
            hint = f"write {METHODS[name].format(value)}"
        else:
            hint = did_you_mean(name, FUNCTIONS)
            hint = hint or "functions are called as name(value)"
        return self.refuse("methods do not exist", node, hint, "RUNE-2005")

    def source_of(self, node: Any) -> str:
        """A short stretch of the text, for hints."""
        start, length = self.at(node)
        text = self.source[start - self.base : start - self.base + length]
        return text if len(text) <= 30 else "..."

    def table_call(self, node: ast.Call, row: Function, given: list[IR], level: int) -> IR:
        named: dict[str, IR] = {}
        known = [p.name for p in row.params]
        for keyword in node.keywords:
            value = self.plain(keyword.value, level)
            if keyword.arg is None:
                return self.refuse("`**` is not allowed", keyword)
            if keyword.arg not in known or row.variadic:
                hint = did_you_mean(keyword.arg, known) or row.signature
                return self.refuse(
                    f"{row.name} has no parameter `{keyword.arg}`", keyword, hint, "RUNE-2007"
                )
            if keyword.arg in named or known.index(keyword.arg) < len(given):
                return self.refuse(
                    f"`{keyword.arg}` is given twice", keyword, row.signature, "RUNE-2007"
                )
            named[keyword.arg] = value
        if named:
            last = max(known.index(name) for name in named)
            for parameter in row.params[len(given) : last + 1]:
                if parameter.name in named:
                    given.append(named[parameter.name])
                elif parameter.default is REQUIRED:
                    break
                else:
                    given.append(("const", parameter.default))
        if len(given) < row.least or (row.most is not None and len(given) > row.most):
            count = f"{row.least}" if row.least == row.most else f"{row.least} to {row.most}"
            if row.most is None:
                count = f"at least {row.least}"
            plural = "" if count in ("1", "at least 1") else "s"
            return self.refuse(
                f"{row.name} takes {count} argument{plural}, not {len(given)}",
                node, row.signature, "RUNE-2007",
            )  # fmt: skip
        return ("call", row.name, tuple(given))

    # --- comprehensions -----------------------------------------------------------------------

    def listcomp(self, node: ast.ListComp, level: int) -> IR:
        return self.comprehension((node.elt,), node, "listcomp", level)

    def dictcomp(self, node: ast.DictComp, level: int) -> IR:
        return self.comprehension((node.key, node.value), node, "dictcomp", level)

    def comprehension(self, results: tuple[ast.expr, ...], node: Any, tag: str, level: int) -> IR:
        outer = self.locals
        self.locals = dict(outer)
        generators = []
        if len(node.generators) > GENERATORS:
            what = f"a comprehension has at most {GENERATORS} `for` clauses"
            return self.refuse(what, node, "nest comprehensions, or loop with `for`", "RUNE-2002")
        for generator in node.generators:
            if generator.is_async:
                self.refuse("`async` is not allowed", node)
            over = self.plain(generator.iter, level)
            targets = self.targets(generator.target)
            if len(self.locals) - self.given > BOUND_NAMES:
                self.locals = outer
                what = f"comprehensions bind more than {BOUND_NAMES} names here"
                return self.refuse(what, node, "take rows apart by index: `row[0]`", "RUNE-2002")
            conditions = tuple([self.plain(c, level) for c in generator.ifs])
            generators.append((targets, over, conditions))
        values = [self.plain(result, level) for result in results]
        self.locals = outer
        return (tag, *values, tuple(generators))

    def targets(self, node: ast.expr) -> tuple[int, ...]:
        names = node.elts if type(node) is ast.Tuple else [node]
        out = []
        for name in names:
            if type(name) is not ast.Name or name.id in _CONSTANT_NAMES:
                self.refuse("a comprehension binds names: `for x in ...`, `for a, b in ...`", name)
                continue
            if name.id in self.locals or name.id == "secrets":
                self.refuse(f"`{name.id}` is taken; a loop name cannot shadow", name)
            self.bound.append(Name(name.id, self.offset(name.col_offset), "variable"))
            self.locals[name.id] = self.fresh
            out.append(self.fresh)
            self.fresh += 1
        return tuple(out)


_READ: Final[dict[type[ast.AST], Callable[[_Reader, Any, int], IR]]] = {
    ast.Constant: _Reader.constant,
    ast.Name: _Reader.name,
    ast.Attribute: _Reader.attribute,
    ast.Subscript: _Reader.subscript,
    ast.UnaryOp: _Reader.unary,
    ast.BinOp: _Reader.binary,
    ast.BoolOp: _Reader.boolean,
    ast.Compare: _Reader.compare,
    ast.IfExp: _Reader.ifelse,
    ast.List: _Reader.list_,
    ast.Dict: _Reader.dict_,
    ast.Call: _Reader.call,
    ast.ListComp: _Reader.listcomp,
    ast.DictComp: _Reader.dictcomp,
}
