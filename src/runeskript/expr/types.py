"""Static inference: the type of an expression, and the errors that are certain to happen.

The types themselves are made in ``shapes.py`` and handed on here. Only what fails for every value
the types allow is reported, so a finding is never a guess; where a type is not known, nothing is
said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from ..errors import StepError
from ..model.ast import IR
from ..model.nearest import did_you_mean
from ..model.rows import NamedTuple
from .functions import FUNCTIONS
from .instants import to_duration, to_instant
from .operator_types import SYMBOLS, Finding, Operators, never_equal
from .result_types import kinds_taken, result_of
from .runtime import Context
from .shapes import (
    ANY,
    BOOL,
    FLOAT,
    INT,
    NOTHING,
    NULL,
    NUMBER,
    SCALARS,
    TEXT,
    Type,
    join,
    list_of,
    object_of,
    of,
    type_of_schema,
    type_of_value,
)

__all__ = [
    "ANY", "BOOL", "FLOAT", "INT", "NOTHING", "NULL", "NUMBER", "TEXT", "Finding", "FunctionTypes",
    "Inference", "Inferred", "Type", "infer", "join", "list_of", "never_equal", "object_of", "of",
    "type_of_schema", "type_of_value",
]  # fmt: skip

#: How often the bodies of functions are inferred for one document, and how deep in one another.
_CALLS: Final = 2_000
_NESTED: Final = 20


class Inferred(NamedTuple):
    """What is known of an expression. ``findings`` are certain to fail whenever it is evaluated;
    ``doubts`` are comparisons that can have one outcome only."""

    type: Type
    findings: list[Finding]
    doubts: list[str]


def infer(
    ir: IR,
    env: Mapping[str, Type],
    functions: FunctionTypes | None = None,
    locals_: Sequence[Type] = (),
) -> Inferred:
    """The type of an expression, and what is certain to fail in it.

    ``env``: types of variables by name (a name that is not there may be anything); ``locals_``:
    those of the first locals (parameters, the event).
    """
    inference = Inference(env, functions)
    inference.locals.update(enumerate(locals_))
    return inference.infer(ir)


class FunctionTypes:
    """What the document's functions give and refuse, by the types of what they are given.

    Bodies are inferred anew for arguments of other types, up to a budget; past it, and inside a
    call of itself, a function may give anything.
    """

    __slots__ = ("_bodies", "_general", "_known", "_left", "_open")

    def __init__(self, bodies: Mapping[str, IR]) -> None:
        self._bodies = bodies
        self._known: dict[tuple[str, tuple[Type, ...]], tuple[Type, Finding | None]] = {}
        #: What is wrong with a body whatever it is given; that is reported where it stands.
        self._general: dict[str, list[Finding]] = {}
        self._open: set[str] = set()
        self._left = _CALLS

    def call(self, name: str, args: tuple[Type, ...]) -> tuple[Type, Finding | None]:
        """(type of the result, what fails inside for arguments of these types)."""
        body = self._bodies.get(name)
        if body is None or name in self._open or len(self._open) >= _NESTED:
            return ANY, None
        key = (name, args)
        if key not in self._known:
            if self._left <= 0:
                return ANY, None
            self._left -= 1
            self._known[key] = self._call(name, body, args)
        return self._known[key]

    def _call(self, name: str, body: IR, args: tuple[Type, ...]) -> tuple[Type, Finding | None]:
        self._open.add(name)
        try:
            if name not in self._general:
                self._general[name] = infer(body, {}, self).findings
            inference = _Inference({}, self, strict=True)
            inference.locals.update(enumerate(args))
            type_ = inference.of(body)
        finally:
            self._open.discard(name)
        own = [f for f in inference.findings if f not in self._general[name]]
        return type_, own[0] if own else None


class _Inference(Operators):
    """Walks over expressions that see the same names, one after the other.

    ``parts``: types of inserts in texts, by id, in which nothing was found. They hold as long as
    the types of the names that they read.
    """

    __slots__ = ("env", "functions", "locals", "parts")

    def __init__(
        self, env: Mapping[str, Type], functions: FunctionTypes | None, *, strict: bool = False
    ) -> None:
        super().__init__(strict=strict)
        self.env = env
        self.functions = functions
        self.locals: dict[int, Type] = {}
        self.parts: dict[int, Type] = {}

    def perhaps(self, ir: IR) -> Type:
        """The type of a part that may never be evaluated."""
        self.guarded += 1
        found = self.of(ir)
        self.guarded -= 1
        return found

    def of(self, ir: IR) -> Type:
        tag = ir[0]
        if tag == "name":
            return self.env.get(ir[1], ANY)
        if tag == "const":
            return SCALARS.get(type(ir[1])) or type_of_value(ir[1])
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
            if key[0] != "const" or type(key[1]) is not str:
                self.expect(self.of(key), ("text",), "the key of an object")
            if key[0] == "const":
                fields[key[1]] = self.of(value)
            else:
                self.of(value)
                closed = False
        # A computed key may be any of the others once more.
        return object_of(fields) if closed else of("object")

    def item(self, ir: IR) -> Type:
        of = ir[1]
        holder = self.env.get(of[1], ANY) if of[0] == "name" else self.of(of)
        literal = None
        if ir[2][0] != "const":
            key = self.of(ir[2])
        elif holder is ANY:  # most are the fields of what a call gave
            return ANY
        else:
            literal = ir[2][1]
            key = type_of_value(literal)
        if holder is ANY:
            return ANY
        holders = holder.kinds
        if not holders:
            return NOTHING
        if "text" in key.kinds and "object" in holders:
            if type(literal) is not str:
                return ANY
            inner = holder.field(literal)
            if inner is not None:
                return inner
            if "int" not in key.kinds or not holders & {"list", "text"}:
                hint = did_you_mean(literal, holder.fields or ())
                return self.report(f"the object has no key `{literal}`", hint, code="RUNE-2011")
        if "int" in key.kinds and holders & {"list", "text"}:
            element = holder.element if holder.element is not None else ANY
            return element if "text" not in holders else ANY
        if holders == {"null"}:
            return self.report("null has no keys or elements", None, holder)
        if holders <= {"object"}:
            return self.report(f"the key of an object must be text, is {key.describe()}", None, key)
        if holders <= {"list", "text"}:
            hint = None
            if type(literal) is str:
                hint = "a list is read with [0], or in a comprehension"
            return self.report(
                f"the index of {holder.describe()} must be int, is {key.describe()}", hint, key
            )
        if not holders & {"list", "text", "object"}:
            return self.report(f"{holder.describe()} has no keys or elements", None)
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
        tag, left, right = ir
        a = self.env.get(left[1], ANY) if left[0] == "name" else self.of(left)
        b = self.env.get(right[1], ANY) if right[0] == "name" else self.of(right)
        return self.computed(tag, a, b, right)

    def concat(self, ir: IR) -> Type:
        return self.joined(self.of(ir[1]), self.of(ir[2]), ir[2])

    def sign(self, ir: IR) -> Type:
        return self.signed(ir[0], self.of(ir[1]))

    def negation(self, ir: IR) -> Type:
        self.of(ir[1])
        return BOOL

    def connect(self, ir: IR) -> Type:
        found = self.of(ir[1][0])
        for part in ir[1][1:]:
            found = join(found, self.perhaps(part))
        return found

    def choose(self, ir: IR) -> Type:
        self.of(ir[1])
        return join(self.perhaps(ir[2]), self.perhaps(ir[3]))

    def compare(self, ir: IR) -> Type:
        left = self.of(ir[1])
        for number, (op, part) in enumerate(ir[2]):
            right = self.of(part) if number == 0 else self.perhaps(part)
            if left is ANY and right is ANY:
                pass
            elif op in ("==", "!="):
                self.equality(op, left, right)
            elif op in ("in", "not-in"):
                self.membership(op, left, right)
            else:
                self.order(op, left, right)
            left = right
        return BOOL

    # --- calls --------------------------------------------------------------------------------

    def call(self, ir: IR) -> Type:
        row = FUNCTIONS[ir[1]]
        args = [self.of(arg) for arg in ir[2]]
        takes = kinds_taken(row.name)
        for i, arg in enumerate(args):
            if arg is ANY:
                continue
            number = min(i, len(takes) - 1)
            allowed = takes[number]
            if allowed is not None and arg.kinds and arg.kinds.isdisjoint(allowed):
                parameter = row.params[number]
                self.report(
                    f"{row.name} takes {' or '.join(parameter.types)} as `{parameter.name}`, "
                    f"not {arg.describe()}",
                    row.signature,
                    arg,
                )
        return result_of(row, ir, args)

    def user_call(self, ir: IR) -> Type:
        args = tuple([self.of(arg) for arg in ir[2]])
        if self.functions is None:
            return ANY
        found, problem = self.functions.call(str(ir[1]), args)
        if problem is not None:
            code, message, hint = problem
            given = ", ".join(arg.describe() for arg in args)
            self.report(f"`{ir[1]}` cannot take {given}: {message}", hint, *args, code=code)
        return found

    def text(self, ir: IR) -> Type:
        for part in ir[1]:
            if part[0] == "const" and type(part[1]) is str:
                continue
            found = self.parts.get(id(part))
            if found is None:
                found = self.of(part)
                if not self.findings and not self.doubts and not self.guarded:
                    self.parts[id(part)] = found
            self.inserted(found)
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
                self.report(error.message, None)
        else:
            self.expect(found, ("text", "int"), what)
        return INT

    # --- comprehensions -----------------------------------------------------------------------

    def comprehension(self, ir: IR) -> Type:
        for number, (targets, over, conditions) in enumerate(ir[-1]):
            found = self.of(over) if number == 0 else self.perhaps(over)
            if found.kinds and not found.kinds & {"list", "object"}:
                hint = "split it first" if found.kinds == {"text"} else None
                message = f"cannot iterate over {found.describe()}, only over a list"
                self.report(message, hint, found)
            element = found.element if found.kinds == {"list"} and found.element else ANY
            if len(targets) == 1:
                self.locals[targets[0]] = element
            else:
                self.guarded += 1  # there may be no elements
                self.expect(element, ("list",), "what is unpacked")
                self.guarded -= 1
                for target in targets:
                    self.locals[target] = ANY
            for condition in conditions:
                self.perhaps(condition)
        if ir[0] == "listcomp":
            return list_of(self.perhaps(ir[1]))
        key = self.perhaps(ir[1])
        self.guarded += 1
        self.expect(key, ("text",), "the key of an object")
        self.guarded -= 1
        self.perhaps(ir[2])
        return of("object")


class Inference(_Inference):
    """Infers expressions that see the same names, one after the other."""

    def infer(self, ir: IR) -> Inferred:
        """What is known of one more expression."""
        inferred = Inferred(self.of(ir), self.findings, self.doubts)
        self.findings, self.doubts = [], []
        return inferred


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
    **dict.fromkeys(SYMBOLS, _Inference.arithmetic),
}
