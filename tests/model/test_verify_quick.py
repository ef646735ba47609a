"""What the verifier settles at once is what it would say nothing of at length."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from blueprints import sample, sample_machine
from runeskript.model.isa import BY_OP
from runeskript.model.limits import BRANCHES
from runeskript.model.verify import code as of_code
from runeskript.model.verify import verify
from runeskript.model.verify.bodies import check_bodies
from runeskript.model.verify.code import check_code
from runeskript.model.verify.facts import Facts
from runeskript.model.verify.regions import _Region, expressions_of

STEPS = SLOTS = EXITS = 3
#: Mostly right, for each place where a number or an expression belongs.
NUMBERS: st.SearchStrategy[Any] = st.sampled_from((0, 0, 1, 1, 2, 2, 3, -1, True, None, "a"))
EXPRESSIONS: st.SearchStrategy[Any] = st.sampled_from(
    (("const", 1), ("slot", 0), ("push", ("slot", 0), ("const", 1)), (), ("a", ()), 5, (5,))
)
EXIT = st.tuples(st.just("exit"), st.integers(0, 2))
LEAVES = st.one_of(
    EXIT,
    st.tuples(st.just("exit"), NUMBERS),
    st.tuples(st.just("set"), NUMBERS, NUMBERS, EXPRESSIONS),
    st.tuples(st.just("raise"), NUMBERS, EXPRESSIONS),
    st.sampled_from(((), ("set", 1), ("if",), ("unset", 0, 0), 5, ("no", 1))),
)


def blocks(statements: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    mixed = st.lists(statements, max_size=3)
    return st.one_of(
        st.builds(lambda some, end: (*some, end), mixed, EXIT), mixed.map(tuple), st.just(None)
    )


REGIONS = blocks(
    st.recursive(
        LEAVES,
        lambda inner: st.tuples(st.just("if"), NUMBERS, EXPRESSIONS, blocks(inner), blocks(inner)),
        max_leaves=8,
    )
)


@settings(max_examples=300, deadline=None)
@given(REGIONS)
def test_a_region_that_is_settled_at_once_is_sound(statements: Any) -> None:
    settled = expressions_of(statements, (SLOTS, EXITS, True), STEPS)
    facts = Facts(replace(sample(), steps=("",) * STEPS))
    region = _Region(facts, 0, (SLOTS, EXITS, True))
    problems = region.check(statements)
    if settled is not None:
        assert (problems, settled) == ([], region.exprs)
    assert (settled is None) or not region.loops


def test_regions_of_assignments_and_conditions_are_settled() -> None:
    test = ("if", 0, ("slot", 1), (("set", 1, 2, ("const", 3)), ("exit", 0)), (("exit", 1),))
    assert expressions_of((test,), (SLOTS, EXITS, True), STEPS) == [("slot", 1), ("const", 3)]
    assert expressions_of((test,), (SLOTS, 1, True), STEPS) is None


#: What may stand in the place of any operand.
ODD = (None, -1, 0, 1, 10**6, True, 1.0, "", "delay", (), (0,), (None,), (10**6,), [], BRANCHES + 1)


def test_opcodes_that_are_settled_at_once_have_the_right_operands() -> None:
    """Each operand of each instruction of a Blueprint with every opcode, by each odd value."""
    good = sample()
    for address, instruction in enumerate(good.code):
        changed = [(True, *instruction[1:]), (*instruction, None)] + [
            (*instruction[:i], odd, *instruction[i + 1 :])
            for i in range(1, len(instruction))
            for odd in ODD
        ]
        for one in changed:
            code: Any = (*good.code[:address], one, *good.code[address + 1 :])
            bp = replace(good, code=code)
            facts = Facts(bp)
            check_bodies(facts)
            row = BY_OP[one[0]]
            found = list(of_code._operand_problems(bp, facts.owner[address], row, one))
            if found:
                assert one[0] not in of_code._sound_opcodes(facts)
                check_code(facts)
                assert any(found[0] in problem.message for problem in facts.problems)


def test_sound_instructions_are_settled_but_for_those_that_name_bodies() -> None:
    facts = Facts(sample())
    check_bodies(facts)
    kinds = {int(row.op): {one.kind.rstrip("?") for one in row.operands} for row in BY_OP.values()}
    apart = {op for op, found in kinds.items() if found & {"body", "bodies", "count"}}
    machine = Facts(sample_machine())
    check_bodies(machine)
    sound = of_code._sound_opcodes(facts) | of_code._sound_opcodes(machine)
    assert set(kinds) - sound <= apart
    assert not verify(sample())
