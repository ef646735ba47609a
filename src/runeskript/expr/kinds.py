"""What the generator knows about a value before it exists: possible types and magnitude.

Used to leave out checks that cannot fail. Magnitudes are bounds on the absolute value; slots,
elements and results of functions always fit 64 bits, intermediates may be wider.
"""

from __future__ import annotations

from typing import Any, Final

from ..model.limits import INT_BITS
from ..model.rows import NamedTuple

NULL: Final = 1
BOOL: Final = 2
INT: Final = 4
FLOAT: Final = 8
TEXT: Final = 16
LIST: Final = 32
OBJECT: Final = 64
SECRET: Final = 128

NUMBER: Final = INT | FLOAT
CONTAINER: Final = LIST | OBJECT
VALUE: Final = 127

#: Largest magnitude of an int that fits 64 bits.
FITS: Final = 2**63
#: Bound on intermediates: a magnitude past it needs a checked operator.
WIDEST: Final = 2**INT_BITS
#: Floats under this bound stay finite under one more operation with a margin for rounding.
SAFE_FLOAT: Final = 1e300
#: Ints under this bound convert to float without overflow.
SAFE_INT: Final = 2**1000
INFINITE: Final = float("inf")

TYPES: Final[dict[str, int]] = {
    "null": NULL,
    "bool": BOOL,
    "int": INT,
    "float": FLOAT,
    "text": TEXT,
    "list": LIST,
    "object": OBJECT,
    "any": VALUE,
}


class Kind(NamedTuple):
    """``mask``: possible types. ``ints``/``floats``: bounds on the magnitude of an int or float.
    ``fits``: an int has 64 bits. ``grown``: may be nested deeper than any value there was."""

    mask: int = VALUE
    ints: int = FITS
    floats: float = INFINITE
    fits: bool = True
    grown: bool = False

    @property
    def number(self) -> bool:
        """Certainly int or float."""
        return not self.mask & ~NUMBER

    @property
    def magnitude(self) -> float:
        """Bound on the number, whichever type it has."""
        ints = (float(self.ints) if self.ints < SAFE_INT else INFINITE) if self.mask & INT else 0.0
        return max(ints, self.floats) if self.mask & FLOAT else ints


ANY: Final = Kind()
TRUTH: Final = Kind(BOOL)
A_TEXT: Final = Kind(TEXT)
A_FLOAT: Final = Kind(FLOAT)
A_SECRET: Final = Kind(SECRET)


def kind_of(value: Any) -> Kind:
    """The kind of a constant."""
    kind = type(value)
    if kind is int:
        return Kind(INT, abs(value), 0.0)
    if kind is float:
        return Kind(FLOAT, 0, abs(value))
    if kind is str:
        return A_TEXT
    if kind is bool:
        return TRUTH
    if value is None:
        return Kind(NULL)
    return Kind(LIST if kind is list else OBJECT)


def either(a: Kind, b: Kind) -> Kind:
    """What is known of a value that is one of two."""
    if a == b:
        return a
    return Kind(
        a.mask | b.mask,
        max(a.ints, b.ints),
        max(a.floats, b.floats),
        a.fits and b.fits,
        a.grown or b.grown,
    )
