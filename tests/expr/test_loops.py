"""Regions with loops: interrupted anywhere, entered again, they do what they mean."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest

from expr.evaluating import context
from expr.region_programs import frame, meaning, region
from runeskript.errors import StepError
from runeskript.expr.generate import Looped, compile_region, fault_site
from runeskript.expr.labels import region_labels
from runeskript.expr.turns import grant, passed


def same(one: Any, other: Any) -> bool:
    return repr(one) == repr(other)  # 1 and 1.0 and true are different


def run_in_slices(statements: Any, slots: list[Any], rng: random.Random) -> list[tuple[str, Any]]:
    """What it does with random budgets: ("turn", (number, frame)) where it gave way, and the end."""
    looped = Looped(statements)
    c = context()
    seen: list[tuple[str, Any]] = []
    entry = turns = 0
    most = rng.choice([1, 2, 5, 100])
    for _ in range(2_000):
        depth = looped.labels[entry - 1].depth if entry else 0
        given = rng.randrange(1, most + 1)
        grant(c, given, turns, depth, woken=False)
        try:
            k = looped(slots, c, entry)
        except StepError as error:
            return [*seen, ("error", (error.type, fault_site(error), passed(c)))]
        turns = passed(c)
        if k >= 0:
            return [*seen, ("exit", (k, turns))]
        entry = -k
        seen.append(("turn", (turns, copy.deepcopy(slots))))
    raise AssertionError("it does not end")


def check(seed: int) -> str:
    rng = random.Random(seed)
    statements = region(rng)
    slots = frame(rng)
    expected: list[Any] = []
    end: tuple[str, Any] = ("", None)
    plain = list(slots)
    for what, value in meaning(statements, plain):
        if what == "turn":
            expected.append(copy.deepcopy(value))
            if len(expected) > 400:
                return "long"
        else:
            end = (what, value)
    if not region_labels(statements):
        mine = list(slots)
        try:
            assert ("exit", compile_region(statements)(mine, context())) == end
        except StepError as error:
            assert ("error", (error.type, fault_site(error))) == end
        assert same(mine, plain), statements
        return end[0]
    for protected in (True, False):
        mine = copy.deepcopy(slots)
        seen = run_in_slices(statements, mine, rng)
        *turns, (what, value) = seen
        for _, (number, held) in turns:
            assert same(held, expected[number]), (number, statements)
        if what == "error":
            assert end == (what, value[:2]), statements
        else:
            assert end == (what, value[0]), statements
        assert value[-1] == len(expected), statements
        if what == "exit" or protected:
            assert same(mine, plain), statements
    return end[0]


@pytest.mark.parametrize("part", range(6))
def test_random_regions(part: int) -> None:
    ends = [check(seed) for seed in range(part * 100, part * 100 + 100)]
    assert {"exit", "error"} <= set(ends)
