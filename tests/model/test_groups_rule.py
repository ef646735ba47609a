"""The rule of groups on points, and what the verifier makes of a Blueprint that breaks it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from runeskript.compiler.pipeline import Options, compile_text
from runeskript.expr.functions import FUNCTIONS
from runeskript.model.catalog import PlainHandler, StaticCatalog
from runeskript.model.groups import CLOCKS, MOST, Point, Reader, asking_the_clock, grouped
from runeskript.model.isa import Op
from runeskript.model.verify import verify

NONE: tuple[int, ...] = ()


def line(*points: Point) -> list[Point]:
    """The points one after the other."""
    for at, point in enumerate(points):
        point.next = (at + 1,) if at + 1 < len(points) else ()
    return list(points)


def pure(**more: Any) -> Point:
    return Point("call", pure=True, **more)


def idem(into: str | None = None, **more: Any) -> Point:
    return Point("call", idempotent=True, into=into, **more)


def moves(*pairs: tuple[str, str | None], **more: Any) -> Point:
    return Point("pass", moves=pairs, **more)


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ((pure(), pure(), idem(), Point("call")), [1, 2]),
        ((Point("call"), pure(), pure()), [2]),
        ((pure(), Point("stop"), pure(), pure()), [3]),
        ((pure(), Point("pass", clock=True), pure(), pure()), [3]),
        ((pure(), pure(clock=True), pure()), [2]),
        ((pure(), pure(apart=True), pure()), []),
        # What depends on an idempotent result, itself or by a copy; what is written anew does not.
        ((idem("r"), idem(reads=("r",)), pure(reads=("r",))), [2]),
        ((idem("r"), moves(("s", "r")), idem(reads=("s",))), []),
        ((idem("r"), moves(("r", None)), idem(reads=("r",))), [2]),
        ((idem("r"), moves(("s", "r"), ("s", None)), idem(reads=("s",))), [2]),
        ((idem("r"), moves(("s", "r"), ("s", None), straight=False), idem(reads=("s",))), []),
        ((idem("r"), moves(("t", "s"), ("s", "r"), straight=False), idem(reads=("t",))), []),
        ((idem("r"), Point("pass", reads=("r",)), idem()), []),
        # A computation reads a copy that it made itself: what it makes of that depends, too.
        ((idem("r"), moves(("s", "r"), ("t", None), reads=("s",)), idem(reads=("t",))), []),
        ((idem("r"), moves(("s", "r"), ("s", None), reads=("s",)), idem(reads=("s",))), []),
        ((idem("r"), moves(("s", "r"), reads=("t",)), idem(reads=("t",))), [2]),
        ((idem("r"), pure(reads=("r",), into="s"), idem(reads=("s",))), [2]),
        ((idem("r"), pure(into="r"), idem(reads=("r",))), [1, 2]),
        # An error that is handled is a result.
        ((pure(covered=True), idem(covered=True)), []),
        ((pure(covered=True), pure(covered=True), pure(), idem()), [1, 2]),
        ((idem(covered=True), pure()), []),
        ((idem("r"), idem("s"), idem(reads=("r", "s"))), [1]),
    ],
)
def test_the_rule_in_a_straight_line(points: tuple[Point, ...], expected: list[int]) -> None:
    assert grouped(line(*points), ()) == expected


def test_the_rule_where_ways_meet() -> None:
    def diamond(left: Point, right: Point) -> list[int]:
        points = [pure(), Point("pass"), left, right, pure(), idem(reads=("r",))]
        for point, to in zip(points, ((1,), (2, 3), (4,), (4,), (5,), ()), strict=True):
            point.next = to
        return grouped(points, ())

    assert diamond(Point("pass"), Point("pass")) == [4, 5]
    assert diamond(Point("pass"), Point("stop")) == [5]
    assert diamond(pure(), idem("r")) == [2, 3, 4]
    assert diamond(pure(), Point("call")) == [2, 5]


def test_a_call_in_a_loop_is_in_a_group_with_itself() -> None:
    def loop(body: Point) -> list[int]:
        points = [Point("pass", next=(1, 2)), body, Point("stop")]
        points[1].next = (0,)
        return grouped(points, ())

    assert loop(pure()) == [1]
    assert loop(idem()) == [1]
    assert loop(idem("r", reads=("r",))) == []
    assert loop(Point("call")) == []


def test_a_handler_of_errors_begins_with_nothing() -> None:
    assert grouped(line(pure(), Point("pass"), pure(), pure()), (1,)) == [3]


def test_a_group_holds_a_bounded_number_of_results() -> None:
    points = line(*(idem(f"r{i}") for i in range(3 * MOST)))
    found = grouped(points, ())
    assert MOST - 2 < len(found) < 3 * MOST
    assert found[:3] == [1, 2, 3]


def test_the_clock_is_what_the_table_says() -> None:
    assert {name for name, row in FUNCTIONS.items() if row.effect == "clock"} == CLOCKS
    now = ("call", "now", ())
    functions = {"a": now, "b": ("ucall", "a", ()), "c": ("ucall", "c", ()), "d": ("const", now)}
    assert asking_the_clock(functions) == {"a", "b"}
    reader = Reader({"a"})
    reader.read(("add", ("name", "x"), ("isset", "y")))
    assert (reader.reads, reader.clock) == ({"x", "y"}, False)
    reader.read(("list", (("ucall", "a", ()),)))
    assert reader.clock


# --- Blueprints -----------------------------------------------------------------------------------
TEXT = """
skript: x
do:
  - {call: pure, into: a}
  - {call: plain, with: {x: "${a}"}}
  - {call: pure, with: {x: "${a}"}}
  - {call: idem, with: {x: "${a}"}, into: b}
  - {call: idem, with: {x: "${b}"}}
  - return: "${a}"
