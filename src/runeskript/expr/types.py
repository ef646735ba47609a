"""Static inference: the type of an expression, and the errors that are certain to happen.

The types themselves are made in ``shapes.py`` and handed on here. Only what fails for every value
the types allow is reported, so a finding is never a guess; where a type is not known, nothing is
said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from ..errors import StepError
from ..model.ast import IR
from ..model.nearest import did_you_mean
from .functions import FUNCTIONS, Function
from .instants import to_duration, to_instant
from .runtime import Context
from .shapes import (
    ANY,
    BOOL,
    FLOAT,
    INT,
    NOTHING,
    NULL,
    NUMBER,
    TEXT,
    Type,
    join,
    list_of,
    object_of,
    of,
    of_kinds,
    type_of_schema,
    type_of_value,
)

__all__ = [
    "ANY",
    "BOOL",
    "FLOAT",
    "INT",
    "NULL",
    "NUMBER",
    "TEXT",
    "Finding",
    "Type",
    "infer",
    "join",
    "list_of",
    "object_of",
    "of",
    "type_of_schema",
    "type_of_value",
]

#: (code, message, hint).
Finding = tuple[str, str, str | None]

_NUMBERS: Final = frozenset(("int", "float"))
_DIVISIONS: Final = frozenset(("div", "floordiv", "mod"))
_SYMBOLS: Final = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "floordiv": "//", "mod": "%", "pow": "**",
}  # fmt: skip


def infer(
    ir: IR, env: Mapping[str, Type], functions: Mapping[str, Type] | None = None
) -> tuple[Type, list[Finding]]:
    """(type of the expression, what is certain to fail in it).

    ``env``: types of variables by name (a name that is not there may be anything); ``functions``:
    result types of the document's functions, where known.
    """
    inference = _Inference(env, functions or {})
    return inference.of(ir), inference.findings


class _Inference:
    """One walk over an expression."""

    __slots__ = ("env", "findings", "functions", "locals")

    def __init__(self, env: Mapping[str, Type], functions: Mapping[str, Type]) -> None:
        self.env = env
        self.functions = functions
        self.findings: list[Finding] = []
        self.locals: dict[int, Type] = {}

    def report(self, message: str, hint: str | None = None, code: str = "RUNE-2010") -> Type:
        finding = (code, message, hint)
        if finding not in self.findings:
            self.findings.append(finding)
        return ANY

    def of(self, ir: IR) -> Type:
        tag = ir[0]
        if tag == "const":
            return type_of_value(ir[1])
        if tag == "name":
            return self.env.get(ir[1], ANY)
        handler = _RULES.get(tag)
        return ANY if handler is None else handler(self, ir)

    # --- leaves and containers ----------------------------------------------------------------

    def local(self, ir: IR) -> Type:
        return self.locals.get(ir[1], ANY)

    def list(self, ir: IR) -> Type:
        element = NOTHING
        for part in ir[1]:
            element = join(element, self.of(part))
        return list_of(element) if ir[1] else of("list")

    def object(self, ir: IR) -> Type:
        fields = {}
        closed = True
        for key, value in ir[1]:
            self.expect(self.of(key), ("text",), "the key of an object")
            if key[0] == "const":
                fields[key[1]] = self.of(value)
            else:
                self.of(value)
                closed = False
        return object_of(fields, closed=closed)

    def expect(self, found: Type, kinds: tuple[str, ...], what: str) -> None:
        if found.kinds and found.kinds.isdisjoint(kinds):
            self.report(f"{what} must be {' or '.join(kinds)}, is {found.describe()}")

    def item(self, ir: IR) -> Type:
        holder, key = self.of(ir[1]), self.of(ir[2])
        if holder is ANY:
            return ANY
        literal = ir[2][1] if ir[2][0] == "const" else None
        holders = holder.kinds
        if not holders:
            return ANY
        if "text" in key.kinds and "object" in holders:
            if type(literal) is not str:
                return ANY
            inner = holder.field(literal)
            if inner is not None:
                return inner
            if "int" not in key.kinds or not holders & {"list", "text"}:
                hint = did_you_mean(literal, holder.fields or ())
                return self.report(f"the object has no key `{literal}`", hint, "RUNE-2011")
        if "int" in key.kinds and holders & {"list", "text"}:
            element = holder.element if holder.element is not None else ANY
            return element if "text" not in holders else ANY
        if holders == {"null"}:
            return self.report("null has no keys or elements")
        if holders <= {"object"}:
            return self.report(f"the key of an object must be text, is {key.describe()}")
        if holders <= {"list", "text"}:
            hint = None
            if type(literal) is str:
                hint = "a list is read with [0], or in a comprehension"
            return self.report(
                f"the index of {holder.describe()} must be int, is {key.describe()}", hint
            )
        if not holders & {"list", "text", "object"}:
            return self.report(f"{holder.describe()} has no keys or elements")
        return ANY

    def slice(self, ir: IR) -> Type:
        holder = self.of(ir[1])
        self.expect(holder, ("list", "text"), "what is sliced")
        for end in ir[2:]:
            if end is not None:
                self.expect(self.of(end), ("int", "null"), "the end of a slice")
        return holder.only(("list", "text"))

    # --- operators ----------------------------------------------------------------------------

    def arithmetic(self, ir: IR) -> Type:
        return self.computed(ir[0], self.of(ir[1]), self.of(ir[2]), ir[2])

    def computed(self, tag: str, a: Type, b: Type, divisor: IR) -> Type:
        if not a.kinds or not b.kinds:
            return ANY
        if (
            tag in _DIVISIONS
            and divisor[0] == "const"
            and divisor[1] == 0
            and not a.kinds.isdisjoint(_NUMBERS)
            and not b.kinds.isdisjoint(_NUMBERS)
        ):
            return self.report("division by zero")
        results = _results(tag, a.kinds, b.kinds)
        if not results:
            hint = None
            if tag == "add" and "text" in a.kinds | b.kinds:
                hint = "write a text with ${...}, or use str(...)"
            return self.report(
                f"`{_SYMBOLS[tag]}` cannot take {a.describe()} and {b.describe()}", hint
            )
        element = None
        if "list" in results:
            element = a.element if tag == "mul" else join(a, b).element
        return of_kinds(results) if element is None else Type(results, element)

    def concat(self, ir: IR) -> Type:
        a, b = self.of(ir[1]), self.of(ir[2])
        if {"text"} in (a.kinds, b.kinds):
            if {"null"} in (a.kinds, b.kinds):
                self.report("null cannot go into a text", "use coalesce(x, 'other')")
            return TEXT
        if "text" in a.kinds or "text" in b.kinds:
            return ANY
        return self.computed("add", a, b, ir[2])

    def sign(self, ir: IR) -> Type:
        a = self.of(ir[1])
        if a.kinds and not a.kinds & _NUMBERS:
            return self.report(f"`{'-' if ir[0] == 'neg' else '+'}` cannot take {a.describe()}")
        return a.only(_NUMBERS)

    def negation(self, ir: IR) -> Type:
        self.of(ir[1])
        return BOOL

    def connect(self, ir: IR) -> Type:
        found = NOTHING
        for part in ir[1]:
            found = join(found, self.of(part))
        return found

    def choose(self, ir: IR) -> Type:
        self.of(ir[1])
        return join(self.of(ir[2]), self.of(ir[3]))

    def compare(self, ir: IR) -> Type:
        left = self.of(ir[1])
        for op, part in ir[2]:
            right = self.of(part)
            if op in ("in", "not-in"):
                self.membership(left, right)
            elif op not in ("==", "!="):
                self.order(op, left, right)
            left = right
        return BOOL

    def membership(self, left: Type, right: Type) -> None:
        if right.kinds and not right.kinds & {"list", "object", "text"}:
            self.report(
                f"`in` needs a list, an object or a text on its right, not {right.describe()}"
            )
        elif right.kinds and right.kinds <= {"object", "text"}:
            self.expect(left, ("text",), "what is looked for in an object or a text")

    def order(self, op: str, left: Type, right: Type) -> None:
        a, b = left.kinds, right.kinds
        if not a or not b or (a & _NUMBERS and b & _NUMBERS) or a & b & {"text", "bool"}:
            return
        self.report(f"`{op}` cannot order {left.describe()} and {right.describe()}")

    # --- calls --------------------------------------------------------------------------------

    def call(self, ir: IR) -> Type:
        row = FUNCTIONS[ir[1]]
        args = [self.of(arg) for arg in ir[2]]
        takes = _takes(row.name)
        for i, arg in enumerate(args):
            number = min(i, len(takes) - 1)
            allowed = takes[number]
            if allowed is not None and arg.kinds and arg.kinds.isdisjoint(allowed):
                parameter = row.params[number]
                self.report(
                    f"{row.name} takes {' or '.join(parameter.types)} as `{parameter.name}`, "
                    f"not {arg.describe()}",
                    row.signature,
                )
        refine = _RESULTS.get(row.name)
        return refine(ir, args) if refine is not None else _declared(row)

    def user_call(self, ir: IR) -> Type:
        for arg in ir[2]:
            self.of(arg)
        return self.functions.get(str(ir[1]), ANY)

    def text(self, ir: IR) -> Type:
        for part in ir[1]:
            if self.of(part) is NULL:
                self.report("null cannot go into a text", "use coalesce(x, 'other')")
        return TEXT

    def duration(self, ir: IR) -> Type:
        return self.converted(ir[1], to_duration, "a duration")

    def instant(self, ir: IR) -> Type:
        return self.converted(ir[1], to_instant, "a point in time")

    def converted(self, ir: IR, convert: Callable[[Any, Context], int], what: str) -> Type:
        found = self.of(ir)
        if ir[0] == "const":
            try:
                convert(ir[1], Context())
            except StepError as error:
                self.report(error.message)
        else:
            self.expect(found, ("text", "int"), what)
        return INT

    # --- comprehensions -----------------------------------------------------------------------

    def comprehension(self, ir: IR) -> Type:
        for targets, over, conditions in ir[-1]:
            found = self.of(over)
            if found.kinds and not found.kinds & {"list", "object"}:
                hint = "split it first" if found.kinds == {"text"} else None
                self.report(f"cannot iterate over {found.describe()}, only over a list", hint)
            element = found.element if found.kinds == {"list"} and found.element else ANY
            if len(targets) == 1:
                self.locals[targets[0]] = element
            else:
                self.expect(element, ("list",), "what is unpacked")
                for target in targets:
                    self.locals[target] = ANY
            for condition in conditions:
                self.of(condition)
        if ir[0] == "listcomp":
            return list_of(self.of(ir[1]))
        self.expect(self.of(ir[1]), ("text",), "the key of an object")
        self.of(ir[2])
        return of("object")


@cache
def _results(tag: str, a: frozenset[str], b: frozenset[str]) -> frozenset[str]:
    """What arithmetic on values of these kinds can give."""
    results: set[str] = set()
    if a & _NUMBERS and b & _NUMBERS:
        results |= {"float"} if tag == "div" else (a | b) & {"float"}
        if tag != "div" and "int" in a and "int" in b:
            results |= {"int", "float"} if tag == "pow" else {"int"}
    if tag == "add":
        results |= a & b & {"text", "list"}
    elif tag == "mul":
        results |= a & {"text", "list"} if "int" in b else set()
        results |= b & {"text", "list"} if "int" in a else set()
    return frozenset(results)


@cache
def _takes(name: str) -> tuple[frozenset[str] | None, ...]:
    """For each parameter of a function, the kinds it takes; None where it takes all."""
    row = FUNCTIONS[name]
    out: list[frozenset[str] | None] = []
    for parameter in row.params:
        allowed = frozenset(parameter.types)
        if parameter.default is None and not row.variadic:
            allowed |= {"null"}
        out.append(None if "any" in allowed else allowed)
    return tuple(out)


def _declared(row: Function) -> Type:
    return ANY if "any" in row.result else of(*row.result)


def _element(found: Type) -> Type:
    return found.element if found.element is not None else ANY


def _get(ir: IR, args: list[Type]) -> Type:
    key = ir[2][1]
    default = args[2] if len(args) > 2 else of("null")
    if args[0].kinds <= {"object", "null"} and key[0] == "const" and type(key[1]) is str:
        inner = args[0].field(key[1])
        return default if inner is None else join(inner, default)
    return ANY


def _total(ir: IR, args: list[Type]) -> Type:
    element = _element(args[0])
    if args[0].kinds == {"list"} and element.kinds and not element.kinds & _NUMBERS:
        return NUMBER
    return INT if element.kinds == {"int"} and len(args) == 1 else NUMBER


def _sorted(ir: IR, args: list[Type]) -> Type:
    return args[0].only(("list", "text"))


#: Functions whose result type follows from the arguments.
_RESULTS: Final[dict[str, Callable[[IR, list[Type]], Type]]] = {
    "get": _get,
    "sum": _total,
    "abs": lambda ir, args: args[0].only(_NUMBERS),
    "sorted": _sorted,
    "reversed": _sorted,
    "slice": _sorted,
    "unique": _sorted,
    "difference": _sorted,
    "intersection": _sorted,
    "first": lambda ir, args: join(_element(args[0]), args[1] if len(args) > 1 else of("null")),
    "last": lambda ir, args: join(_element(args[0]), args[1] if len(args) > 1 else of("null")),
    "keys": lambda ir, args: list_of(TEXT),
    "split": lambda ir, args: list_of(TEXT),
    "lines": lambda ir, args: list_of(TEXT),
    "chars": lambda ir, args: list_of(TEXT),
    "range": lambda ir, args: list_of(INT),
    "chunk": lambda ir, args: list_of(args[0].only(("list",))),
    "parts": lambda ir, args: object_of(
        dict.fromkeys(
            ("year", "month", "day", "hour", "minute", "second", "millisecond", "weekday",
             "yearday", "offset"),
            INT,
        )
    ),
    "sqrt": lambda ir, args: FLOAT,
}  # fmt: skip

_RULES: Final[dict[str, Callable[[_Inference, IR], Type]]] = {
    "local": _Inference.local,
    "list": _Inference.list,
    "object": _Inference.object,
    "item": _Inference.item,
    "slice": _Inference.slice,
    "neg": _Inference.sign,
    "pos": _Inference.sign,
    "not": _Inference.negation,
    "concat": _Inference.concat,
    "compare": _Inference.compare,
    "and": _Inference.connect,
    "or": _Inference.connect,
    "ifelse": _Inference.choose,
    "call": _Inference.call,
    "ucall": _Inference.user_call,
    "listcomp": _Inference.comprehension,
    "dictcomp": _Inference.comprehension,
    "text": _Inference.text,
    "duration": _Inference.duration,
    "instant": _Inference.instant,
    **dict.fromkeys(_SYMBOLS, _Inference.arithmetic),
}
