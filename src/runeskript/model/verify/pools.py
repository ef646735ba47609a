"""What instructions point to: roots, policies, listens, functions, expressions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from operator import itemgetter
from typing import Final, TypeAlias

from ..ast import IR
from ..limits import ATTEMPTS, DURATION_MS, EXPRESSION_NODES, REGION_NODES
from .facts import UNUSED, CheckIr, CheckSchema, Facts, Use, is_index, is_node

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


#: Expressions that are looked at together; where one may be wrong, they are looked at one by one.
#: As many as should have half the nodes that one of them may have, judged by those before them.
_FIRST: Final = 500
_NODES: Final = EXPRESSION_NODES // 2
#: A section, an index in it, and the expressions there.
_Entry: TypeAlias = tuple[str, int, Sequence[IR]]


def check_exprs(facts: Facts, check_ir: CheckIr) -> None:
    """Hand every expression to its verifier, with the least that its users offer."""
    params = [function.params for function in facts.bp.functions]
    doubtful: list[tuple[int, Use, _Entry]] = []
    tally: list[int] = []
    for (slots, locals_, secret), entries in _by_offer(facts).items():
        at, together = 0, _FIRST
        while at < len(entries):
            some: list[IR] = []
            start = at
            while at < len(entries) and len(some) < together:  # an entry is never divided
                some += entries[at][1][2]
                at += 1
            problems = check_ir(
                *some, slots=slots, functions=params, locals_=locals_, secrets=secret, tally=tally
            )
            nodes = tally.pop()
            together = max(len(some) * _NODES // max(nodes, 1), 1)
            if problems or nodes + len(some) > min(EXPRESSION_NODES, REGION_NODES):
                offer = (slots, locals_, secret)
                doubtful += [(number, offer, entry) for number, entry in entries[start:at]]
    doubtful.sort(key=itemgetter(0))
    for _, (slots, locals_, secret), (section, i, irs) in doubtful:
        nodes = 0
        for ir in irs:
            problems = check_ir(
                ir, slots=slots, functions=params, locals_=locals_, secrets=secret, tally=tally
            )
            count = tally.pop()
            nodes += count + 1
            for problem in problems:
                facts.say(
                    "limit" if count > EXPRESSION_NODES else "expression", problem, section, i
                )
        if section == "regions" and nodes > REGION_NODES:
            what = f"statements of {nodes:,} nodes; the bound is {REGION_NODES:,}"
            facts.say("limit", what, section, i)


def _by_offer(facts: Facts) -> dict[Use, list[tuple[int, _Entry]]]:
    """All places with expressions, numbered; alike are those that are offered the same."""
    bp = facts.bp
    # What nothing evaluates still has to have the right shape.
    unused = UNUSED[0], 0, True
    out: defaultdict[Use, list[tuple[int, _Entry]]] = defaultdict(list)
    number = 0
    for i, expr in enumerate(bp.exprs):
        out[facts.expr_uses.get(i, unused)].append((number, ("exprs", i, (expr,))))
        number += 1
    for i, irs in facts.region_exprs.items():
        offer = (facts.region_uses.get(i, unused)[0], 0, False)
        out[offer].append((number, ("regions", i, irs)))
        number += 1
    for i, function in enumerate(bp.functions):
        out[0, function.params, False].append((number, ("functions", i, (function.ir,))))
        number += 1
    return out


def check_schemas(facts: Facts, check_schema: CheckSchema) -> None:
    """The schema of the input and of every listen; null is none."""
    listens = [("listens", i, row.schema) for i, row in enumerate(facts.bp.listens)]
    for section, i, schema in (("input", None, facts.bp.input_schema), *listens):
        if schema is not None:
            for pointer, message, _ in check_schema(schema):
                facts.say("schema", f"schema at {pointer or '/'}: {message}", section, i)
