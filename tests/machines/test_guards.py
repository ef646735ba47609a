"""What is said of two guards holds for all values; and enough is said."""

from __future__ import annotations

import random
from itertools import product

import pytest

from expr.evaluating import context, lowered, table
from runeskript.compiler.validate.guards import Guards
from runeskript.errors import StepError
from runeskript.expr.generate import compile_expr
from runeskript.expr.parser import parse_expression
from runeskript.model.ast import IR

VALUES = (None, True, False, 0, 1, 2, 3, 1.0, 2.5, -1, "", "a", "b", "c", [], [1], {}, {"k": 1})
CONSTANTS = ("0", "1", "2", "2.5", "'a'", "'b'", "''", "true", "null", "[]", "-1")
LISTS = ("[1, 2]", "['a', 'b']", "[]", "[0, 'c', true]")


def ir(text: str) -> IR:
    return parse_expression(text).ir


def written(dice: random.Random, depth: int = 2) -> str:
    """A condition over ``x`` and ``y``."""
    if depth and dice.random() < 0.6:
        one, other = written(dice, depth - 1), written(dice, depth - 1)
        return dice.choice([f"({one} and {other})", f"({one} or {other})", f"(not {one})"])
    name, other = dice.sample(["x", "y"], 2)
    op = dice.choice(["==", "!=", "<", "<=", ">", ">="])
    constant = dice.choice(CONSTANTS)
    return dice.choice(
        [
            f"{name} {op} {constant}",
            f"{constant} {op} {name}",
            f"{name} {op} {other}",
            f"{name} {dice.choice(['in', 'not in'])} {dice.choice(LISTS)}",
            name,
            f"{dice.choice(CONSTANTS)} {op} {name} {op} {constant}",
            dice.choice(["true", "false"]),
        ]
    )


def outcomes(text: str) -> list[bool | None]:
    """Whether it is true, for all values; None where it fails."""
    made = compile_expr(lowered(text, {"x": 0, "y": 0}), table({}), slot_names=["x", "y"])
    found: list[bool | None] = []
    for x, y in product(VALUES, VALUES):
        try:
            found.append(bool(made([x, y], context())))
        except StepError:
            found.append(None)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_said_is_so(seed: int) -> None:
    dice = random.Random(seed)
    conditions = [written(dice) for _ in range(40)]
    known = {text: outcomes(text) for text in conditions}
    parsed = {text: ir(text) for text in conditions}
    said = 0
    for one in conditions:
        if Guards().never(parsed[one]):
            assert True not in known[one], one
        for other in conditions:
            pairs = list(zip(known[one], known[other], strict=True))
            guards = Guards()
            if guards.apart(parsed[one], parsed[other]):
                said += 1
                assert (True, True) not in pairs, (one, other)
            if guards.implies(parsed[one], parsed[other]):
                said += 1
                assert (True, False) not in pairs, (one, other)
    assert said > 100


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("data.n > 10", "data.n <= 10"),
        ("data.n > 10", "not data.n > 10"),
        ("data.kind == 'book'", "data.kind == 'map'"),
        ("data.kind in ['book', 'map']", "data.kind not in ['book', 'map', 'film']"),
        ("data.kind in ['book', 'map']", "data.kind == 'film'"),
        ("data.vip", "not data.vip"),
        ("data.vip and data.n > 5", "not data.vip"),
        ("data.n < 5 or data.n > 10", "5 <= data.n <= 10"),
        ("len(data.items) == 0", "len(data.items) > 0"),
        ("len(data.items) == 0", "len(data.items)"),
        ("has(data, 'x')", "not has(data, 'x')"),
        ("data.a < data.b", "data.b <= data.a"),
        ("data.a == data.b", "data.b != data.a"),
        ("not (data.a and data.b)", "data.a and data.b"),
        ("data.n == 1", "data.n == true"),
    ],
)
def test_these_are_apart(one: str, other: str) -> None:
    guards = Guards()
    assert guards.apart(ir(one), ir(other))
    assert guards.apart(ir(other), ir(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("data.n > 10", "data.n < 20"),
        ("data.n >= 10", "data.n <= 10"),
        ("data.vip", "data.gift"),
        ("data.kind == 'book'", "data.other == 'map'"),
        ("random() > 0.5", "random() <= 0.5"),
        ("data.n == 1", "data.n == 1.0"),
        ("'a' in data.text", "'b' in data.text"),
        ("data.n != 1", "data.n != 2"),
    ],
)
def test_these_may_meet(one: str, other: str) -> None:
    guards = Guards()
    assert guards.apart(ir(one), ir(other)) is False
    assert guards.apart(ir(other), ir(one)) is False


def test_one_in_another() -> None:
    guards = Guards()
    assert guards.implies(ir("data.n > 10"), ir("data.n > 5"))
    assert guards.implies(ir("data.vip and data.n > 1"), ir("data.vip"))
    assert guards.implies(ir("data.kind == 'a'"), ir("data.kind in ['a', 'b']"))
    assert not guards.implies(ir("data.n > 5"), ir("data.n > 10"))
    assert guards.never(ir("data.n > 5 and data.n < 2"))
    assert not guards.never(ir("data.n > 2 and data.n < 5"))


def test_a_condition_of_too_many_ways_is_left_alone() -> None:
    wide = " and ".join(f"(data.a{i} or data.b{i})" for i in range(20))
    guards = Guards()
    assert not guards.never(ir(wide))
    assert guards.apart(ir(wide), ir(f"not ({wide})")) is None


def test_so_much_work_and_no_more() -> None:
    wide = ir(" or ".join(f"data.a == {i}" for i in range(60)))
    other = ir(" or ".join(f"data.a == {i}" for i in range(60, 120)))
    guards = Guards()
    assert guards.apart(wide, other)
    assert [guards.apart(wide, other) for _ in range(20)][-1] is None
