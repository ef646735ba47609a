"""One expression of unknown origin, looked at node by node: what exactly is wrong with it.

Nothing here recurses, and work is bounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

from ..model.limits import (
    BOUND_NAMES,
    EXPRESSION_NODES,
    GENERATORS,
    INT_MAX,
    INT_MIN,
    PURE_WORK,
    VALUE_DEPTH,
)
from ..model.values import is_text
from .functions import FUNCTIONS
from .ir import COMPARISONS, MAX_DEPTH, MAX_LOCALS, MAX_PARTS, TABLE

_Frame = tuple[Any, int, frozenset[int], bool]


class Checker:
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
        """The problems of an expression; ``nodes`` then tells how many nodes were looked at."""
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
            return call_problem(node[1], len(node[2]))
        if tag == "ucall" and len(node[2]) != self.functions[node[1]]:
            return f"function {node[1]} takes {self.functions[node[1]]} arguments"
        if tag in ("and", "or", "compare") and not node[-1]:
            return f"{tag} without operands"
        return None

    def operand(
        self, tag: str, kind: str, operand: Any, level: int, scope: frozenset[int], secret: bool
    ) -> str | None:
        """Check one operand of a node."""
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
        """Check an operand that is no expression."""
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
        elif kind == "units":
            if type(operand) is not int or not 0 < operand <= PURE_WORK:
                return "units of work out of range"
        elif type(operand) is not str or not operand or len(operand) > 512 or not is_text(operand):
            return f"{tag}: no name"
        return None

    def comprehension(self, node: Any, level: int, scope: frozenset[int]) -> str | None:
        """Check the generators of a comprehension; its locals are known inside it."""
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


def call_problem(name: str, given: int) -> str | None:
    """What is wrong with a call of a function of the language with so many arguments."""
    row = FUNCTIONS[name]
    if given < row.least or (row.most is not None and given > row.most):
        return f"{name} cannot take {given} arguments"
    return None
