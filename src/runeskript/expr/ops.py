"""The checked operators: the meaning of every operator of the language, one function each.

Generated code calls these wherever it cannot prove that the host's own operator means the same.
Differences from Python: a bool is no number, ``1 == true`` is false (deep inside containers too),
ordering across types is an error, powers are computed the same on every platform, sizes are
bounded, floats stay finite. Every function takes the context last, to charge for long operands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NoReturn

from ..errors import StepError
from ..model.limits import COLLECTION, INT_BITS, TEXT
from ..model.values import type_name
from .faults import bad_value, fault, int_limit, too_big, wrong_type
from .runtime import Context, measure, spend
from .show import to_text

_NUMBERS = frozenset((int, float))


def _operands(symbol: str, a: Any, b: Any) -> StepError:
    left, right = type_name(a), type_name(b)
    hint = ""
    if "bool" in (left, right) and {left, right} <= {"bool", "int", "float"}:
        hint = "; a bool is no number"
    elif symbol == "+" and "text" in (left, right):
        hint = "; write a text with ${...}, or use str(...)"
    return wrong_type(f"`{symbol}` cannot take {left} and {right}{hint}")


def overflow(_value: Any = None) -> NoReturn:
    """Raise ``math.overflow``: a float result that is not finite."""
    raise fault("math.overflow", "the result is not a finite number")


def _finite(value: float) -> float:
    # inf - inf and nan - nan are nan, which equals nothing.
    if value - value == 0.0:
        return value
    overflow()


def _bits(value: int) -> int:
    if value.bit_length() > INT_BITS:
        raise int_limit(f"an integer past {INT_BITS} bits")
    return value


def _number(value: Any) -> Any:
    return _bits(value) if type(value) is int else _finite(value)


# --- arithmetic -------------------------------------------------------------------------------


def add(a: Any, b: Any, c: Context) -> Any:
    """Numbers, or two texts, or two lists."""
    kind = type(a)
    if kind is type(b):
        if kind is float:
            return _finite(a + b)
        if kind is int:
            return _bits(a + b)
        if kind is str:
            size = len(a) + len(b)
            if size > TEXT:
                raise too_big(f"a text may have at most {TEXT} characters")
            spend(c, size >> 8)
            return a + b
        if kind is list:
            size = len(a) + len(b)
            if size > COLLECTION:
                raise too_big(f"a list may have at most {COLLECTION} elements")
            spend(c, size >> 3)
            return a + b
    elif kind in _NUMBERS and type(b) in _NUMBERS:
        return _mixed(a, b, "+")
    raise _operands("+", a, b)


def concat(a: Any, b: Any, c: Context) -> Any:
    """``+`` of the graph form: joins text as soon as one operand is text."""
    if type(a) is str or type(b) is str:
        return add(to_text(a, c), to_text(b, c), c)
    return add(a, b, c)


def _mixed(a: Any, b: Any, symbol: str) -> float:
    """An int and a float."""
    try:
        x, y = float(a), float(b)
    except OverflowError:
        overflow()
    if symbol == "+":
        return _finite(x + y)
    if symbol == "-":
        return _finite(x - y)
    return _finite(x * y)


def sub(a: Any, b: Any, c: Context) -> Any:
    """Numbers."""
    kind, other = type(a), type(b)
    if kind in _NUMBERS and other in _NUMBERS:
        if kind is other:
            return _number(a - b)
        return _mixed(a, b, "-")
    raise _operands("-", a, b)


def mul(a: Any, b: Any, c: Context) -> Any:
    """Numbers, or a text or list repeated an int number of times."""
    kind, other = type(a), type(b)
    if kind in _NUMBERS and other in _NUMBERS:
        if kind is other:
            if kind is int and a.bit_length() + b.bit_length() > INT_BITS + 1:
                raise int_limit(f"an integer past {INT_BITS} bits")
            return _number(a * b)
        return _mixed(a, b, "*")
    if kind is int:
        a, b, kind, other = b, a, other, kind
    if other is int and (kind is str or kind is list):
        size = len(a) * max(b, 0)
        if kind is str:
            if size > TEXT:
                raise too_big(f"a text may have at most {TEXT} characters")
            spend(c, size >> 8)
        else:
            if size > COLLECTION:
                raise too_big(f"a list may have at most {COLLECTION} elements")
            spend(c, size >> 3)
        # An empty operand may come with a count that does not fit the host's word size.
        return a * b if size else a[:0]
    raise _operands("*", a, b)


def _division(symbol: str, a: Any, b: Any) -> None:
    if type(a) not in _NUMBERS or type(b) not in _NUMBERS:
        raise _operands(symbol, a, b)
    if b == 0:
        raise fault("math.division", "division by zero")


def div(a: Any, b: Any, c: Context) -> float:
    """True division: always a float, correctly rounded for ints of any size."""
    _division("/", a, b)
    try:
        return _finite(a / b)
    except OverflowError:
        overflow()


def floordiv(a: Any, b: Any, c: Context) -> Any:
    """Floor division."""
    _division("//", a, b)
    try:
        return _number(a // b)
    except OverflowError:
        overflow()


def mod(a: Any, b: Any, c: Context) -> Any:
    """Remainder with the sign of the divisor."""
    _division("%", a, b)
    try:
        return _number(a % b)
    except OverflowError:
        overflow()


def neg(a: Any, c: Context) -> Any:
    """Negation of a number."""
    if type(a) in _NUMBERS:
        return -a
    raise wrong_type(f"`-` cannot take {type_name(a)}")


def pos(a: Any, c: Context) -> Any:
    """``+x`` of a number."""
    if type(a) in _NUMBERS:
        return a
    raise wrong_type(f"`+` cannot take {type_name(a)}")


def power(a: Any, b: Any, c: Context) -> Any:
    """``a ** b`` for a whole ``b``; exact for ints, else the nearest float.

    The host's ``pow`` on floats is as good as its C library; this one is the same everywhere. A
    power with a fractional exponent would need transcendental functions, so it is refused.
    """
    if type(a) not in _NUMBERS or type(b) not in _NUMBERS:
        raise _operands("**", a, b)
    exponent = b
    if type(b) is float:
        if not b.is_integer():
            raise bad_value("the exponent must be a whole number (for a square root: sqrt(x))")
        exponent = int(b)
    if type(a) is int and type(b) is int and b >= 0:
        if a in (0, 1, -1):
            return a if b & 1 else (1 if a or not b else 0)
        if b > INT_BITS or (a.bit_length() - 1) * b > INT_BITS:
            raise int_limit(f"an integer past {INT_BITS} bits")
        return _bits(a**b)
    if a == 0:
        if exponent < 0:
            raise fault("math.division", "zero to a negative power")
        if exponent == 0:
            return 1.0
        return float(a) if exponent & 1 else 0.0
    try:
        ratio = (a, 1) if type(a) is int else a.as_integer_ratio()
        return _float_power(ratio[0], ratio[1], exponent)
    except OverflowError:
        overflow()


#: Mantissa bits kept while raising to a power: the error stays under n * 2**-190, so that the
#: result is the nearest float but for cases too rare to occur.
_PRECISION = 192


def _float_power(numerator: int, denominator: int, exponent: int) -> float:
    """(numerator / denominator) ** exponent, ``denominator`` a power of two.

    Square-and-multiply on integers cut to ``_PRECISION`` bits, rounded once at the end.
    """
    count = abs(exponent)
    sign = -1 if numerator < 0 and count & 1 else 1
    base, base_exp = abs(numerator), 1 - denominator.bit_length()
    result, result_exp = 1, 0
    while count:
        if count & 1:
            result, result_exp = _cut(result * base, result_exp + base_exp)
        count >>= 1
        if count:
            base, base_exp = _cut(base * base, 2 * base_exp)
    size = result.bit_length() + result_exp
    if exponent < 0:
        if size > 1_100:
            return 0.0 * sign
        if size < -1_100:
            overflow()
        shift = result_exp
        value = 1 / (result << shift) if shift >= 0 else (1 << -shift) / result
    else:
        if size > 1_100:
            overflow()
        if size < -1_100:
            return 0.0 * sign
        value = float(result << result_exp) if result_exp >= 0 else result / (1 << -result_exp)
    return _finite(sign * value)


def _cut(mantissa: int, exponent: int) -> tuple[int, int]:
    extra = mantissa.bit_length() - _PRECISION
    if extra > 0:
        return mantissa >> extra, exponent + extra
    return mantissa, exponent


# --- comparison -------------------------------------------------------------------------------


def eq(a: Any, b: Any, c: Context) -> bool:
    """Equality; a bool equals only a bool, at every depth."""
    kind, other = type(a), type(b)
    if kind is list or kind is dict:
        if kind is not other or len(a) != len(b):
            return False
        # Before the host compares: what is shared inside costs it as often as it occurs.
        _, weight = measure(a, texts=True)
        spend(c, weight >> 1)
        return bool(a == b) and _same_bools(a, b)
    if kind is str and other is str:
        spend(c, len(a) >> 8)
    return bool(a == b) and (kind is bool) == (other is bool)


def _same_bools(a: Any, b: Any) -> bool:
    """Whether two containers that Python calls equal have bools in the same places."""
    pairs = [(a, b)]
    while pairs:
        a, b = pairs.pop()
        if type(a) is dict:
            b = [b[key] for key in a]
            a = list(a.values())
        left, right = list(map(type, a)), list(map(type, b))
        if left != right:
            for x, y in zip(left, right, strict=True):
                if (x is bool) != (y is bool):
                    return False
        if list in left or dict in left:
            pairs += [
                (x, y)
                for x, y in zip(a, b, strict=True)
                if x is not y and (type(x) is list or type(x) is dict)
            ]
    return True


def ne(a: Any, b: Any, c: Context) -> bool:
    """Not :func:`eq`."""
    return not eq(a, b, c)


def _ordered(symbol: str, a: Any, b: Any) -> None:
    kind, other = type(a), type(b)
    if kind in _NUMBERS:
        if other in _NUMBERS:
            return
    elif kind is other and (kind is str or kind is bool):
        return
    raise wrong_type(f"`{symbol}` cannot order {type_name(a)} and {type_name(b)}")


def lt(a: Any, b: Any, c: Context) -> bool:
    """Numbers by size, texts by code point, false before true."""
    _ordered("<", a, b)
    return bool(a < b)


def le(a: Any, b: Any, c: Context) -> bool:
    """See :func:`lt`."""
    _ordered("<=", a, b)
    return bool(a <= b)


def gt(a: Any, b: Any, c: Context) -> bool:
    """See :func:`lt`."""
    _ordered(">", a, b)
    return bool(a > b)


def ge(a: Any, b: Any, c: Context) -> bool:
    """See :func:`lt`."""
    _ordered(">=", a, b)
    return bool(a >= b)


def contains(a: Any, b: Any, c: Context) -> bool:
    """``a in b``: an element of a list, a key of an object, a part of a text."""
    kind = type(b)
    if kind is list:
        spend(c, len(b) >> 2)
        scalar = type(a)
        if scalar is str:
            if len(a) > 255:
                spend(c, (len(a) >> 8) * sum([type(x) is str and len(x) == len(a) for x in b]))
            return a in b
        if scalar is list or scalar is dict:
            return any(eq(a, x, c) for x in b if type(x) is scalar and len(x) == len(a))
        return a in b and (
            (scalar is not bool and (scalar not in _NUMBERS or a not in (0, 1)))
            or any((type(x) is bool) == (scalar is bool) for x in b if x == a)
        )
    if kind is dict or kind is str:
        if type(a) is not str:
            what = "a key of an object" if kind is dict else "a part of a text"
            raise wrong_type(f"`in`: {what} is text, not {type_name(a)}")
        if kind is str:
            spend(c, len(b) >> 8)
        return a in b
    raise wrong_type(f"`in` needs a list, an object or a text on its right, not {type_name(b)}")


def lacks(a: Any, b: Any, c: Context) -> bool:
    """``a not in b``."""
    return not contains(a, b, c)


#: Node of the IR -> the operator it stands for: in generated code, and where it is computed before
#: the run.
ARITHMETIC: Final[dict[str, Callable[..., Any]]] = {
    "add": add,
    "sub": sub,
    "mul": mul,
    "div": div,
    "floordiv": floordiv,
    "mod": mod,
    "pow": power,
    "concat": concat,
    "neg": neg,
    "pos": pos,
}
