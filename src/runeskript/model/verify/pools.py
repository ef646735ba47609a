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
    bp = facts.bp
    params = [function.params for function in bp.functions]
    doubtful: list[tuple[int, Use]] = []
    tally: list[int] = []
    regions = list(facts.region_exprs)
    exprs = len(bp.exprs)
    for (slots, locals_, secret), numbers in _by_offer(facts).items():
        at, together = 0, _FIRST
        while at < len(numbers):
            some: list[IR] = []
            start = at
            while at < len(numbers) and len(some) < together:  # an entry is never divided
                number = numbers[at]
                if number < exprs:
                    some.append(bp.exprs[number])
                else:
                    some += _entry(facts, regions, number)[2]
                at += 1
            problems = check_ir(
                *some, slots=slots, functions=params, locals_=locals_, secrets=secret, tally=tally
            )
            nodes = tally.pop()
            together = max(len(some) * _NODES // max(nodes, 1), 1)
            if problems or nodes + len(some) > min(EXPRESSION_NODES, REGION_NODES):
                offer = (slots, locals_, secret)
                doubtful += [(number, offer) for number in numbers[start:at]]
    for number, (slots, locals_, secret) in sorted(doubtful, key=itemgetter(0)):
        section, i, irs = _entry(facts, regions, number)
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


def _by_offer(facts: Facts) -> dict[Use, list[int]]:
    """The numbers of all places with expressions (see ``_entry``); alike are those that are offered
    the same."""
    bp = facts.bp
    # What nothing evaluates still has to have the right shape.
    unused = UNUSED[0], 0, True
    out: defaultdict[Use, list[int]] = defaultdict(list)
    for i in range(len(bp.exprs)):
        out[facts.expr_uses.get(i, unused)].append(i)
    for number, i in enumerate(facts.region_exprs, len(bp.exprs)):
        offer = (facts.region_uses.get(i, unused)[0], 0, False)
        out[offer].append(number)
    for number, function in enumerate(bp.functions, len(bp.exprs) + len(facts.region_exprs)):
        out[0, function.params, False].append(number)
    return out


def _entry(facts: Facts, regions: Sequence[int], number: int) -> _Entry:
    """The place with a number: expressions come first, then ``regions``, then functions."""
    bp = facts.bp
    if number < len(bp.exprs):
        return "exprs", number, (bp.exprs[number],)
    number -= len(bp.exprs)
    if number < len(regions):
        return "regions", regions[number], facts.region_exprs[regions[number]]
    number -= len(regions)
    return "functions", number, (bp.functions[number].ir,)


def check_schemas(facts: Facts, check_schema: CheckSchema) -> None:
    """The schema of the input and of every listen; null is none."""
    listens = [("listens", i, row.schema) for i, row in enumerate(facts.bp.listens)]
    for section, i, schema in (("input", None, facts.bp.input_schema), *listens):
        if schema is not None:
            for pointer, message, _ in check_schema(schema):
                facts.say("schema", f"schema at {pointer or '/'}: {message}", section, i)
