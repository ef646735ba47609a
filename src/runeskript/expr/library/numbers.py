"""Numbers: counting, rounding, conversion."""

from __future__ import annotations

import math
import re
from functools import partial, reduce
from operator import add as plus
from typing import Any

from ...model.limits import INT_BITS, INT_DIGITS
from ...model.values import type_name
from ..faults import bad_value, fault, int_limit, wrong_type
from ..ops import gt, lt, overflow
from ..runtime import Context, burn, fit
from ..show import to_text
from .table import Function, function, need_int, need_list, need_number, refuse

ROWS: dict[str, Function] = {}
_row = partial(function, ROWS, "Numbers")

_NUMBERS = frozenset((int, float))
_INT = re.compile(r"[+-]?[0-9]+", re.ASCII)
#: A number as JSON writes it, a leading + and leading zeros allowed.
_FLOAT = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)


@_row("abs(x: int|float) -> int|float", ("abs(-3)", 3), ("abs(-0.5)", 0.5), wide=True)
def abs_(c: Context, x: Any) -> Any:
    """The number without its sign."""
    return abs(need_number("abs", x))


def _extreme(name: str, c: Context, first: Any, rest: tuple[Any, ...], better: Any) -> Any:
    values = need_list(name, first) if not rest else (first, *rest)
    if not values:
        raise bad_value(f"{name} of an empty list")
    burn(c, len(values) >> 2)
    kinds = set(map(type, values))
    if kinds <= _NUMBERS or kinds == {str}:
        return min(values) if name == "min" else max(values)
    best = values[0]
    better(best, best, c)
    for value in values[1:]:
        if better(value, best, c):
            best = value
    return best


@_row(
    "min(first: any, rest...: any) -> any",
    ("min([3, 1, 2])", 1),
    ("min(4, 2.5)", 2.5),
    ("min('b', 'a')", "a"),
    wide=True,
)
def min_(c: Context, first: Any, *rest: Any) -> Any:
    """The smallest of a list, or of two or more arguments; numbers or texts, never mixed. Of equal
    ones the first. An empty list is an error `value`."""
    return _extreme("min", c, first, rest, lt)


@_row(
    "max(first: any, rest...: any) -> any",
    ("max([3, 1, 2])", 3),
    ("max(4, 2.5)", 4),
    ("max('b', 'a')", "b"),
    wide=True,
)
def max_(c: Context, first: Any, *rest: Any) -> Any:
    """The largest of a list, or of two or more arguments; see `min`."""
    return _extreme("max", c, first, rest, gt)


@_row(
    "sum(list: list, start: int|float = 0) -> int|float",
    ("sum([1, 2, 3])", 6),
    ("sum([0.1, 0.2, 0.3])", 0.6000000000000001),
    ("sum([])", 0),
    wide=True,
)
def sum_(c: Context, values: Any, start: Any = 0) -> Any:
    """The sum of numbers, added from left to right, beginning with `start`."""
    need_list("sum", values)
    need_number("sum", start)
    burn(c, len(values) >> 2)
    kinds = set(map(type, values))
    if kinds <= {int} and type(start) is int:
        return sum(values, start)
    if not kinds <= _NUMBERS:
        odd = next(v for v in values if type(v) not in _NUMBERS)
        raise wrong_type(f"sum takes a list of numbers, not of {type_name(odd)}")
    try:
        total = reduce(plus, values, start)
    except OverflowError:
        overflow()
    # inf and nan never turn back into numbers under +, so one check at the end is enough.
    return total if math.isfinite(total) else overflow()


@_row(
    "round(x: int|float, digits: int = null) -> int|float",
    ("round(2.5)", 2),
    ("round(3.14159, 2)", 3.14),
    ("round(1250, -2)", 1200),
    wide=True,
)
def round_(c: Context, x: Any, digits: Any = None) -> Any:
    """The nearest int, or with `digits` the nearest number with that many decimals (of the same
    type); ties go to the even neighbour."""
    need_number("round", x)
    if digits is None:
        return round(x)
    places = max(-400, min(400, need_int("round", digits)))
    if type(x) is int and places < -int(INT_BITS * 0.30103):
        return 0
    try:
        result = round(x, places)
    except OverflowError:
        overflow()
    return result if type(result) is int or math.isfinite(result) else overflow()


@_row("floor(x: int|float) -> int", ("floor(2.7)", 2), ("floor(-2.1)", -3), wide=True)
def floor(c: Context, x: Any) -> int:
    """The largest int that is not greater."""
    number: float = need_number("floor", x)
    return math.floor(number)


