"""YAML 1.2 core-schema scalars: what a plain (unquoted) text means.

Section 10.3.2 of the YAML 1.2.2 specification, with two refusals of our own: infinity and NaN are
no values, and integers must fit 64 bits. ``on``, ``no`` and ``y`` are texts, ``0o17`` is octal,
``1_000`` is a text; none of PyYAML's own (1.1) resolution is used.
"""

from __future__ import annotations

import math
import re
from typing import Final

from ..model.limits import INT_DIGITS, INT_MAX, INT_MIN

#: Plain texts with a meaning of their own.
_WORDS: Final[dict[str, bool | None]] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
#: First characters a number, ``.inf`` or ``.nan`` can have; most texts are settled by this.
NUMBER_START: Final = frozenset("0123456789+-.")
_INT: Final = re.compile(r"[-+]?[0-9]+\Z")
_BASED: Final = re.compile(r"0(?:o[0-7]+|x[0-9a-fA-F]+)\Z")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
#: No float needs more to be written exactly; a longer literal is refused unread.
_FLOAT_CHARS: Final = 1100
#: As many decimal digits fit 64 bits whatever they are.
_FITTING: Final = 18
_NOT_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")


class ScalarError(ValueError):
    """A plain scalar that is refused; ``args`` are (code, message, hint)."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(code, message, hint)
        self.code = code
        self.message = message
        self.hint = hint


def resolve(text: str) -> bool | int | float | str | None:
    """The value of a plain scalar. Raises ScalarError for a number that is no value.

    Integers of more than ``limits.INT_DIGITS`` digits are refused unread: ``int()`` is quadratic.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in NUMBER_START:
        return text
    if _INT.match(text):
        return to_int(text, 10)
    if _FLOAT.match(text):
        return to_float(text)
    if _BASED.match(text):
        return to_int(text[2:], 8 if text[1] == "o" else 16)
    if _NOT_FINITE.match(text):
        raise ScalarError(
            "RUNE-1018",
            f"`{text}` is no value: numbers must be finite",
            "use null, a text, or a very large number",
        )
    return text


def to_int(digits: str, base: int) -> int:
    """An integer literal that must fit 64 bits."""
    if len(digits) <= _FITTING and base == 10:
        return int(digits)
    # Leading zeros do not count; without them a longer literal cannot fit whatever its base.
    significant = digits.lstrip("+-").lstrip("0")
    if len(significant) <= (INT_DIGITS if base > 8 else 22):
        number = int(significant or "0", base) * (-1 if digits[0] == "-" else 1)
        if INT_MIN <= number <= INT_MAX:
            return number
    raise ScalarError(
        "RUNE-1017",
        f"this integer ({len(significant)} digits) does not fit 64 bits",
        "quote it to make it a text, or write it as a float (1.0e30)",
    )


def to_float(text: str) -> float:
    """A float literal, which must be finite."""
    if len(text) > _FLOAT_CHARS:
        raise ScalarError(
            "RUNE-1018",
            f"this number has {len(text)} characters, a float at most {_FLOAT_CHARS}",
            "17 digits say all a float can hold; quote it to make it a text",
        )
    number = float(text)
    if math.isinf(number):
        raise ScalarError(
            "RUNE-1018",
            "this number is too large for a float",
            "the largest is about 1.8e308; quote it to make it a text",
        )
    return number
