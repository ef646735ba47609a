"""The verifier of expressions: IR of unknown origin in, what is wrong with it out.

A Blueprint may come from a stranger, and code is generated from its expressions: nothing about them
is believed. Nothing here recurses, and work is bounded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import chain
from math import isfinite
from operator import eq, itemgetter
from typing import Any, Final

from ..model.limits import (
    BOUND_NAMES,
    EXPRESSION_NODES,
    GENERATORS,
    INT_MAX,
    INT_MIN,
    VALUE_DEPTH,
)
from ..model.values import is_text
from .functions import FUNCTIONS
from .ir import COMPARISONS, MAX_DEPTH, MAX_LOCALS, MAX_PARTS, TABLE

_Frame = tuple[Any, int, frozenset[int], bool]


class _Checker:
    """Checks IR of unknown origin without recursion, and within bounds of work."""

    __slots__ = ("functions", "given", "nodes", "parts", "problems", "secrets", "slots", "stack")

    def __init__(self, slots: int, functions: Sequence[int], secrets: bool) -> None:
        self.slots = slots
        self.functions = functions
        self.secrets = secrets
        self.nodes = self.parts = 0
        self.problems: list[str] = []
        self.stack: list[_Frame] = []
        self.given = 0

    def run(self, ir: Any, locals_: int) -> list[str]:
        self.given = locals_
        self.stack.append((ir, 1, frozenset(range(locals_)), self.secrets))
        while self.stack and len(self.problems) < 20:
            node, level, scope, secret = self.stack.pop()
            self.nodes += 1
            if self.nodes > EXPRESSION_NODES:
                self.problems.append(f"an expression of more than {EXPRESSION_NODES} nodes")
                break
            if level > MAX_DEPTH:
                self.problems.append(f"an expression nested deeper than {MAX_DEPTH}")
                break
            problem = self.node(node, level, scope, secret)
            if problem is not None:
                self.problems.append(problem)
        return self.problems

    def node(self, node: Any, level: int, scope: frozenset[int], secret: bool) -> str | None:
        """Check one node but for its children, which go on the stack."""
        if type(node) is not tuple or not node or type(node[0]) is not str:
            return "an expression must be a tuple that begins with a tag"
        tag = node[0]
        kinds = TABLE.get(tag)
        if kinds is None or tag == "name":
            return f"unknown expression {tag[:40]!r}"
        if len(node) != len(kinds) + 1:
            return f"{tag} takes {len(kinds)} operands, not {len(node) - 1}"
        if tag == "push":
            return "a list is appended to by a statement `set s = push(s, ...)` only"
        if tag == "secret" and not secret:
            return "a secret may stand only inside parameters of a call, alone or in a text"
        below = secret and tag in ("list", "object", "text")
        if tag in ("listcomp", "dictcomp"):
            return self.comprehension(node, level, scope)
        for kind, operand in zip(kinds, node[1:], strict=True):
            problem = self.operand(tag, kind, operand, level, scope, below)
            if problem is not None:
                return problem
        if tag == "call":
            return _call_problem(node[1], len(node[2]))
        if tag == "ucall" and len(node[2]) != self.functions[node[1]]:
            return f"function {node[1]} takes {self.functions[node[1]]} arguments"
        if tag in ("and", "or", "compare") and not node[-1]:
            return f"{tag} without operands"
        return None

    def operand(
        self, tag: str, kind: str, operand: Any, level: int, scope: frozenset[int], secret: bool
    ) -> str | None:
        push = self.stack.append
        if kind == "e" or (kind == "e?" and operand is not None):
            push((operand, level + 1, scope, False))
            return None
        if kind == "e?":
            return None
        if kind in ("es", "pairs", "ops"):
            if type(operand) is not tuple:
                return f"{tag}: operands must be a tuple"
            if kind == "es":
                for e in operand:
                    push((e, level + 1, scope, secret))
                return None
            for pair in operand:
                if type(pair) is not tuple or len(pair) != 2:
                    return f"{tag}: operands must be pairs"
                if kind == "pairs":
                    push((pair[0], level + 1, scope, False))
                elif type(pair[0]) is not str or pair[0] not in COMPARISONS:
                    return "unknown comparison"
                push((pair[1], level + 1, scope, secret))
            return None
        return self.leaf(tag, kind, operand, scope)

    def leaf(self, tag: str, kind: str, operand: Any, scope: frozenset[int]) -> str | None:
        if kind == "value":
            return self.value(operand)
        if kind == "slot":
            if type(operand) is not int or not 0 <= operand < self.slots:
                return "a slot outside the frame"
        elif kind == "local":
            if type(operand) is not int or operand not in scope:
                return "a local that is not bound here"
        elif kind == "fname":
            if type(operand) is not str or operand not in FUNCTIONS:
                return "an unknown function"
        elif kind == "user":
            if type(operand) is not int or not 0 <= operand < len(self.functions):
                return "a user function outside the table"
        elif type(operand) is not str or not operand or len(operand) > 512 or not is_text(operand):
            return f"{tag}: no name"
        return None

    def comprehension(self, node: Any, level: int, scope: frozenset[int]) -> str | None:
        generators = node[-1]
        if type(generators) is not tuple or not generators:
            return "a comprehension without generators"
        if len(generators) > GENERATORS:
            return f"a comprehension of more than {GENERATORS} generators"
        for generator in generators:
            if type(generator) is not tuple or len(generator) != 3:
                return "a generator is (targets, expression, conditions)"
            targets, over, conditions = generator
            if type(targets) is not tuple or not targets or type(conditions) is not tuple:
                return "a generator is (targets, expression, conditions)"
            self.stack.append((over, level + 1, scope, False))
            if len(targets) > BOUND_NAMES:
                return f"comprehensions bind more than {BOUND_NAMES} locals"
            for target in targets:
                if type(target) is not int or not 0 <= target < MAX_LOCALS:
                    return "a comprehension binds a local out of range"
            bound = scope.union(targets)
            if len(bound) < len(scope) + len(targets):
                return "a comprehension binds a local that is taken"
            if len(bound) > self.given + BOUND_NAMES:
                return f"comprehensions bind more than {BOUND_NAMES} locals"
            scope = bound
            for condition in conditions:
                self.stack.append((condition, level + 1, scope, False))
        for e in node[1:-1]:
            self.stack.append((e, level + 1, scope, False))
        return None

    def value(self, root: Any) -> str | None:
        """Whether a constant is a value."""
        stack = [(root, 0)]
        while stack:
            value, level = stack.pop()
            self.parts += 1
            if self.parts > MAX_PARTS:
                return f"constants of more than {MAX_PARTS} parts"
            kind = type(value)
            if kind is str:
                if not is_text(value):
                    return "a constant text with a lone surrogate"
            elif kind is int:
                if not INT_MIN <= value <= INT_MAX:
                    return "a constant integer past 64 bits"
            elif kind is float:
                if not isfinite(value):
                    return "a constant that is not finite"
            elif kind is list or kind is dict:
                if level >= VALUE_DEPTH:
                    return f"a constant nested deeper than {VALUE_DEPTH}"
                if kind is dict:
                    if not all(type(key) is str and is_text(key) for key in value):
                        return "a constant object whose keys are not all text"
                    value = value.values()
                stack.extend([(inner, level + 1) for inner in value])
            elif kind is not bool and value is not None:
                return f"a constant that is no value ({kind.__name__})"
        return None


def _call_problem(name: str, given: int) -> str | None:
    row = FUNCTIONS[name]
    if given < row.least or (row.most is not None and given > row.most):
        return f"{name} cannot take {given} arguments"
    return None


_COMPARISONS: Final = frozenset(COMPARISONS)
#: The tag of a node.
_TAG: Final = itemgetter(0)
#: Tags whose operands are all expressions -> how many; tags with one tuple of expressions.
_EXPRESSIONS: Final = {
    tag: len(kinds)
    for tag, kinds in TABLE.items()
    if kinds and tag != "push" and all(kind == "e" for kind in kinds)
}
_SEVERAL: Final = frozenset(tag for tag, kinds in TABLE.items() if kinds == ("es",))


class _Together:
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
            if set(map(type, map(_TAG, level))) != {str}:
                return 0
            by_tag: defaultdict[str, list[Any]] = defaultdict(list)
            for node in level:
                by_tag[node[0]].append(node)
            self.below = []
            for tag, group in by_tag.items():
                rule = _TOGETHER.get(tag)
                if rule is None or not rule(self, tag, group):
                    return 0
            level = self.below
        return self.nodes

    # --- one tag ------------------------------------------------------------------------------
    def constants(self, tag: str, group: list[Any]) -> bool:
        if set(map(len, group)) != {2}:
            return False
        values = [node[1] for node in group]
        for kind in set(map(type, values)):
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
                checker = _Checker(0, (), secrets=False)
                if any(checker.value(value) is not None for value in some):
                    return False
            elif kind is not bool and kind is not type(None):
                return False
        return True

    def indexes(self, tag: str, group: list[Any]) -> bool:
        if set(map(len, group)) != {2}:
            return False
        places = [node[1] for node in group]
        size = self.locals if tag == "local" else self.slots
        return set(map(type, places)) == {int} and min(places) >= 0 and max(places) < size

    def expressions(self, tag: str, group: list[Any]) -> bool:
        operands = _EXPRESSIONS[tag]
        if set(map(len, group)) != {1 + operands}:
            return False
        for i in range(1, 1 + operands):
            self.below += [node[i] for node in group]
        return True

    def several(self, tag: str, group: list[Any]) -> bool:
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
            return all(_call_problem(name, number) is None for name, number in given)
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
            part = _Together(self.slots, self.functions, bound)
            part.bound = self.bound + bound - self.locals
            part.depth = self.depth
            if not part.nodes_of(irs):
                return False
            self.nodes += part.nodes
        return self.nodes <= EXPRESSION_NODES


#: Tags with a tuple of expressions that may be empty.
_MAY_BE_EMPTY: Final = _SEVERAL - {"and", "or"}
_TOGETHER: Final[dict[str, Callable[[_Together, str, list[Any]], bool]]] = {
    "const": _Together.constants,
    **dict.fromkeys(("slot", "isset", "local"), _Together.indexes),
    **dict.fromkeys(_EXPRESSIONS, _Together.expressions),
    **dict.fromkeys(_SEVERAL, _Together.several),
    "object": _Together.objects,
    "compare": _Together.comparisons,
    **dict.fromkeys(("call", "ucall"), _Together.calls),
    **dict.fromkeys(("listcomp", "dictcomp"), _Together.comprehensions),
}


def check_ir(
    *irs: object,
    slots: int,
    functions: Sequence[int],
    locals_: int,
    secrets: bool = True,
    tally: list[int] | None = None,
) -> list[str]:
    """Verify IR of unknown origin; returns what is wrong with it, nothing where it is sound.

    ``slots`` is the size of the frame, ``functions`` the number of parameters of each user
    function, ``locals_`` how many locals are bound from outside (parameters, the event).
    ``secrets`` False refuses secrets altogether (all but parameters of calls). The number of nodes
    is appended to ``tally``. Never raises and never recurses, whatever it is given.

    Of several expressions the findings of all come one after the other, and ``tally`` gets one
    number for all: to look at many together is quicker, where there is nothing to say of any.
    """
    if type(locals_) is not int or not 0 <= locals_ <= MAX_LOCALS:
        return [f"a function may have at most {MAX_LOCALS} parameters"]
    nodes, found = _Together(slots, functions, locals_).nodes_of(irs), []
    if not nodes:
        for ir in irs:
            checker = _Checker(slots, functions, secrets)
            found += checker.run(ir, locals_)
            nodes += checker.nodes
    if tally is not None:
        tally.append(nodes)
    return found
