"""What instructions point to: roots, policies, listens, functions, regions, expressions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ..ast import IR
from ..isa import STATEMENTS
from ..limits import ATTEMPTS, DURATION_MS, EXPRESSION_NODES, REGION_NODES
from .facts import CheckIr, CheckSchema, Facts, Use, is_index, is_node, shown

#: Nesting of ``if`` statements in one region (a chain of ``elif`` nests, too); every walker of
#: regions, Python's own compiler among them, goes this deep without trouble.
REGION_DEPTH: Final = 200
_ROOTS: Final = ("input", "env", "job")
#: Parameters of one user function: as many as Python lets a call write out without a warning.
_PARAMETERS: Final = 255


def check_pools(facts: Facts) -> None:
    """Every section but code and regions."""
    bp = facts.bp
    names = [name for name, _ in bp.roots]
    if len(set(names)) != len(names) or not set(names) <= set(_ROOTS):
        facts.say("entry", f"each of {', '.join(_ROOTS)} at most once, and nothing else", "roots")
    if not all(is_index(slot, bp.bodies[0].slots) for _, slot in bp.roots):
        facts.say("entry", "a slot is out of the frame of body 0", "roots")
    _check_policies(facts)
    for i, listen in enumerate(bp.listens):
        named = (listen.topic, listen.key, listen.where)
        if not all(is_index(e, len(bp.exprs)) for e in named if e is not None):
            facts.say("entry", "its topic, key or where is no expression", "listens", i)
    for i, expr in enumerate(bp.exprs):
        if not is_node(expr):
            facts.say("expression", "not an expression", "exprs", i)
    for i, function in enumerate(bp.functions):
        if function.params > _PARAMETERS:
            what = f"{function.params} parameters; the bound is {_PARAMETERS}"
            facts.say("entry", what, "functions", i)
        if not is_node(function.ir):
            facts.say("expression", "not an expression", "functions", i)


def _check_policies(facts: Facts) -> None:
    for i, policy in enumerate(facts.bp.policies):
        if not 1 <= policy.max_attempts <= ATTEMPTS:
            what = f"{policy.max_attempts} attempts; the bound is {ATTEMPTS}"
            facts.say("entry", what, "policies", i)
        if not 0 <= policy.backoff_ms <= policy.backoff_max_ms <= DURATION_MS:
            what = f"{policy.backoff_ms}..{policy.backoff_max_ms} ms is no range of waits"
            facts.say("entry", what, "policies", i)
        if policy.timeout is not None and not is_index(policy.timeout, len(facts.bp.exprs)):
            facts.say("entry", "its timeout is no expression", "policies", i)


# --- regions ----------------------------------------------------------------------------------


def check_regions(facts: Facts) -> None:
    """The statements of every region; fills ``facts.region_exprs``."""
    for i, statements in enumerate(facts.bp.regions):
        use = facts.region_uses.get(i, Use())
        problems = _Region(facts, i, use).check(statements)
        for problem in problems:
            facts.say("expression", problem, "regions", i)


class _Region:
    """One region. Statements nest, so a stack of blocks stands in for recursion."""

    __slots__ = ("exprs", "facts", "index", "problems", "use")

    def __init__(self, facts: Facts, index: int, use: Use) -> None:
        self.facts = facts
        self.index = index
        self.use = use
        self.problems: list[str] = []

    def check(self, statements: tuple[IR, ...]) -> list[str]:
        # (block, whether every path through it must end in an exit, nesting)
        waiting: list[tuple[object, bool, int]] = [(statements, True, 0)]
        while waiting:
            block, must_exit, depth = waiting.pop()
            if type(block) is not tuple:
                self.problems.append("a block is no list of statements")
                continue
            if depth > REGION_DEPTH:
                self.problems.append(f"it nests deeper than {REGION_DEPTH} levels")
                break
            if must_exit and (not block or not _is_statement(block[-1], ("exit", "if"))):
                self.problems.append("a path ends without an exit")
            for statement in block:
                if not _is_statement(statement, STATEMENTS):
                    self.problems.append(f"{shown(statement)} is no statement")
                    continue
                self._operands(statement)
                if statement[0] == "if":
                    inside = must_exit and statement is block[-1]
                    waiting.extend((branch, inside, depth + 1) for branch in statement[3:5])
        return self.problems

    def _operands(self, statement: IR) -> None:
        bp = self.facts.bp
        if statement[0] == "exit" and is_index(statement[1], self.use.least):
            return
        for name, value in zip(STATEMENTS[statement[0]], statement[1:], strict=True):
            if name == "site" and not is_index(value, len(bp.steps)):
                self.problems.append(f"{shown(value)} is no step")
            elif name == "slot" and not is_index(value, self.use.slots):
                self.problems.append(f"slot {shown(value)} is not in the frame of every user")
            elif name == "k" and not is_index(value, self.use.least):
                self.problems.append(f"exit {shown(value)} has no address in some user")
            elif name in ("expr", "condition"):
                self._expr(self._pushed(statement, value) if name == "expr" else value)
            elif name == "keys":
                if type(value) is not tuple or not value:
                    self.problems.append("a path without keys")
                else:
                    for key in value:
                        self._expr(key)

    def _pushed(self, statement: IR, ir: Any) -> object:
        """What a statement `set s = push(s, e)` appends; any other expression as it is.

        The list must be the slot's own, so the slot is noted as a holder: see `slots.py`.
        """
        if not (is_node(ir) and ir[0] == "push" and len(ir) == 3):
            return ir
        slot = statement[2]
        if statement[0] != "set" or ir[1] != ("slot", slot):
            self.problems.append("a list is appended to in another place than its own slot")
        elif is_index(slot, self.use.slots):
            for body in self.facts.region_bodies.get(self.index, ()):
                self.facts.holders.setdefault(body, set()).add(slot)
        return ir[2]

    def _expr(self, ir: object) -> None:
        if not is_node(ir):
            self.problems.append(f"{shown(ir)} is no expression")
        else:
            assert isinstance(ir, tuple)  # noqa: S101 - is_node
            self.facts.region_exprs.append((self.index, ir))


def _is_statement(statement: object, tags: Sequence[str] | dict[str, tuple[str, ...]]) -> bool:
    return (
        type(statement) is tuple
        and bool(statement)
        and type(statement[0]) is str
        and statement[0] in tags
        and len(statement) == 1 + len(STATEMENTS[statement[0]])
    )


# --- expressions ------------------------------------------------------------------------------


def check_exprs(facts: Facts, check_ir: CheckIr) -> None:
    """Hand every expression to its verifier, with the least that its users offer."""
    bp = facts.bp
    params = [function.params for function in bp.functions]

    tally: list[int] = []

    def check(section: str, i: int, ir: IR, slots: int, locals_: int, *, secret: bool) -> int:
        """Look at one expression; the number of its nodes."""
        problems = check_ir(
            ir, slots=slots, functions=params, locals_=locals_, secrets=secret, tally=tally
        )
        nodes = tally.pop()
        for problem in problems:
            facts.say("limit" if nodes > EXPRESSION_NODES else "expression", problem, section, i)
        return nodes

    # What nothing evaluates still has to have the right shape.
    unused = Use(least=0)
    for i, expr in enumerate(bp.exprs):
        use = facts.expr_uses.get(i, unused)
        check("exprs", i, expr, use.slots, use.least, secret=use.secret)
    nodes: dict[int, int] = {}
    for i, ir in facts.region_exprs:
        slots = facts.region_uses.get(i, unused).slots
        count = check("regions", i, ir, slots, 0, secret=False)
        nodes[i] = nodes.get(i, 0) + count + 1
    for i, count in nodes.items():
        if count > REGION_NODES:
            what = f"statements of {count:,} nodes; the bound is {REGION_NODES:,}"
            facts.say("limit", what, "regions", i)
    for i, function in enumerate(bp.functions):
        check("functions", i, function.ir, 0, function.params, secret=False)


def check_schemas(facts: Facts, check_schema: CheckSchema) -> None:
    """The schema of the input and of every listen; null is none."""
    listens = [("listens", i, row.schema) for i, row in enumerate(facts.bp.listens)]
    for section, i, schema in (("input", None, facts.bp.input_schema), *listens):
        if schema is not None:
            for pointer, message, _ in check_schema(schema):
                facts.say("schema", f"schema at {pointer or '/'}: {message}", section, i)
