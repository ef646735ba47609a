"""What operators make of the types they are given, and what of it is certain to fail.

``types.py`` walks an expression and asks here; nothing in this file knows of
expressions, but for the literal that something is divided by.
"""

from __future__ import annotations

from typing import Final

from ..model.ast import IR
from .result_types import kinds_of_arithmetic
from .shapes import ANY, NOTHING, TEXT, Type, join, of_kinds

#: (code, message, hint).
Finding = tuple[str, str, str | None]
NUMBERS: Final = frozenset(("int", "float"))
_DIVISIONS: Final = frozenset(("div", "floordiv", "mod"))
_NULL: Final = frozenset(("null",))
#: Kinds that have an order, each in itself; numbers have one in common.
_ORDERED: Final = frozenset(("text", "bool"))
_NO_TEXT: Final = ("null cannot go into a text", "use coalesce(x, 'other')")
SYMBOLS: Final = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "floordiv": "//", "mod": "%", "pow": "**",
}  # fmt: skip


def never_equal(left: Type, right: Type) -> bool:
    """Whether no value of one type equals one of the other. Null is left out: asking for it is how
    one makes sure."""
    a, b = left.kinds, right.kinds
    if not a or not b or not a.isdisjoint(b) or _NULL in (a, b):
        return False
    return a.isdisjoint(NUMBERS) or b.isdisjoint(NUMBERS)


class Operators:
    """The rules, with what was found by them.

    ``guarded`` counts the places around that may never be evaluated (branches of a condition, the
    right of an ``and``, the body of a comprehension). There null is expected: that is what most
    conditions ask for. ``strict``: nothing is reported there at all, because a function may well
    do something else for values of another type.
    """

    __slots__ = ("doubts", "findings", "guarded", "strict")

    def __init__(self, *, strict: bool) -> None:
        self.findings: list[Finding] = []
        self.doubts: list[str] = []
        self.guarded = 0
        self.strict = strict

    def report(self, message: str, hint: str | None, *on: Type, code: str = "RUNE-2010") -> Type:
        """Note what fails; ``on``: the types it fails on."""
        if self.guarded and (self.strict or any(type_.kinds == _NULL for type_ in on)):
            return ANY
        finding = (code, message, hint)
        if finding not in self.findings:
            self.findings.append(finding)
        return ANY

    def expect(self, found: Type, kinds: tuple[str, ...], what: str) -> None:
        """Report a type that can be none of these kinds."""
        if found.kinds and found.kinds.isdisjoint(kinds):
            self.report(f"{what} must be {' or '.join(kinds)}, is {found.describe()}", None, found)

    def computed(self, tag: str, a: Type, b: Type, divisor: IR) -> Type:
        """What arithmetic with two operands gives; ``divisor``: the right one as it is written."""
        if not a.kinds or not b.kinds:
            return NOTHING
        if (
            tag in _DIVISIONS
            and divisor[0] == "const"
            and divisor[1] == 0
            and not a.kinds.isdisjoint(NUMBERS)
            and not b.kinds.isdisjoint(NUMBERS)
        ):
            return self.report("division by zero", None)
        results = kinds_of_arithmetic(tag, a.kinds, b.kinds)
        if not results:
            hint = None
            if tag == "add" and "text" in a.kinds | b.kinds:
                hint = "write a text with ${...}, or use str(...)"
            return self.report(
                f"`{SYMBOLS[tag]}` cannot take {a.describe()} and {b.describe()}", hint, a, b
            )
        element = None
        if "list" in results:
            element = a.element if tag == "mul" else join(a, b).element
        return of_kinds(results) if element is None else Type(results, element)

    def equality(self, op: str, left: Type, right: Type) -> None:
        """Doubt a comparison of what can never be equal."""
        if not never_equal(left, right):
            return
        outcome = "false" if op in ("==", "in") else "true"
        self.doubts.append(
            f"this is always {outcome}: {left.describe()} never equals {right.describe()}"
        )

    def joined(self, a: Type, b: Type, right: IR) -> Type:
        """What a `+` gives that also joins texts, as the graph form has it."""
        if {"text"} in (a.kinds, b.kinds):
            if {"null"} in (a.kinds, b.kinds):
                self.report(*_NO_TEXT, a, b)
            return TEXT
        if "text" in a.kinds or "text" in b.kinds:
            return ANY
        return self.computed("add", a, b, right)

    def signed(self, tag: str, a: Type) -> Type:
        """What ``neg`` or ``pos`` gives."""
        if a.kinds and not a.kinds & NUMBERS:
            symbol = "-" if tag == "neg" else "+"
            return self.report(f"`{symbol}` cannot take {a.describe()}", None, a)
        return a.only(NUMBERS)

    def inserted(self, part: Type) -> None:
        """Report null where it goes into a text."""
        if part.kinds == _NULL:
            self.report(*_NO_TEXT, part)

    def membership(self, op: str, left: Type, right: Type) -> None:
        """Report an ``in`` that cannot look into what stands on its right."""
        if right.kinds and not right.kinds & {"list", "object", "text"}:
            message = f"`in` needs a list, an object or a text on its right, not {right.describe()}"
            self.report(message, None, right)
        elif right.kinds and right.kinds <= {"object", "text"}:
            self.expect(left, ("text",), "what is looked for in an object or a text")
        elif right.kinds == {"list"} and right.element is not None:
            self.equality(op, left, right.element)

    def order(self, op: str, left: Type, right: Type) -> None:
        """Report an order of two that have none."""
        a, b = left.kinds, right.kinds
        if not a or not b or not (a.isdisjoint(NUMBERS) or b.isdisjoint(NUMBERS)):
            return
        if a & b & _ORDERED:
            return
        message = f"`{op}` cannot order {left.describe()} and {right.describe()}"
        self.report(message, None, left, right)
