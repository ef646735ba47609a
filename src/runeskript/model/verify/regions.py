"""The statements of regions: their operands, where control leaves them, how deep they nest."""

from __future__ import annotations

from typing import Any, Final

from ..ast import IR
from ..isa import STATEMENTS
from .facts import UNUSED, Facts, Use, is_index, shown

#: Nesting of statements in one region (a chain of ``elif`` nests, too); every walker of regions,
#: Python's own compiler among them, goes this deep without trouble.
REGION_DEPTH: Final = 200
#: Nesting of loops in one region: Python's compiler takes 20 blocks within each other.
LOOP_DEPTH: Final = 12
#: Tag of a statement -> its operands: where each stands, and its kind.
_OPERANDS: Final = {
    tag: tuple((i, operand.kind) for i, operand in enumerate(operands, 1))
    for tag, operands in STATEMENTS.items()
}
#: Statements behind which nothing in their block can be reached.
_ENDS: Final = ("exit", "break", "continue", "raise")


def check_regions(facts: Facts) -> None:
    """All regions; fills ``facts.region_exprs`` and ``facts.looping``."""
    steps = len(facts.bp.steps)
    for i, statements in enumerate(facts.bp.regions):
        use = facts.region_uses.get(i, UNUSED)
        settled = expressions_of(statements, use, steps)
        if settled is not None:
            facts.region_exprs[i] = settled
            continue
        region = _Region(facts, i, use)
        for problem in region.check(statements):
            facts.say("expression", problem, "regions", i)
        facts.region_exprs[i] = region.exprs
        if region.loops:
            facts.looping[i] = bool(statements) and statements[0][:1] == ("loop",)


def expressions_of(statements: Any, use: Use, steps: int) -> list[IR] | None:
    """The expressions of a region of assignments and conditions with certainly nothing wrong; None
    where there are other statements, or there may be. Nearly all regions are settled here."""
    slots, exits, _ = use
    exprs: list[IR] = []
    # (block, whether every path through it must leave the region, nesting)
    waiting: list[tuple[Any, bool, int]] = [(statements, True, 0)]
    while waiting:
        block, must_leave, depth = waiting.pop()
        if type(block) is not tuple or depth > REGION_DEPTH or (must_leave and not block):
            return None
        last = len(block)
        for place, statement in enumerate(block, 1):
            if type(statement) is not tuple or not statement:
                return None
            tag, size = statement[0], len(statement)
            if tag == "exit" and size == 2:
                if place < last or type(statement[1]) is not int or not 0 <= statement[1] < exits:
                    return None
                continue
            if tag == "set" and size == 4:
                _, site, slot, ir = statement
                if type(slot) is not int or not 0 <= slot < slots:
                    return None
                if must_leave and place == last:
                    return None
            elif tag == "if" and size == 5:
                _, site, ir, then, otherwise = statement
                leaves = must_leave and place == last
                waiting.append((then, leaves, depth + 1))
                waiting.append((otherwise, leaves, depth + 1))
            else:
                return None
            if type(site) is not int or not 0 <= site < steps:
                return None
            if type(ir) is not tuple or not ir or type(ir[0]) is not str or ir[0] == "push":
                return None
            exprs.append(ir)
    return exprs


