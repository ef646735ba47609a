"""The verifier of expressions: IR of unknown origin in, what is wrong with it out.

A Blueprint may come from a stranger, and code is generated from its expressions: nothing about them
is believed. Nothing here recurses, and work is bounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
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


def check_ir(
    ir: object,
    *,
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
    """
    if type(locals_) is not int or not 0 <= locals_ <= MAX_LOCALS:
        return [f"a function may have at most {MAX_LOCALS} parameters"]
    nodes, found = _plainly_sound(ir, slots, functions, locals_), []
    if not nodes:
        checker = _Checker(slots, functions, secrets)
        found = checker.run(ir, locals_)
        nodes = checker.nodes
    if tally is not None:
        tally.append(nodes)
    return found


#: Tags whose operands are all expressions -> how many; tags with one tuple of expressions.
_EXPRESSIONS: Final = {
    tag: len(kinds)
    for tag, kinds in TABLE.items()
    if kinds and tag != "push" and all(kind == "e" for kind in kinds)
}
_SEVERAL: Final = frozenset(tag for tag, kinds in TABLE.items() if kinds == ("es",))


def _plainly_sound(ir: Any, slots: int, functions: Sequence[int], locals_: int) -> int:
    """The number of nodes where there is certainly nothing wrong, seen without keeping track of
    places and scopes; 0 where there may be.

    Nearly all expressions of a Blueprint are settled here, level by level. What binds locals, has
    containers for constants or mentions secrets is left to the checker, as is all that is wrong.
    """
    level: list[Any] = [ir]
    nodes = 0
    for _ in range(MAX_DEPTH):
        if not level:
            return nodes
        nodes += len(level)
        if nodes > EXPRESSION_NODES:
            return 0
        below: list[Any] = []
        for node in level:
            if type(node) is not tuple or not node or type(tag := node[0]) is not str:
                return 0
            size = len(node)
            if tag == "const":
                if size != 2:
                    return 0
                value = node[1]
                kind = type(value)
                if kind is str:
                    if not value.isascii() and not is_text(value):
                        return 0
                elif kind is int:
                    if not INT_MIN <= value <= INT_MAX:
                        return 0
                elif kind is float:
                    if not isfinite(value):
                        return 0
                elif kind is not bool and value is not None:
                    return 0
            elif tag == "slot" or tag == "isset":
                if size != 2 or type(node[1]) is not int or not 0 <= node[1] < slots:
                    return 0
            elif tag == "item":
                if size != 3:
                    return 0
                below.append(node[1])
                if _is_plain_text(node[2]):
                    nodes += 1
                else:
                    below.append(node[2])
            elif tag in _EXPRESSIONS:
                if size != 1 + _EXPRESSIONS[tag]:
                    return 0
                below += node[1:]
            elif tag == "local":
                if size != 2 or type(node[1]) is not int or not 0 <= node[1] < locals_:
                    return 0
            elif tag in _SEVERAL:
                if size != 2 or type(node[1]) is not tuple or not (node[1] or tag in _MAY_BE_EMPTY):
                    return 0
                below += node[1]
            elif tag == "object":
                if size != 2 or not _are_pairs(node[1]):
                    return 0
                for key, value in node[1]:
                    if _is_plain_text(key):
                        nodes += 1
                    else:
                        below.append(key)
                    below.append(value)
            elif tag == "compare":
                if size != 3 or not node[2] or not _are_pairs(node[2]):
                    return 0
                below.append(node[1])
                for comparison, right in node[2]:
                    if type(comparison) is not str or comparison not in COMPARISONS:
                        return 0
                    below.append(right)
            elif tag == "call" or tag == "ucall":
                if size != 3 or type(node[2]) is not tuple:
                    return 0
                callee, given = node[1], len(node[2])
                if tag == "call":
                    if type(callee) is not str or callee not in FUNCTIONS:
                        return 0
                    if _call_problem(callee, given) is not None:
                        return 0
                else:
                    if type(callee) is not int or not 0 <= callee < len(functions):
                        return 0
                    if given != functions[callee]:
                        return 0
                below += node[2]
            else:
                return 0
            if len(below) > EXPRESSION_NODES:  # nodes may be shared, lists too
                return 0
        level = below
    return 0 if level else nodes


#: Tags with a tuple of expressions that may be empty.
_MAY_BE_EMPTY: Final = _SEVERAL - {"and", "or"}


def _is_plain_text(node: Any) -> bool:
    """Whether a node is a constant as nearly all keys are."""
    return (
        type(node) is tuple
        and len(node) == 2
        and node[0] == "const"
        and type(node[1]) is str
        and node[1].isascii()
    )


def _are_pairs(operand: Any) -> bool:
    return type(operand) is tuple and all(
        type(pair) is tuple and len(pair) == 2 for pair in operand
    )
