"""Branches of a fork that only compute, as one generated function: a loop with a turn per branch.

``f(frame, context, b, x, i, r, w)``: the captured frame, the budget of the loops inside, the
elements of the branches to run, the index of the first, and the lists that take, for each branch
that ends, what it yields and what it hands to the join. A branch's variables are host variables,
and nothing is written to a frame: so a branch that cannot end here (it fails, its loops outlast the
budget) has left no trace, and is begun anew as a token.

There are up to three bodies: for ints, for numbers, and for any values. The first two test what
they start from and what they cannot prove, and give up the branch where a test fails. What all
branches read alike, such as `input.rate`, they look up once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from ..model.ast import IR
from ..model.limits import PURE_WORK
from .emit_branches import Branch, BranchEmitter
from .generate import REGION_FILE, FunctionTable, region_room
from .ir import rewrite, uses, walk
from .kinds import FLOAT, INT, NUMBER, Kind
from .labels import blocks, expressions, has_loops, map_expressions, region_expressions
from .numeric import Numeric, numeric
from .runtime import Context
from .turns import OTHER, SPENT, UnexpectedError, used_up

__all__ = ["Branch", "BranchLoop"]

#: How many statements make a turn of a slice, and how many it takes to begin and end a branch.
_TURN: Final = 100
_BEGIN: Final = 8


def with_keys(branch: Branch) -> Branch:
    """A branch that reads what no branch changes by slots of its own: they are looked up once."""
    written, touched = _slots(branch)
    fixed = touched - written - {branch.item, branch.number}
    free = max(touched, default=0) + 1
    known: dict[tuple[int, str], int] = {}

    def change(node: IR) -> IR:
        match node:
            case ("item", ("slot", holder), ("const", str() as key)) if (
                holder in fixed or holder >= free
            ):
                return ("slot", known.setdefault((holder, key), free + len(known)))
        return node

    statements = [map_expressions(s, lambda ir: rewrite(ir, change)) for s in branch.statements]
    keys = {slot: path for path, slot in known.items()}
    return branch._replace(statements=tuple(statements), keys=keys)


def _slots(branch: Branch) -> tuple[set[int], set[int]]:
    """(slots that a branch sets, slots that it sets or reads)."""
    written: set[int] = set()
    touched: set[int] = set()
    stack = list(branch.statements)
    while stack:
        statement = stack.pop()
        if statement[0] in ("set", "path", "unset"):
            written.add(statement[2])
        for ir in expressions(statement):
            touched.update([n[1] for n in walk(ir) if n[0] in ("slot", "isset")])
        for block in blocks(statement):
            stack.extend(block)
    ends = {branch.item, branch.number, branch.result, *branch.outs} - {None}
    return written, touched | written | ends  # type: ignore[operator,unused-ignore]


class BranchLoop:
    """The function of the branches of one body; its bodies are generated when they are first run.

    ``draws``: whether branches may draw random values, which are counted by tokens. ``per_turn``:
    how many branches take about as long as a turn of a slice.
    """

    __slots__ = (
        "_bodies",
        "_expected",
        "_first",
        "_keyed",
        "_make",
        "draws",
        "per_turn",
        "yields",
    )

    def __init__(
        self, branch: Branch, functions: FunctionTable, holders: frozenset[int] = frozenset()
    ) -> None:
        statements = branch.statements
        self.draws = any(
            "entropy" in uses(ir, functions.rows) for ir in region_expressions(statements)
        )
        steps = sum(1 for _ in region_expressions(statements))
        self.per_turn = 1 if has_loops(statements) else max(1, _TURN // (_BEGIN + steps))
        #: Once a body was made: whether a branch that ends certainly yields.
        self.yields = False
        self._keyed = with_keys(branch)
        #: What the bodies expect of numbers; the last one takes any values.
        self._expected = _expected(self._keyed)
        #: The body to begin with: one that did not give up the last time.
        self._first = -1
        self._bodies: dict[int, Callable[..., int]] = {}

        def make(expected: Numeric | None) -> Callable[..., int]:
            with region_room(statements):
                made = BranchEmitter(
                    functions, f"p{functions.serial()}", holders=holders, numeric=expected
                )
                self.yields = made.branches(branch if expected is None else self._keyed)
                return functions.make(made, REGION_FILE)

        self._make = make

    def __call__(
        self,
        frame: list[Any],
        c: Context,
        elements: Sequence[Any],
        first: int,
        results: list[Any],
        outs: list[Any],
    ) -> int:
        """Run branches on the budget of the context until all have ended (``ENDED``), or the budget
        is used up (``SPENT``); raises what the branch raises that is not in ``results`` any more.
        """
        if self._first < 0:
            self._first = self._suited(frame, elements[0])
        number, done = self._first, 0
        while True:
            rest = elements[done:] if done else elements
            try:
                state = self._body(number)(frame, c, c.budget, rest, first + done, results, outs)
            except UnexpectedError:
                state = OTHER
            if state != OTHER:
                return state
            number += 1
            if c.fuel != PURE_WORK and used_up(c):
                return SPENT
            done = len(results)
            if not done:
                self._first = number

    def _body(self, number: int) -> Callable[..., int]:
        known = self._bodies.get(number)
        if known is None:
            known = self._bodies[number] = self._make(self._expected[number])
        return known

    def _suited(self, frame: list[Any], element: Any) -> int:
        """The first body that may do for what a fork begins with."""
        held = dict(enumerate(frame))
        if self._keyed.item is not None:
            held[self._keyed.item] = element
        for slot, (holder, key) in self._keyed.keys.items():
            holding = held[holder]
            held[slot] = holding.get(key) if type(holding) is dict else None
        for number, numeric_ in enumerate(self._expected):
            if numeric_ is None or all(
                slot == self._keyed.number or _is(held.get(slot), numeric_.bound(slot))
                for slot in numeric_.live
            ):
                return number
        return len(self._expected) - 1


def _expected(branch: Branch) -> tuple[Numeric | None, ...]:
    """Ints, of which those that all branches share are small; ints; numbers; any values."""
    found = numeric(branch.statements)
    if found is None:
        return (None,)
    shared = frozenset(found.live) - {branch.item, branch.number}
    small = found._replace(mask=INT, small=shared & found.factors)
    ints = (small, found._replace(mask=INT)) if small.small else (small,)
    return (*ints, found._replace(mask=NUMBER), None)


def _is(value: Any, kind: Kind) -> bool:
    """Whether a value is what a body expects."""
    if type(value) is int:
        return bool(kind.mask & INT) and abs(value) <= kind.ints
    return type(value) is float and bool(kind.mask & FLOAT) and abs(value) <= kind.floats
