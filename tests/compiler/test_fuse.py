"""Pure code becomes regions: what has structure gets one text, what has none stays apart."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from runeskript.compiler import core
from runeskript.compiler.passes.fuse import fuse_body
from runeskript.compiler.pipeline import Options, compile_text
from runeskript.expr.ir_check import check_ir
from runeskript.model.blueprint import Blueprint
from runeskript.model.isa import Op
from runeskript.model.verify import verify
from runeskript.testing import simulate
from support import any_handlers, compile_yaml, run_yaml

CATALOG = any_handlers("work")


def built(text: str, **options: Any) -> Blueprint:
    return compile_yaml(text, "work", **options).blueprint


def regions(blueprint: Blueprint) -> int:
    return sum(int(ins[0]) in (Op.PURE, Op.LOOP) for ins in blueprint.code)  # type: ignore[call-overload]


PURE = [
    "  - while: n < 5\n    do: [{set: {n: '${n + 1}'}}]\n",
    "  - for: x\n    in: [1, 2, 3]\n    collect: n\n    do: [{yield: x * 2}]\n",
    "  - for: x\n    in: [1, 2, 3]\n    do:\n"
    "      - for: y\n        in: '[x, 5]'\n        do:\n"
    "          - {break: null, if: y == x}\n"
    "          - {continue: null, if: y > 4}\n"
    "          - set: {n: '${n + y}'}\n",
    "  - switch: n\n    cases:\n      - {is: 0, do: [{set: {n: 5}}]}\n"
    "      - {is: [1, 2], do: [{set: {n: 6}}]}\n    else: [{set: {n: 7}}]\n",
    "  - if: n == 1\n    then: [{raise: {type: bad}}]\n    elif: [{when: n == 0, do: [{set: {n: 2}}]}]\n",
    "  - while: true\n    do:\n      - set: {n: '${n + 1}'}\n      - {break: null, if: n > 3}\n",
]


@pytest.mark.parametrize("steps", PURE)
def test_pure_steps_are_one_region(steps: str) -> None:
    text = f"skript: x\nvars: {{n: 0}}\ndo:\n{steps}  - return: '${{n}}'\n"
    blueprint = built(text)
    assert [int(ins[0]) for ins in blueprint.code] == [Op.PURE, Op.RETURN]  # type: ignore[call-overload]
    assert verify(blueprint, check_ir) == []
    loose = compile_yaml(text, options=Options(passes=())).blueprint
    assert len(loose.code) > 3
    assert simulate(blueprint).output == simulate(loose).output


def test_a_loop_that_calls_keeps_its_head() -> None:
    blueprint = built(
        "skript: x\nvars: {n: 0}\ndo:\n  - while: n < 5\n    do:\n"
        "      - call: work\n      - set: {n: '${n + 1}'}\n"
    )
    ops = [int(ins[0]) for ins in blueprint.code]  # type: ignore[call-overload]
    assert ops.count(Op.LOOP) == 1
    assert regions(blueprint) == 3


def test_a_pure_loop_at_the_head_of_one_that_calls() -> None:
    """The outer head is a loop of the region, which is left for the call and entered again."""
    text = (
        "skript: x\nvars: {n: 0, m: 0}\ndo:\n  - while: n < 5\n    do:\n"
        "      - while: m < n\n        do: [{set: {m: '${m + 1}'}}]\n"
        "      - call: work\n      - set: {n: '${n + 1}'}\n  - return: '${m}'\n"
    )
    blueprint = built(text)
    assert Op.LOOP not in [ins[0] for ins in blueprint.code]
    assert regions(blueprint) == 3
    assert run_yaml(text, {"work": lambda _: None}).output == 4


def test_cover_keeps_regions_apart() -> None:
    """What a `try` covers is not run together with what it does not."""
    blueprint = built(
        "skript: x\nvars: {n: 0, z: 0}\ndo:\n  - set: {n: 1}\n"
        "  - try: [{set: {n: '${n / z}'}}]\n    catch: [{do: [{set: {n: 9}}]}]\n"
        "  - set: {n: '${n + 1}'}\n  - return: '${n}'\n"
    )
    assert len(blueprint.exceptions) == 1
    (row,) = blueprint.exceptions
    covered = blueprint.code[row.start : row.end]
    assert [ins[0] for ins in covered] == [Op.PURE]
    (region,) = [blueprint.regions[ins[1]] for ins in covered]  # type: ignore[index,misc]
    assert [s[0] for s in region] == ["set", "exit"]


# --- by hand ----------------------------------------------------------------------------------
def body(*ops: core.Op) -> core.Body:
    made = core.Body("by hand", "root", None)
    made.ops = list(ops)
    return made


def pure(*exits: core.Exit, loop: bool = False) -> core.Pure:
    """A test between two ways, or one way on."""
    if len(exits) == 1:
        statements: tuple[Any, ...] = (("set", 0, "x", ("const", 1)), ("exit", 0))
    else:
        statements = (("if", 0, ("name", "x"), (("exit", 0),), (("exit", 1),)),)
    return core.Pure(0, (), statements, exits, loop)


def mark(label: int) -> core.Mark:
    return core.Mark(0, (), label)


def fused(made: core.Body) -> list[core.Op]:
    fuse_body(made, itertools.count(100).__next__)
    return [op for op in made.ops if not isinstance(op, core.Mark)]


RETURN = core.Return(0, (), None)


def test_a_loop_with_two_entries_stays_as_it_is() -> None:
    made = body(
        pure(1, 2),
        mark(1),
        pure(None, 3, loop=True),
        mark(2),
        pure(1, 3, loop=True),
        mark(3),
        RETURN,
    )
    before = list(made.ops)
    fused(made)
    assert made.ops == before


def test_a_jump_past_a_meeting_cuts_there() -> None:
    """a -> b | z; b -> p | y; y -> z; z -> p: the way from b to p jumps over z."""
    ops = fused(
        body(
            pure(None, 1),
            pure(2, None),
            pure(None),
            mark(1),
            pure(None),
            mark(2),
            pure(None),
            RETURN,
        )
    )
    assert [type(op).__name__ for op in ops] == ["Pure", "Pure", "Return"]
    first = ops[0]
    assert isinstance(first, core.Pure)
    assert len(first.exits) == 1, "both ways out of it lead to p"


def test_circles_of_jumps_are_left_alone() -> None:
    made = body(pure(None, 2), mark(1), core.Jump(0, (), 1), mark(2), RETURN)
    assert [type(op).__name__ for op in fused(made)][-1] == "Return"


def test_a_conditional_with_both_ways_to_one_place() -> None:
    (region, _) = fused(body(pure(1, None), mark(1), pure(None), RETURN))
    assert isinstance(region, core.Pure)
    assert region.statements == (
        ("if", 0, ("name", "x"), (), ()),
        ("set", 0, "x", ("const", 1)),
        ("exit", 0),
    )


# --- bounds -----------------------------------------------------------------------------------
def guards(count: int) -> str:
    inside = "".join(f"      - {{continue: null, if: x == {i}}}\n" for i in range(count))
    return f"skript: x\nvars: {{n: 0}}\ndo:\n  - for: x\n    in: range(900)\n    do:\n{inside}" + (
        "      - set: {n: '${n + 1}'}\n  - return: '${n}'\n"
    )


def choices(count: int) -> str:
    cases = "".join(f"      - {{is: {i}, do: [{{set: {{n: {i}}}}}]}}\n" for i in range(count))
    return f"skript: x\nvars: {{n: 0}}\ndo:\n  - switch: input\n    cases:\n{cases}  - return: '${{n}}'\n"


def chain(count: int) -> str:
    steps = "".join(f"  - {{set: {{n: '${{n + {i}}}'}}, if: n > 0}}\n" for i in range(count))
    return f"skript: x\nvars: {{n: 1}}\ndo:\n{steps}  - return: '${{n}}'\n"


def nest(depth: int) -> str:
    lines = ["skript: x", "vars: {n: 0}", "do:"]
    for level in range(depth):
        lines.append("  " * (2 * level + 1) + f"- for: i{level}")
        lines.append("  " * (2 * level + 2) + "in: [1]")
        lines.append("  " * (2 * level + 2) + "do:")
    lines.append("  " * (2 * depth + 1) + "- set: {n: '${n + 1}'}")
    return "\n".join(lines) + "\n  - return: '${n}'\n"


@pytest.mark.parametrize(
    ("text", "given", "expected"),
    [
        (guards(300), None, 600),
        (choices(400), 399, 399),
        (chain(700), None, 1 + sum(range(700))),
        (nest(14), None, 1),
    ],
)
def test_what_is_too_long_or_deep_is_cut(text: str, given: Any, expected: Any) -> None:
    blueprint = compile_text(text, "x.yaml", CATALOG).blueprint
    assert verify(blueprint, check_ir) == []
    assert regions(blueprint) < 20
    assert run_yaml(text, input=given).output == expected