"""
CATALOG = StaticCatalog(
    {
        "pure": PlainHandler("pure", pure=True),
        "idem": PlainHandler("idem", idempotent=True),
        "plain": PlainHandler("plain"),
    }
)


def test_a_blueprint_says_which_and_the_verifier_asks_again() -> None:
    blueprint = compile_text(TEXT, catalog=CATALOG).blueprint
    calls = [at for at, ins in enumerate(blueprint.code) if ins[0] == Op.CALL]
    marked = [at for at in calls if blueprint.code[at][-1]]
    assert marked == calls[3:4]
    assert {ref.name: (ref.pure, ref.idempotent) for ref in blueprint.handlers} == {
        "pure": (True, False),
        "idem": (False, True),
        "plain": (False, False),
    }
    for at in calls:
        code = list(blueprint.code)
        code[at] = (*code[at][:-1], True)
        problems = verify(replace(blueprint, code=tuple(code)))
        assert (problems == []) == (at in marked)
        for problem in problems:
            assert (problem.code, problem.index) == ("RUNE-4023", at)
            assert "ahead of the commit" in problem.message
    bare = compile_text(TEXT, catalog=CATALOG, options=Options(passes=())).blueprint
    assert not any(ins[-1] for ins in bare.code if ins[0] == Op.CALL)


def test_a_copy_changed_in_the_same_region_still_holds_the_result() -> None:
    text = """
skript: x
do:
  - {call: idem, into: r}
  - set: {x: "${r}", x.k: 5}
  - {call: idem, with: {x: "${x}"}}
"""
    blueprint = compile_text(text, catalog=CATALOG).blueprint
    assert not any(ins[-1] for ins in blueprint.code if ins[0] == Op.CALL)


def test_the_errors_of_branches_are_handled_by_whoever_began_them() -> None:
    text = """
skript: x
do:
  - try:
      - parallel:
          a: [{call: pure, into: p}, {call: pure}, {call: idem, with: {x: "${p}"}}, {call: idem}]
          b: [{wait: 1s}]
    catch: [{do: [{log: other way}]}]
"""
    blueprint = compile_text(text, catalog=CATALOG).blueprint
    calls = [ins for ins in blueprint.code if ins[0] == Op.CALL]
    assert [ins[-1] for ins in calls] == [False, True, False, False]


def test_explain_shows_groups() -> None:
    compiled = compile_text(TEXT, catalog=CATALOG, options=Options(keep=True))
    lines = [text for text in compiled.stages["optimized"].splitlines() if "call " in text]
    assert [text.endswith("; grouped") for text in lines] == [False, False, False, True, False]