@_row("ceil(x: int|float) -> int", ("ceil(2.1)", 3), ("ceil(-2.7)", -2), wide=True)
def ceil(c: Context, x: Any) -> int:
    """The smallest int that is not less."""
    number: float = need_number("ceil", x)
    return math.ceil(number)


@_row("trunc(x: int|float) -> int", ("trunc(2.7)", 2), ("trunc(-2.7)", -2), wide=True)
def trunc(c: Context, x: Any) -> int:
    """The int towards zero."""
    number: float = need_number("trunc", x)
    return math.trunc(number)


@_row("sqrt(x: int|float) -> float", ("sqrt(16)", 4.0), ("sqrt(2)", 1.4142135623730951), wide=True)
def sqrt(c: Context, x: Any) -> float:
    """The square root, correctly rounded (IEEE 754); of a negative number an error `value`."""
    if need_number("sqrt", x) < 0:
        raise bad_value("sqrt of a negative number")
    try:
        return math.sqrt(x)
    except OverflowError:
        overflow()


@_row(
    "int(x: int|float|text|bool) -> int",
    ("int(2.9)", 2),
    ("int('42')", 42),
    ("int(true)", 1),
    wide=True,
)
def int_(c: Context, x: Any) -> int:
    """The int of a number (cut towards zero), of a bool, or of a text of decimal digits."""
    kind = type(x)
    if kind is int or kind is float or kind is bool:
        return int(x)
    if kind is not str:
        raise refuse("int", "a number, a bool or a text", x)
    text = x.strip() if len(x) < 1_000 else x
    if not _INT.fullmatch(text):
        raise bad_value("int: the text is no whole number")
    if len(text) > INT_DIGITS + 1:
        raise int_limit("the integer does not fit 64 bits")
    return int(fit(int(text)))


@_row(
    "float(x: int|float|text|bool) -> float",
    ("float(2)", 2.0),
    ("float('2.5e3')", 2500.0),
    wide=True,
)
def float_(c: Context, x: Any) -> float:
    """The float of a number, of a bool, or of a text that is a decimal number."""
    kind = type(x)
    if kind is float:
        return float(x)
    if kind is int or kind is bool:
        try:
            return float(x)
        except OverflowError:
            overflow()
    if kind is not str:
        raise refuse("float", "a number, a bool or a text", x)
    text = x.strip() if len(x) < 1_000 else x
    if len(text) > 400 or not _FLOAT.fullmatch(text):
        raise bad_value("float: the text is no decimal number")
    result = float(text)
    return result if math.isfinite(result) else overflow()


@_row("bool(x: any) -> bool", ("bool([])", False), ("bool('no')", True), wide=True)
def bool_(c: Context, x: Any) -> bool:
    """Truth as conditions see it: null, false, 0, and empty texts, lists and objects are false."""
    return bool(x)


@_row(
    "str(x: any) -> text",
    ("str(1.0)", "1.0"),
    ("str(true)", "true"),
    ("str([1, 'a'])", '[1,"a"]'),
    ("str(null)", "null"),
)
def str_(c: Context, x: Any) -> str:
    """The value as text, as `${...}` writes it: a text as it is, all else as compact JSON."""
    return "null" if x is None else to_text(x, c)


@_row("type(x: any) -> text", ("type(1)", "int"), ("type({})", "object"), wide=True)
def type_(c: Context, x: Any) -> str:
    """The name of a value's type: null, bool, int, float, text, list or object."""
    return type_name(x)


@_row(
    "fixed(x: int|float, digits: int) -> text",
    ("fixed(2.5, 2)", "2.50"),
    ("fixed(7, 1)", "7.0"),
    ("fixed(-0.005, 1)", "-0.0"),
)
def fixed(c: Context, x: Any, digits: Any) -> str:
    """The number as text with exactly `digits` (0 to 100) decimals."""
    need_number("fixed", x)
    if not 0 <= need_int("fixed", digits) <= 100:
        raise bad_value("fixed: digits must be from 0 to 100")
    if type(x) is int:
        return f"{x}.{'0' * digits}" if digits else str(x)
    return f"{x:.{digits}f}"


@_row(
    "clamp(x: int|float, low: int|float, high: int|float) -> int|float",
    ("clamp(12, 0, 10)", 10),
    ("clamp(-1, 0, 10)", 0),
)
def clamp(c: Context, x: Any, low: Any, high: Any) -> Any:
    """`x`, but at least `low` and at most `high`."""
    for value in (x, low, high):
        need_number("clamp", value)
    if low > high:
        raise fault("value", "clamp: low is greater than high")
    return low if x < low else high if x > high else x
