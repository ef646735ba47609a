"""Branches as turns of one loop: each does what its statements mean, or is given up untold."""

from __future__ import annotations

import copy
import random
from collections import Counter
from typing import Any

import pytest

from expr.evaluating import context
from expr.region_programs import SLOTS, frame, meaning, region
from runeskript.errors import StepError
from runeskript.expr.branches import Branch, BranchLoop
from runeskript.expr.generate import FunctionTable, push_targets
from runeskript.expr.turns import SPENT, allow
from runeskript.kernel.straight import without_exits

ELEMENTS = [0, 1, 2, 3, 7, -5, 0.5, 1e60, 2**31, 2**40, 2**62, "t", [1], {"a": 2}, None, True]


def same(one: Any, other: Any) -> bool:
    return repr(one) == repr(other)  # 1 and 1.0 and true are different


def meant(branch: Branch, base: list[Any], elements: list[Any]) -> tuple[list[Any], bool]:
    """(what each branch leaves, up to the first that fails; whether one does)."""
    left: list[Any] = []
    for number, element in enumerate(elements):
        slots = copy.deepcopy(base)
        if branch.item is not None:
            slots[branch.item] = element
        if branch.number is not None:
            slots[branch.number] = number
        end = ""
        for turn, (what, _) in enumerate(meaning(branch.statements, slots)):
            end = what
            if turn > 300:
                return left, True  # it would take too long to find out
        if end == "error":
            return left, True
        result = None if branch.result is None else slots[branch.result]
        left.append((result, tuple(slots[out] for out in branch.outs)))
    return left, False


def drawn(rng: random.Random) -> tuple[Branch, list[Any]] | None:
    """A random branch and what it captures."""
    statements = without_exits(region(rng))
    if statements is None:
        return None
    statements = list(statements)
    keyed = rng.sample(range(SLOTS), 2) if rng.random() < 0.4 else []
    if keyed:
        key = ("item", ("slot", keyed[0]), ("const", "a"))
        statements.insert(0, ("set", 0, keyed[1], ("add", key, ("const", 1))))
    holders = set(push_targets(statements))
    free = [slot for slot in range(SLOTS) if slot not in holders]
    if len(free) < 4:
        return None
    item, number, *ends = rng.sample(free, 4)
    base = frame(rng)
    for slot in holders:
        base[slot] = base[item]
    if keyed and rng.random() < 0.9:
        base[keyed[0]] = {"a": 2}
    branch = Branch(
        statements,
        item,
        number if rng.random() < 0.5 else None,
        ends[0] if rng.random() < 0.8 else None,
        tuple(ends[1:]) if rng.random() < 0.5 else (),
    )
    return branch, base


def check(seed: int) -> str:
    rng = random.Random(seed)
    made = drawn(rng)
    if made is None:
        return "none"
    branch, base = made
    kinds = rng.choice([ELEMENTS[:5], ELEMENTS[:8], ELEMENTS])
    elements = [rng.choice(kinds) for _ in range(rng.randrange(1, 7))]
    expected, fails = meant(branch, base, elements)
    holders = frozenset(push_targets(branch.statements))
    loop = BranchLoop(branch, FunctionTable(), holders)
    before = copy.deepcopy(base)
    for budget in (10_000, rng.randrange(1, 6)):
        c = context()
        allow(c, budget)
        results: list[Any] = []
        outs: list[Any] = []
        end = "ended"
        try:
            if loop(base, c, elements, 0, results, outs) == SPENT:
                end = "spent"
        except StepError:
            end = "failed"
        assert same(base, before), "nothing is written to the frame"
        assert len(results) == len(outs) or not branch.outs
        for number, result in enumerate(results):
            wanted = expected[number]
            assert branch.result is None or same(result, wanted[0]), (number, branch)
            assert not branch.outs or same(outs[number], wanted[1]), (number, branch)
        if budget == 10_000 and end != "spent":
            assert len(results) == len(expected), branch
            assert (end == "failed") == fails, branch
    return end


def test_what_holds_a_key_may_be_handed_on() -> None:
    key = ("item", ("slot", 0), ("const", "k"))
    value = ("add", ("add", ("add", key, ("slot", 1)), key), key)
    branch = Branch([("set", 0, 2, value)], 1, None, 2, (0,))
    results: list[Any] = []
    outs: list[Any] = []
    c = context()
    allow(c, 100)
    BranchLoop(branch, FunctionTable())([{"k": 3}, None, None], c, [7, 8], 0, results, outs)
    assert (results, outs) == ([16, 17], [({"k": 3},), ({"k": 3},)])


@pytest.mark.parametrize("chunk", range(8))
def test_random_branches(chunk: int) -> None:
    ends = Counter(check(seed) for seed in range(chunk * 200, (chunk + 1) * 200))
    assert ends["ended"] > 20 and ends["failed"] > 5 and ends["spent"] > 5, ends


PRICE = ("item", ("slot", 0), ("const", "price"))
RATE = ("item", ("slot", 1), ("const", "rate"))


@pytest.mark.parametrize(
    ("elements", "rate", "bodies"),
    [
        ([1, 2, 3], 5, [0]),  # small ints
        ([1, 2, 3], 2**20, [1]),  # ints
        ([1, 2.5, 3], 5, [0, 1, 2]),  # the second branch is one for numbers
        ([0.5, 2], 0.25, [2]),
        ([2**40, 1], 5, [0, 1, 2, 3]),  # too large to prove anything
        (["a", "b"], 3, [0, 1, 2, 3]),
        ([2, 3], "a", [3]),
    ],
)
def test_each_body_gives_up_what_it_did_not_expect(
    elements: list[Any], rate: Any, bodies: list[int]
) -> None:
    """Only what is run is generated, and what all branches share says where to begin."""
    total = ("mul", PRICE, RATE)
    branch = Branch(
        (("set", 0, 2, total), ("set", 1, 3, ("add", ("slot", 2), ("slot", 2)))), 0, None, 3, ()
    )
    loop = BranchLoop(branch, FunctionTable())
    c, results = context(), []
    allow(c, 100)
    loop([None, {"rate": rate}, None, None], c, [{"price": e} for e in elements], 0, results, [])
    assert results == [e * rate + e * rate for e in elements]
    assert sorted(loop._bodies) == bodies


def test_draws_are_told() -> None:
    branch = Branch((("set", 0, 1, ("call", "uuid", ())),), 0, None, 1, ())
    assert BranchLoop(branch, FunctionTable()).draws
