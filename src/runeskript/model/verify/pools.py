"""What instructions point to: roots, policies, listens, functions, expressions."""

from __future__ import annotations

from typing import Final

from ..ast import IR
from ..limits import ATTEMPTS, DURATION_MS, EXPRESSION_NODES, REGION_NODES
from .facts import CheckIr, CheckSchema, Facts, Use, is_index, is_node

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
