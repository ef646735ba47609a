"""Whether two conditions can both be true, and whether one is true wherever another is.

A condition is taken apart into ways in which it is true (its disjunctive normal form), each a set
of facts about terms. A term is any expression that is not taken apart further, by its text; a fact
is a comparison of it with a constant, or whether it counts as true. What cannot be told apart this
way may be true together: the answers err on that side only.

That a condition fails (a missing key, an order of a text and a number) is no way in which it is
true, so a way that could only fail is none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from ...model.ast import IR
from ..draws import draws

#: (term, comparison or ``true``/``false``, constant).
Fact: TypeAlias = tuple[str, str, Any]
#: Facts that hold together.
Way: TypeAlias = tuple[Fact, ...]

#: Ways of one condition, beyond which nothing is said of it.
_WAYS: Final = 64
#: Ways that are put together for one machine, beyond which nothing is said of the rest.
_WORK: Final = 50_000

_NOT: Final = {
    "==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">", "in": "not-in",
    "not-in": "in", "true": "false", "false": "true",
}  # fmt: skip
#: What the language has an order for that is known here: within a kind, never between the two.
_KIND: Final = {int: "number", float: "number", str: "text"}
#: The comparison with its sides exchanged.
_TURNED: Final = {"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


class Guards:
    """The conditions of one machine. ``drawing``: see ``draws.drawing_functions``."""

    def __init__(self, drawing: frozenset[str] = frozenset()) -> None:
        self._drawing = drawing
        self._work = _WORK
        #: Identity of an IR -> its ways, and those of its contrary; the IRs are kept alive.
        self._ways: dict[tuple[int, bool], list[Way] | None] = {}
        self._kept: list[IR] = []

    def never(self, condition: IR) -> bool:
        """Whether a condition is never true."""
        return bool(self._contradict(condition, ("const", True), outcome=True))

    def apart(self, one: IR, other: IR) -> bool | None:
        """Whether two conditions are never both true; None: it would take too long to say."""
        return self._contradict(one, other, outcome=True)

    def implies(self, one: IR, other: IR) -> bool:
        """Whether the other is true (or fails) wherever the one is true."""
        return bool(self._contradict(one, other, outcome=False))

    def _contradict(self, one: IR, other: IR, *, outcome: bool) -> bool | None:
        """Whether the one is never true where the other has the outcome."""
        mine, theirs = self._ways_of(one, True), self._ways_of(other, outcome)
        if mine is None or theirs is None:
            return None
        self._work -= len(mine) * len(theirs)
        if self._work < 0:
            return None
        return all(_impossible(a + b) for a in mine for b in theirs)

    # --- taking apart -----------------------------------------------------------------------------
    def _ways_of(self, ir: IR, outcome: bool) -> list[Way] | None:
        """The ways in which a condition has an outcome; None: too many."""
        key = (id(ir), outcome)
        if key not in self._ways:
            self._kept.append(ir)
            self._ways[key] = self._apart(ir, outcome)
        return self._ways[key]

    def _apart(self, ir: IR, outcome: bool) -> list[Way] | None:
        tag = ir[0]
        if tag == "const":
            return [()] if bool(ir[1]) is outcome else []
        if tag == "not":
            return self._ways_of(ir[1], not outcome)
        if tag in ("and", "or"):
            parts = [self._ways_of(part, outcome) for part in ir[1]]
            return _all_of(parts) if (tag == "and") is outcome else _one_of(parts)
        if tag == "compare":
            links = [self._link(*link, outcome) for link in _links(ir)]
            return _all_of(links) if outcome else _one_of(links)
        return [((self._term(ir), "true" if outcome else "false", None),)]

    def _link(self, left: IR, op: str, right: IR, outcome: bool) -> list[Way]:
        """The facts of one comparison."""
        if left[0] == "const" and op in _TURNED:
            left, op, right = right, _TURNED[op], left
        if left[0] == "const" and right[0] == "const" and op in ("==", "!="):
            return [()] if _holds(left[1], op, right[1]) is outcome else []
        if right[0] == "const" and (op in _TURNED or isinstance(right[1], list)):
            return [((self._term(left), op if outcome else _NOT[op], right[1]),)]
        # Of two terms: one name for a comparison, its contrary and both with their sides exchanged.
        if op in ("!=", ">=", "not-in", "<="):
            op, outcome = _NOT[op], not outcome
        if op == ">":
            left, op, right = right, "<", left
        sides = [self._term(left), self._term(right)]
        if op == "==":
            sides.sort()
        return [((f"{sides[0]} {op} {sides[1]}", "true" if outcome else "false", None),)]

    def _term(self, ir: IR) -> str:
        """The name of a term; one that draws is never the same twice."""
        if draws(ir, self._drawing):
            self._kept.append(ir)
            return f"{len(self._kept)} {id(ir)}"
        return repr(ir)


def _links(ir: IR) -> Iterable[tuple[IR, str, IR]]:
    """``a < b < c`` as ``a < b`` and ``b < c``."""
    left = ir[1]
    for op, right in ir[2]:
        yield left, op, right
        left = right


def _all_of(parts: Iterable[list[Way] | None]) -> list[Way] | None:
    """The ways in which all parts hold."""
    found: list[Way] = [()]
    for part in parts:
        if part is None or len(found) * len(part) > _WAYS:
            return None
        found = [a + b for a in found for b in part]
    return found


def _one_of(parts: Iterable[list[Way] | None]) -> list[Way] | None:
    """The ways in which some part holds."""
    found: list[Way] = []
    for part in parts:
        if part is None or len(found) + len(part) > _WAYS:
            return None
        found += part
    return found


# --- contradictions -------------------------------------------------------------------------------
def _impossible(way: Way) -> bool:
    """Whether the facts of a way contradict each other."""
    terms: dict[str, list[tuple[str, Any]]] = {}
    for term, op, value in way:
        terms.setdefault(term, []).append((op, value))
    return any(len(facts) > 1 and not _possible(facts) for facts in terms.values()) or any(
        facts == [("in", [])] for facts in terms.values()
    )


def _possible(facts: list[tuple[str, Any]]) -> bool:
    """Whether one value may have all the facts."""
    options = None
    for op, value in facts:
        if op == "==":
            options = [value]
            break
        if op == "in" and options is None:
            options = value
    if options is not None:
        return any(all(_holds(option, op, value) for op, value in facts) for option in options)
    if ("true", None) in facts and ("false", None) in facts:
        return False
    return _in_bounds(facts)


def _holds(given: Any, op: str, value: Any) -> bool:
    """Whether a constant has a fact."""
    if op in ("true", "false"):
        return bool(given) is (op == "true")
    if op in ("==", "!="):
        return same(given, value) is (op == "==")
    if op in ("in", "not-in"):
        return any(same(given, option) for option in value) is (op == "in")
    kinds = {_KIND.get(type(given)), _KIND.get(type(value))}
    if kinds == {"number", "text"}:
        return False  # it fails
    if len(kinds) > 1 or None in kinds:
        return True  # for all that is known here
    return bool(
        given < value if op == "<" else given <= value if op == "<="
        else given > value if op == ">" else given >= value
    )  # fmt: skip


def _in_bounds(facts: list[tuple[str, Any]]) -> bool:
    """Whether there is a value between all bounds."""
    bounds = [(op, value) for op, value in facts if op in ("<", "<=", ">", ">=")]
    if not bounds:
        return True
    kinds = {_KIND.get(type(value)) for _, value in bounds}
    if None in kinds:
        return True
    if len(kinds) > 1:
        return False  # one of the comparisons fails
    lows = [(value, op == ">") for op, value in bounds if op in (">", ">=")]
    highs = [(value, op == "<") for op, value in bounds if op in ("<", "<=")]
    low = max(lows) if lows else None
    high = min(highs, key=lambda bound: (bound[0], not bound[1])) if highs else None
    if low is not None and high is not None:
        if low[0] > high[0] or (low[0] == high[0] and (low[1] or high[1])):
            return False
        if low[0] == high[0]:
            return all(_holds(low[0], op, value) for op, value in facts)
    if ("false", None) in facts and kinds == {"number"}:  # it is 0
        return all(_holds(0, op, value) for op, value in facts)
    return True


def same(one: Any, other: Any) -> bool:
    """Whether two constants are equal in the language (1 is 1.0, but not true)."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)
