"""Which variables of a region are worth a body of their own for numbers.

Found by one walk over the statements: what is an operand of arithmetic is expected to be a number,
and how large it may be for the result to stay in 64 bits without a check.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from ..model.ast import IR
from .ir import walk
from .kinds import FITS, FLOAT, INT, NUMBER, Kind

#: Bounds on what a numeric body begins with. What is multiplied: a dozen multiplications by small
#: factors stay in 64 bits, and the host compares ints below 2**30 quickest. What is only added up:
#: times in milliseconds and the like may enter.
FACTOR: Final = 2**30 - 1
TERM: Final = 2**56
#: Rates, counts and the like: a product with such a one seldom needs a check.
SMALL: Final = 2**15
FLOATS: Final = 1e50
#: Statements past which a second body costs more memory than it saves time.
_LONGEST: Final = 300
#: How much more often a statement of a loop runs, in what a test at entry has to save.
_LOOP: Final = 4

_ARITHMETIC: Final = frozenset(("add", "sub", "mul", "div", "floordiv", "mod", "neg"))
_PRODUCTS: Final = frozenset(("mul", "pow"))
_ORDER: Final = frozenset(("<", "<=", ">", ">="))


class Numeric(NamedTuple):
    """``live``: slots that are operands of arithmetic before anything sets them. ``operands``: all
    that ever are. ``factors``: those whose value goes into a product. ``mask``: the kinds of
    numbers that are expected; ``small``: factors that are expected to be small."""

    live: tuple[int, ...]
    operands: frozenset[int]
    factors: frozenset[int]
    mask: int = NUMBER
    small: frozenset[int] = frozenset()

    def bound(self, slot: int) -> Kind:
        """What a numeric body expects of a slot."""
        floats = FLOATS if self.mask & FLOAT else 0.0
        if slot in self.small:
            return Kind(self.mask, SMALL, floats)
        return Kind(self.mask, FACTOR if slot in self.factors else TERM, floats)


def numeric(statements: Sequence[IR]) -> Numeric | None:
    """The slots worth testing; None where a numeric body would not pay: each test must save at
    least two guards."""
    search = _Search()
    search.block(statements, 1)
    live = sorted(slot for slot in search.live if slot < FITS)
    if search.count > _LONGEST or search.operations < 2 * max(len(live), 1):
        return None
    if not live and not search.looped:
        return None  # constants only: nothing to test, nothing to gain
    return Numeric(tuple(live), frozenset(search.operands), frozenset(search.factors(statements)))


class _Search:
    def __init__(self) -> None:
        self.live: set[int] = set()
        self.written: set[int] = set()
        self.operands: set[int] = set()
        self.products: set[int] = set()
        #: (slot set, slots its value is made of), in the order of the text.
        self.flows: list[tuple[int, list[int]]] = []
        self.operations = 0
        self.count = 0
        self.looped = False

    def block(self, statements: Sequence[IR], weight: int) -> None:
        for statement in statements:
            self.count += 1
            if self.count > _LONGEST:
                return
            tag = statement[0]
            if tag == "set":
                self.expression(statement[3], weight)
                slots = [n[1] for n in walk(statement[3]) if n[0] == "slot"]
                self.flows.append((statement[2], slots))
                self.written.add(statement[2])
            elif tag == "if":
                self.expression(statement[2], weight)
                self.block(statement[3], weight)
                self.block(statement[4], weight)
            elif tag == "loop":
                self.looped = True
                self.block(statement[2], weight * _LOOP)
            elif tag in ("path", "unset"):
                self.written.add(statement[2])

    def expression(self, ir: IR, weight: int) -> None:
        """Note the operands of arithmetic and orderings."""
        for node in walk(ir):
            if node[0] in _ARITHMETIC:
                slots = [e[1] for e in node[1:] if e[0] == "slot" and type(e[1]) is int]
                self.operations += weight * (len(slots) or 1)
                self.operand(slots)
            elif node[0] == "compare" and any(op in _ORDER for op, _ in node[2]):
                operands = (node[1], *[e for _, e in node[2]])
                slots = [e[1] for e in operands if e[0] == "slot" and type(e[1]) is int]
                self.operations += weight * len(slots)
                self.operand(slots)
            if node[0] in _PRODUCTS:
                self.products.update([n[1] for n in walk(node) if n[0] == "slot"])

    def operand(self, slots: list[int]) -> None:
        self.operands.update(slots)
        self.live.update([slot for slot in slots if slot not in self.written])

    def factors(self, statements: Sequence[IR]) -> set[int]:
        """What goes into a product, through any number of assignments.

        Backwards through the text; twice where there are loops: their ends lead to their heads.
        """
        found: set[Any] = set(self.products)
        for _ in range(2 if self.looped else 1):
            for slot, slots in reversed(self.flows):
                if slot in found:
                    found.update(slots)
        return found


def subsumes(kind: Kind, wanted: Kind) -> bool:
    """Whether whatever ``kind`` says is enough to know ``wanted``."""
    if kind.mask & ~wanted.mask:
        return False
    if not wanted.number:
        return True
    return (not kind.mask & INT or kind.ints <= wanted.ints) and (
        not kind.mask & FLOAT or kind.floats <= wanted.floats
    )
