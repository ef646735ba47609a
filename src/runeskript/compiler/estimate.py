"""How many calls of handlers a job of a document can make at most, where its loops are bounded.

Counted is what leaves for handlers: every attempt of every call, undos included. A child skript is
a job of its own and not counted. A loop is bounded where the list it goes over is: written out, a
``range`` of numbers, limited by ``maxItems`` in the input's schema, or made from such lists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from ..expr.schema_rules import referred
from ..model import ast
from ..model.ast import IR, Block, CatchClause, Step
from ..model.rows import NamedTuple
from ..model.values import Value
from .validate.facts import Facts


class Estimate(NamedTuple):
    """The most calls of one job; None where a loop has no bound: ``loop`` is the first of these."""

    calls: int | None
    loop: Step | None = None


_NONE: Final = Estimate(0)


def estimate(facts: Facts) -> Estimate:
    """The most calls that a job of the document can make."""
    document = facts.document
    counter = _Counter(document.input_schema, _constant_lists(facts))
    return counter.guarded(document.body, document.catches, document.finally_)


class _Counter:
    """Counts the calls of one document."""

    def __init__(self, schema: Value, lists: dict[str, int]) -> None:
        self._schema = schema
        self._lists = lists

    def block(self, block: Block) -> Estimate:
        return _sum(self.step(step) for step in block)

    def step(self, step: Step) -> Estimate:
        count = _STEPS.get(type(step))
        return _NONE if count is None else count(self, step)

    def guarded(
        self, body: Block, catches: tuple[CatchClause, ...], last: Block | None
    ) -> Estimate:
        after = _most(self.block(clause.body) for clause in catches)
        return _sum((self.block(body), after, self.block(last or ())))

    # --- steps -----------------------------------------------------------------------------------
    def call(self, step: ast.Call) -> Estimate:
        attempts = 1 if step.retry is None else step.retry.max
        undo = _NONE if step.undo is None else self.step(step.undo)
        return _sum((Estimate(attempts), undo))

    def run(self, step: ast.Run) -> Estimate:
        return _NONE if step.undo is None else self.step(step.undo)

    def if_(self, step: ast.If) -> Estimate:
        blocks = [block for _, block in step.branches]
        return _most(self.block(block) for block in (*blocks, step.otherwise))

    def switch(self, step: ast.Switch) -> Estimate:
        blocks = [block for _, block in step.cases]
        return _most(self.block(block) for block in (*blocks, step.otherwise))

    def for_(self, step: ast.For) -> Estimate:
        return self._repeated(step, self.block(step.body), self.length(step.over.ir))

    def while_(self, step: ast.While) -> Estimate:
        return self._repeated(step, self.block(step.body), None)

    def parallel(self, step: ast.Parallel) -> Estimate:
        return _sum(self.block(branch.body) for branch in step.branches)

    def try_(self, step: ast.Try) -> Estimate:
        return self.guarded(step.body, step.catches, step.finally_)

    def do(self, step: ast.Do) -> Estimate:
        return self.block(step.body)

    def flow(self, step: ast.Flow) -> Estimate:
        once = self.block(step.steps)
        back = any(
            to is not None and to <= at for at, jumps in enumerate(step.jumps) for _, to in jumps
        )
        return self._repeated(step, once, None) if back else once

    def _repeated(self, loop: Step, once: Estimate, turns: int | None) -> Estimate:
        if once.calls is None or once.calls == 0:
            return once
        return Estimate(None, loop) if turns is None else Estimate(once.calls * turns)

    # --- lists -----------------------------------------------------------------------------------
    def length(self, ir: IR) -> int | None:
        """The most elements a list can have; None where nothing bounds it."""
        tag = ir[0]
        if tag == "const":
            return len(ir[1]) if isinstance(ir[1], list) else None
        if tag == "list":
            return len(ir[1])
        if tag == "name":
            return self._lists.get(ir[1])
        if tag == "item":
            return self._limit_of_input(ir)
        if tag == "add":
            return _added(self.length(ir[1]), self.length(ir[2]))
        if tag == "ifelse":
            both = self.length(ir[2]), self.length(ir[3])
            return None if None in both else max(n for n in both if n is not None)
        if tag == "slice":
            return self._slice(ir)
        if tag == "listcomp":
            return self._turns(ir[-1])
        if tag == "call":
            return self._given_by(ir[1], ir[2])
        return None

    def _given_by(self, function: str, args: tuple[IR, ...]) -> int | None:
        if function == "range":
            numbers = [arg[1] for arg in args if arg[0] == "const" and type(arg[1]) is int]
            if len(numbers) == len(args) and (len(numbers) < 3 or numbers[2] != 0):
                return len(range(*numbers))
        elif function in _NO_LONGER:
            return self.length(args[0])
        elif function == "zip":
            known = [n for n in map(self.length, args) if n is not None]
            return min(known, default=None)
        return None

    def _slice(self, ir: IR) -> int | None:
        whole = self.length(ir[1])
        start, end = ir[2] or ("const", 0), ir[3]
        if end is None or start[0] != "const" or end[0] != "const":
            return whole
        first, last = start[1], end[1]
        if type(first) is not int or type(last) is not int or first < 0 or last < 0:
            return whole
        most = max(last - first, 0)
        return most if whole is None else min(most, whole)

    def _turns(self, generators: Iterable[Any]) -> int | None:
        turns = 1
        for _, over, _ in generators:
            length = self.length(over)
            if length is None:
                return None
            turns *= length
        return turns

    def _limit_of_input(self, ir: IR) -> int | None:
        """``maxItems`` of a list in the input."""
        keys = []
        while ir[0] == "item" and ir[2][0] == "const":
            keys.append(ir[2][1])
            ir = ir[1]
        if ir != ("name", "input"):
            return None
        schema: Any = self._schema
        for key in (*reversed(keys), None):
            for _ in range(20):
                if isinstance(schema, dict) and "$ref" in schema:
                    schema = referred(self._schema, schema["$ref"])
            if not isinstance(schema, dict):
                return None
            if key is None:
                break
            part = "items" if type(key) is int else "properties"
            schema = schema.get(part)
            if part == "properties" and isinstance(schema, dict):
                schema = schema.get(key)
        most = schema.get("maxItems")
        return most if type(most) is int and most >= 0 else None


#: Functions that give a list no longer than the one they are given.
_NO_LONGER: Final = frozenset(("sorted", "reversed", "unique", "enumerate", "chunk"))


def _constant_lists(facts: Facts) -> dict[str, int]:
    """Variables that are set once, to a list written out -> its length."""
    found: dict[str, int] = {}
    several: set[str] = set()
    for a in facts.assignments:
        if a.path:
            continue  # a path changes an element, never their number
        ir = ("const", None) if a.value is None else a.value.ir
        if a.name in found or (ir[0] != "list" and not isinstance(ir[1], list)):
            several.add(a.name)
        else:
            found[a.name] = len(ir[1])
    return {name: length for name, length in found.items() if name not in several}


def _sum(parts: Iterable[Estimate]) -> Estimate:
    """All of them, one after the other."""
    total = 0
    for part in parts:
        if part.calls is None:
            return part
        total += part.calls
    return Estimate(total)


def _most(parts: Iterable[Estimate]) -> Estimate:
    """One of them, that with the most calls."""
    most = _NONE
    for part in parts:
        if part.calls is None:
            return part
        if most.calls is not None and part.calls > most.calls:
            most = part
    return most


def _added(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


_STEPS: Final[dict[type[Step], Callable[[_Counter, Any], Estimate]]] = {
    ast.Call: _Counter.call,
    ast.Run: _Counter.run,
    ast.If: _Counter.if_,
    ast.Switch: _Counter.switch,
    ast.For: _Counter.for_,
    ast.While: _Counter.while_,
    ast.Parallel: _Counter.parallel,
    ast.Try: _Counter.try_,
    ast.Do: _Counter.do,
    ast.Flow: _Counter.flow,
}
