"""Random skripts do the same with the optimizer's passes (one alone, all, random sets) and without.

2,000 skripts here, any number by ``make fuzz``; see ``differential.py`` for what is compared.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

from properties import differential
from properties.differential import (
    CATALOG,
    NAMES,
    World,
    back,
    check,
    compare,
    front,
    simulate,
    smaller,
)
from properties.skripts import skript
from runeskript.compiler import core
from runeskript.compiler import passes as optimizer
from runeskript.compiler.expand import expand
from runeskript.compiler.listing import show_core
from runeskript.compiler.passes import PASSES, Pass
from runeskript.kernel import pure
from runeskript.model.catalog import HandlerCatalog
from runeskript.model.isa import Op

CHUNKS, SIZE = 40, 52


@pytest.mark.parametrize("number", range(CHUNKS))
def test_random_skripts(number: int) -> None:
    seeds = range(number * SIZE, (number + 1) * SIZE)
    compiled = sum(check(seed) for seed in seeds)
    assert compiled > SIZE * 0.8, "the generator writes skripts that compile"


def test_the_skripts_have_forks_that_only_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Static and over elements, with each way to join; most branches that run are no tokens."""
    ended, tokens = 0, 0
    end, become_token = pure._ended, pure._become_token

    def ended_(vm: Any, branches: Any, results: list[Any], *rest: Any) -> None:
        nonlocal ended
        ended += len(results)
        end(vm, branches, results, *rest)

    def become_token_(vm: Any, branches: Any) -> None:
        nonlocal tokens
        tokens += 1
        become_token(vm, branches)

    monkeypatch.setattr(pure, "_ended", ended_)
    monkeypatch.setattr(pure, "_become_token", become_token_)
    kinds: Counter[tuple[bool, int]] = Counter()
    for seed in range(300):
        try:
            program = back(front(skript(seed)), differential.NAMES)
        except differential.RefusedError:
            continue
        for code in program.code:
            if code[0] == Op.FORKPURE:
                kinds[code[2] is None, code[4]] += 1
        simulate(program, World())
    assert min(kinds[dynamic, need] for dynamic in (False, True) for need in (0, 1)) >= 5
    assert kinds[False, 2] >= 5
    assert sum(kinds.values()) > 100
    assert ended > 200
    assert tokens > 20


def test_random_skripts_hold_what_the_passes_are_for() -> None:
    """Each pass changes many of the skripts, alone and behind those that run before it."""
    documents = []
    for seed in range(100):
        with suppress(differential.RefusedError):
            documents.append(differential.front(skript(seed)))
    alone: Counter[str] = Counter()
    together: Counter[str] = Counter()
    for document in documents:
        whole = expand(document)
        for one in PASSES:
            single = expand(document)
            alone[one.name] += _changes(one, single)
            together[one.name] += _changes(one, whole)
    for fired in (alone, together):
        assert min(fired[one.name] for one in PASSES) >= 3, fired
        assert sum(fired.values()) > 4 * len(documents), fired


def _changes(one: Pass, program: core.Program) -> bool:
    before = show_core(program)
    one.run(program, CATALOG)
    return show_core(program) != before


#: What random skripts have found, made small.
FOUND: dict[str, dict[str, Any]] = {
    "a fused branch is fused again": {
        "skript": "x",
        "vars": {"p": {}, "total": {"init": 0, "reduce": "sum"}},
        "do": [
            {
                "for": "i",
                "in": "range(2)",
                "parallel": True,
                "do": [
                    {
                        "if": "i == 7",
                        "then": [
                            {"if": "i > 0", "raise": {"type": "boom"}},
                            {"parallel": {"x": []}, "into": "p.m"},
                        ],
                    },
                    {"set": {"total": 2}},
                ],
            },
            {"return": "${total}"},
        ],
    },
    "a fused loop is fused again": {
        "skript": "x",
        "vars": {"p": {"l": [1]}, "b": 1},
        "do": [
            {
                "parallel": {
                    "x": [
                        {
                            "if": "b != 0",
                            "then": [{"set": {"b": 1}}],
                            "else": [
                                {
                                    "for": "i",
                                    "in": "range(2)",
                                    "parallel": 1,
                                    "collect": "p.l",
                                    "do": [],
                                }
                            ],
                        },
                        {"set": {"p.l": "${(p.l + [b])[-3:]}"}},
                    ]
                }
            },
            {"return": "${p}"},
        ],
    },
}


@pytest.mark.parametrize("found", FOUND)
def test_what_was_found(found: str) -> None:
    for passes in (NAMES, *[(name,) for name in NAMES], ("pure_fork", "fuse")):
        compare(FOUND[found], passes, World())
        compare(FOUND[found], passes, World(turns=1))


# --- the property itself ----------------------------------------------------------------------
PROGRAM: dict[str, Any] = {
    "skript": "x",
    "do": [
        {"log": "first"},
        {"set": {"a": 1, "b": 2}},
        {"if": "a < b", "then": [{"log": "second"}, {"set": {"a": "${a + b}"}}]},
        {"return": "${a}"},
    ],
}


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass that removes the first log, and all that is computed twice."""

    def break_(program: core.Program, _: HandlerCatalog) -> None:
        program.root.ops = [
            op
            for op in program.root.ops
            if not (isinstance(op, core.Log) and op.text == ("const", "second"))
        ]

    monkeypatch.setattr(optimizer, "PASSES", (Pass("broken", break_, "it is not"),))


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("world", [World(), World(turns=1, cancel_at=9), World(shuffle=3)])
def test_a_wrong_pass_is_found(world: World) -> None:
    compare(PROGRAM, (), world)
    with pytest.raises(differential.DifferenceError, match="log info: second"):
        compare(PROGRAM, ("broken",), world)


@pytest.mark.usefixtures("broken")
def test_a_failing_skript_is_made_small() -> None:
    small = differential.shrink(PROGRAM, ("broken",), World())
    assert small["do"] == [{"log": "second"}]


def test_interrupts_are_compared_by_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cancel that lands in a loop is found again, at the same turn, by all programs."""
    turn = {"set": {"n": "${n + 1}"}}
    loop = {"while": "n < 50", "do": [turn]}
    program = {
        "skript": "x",
        "vars": {"n": 0},
        "do": [{"try": [loop], "finally": [{"log": "${n}"}]}],
    }
    world = World(turns=2, cancel_step=7)
    compare(program, ("join_pure",), world)

    def miscount(program: core.Program, _: HandlerCatalog) -> None:
        """Two turns of the loop where the skript has one."""
        for op in program.root.ops:
            if isinstance(op, core.Pure) and op.reads and op.statements[0][0] == "set":
                op.statements = (*op.statements[:-1], *op.statements)

    monkeypatch.setattr(optimizer, "PASSES", (Pass("miscount", miscount, "it is not"),))
    with pytest.raises(differential.DifferenceError, match="effect"):
        compare(program, ("miscount",), world)


def test_shrinking_ends_where_nothing_can_go() -> None:
    def fails(program: dict[str, Any]) -> bool:
        return "second" in json.dumps(program)

    assert json.dumps(smaller(PROGRAM, fails)).count("{") <= 3
    assert smaller(PROGRAM, lambda _: False) == PROGRAM
