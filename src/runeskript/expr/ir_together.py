"""Many expressions of unknown origin at once: whether there is certainly nothing wrong with any.

Nothing here recurses but for comprehensions in comprehensions, which are bounded; so is all work.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import chain
from math import isfinite
from operator import eq, itemgetter
from typing import Any, Final

from ..model.limits import BOUND_NAMES, EXPRESSION_NODES, INT_MAX, INT_MIN, PURE_WORK
from ..model.values import is_text
from .functions import FUNCTIONS
from .ir import COMPARISONS, MAX_DEPTH, MAX_LOCALS, TABLE
from .ir_checker import Checker, call_problem

_COMPARISONS: Final = frozenset(COMPARISONS)
#: The tag of a node.
_TAG: Final = itemgetter(0)
#: The value of a constant, the index of a slot.
_VALUE: Final = itemgetter(1)
#: Types all of whose values are good constants.
_FREE: Final = frozenset((bool, type(None)))
#: Tags whose operands are all expressions -> how many; tags with one tuple of expressions.
_EXPRESSIONS: Final = {
    tag: len(kinds)
    for tag, kinds in TABLE.items()
    if kinds and tag != "push" and all(kind == "e" for kind in kinds)
}
#: What gives the first operand of a node, the second ...
_OPERANDS: Final = tuple(itemgetter(i) for i in range(1, 1 + max(_EXPRESSIONS.values())))
_SEVERAL: Final = frozenset(tag for tag, kinds in TABLE.items() if kinds == ("es",))


class Together:
    """Finds out whether many expressions are certainly sound, all at once.

    Nearly all expressions of a Blueprint are settled here: level by level, and in a level tag by
    tag, so that most of the work is done by the host on whole lists. What binds locals in an
    unusual way or mentions secrets is left to the checker, as is all that is wrong.
    """

    __slots__ = ("below", "bound", "depth", "functions", "locals", "nodes", "slots")

    def __init__(self, slots: int, functions: Sequence[int], locals_: int) -> None:
        self.slots = slots
        self.functions = functions
        self.locals = locals_
        #: Locals that comprehensions around bind; nodes so far; nesting of the level at hand.
        self.bound = self.nodes = self.depth = 0
        self.below: list[Any] = []

    def nodes_of(self, irs: Sequence[object]) -> int:
        """The number of their nodes if there is nothing wrong with any; 0 where there may be."""
        level: list[Any] = list(irs)
        while level:
            self.depth += 1
            self.nodes += len(level)
            if self.depth > MAX_DEPTH or self.nodes > EXPRESSION_NODES:
                return 0
            if set(map(type, level)) != {tuple} or not all(level):
                return 0
            tags = list(map(_TAG, level))
            if set(map(type, tags)) != {str}:
                return 0
            by_tag: defaultdict[str, list[Any]] = defaultdict(list)
            for tag, node in zip(tags, level, strict=True):
                by_tag[tag].append(node)
            self.below = []
            for tag, group in by_tag.items():
                rule = _TOGETHER.get(tag)
                if rule is None or not rule(self, tag, group):
                    return 0
            level = self.below
        return self.nodes

    # --- one tag ------------------------------------------------------------------------------
    def constants(self, tag: str, group: list[Any]) -> bool:
        """Values, and nothing but values."""
        if set(map(len, group)) != {2}:
            return False
        values = list(map(_VALUE, group))
        for kind in set(map(type, values)) - _FREE:
            some: list[Any] = [value for value in values if type(value) is kind]
            if kind is str:
                if not all(map(str.isascii, some)) and not all(map(is_text, some)):
                    return False
            elif kind is int:
                if min(some) < INT_MIN or max(some) > INT_MAX:
                    return False
            elif kind is float:
                if not all(map(isfinite, some)):
                    return False
            elif kind is list or kind is dict:
                checker = Checker(0, (), secrets=False)
                if any(checker.value(value) is not None for value in some):
                    return False
            else:
                return False
        return True

    def indexes(self, tag: str, group: list[Any]) -> bool:
        """Slots and locals that there are."""
        if set(map(len, group)) != {2}:
            return False
        places = list(map(_VALUE, group))
        size = self.locals if tag == "local" else self.slots
        return set(map(type, places)) == {int} and min(places) >= 0 and max(places) < size

    def expressions(self, tag: str, group: list[Any]) -> bool:
        """Operands that are all expressions."""
        operands = _EXPRESSIONS[tag]
        if set(map(len, group)) != {1 + operands}:
            return False
        for operand in _OPERANDS[:operands]:
            self.below += map(operand, group)
        return True

    def charged(self, tag: str, group: list[Any]) -> bool:
        """Values with the units of work they are charged."""
        if set(map(len, group)) != {3}:
            return False
        units = [node[2] for node in group]
        if set(map(type, units)) != {int} or min(units) <= 0 or max(units) > PURE_WORK:
            return False
        self.below += [node[1] for node in group]
        return True

    def several(self, tag: str, group: list[Any]) -> bool:
        """A list of expressions."""
        if set(map(len, group)) != {2}:
            return False
        lists = [node[1] for node in group]
        if not all(lists) and tag not in _MAY_BE_EMPTY:
            return False
        return self.go_below(lists)

    def go_below(self, lists: list[Any]) -> bool:
        """Operands are looked at in the next level. Nodes may be shared, and lists of them, so
        their number is no longer bounded by the size of the Blueprint."""
        if set(map(type, lists)) != {tuple}:
            return False
        if len(self.below) + sum(map(len, lists)) > EXPRESSION_NODES:
            return False
        self.below += chain.from_iterable(lists)
        return True

    def objects(self, tag: str, group: list[Any]) -> bool:
        """Keys and values."""
        if set(map(len, group)) != {2}:
            return False
        pairs = self.pairs([node[1] for node in group])
        return pairs is not None and self.go_below(pairs)

    def pairs(self, lists: list[Any]) -> list[Any] | None:
        """The elements of lists of pairs, None where they are no such lists."""
        if set(map(type, lists)) != {tuple} or sum(map(len, lists)) > EXPRESSION_NODES:
            return None
        pairs = list(chain.from_iterable(lists))
        good = not pairs or (set(map(type, pairs)) == {tuple} and set(map(len, pairs)) == {2})
        return pairs if good else None

    def comparisons(self, tag: str, group: list[Any]) -> bool:
        """A chain of comparisons."""
        if set(map(len, group)) != {3}:
            return False
        lists = [node[2] for node in group]
        pairs = self.pairs(lists)
        if pairs is None or not all(lists):
            return False
        operators = [pair[0] for pair in pairs]
        if set(map(type, operators)) != {str} or not _COMPARISONS.issuperset(operators):
            return False
        self.below += [node[1] for node in group]
        self.below += [pair[1] for pair in pairs]
        return True

    def calls(self, tag: str, group: list[Any]) -> bool:
        """Functions that there are, with as many arguments as they take."""
        if set(map(len, group)) != {3}:
            return False
        names = [node[1] for node in group]
        lists = [node[2] for node in group]
        if not self.go_below(lists):
            return False
        if tag == "call":
            if set(map(type, names)) != {str} or not FUNCTIONS.keys() >= set(names):
                return False
            given = set(zip(names, map(len, lists), strict=True))
            return all(call_problem(name, number) is None for name, number in given)
        size = len(self.functions)
        if set(map(type, names)) != {int} or min(names) < 0 or max(names) >= size:
            return False
        return all(map(eq, map(len, lists), [self.functions[index] for index in names]))

    def comprehensions(self, tag: str, group: list[Any]) -> bool:
        """Those of one generator, which binds the next locals; its source is looked at as any
        operand, what it repeats by itself. Others are left to the checker."""
        inside: dict[int, list[Any]] = {}
        for node in group:
            if (
                len(node) != len(TABLE[tag]) + 1
                or type(node[-1]) is not tuple
                or len(node[-1]) != 1
            ):
                return False
            generator = node[-1][0]
            if type(generator) is not tuple or len(generator) != 3:
                return False
            targets, over, conditions = generator
            if type(targets) is not tuple or type(conditions) is not tuple:
                return False
            bound = self.locals + len(targets)
            if not 0 < len(targets) <= BOUND_NAMES - self.bound or bound > MAX_LOCALS:
                return False
            if targets != tuple(range(self.locals, bound)) or set(map(type, targets)) != {int}:
                return False
            self.below.append(over)
            repeated = inside.setdefault(bound, [])
            repeated += node[1:-1]
            repeated += conditions
            if len(repeated) > EXPRESSION_NODES:
                return False
        for bound, irs in inside.items():
            part = Together(self.slots, self.functions, bound)
            part.bound = self.bound + bound - self.locals
            part.depth = self.depth
            if not part.nodes_of(irs):
                return False
            self.nodes += part.nodes
        return self.nodes <= EXPRESSION_NODES


#: Tags with a tuple of expressions that may be empty.
_MAY_BE_EMPTY: Final = _SEVERAL - {"and", "or"}
_TOGETHER: Final[dict[str, Callable[[Together, str, list[Any]], bool]]] = {
    "const": Together.constants,
    **dict.fromkeys(("slot", "isset", "local"), Together.indexes),
    **dict.fromkeys(_EXPRESSIONS, Together.expressions),
    **dict.fromkeys(_SEVERAL, Together.several),
    "object": Together.objects,
    "compare": Together.comparisons,
    "paid": Together.charged,
    **dict.fromkeys(("call", "ucall"), Together.calls),
    **dict.fromkeys(("listcomp", "dictcomp"), Together.comprehensions),
}