class _Region:
    """One region. Statements nest, so a stack of blocks stands in for recursion."""

    __slots__ = ("endless", "exits", "exprs", "facts", "index", "left", "loops", "problems",
                 "slots", "steps")  # fmt: skip

    def __init__(self, facts: Facts, index: int, use: Use) -> None:
        self.facts = facts
        self.index = index
        self.slots, self.exits, _ = use
        self.steps = len(facts.bp.steps)
        self.problems: list[str] = []
        #: The expressions of all its statements.
        self.exprs: list[IR] = []
        #: How many loops there are; which are left by ``break``; behind which no statement follows.
        self.loops = 0
        self.left: set[int] = set()
        self.endless: list[int] = []

    def check(self, statements: tuple[IR, ...]) -> list[str]:
        # (block, whether every path through it must leave the region, nesting, loops around it:
        # their number and the innermost)
        waiting: list[tuple[object, bool, int, int, int]] = [(statements, True, 0, 0, 0)]
        while waiting:
            block, must_leave, depth, around, inside = waiting.pop()
            if type(block) is not tuple:
                self.problems.append("a block is no list of statements")
                continue
            if depth > REGION_DEPTH:
                self.problems.append(f"it nests deeper than {REGION_DEPTH} levels")
                break
            if around > LOOP_DEPTH:
                self.problems.append(f"loops nest deeper than {LOOP_DEPTH} levels")
                break
            if must_leave and not (block and _is_statement(block[-1]) and _leads_out(block[-1])):
                self.problems.append("a path ends without an exit")
            for place, statement in enumerate(block, 1):
                if not _is_statement(statement):
                    self.problems.append(f"{shown(statement)} is no statement")
                    continue
                tag, last = statement[0], place == len(block)
                self._operands(statement)
                if tag in _ENDS and not last:
                    self.problems.append(f"a statement stands behind {tag}")
                elif tag == "if":
                    for branch in statement[3:5]:
                        waiting.append((branch, must_leave and last, depth + 1, around, inside))
                elif tag == "loop":
                    self.loops += 1
                    if must_leave and last:
                        self.endless.append(self.loops)
                    waiting.append((statement[2], False, depth + 1, around + 1, self.loops))
                elif tag == "break" or tag == "continue":
                    if not around:
                        self.problems.append(f"{tag} outside a loop")
                    elif tag == "break":
                        self.left.add(inside)
        if not self.left.isdisjoint(self.endless):
            self.problems.append("a path ends without an exit")
        return self.problems

    def _operands(self, statement: IR) -> None:
        tag = statement[0]
        for i, kind in _OPERANDS[tag]:
            value = statement[i]
            if kind == "site":
                if type(value) is not int or not 0 <= value < self.steps:
                    self.problems.append(f"{shown(value)} is no step")
            elif kind == "expr":
                self._expr(self._pushed(statement, value) if tag == "set" else value)
            elif kind == "slot":
                if type(value) is not int or not 0 <= value < self.slots:
                    self.problems.append(f"slot {shown(value)} is not in the frame of every user")
            elif kind == "k":
                if type(value) is not int or not 0 <= value < self.exits:
                    self.problems.append(f"exit {shown(value)} has no address in some user")
            elif kind == "keys":
                if type(value) is not tuple or not value:
                    self.problems.append("a path without keys")
                    continue
                for key in value:
                    self._expr(key)

    def _pushed(self, statement: IR, value: Any) -> Any:
        """What a statement `set s = push(s, e)` appends; any other operand as it is.

        The list must be the slot's own, so the slot is noted as a holder: see `slots.py`.
        """
        if type(value) is not tuple or len(value) != 3 or value[0] != "push":
            return value
        slot = statement[2]
        if value[1] != ("slot", slot):
            self.problems.append("a list is appended to in another place than its own slot")
        elif is_index(slot, self.slots):
            for body in self.facts.region_bodies.get(self.index, ()):
                self.facts.holders.setdefault(body, set()).add(slot)
        return value[2]

    def _expr(self, ir: Any) -> None:
        if type(ir) is tuple and ir and type(ir[0]) is str:
            self.exprs.append(ir)
        else:
            self.problems.append(f"{shown(ir)} is no expression")


def _leads_out(statement: Any) -> bool:
    """Whether control may have left the region behind the last statement of a block."""
    return statement[0] in ("exit", "raise", "if", "loop")


def _is_statement(statement: object) -> bool:
    return (
        type(statement) is tuple
        and bool(statement)
        and type(statement[0]) is str
        and statement[0] in STATEMENTS
        and len(statement) == 1 + len(STATEMENTS[statement[0]])
    )
