"""Moulds: how the expressions of one shape are put together from their operands.

The *shape* of an expression is what is left of it when the class of each operand stands in its
place: operators, brackets, functions. ``count * 2 + n`` and ``a.b * 10 + c`` have one shape.
Documents of ten thousand expressions have a few hundred. The grammar is gone through once for each,
here; what comes out is a *mould*, which takes the operands of every expression of that shape.

What a text is made of is the business of ``simple.py``; nothing here knows the words of operands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from operator import itemgetter
from typing import Any, Final, Literal

from ..model.records import mutable
from .functions import FUNCTIONS

#: Classes of operands (they end with a blank, which no word does): a variable and its keys, a
#: number, another constant; ``.key`` behind a bracket; a local given from outside, one that a
#: comprehension binds, the word that binds it; a word that stands for nothing simple.
VARIABLE: Final = "variable "
NUMBER: Final = "number "
CONSTANT: Final = "constant "
KEY: Final = "key "
LOCAL: Final = "local "
BOUND: Final = "bound "
TARGET: Final = "target "
OTHER: Final = "other "
#: Stands behind the last word; nothing begins with it.
_END: Final = "end "

#: What can be an operand by itself.
_PLAIN: Final = frozenset((VARIABLE, NUMBER, CONSTANT, LOCAL, BOUND))
_OPERANDS: Final = _PLAIN | {KEY, TARGET, OTHER}
_CONSTANTS: Final = frozenset((NUMBER, CONSTANT))

_TERNARY, _OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _SIGN, _POWER = range(9)
#: How tightly an operator binds.
_BINDS: Final = {
    "if": _TERNARY,
    "or": _OR,
    "and": _AND,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in", "not"), _COMPARE),
    **dict.fromkeys("+-", _SUM),
    **dict.fromkeys(("*", "/", "//", "%"), _PRODUCT),
    "**": _POWER,
}
_BINARY: Final = frozenset((_SUM, _PRODUCT))
_TAGS: Final = {
    "+": "add", "-": "sub", "*": "mul", "/": "div", "//": "floordiv", "%": "mod",
}  # fmt: skip

#: A plan is an IR with numbers of operands in the places of their IRs. These two are its own: a
#: number with its sign changed, and a list of constants, which is one itself.
Plan = Any
_NEGATIVE: Final = "negative "
_LIST: Final = "list of constants "

#: The IRs of the operands, in the order of the text -> that of the whole.
Maker = Callable[[Sequence[Any]], Any]
Kind = Literal["variable", "function"]
#: Names in a shape, in order: see ``Mould.uses``.
Uses = tuple[tuple[int, int, str, Kind], ...]


@mutable
class Mould:
    """What all expressions of a shape have in common. Each is one of its kind, and a key by that.

    ``make``: the IR from those of the operands; ``uses``: the names in it in order, as (operand,
    characters from where it begins, name of a function of the document, "variable" | "function");
    ``bound``: the operand that a comprehension binds; ``words``: how many there are; ``used``: from
    the names of the operands ("": has none) to those of ``uses``, as ``Parsed.used`` has them.
    """

    make: Maker
    uses: Uses
    bound: int | None
    words: int
    used: Callable[[Sequence[str]], tuple[str, ...]]


class _OtherError(Exception):
    """Words in this order are not simple, or are wrong."""


def mould_of(words: Sequence[str], places: Sequence[int], starts: Sequence[int]) -> Mould | None:
    """The mould of a shape. None where the full reader has to look.

    ``words``: classes of operands, and all other words as they are (the name of a function with its
    bracket); ``places``: where each begins in one text of this shape; ``starts``: where each
    operand does, and at last where the text ends.
    """
    reader = _Reader([*words, _END])
    try:
        plan = reader.whole()
    except _OtherError:
        return None
    uses: list[tuple[int, int, str, Kind]] = []
    for word, place, number in zip(words, places, reader.numbers, strict=False):
        if word == VARIABLE:
            uses.append((number, 0, "", "variable"))
        elif word[-1] == "(" and len(word) > 1 and word[:-1] not in FUNCTIONS:
            uses.append((number, place - starts[number], word[:-1], "function"))
    return Mould(_maker(plan), tuple(uses), reader.bound, len(words), _used(uses))


def _used(uses: list[tuple[int, int, str, Kind]]) -> Callable[[Sequence[str]], tuple[str, ...]]:
    """``Mould.used``: variables first, since order does not matter there."""
    functions = tuple([name + "(" for _, _, name, kind in uses if kind == "function"])
    numbers = [number for number, _, _, kind in uses if kind == "variable"]
    if not numbers:
        return lambda names: functions
    if len(numbers) == 1:
        (only,) = numbers
        return lambda names: (names[only], *functions)
    several: Callable[[Sequence[str]], tuple[str, ...]] = itemgetter(*numbers)
    if functions:
        return lambda names: several(names) + functions
    return several


class _Reader:
    """Precedence climbing over the words of one shape."""

    __slots__ = ("at", "bound", "numbers", "operands", "seen", "words")

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.at = 0
        #: The classes of the operands, and for each word the number of the first that is not before
        #: it.
        self.operands = [word for word in words if word in _OPERANDS]
        self.numbers = list(accumulate([word in _OPERANDS for word in words], initial=0))
        #: The operand that a comprehension binds, and words between which that means something.
        self.bound: int | None = None
        self.seen: list[range] = []

    def whole(self) -> Plan:
        """All words are one expression, and a bound name stands only where it is bound."""
        plan = self.read(_TERNARY)
        if self.at != len(self.words) - 1:
            raise _OtherError
        for number, word in enumerate(self.words):
            if word == BOUND and not any(number in part for part in self.seen):
                raise _OtherError
        return plan

    def read(self, least: int) -> Plan:
        """An operand, and all operators behind it that bind as tightly as ``least`` at least."""
        words = self.words
        left = self.operand(least)
        while True:
            word = words[self.at]
            binds = _BINDS.get(word, -1)
            if binds < least:
                return left
            if binds in _BINARY:
                self.at += 1
                left = (_TAGS[word], left, self.read(binds + 1))
            elif binds == _COMPARE:
                left = self.compare(left)
            elif binds == _POWER:
                self.at += 1
                left = ("pow", left, self.read(_SIGN))
            elif binds == _TERNARY:
                self.at += 1
                condition = self.read(_OR)
                self.expect("else")
                return ("ifelse", condition, left, self.read(_TERNARY))
            else:
                parts = [left]
                while words[self.at] == word:
                    self.at += 1
                    parts.append(self.read(binds + 1))
                left = (word, tuple(parts))

    def compare(self, left: Plan) -> Plan:
        """A chain of comparisons."""
        words = self.words
        rest = []
        while _BINDS.get(word := words[self.at]) == _COMPARE:
            self.at += 1
            if word == "not":
                self.expect("in")
                word = "not-in"
            rest.append((word, self.read(_SUM)))
        return ("compare", left, tuple(rest))

    def expect(self, word: str) -> None:
        """Pass a word that has to stand here."""
        if self.words[self.at] != word:
            raise _OtherError
        self.at += 1

    # --- operands ------------------------------------------------------------------------------
    def operand(self, least: int) -> Plan:
        """A name, a constant, a list, a call or what stands in brackets, and the keys behind it."""
        at = self.at
        word = self.words[at]
        self.at += 1
        if word in _PLAIN:
            out: Plan = self.numbers[at]
        elif word == "(":
            out = self.read(_TERNARY)
            self.expect(")")
        elif word == "[":
            out = self.list()
        elif word == "not":
            if least > _NOT:
                raise _OtherError
            return ("not", self.read(_NOT))
        elif word == "-" or word == "+":
            return self.sign("neg" if word == "-" else "pos")
        elif word[-1] == "(":
            out = self.call(word[:-1])
        else:
            raise _OtherError
        return self.keys(out)

    def is_constant(self, plan: Plan) -> bool:
        """Whether what a plan makes is a constant."""
        if type(plan) is int:
            return self.operands[plan] in _CONSTANTS
        return bool(plan[0] in (_NEGATIVE, _LIST))

    def sign(self, tag: str) -> Plan:
        """A sign; before a number it is a part of it."""
        is_number = self.words[self.at] == NUMBER
        value = self.read(_SIGN)
        if tag == "pos" or not self.is_constant(value):
            return (tag, value)
        if not is_number:  # -(1) and -true: rare, and not the same
            raise _OtherError
        return (_NEGATIVE, value)

    def keys(self, value: Plan) -> Plan:
        """``[...]`` and ``.key`` behind a value."""
        while True:
            word = self.words[self.at]
            if word == "[":
                self.at += 1
                value = ("item", value, self.read(_TERNARY))
                self.expect("]")
            elif word == KEY:
                value = ("item", value, self.numbers[self.at])
                self.at += 1
            else:
                return value

    def call(self, name: str) -> Plan:
        """A call of a function of the language or of the document."""
        arguments = self.several(")")
        self.expect(")")
        row = FUNCTIONS.get(name)
        if row is None:
            return ("ucall", name, arguments)
        if len(arguments) < row.least or (row.most is not None and len(arguments) > row.most):
            raise _OtherError
        return ("call", row.name, arguments)

    def several(self, close: str) -> tuple[Plan, ...]:
        """Expressions between commas, up to where the closing bracket stands, or a ``for`` behind
        the first."""
        words = self.words
        parts: list[Plan] = []
        while words[self.at] != close:
            parts.append(self.read(_TERNARY))
            word = words[self.at]
            if word == "for" and len(parts) == 1 and close == "]":
                break
            if word != close:
                self.expect(",")
        return tuple(parts)

    def list(self) -> Plan:
        """A list, or a list comprehension."""
        start = self.at
        parts = self.several("]")
        if self.words[self.at] == "for":
            return self.comprehension(start, parts[0])
        self.expect("]")
        if all(map(self.is_constant, parts)):
            return (_LIST, parts)
        return ("list", parts)

    def comprehension(self, start: int, value: Plan) -> Plan:
        """``[... for x in ... if ...]``; ``value`` is what begins at ``start``."""
        self.seen.append(range(start, self.at))
        self.at += 1
        target = self.numbers[self.at]
        if self.bound is not None:
            raise _OtherError
        self.bound = target
        self.expect(TARGET)
        self.expect("in")
        over = self.read(_OR)
        start = self.at
        conditions = []
        while self.words[self.at] == "if":
            self.at += 1
            conditions.append(self.read(_OR))
        self.seen.append(range(start, self.at))
        self.expect("]")
        return ("listcomp", value, (((target,), over, tuple(conditions)),))


# --- from a plan to a function ------------------------------------------------------------------
def _maker(plan: Plan) -> Maker:
    """What a plan makes of the IRs of the operands. Most nodes have two parts or one, and many of
    those are operands: these are written out."""
    if type(plan) is int:
        return itemgetter(plan)
    if plan[0] == _NEGATIVE:
        number = plan[1]
        return lambda irs: ("const", -irs[number][1])
    if plan[0] == _LIST:
        elements = [_maker(part) for part in plan[1]]
        return lambda irs: ("const", [make(irs)[1] for make in elements])
    if _is_fixed(plan):
        return lambda irs: plan
    tag = plan[0]
    if _is_fixed(tag):
        if len(plan) == 2:
            only = _maker(plan[1])
            return lambda irs: (tag, only(irs))
        if len(plan) == 3 and not _is_fixed(plan[2]):
            return _of_three(tag, plan[1], plan[2])
    makers = [_fixed(part) if _is_fixed(part) else _maker(part) for part in plan]
    if len(makers) == 1:
        (only,) = makers
        return lambda irs: (only(irs),)
    if len(makers) == 2:
        first, second = makers
        return lambda irs: (first(irs), second(irs))
    return lambda irs: tuple([make(irs) for make in makers])


def _of_three(tag: Any, left: Plan, right: Plan) -> Maker:
    """``_maker`` of a tag and two operands, the first of which may be fixed (the function of a
    call)."""
    if _is_fixed(left):
        last = _maker(right)
        return lambda irs: (tag, left, last(irs))
    if type(left) is int and type(right) is int:
        return lambda irs: (tag, irs[left], irs[right])
    if type(right) is int:
        first = _maker(left)
        return lambda irs: (tag, first(irs), irs[right])
    first, last = _maker(left), _maker(right)
    return lambda irs: (tag, first(irs), last(irs))


def _fixed(part: Any) -> Maker:
    return lambda irs: part


def _is_fixed(plan: Plan) -> bool:
    """Whether a part of a plan is the same whatever the operands are."""
    if type(plan) is tuple:
        return all(map(_is_fixed, plan)) and (not plan or plan[0] not in (_NEGATIVE, _LIST))
    return type(plan) is not int
