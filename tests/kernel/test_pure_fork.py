"""FORKPURE: branches that only compute are no tokens, and nobody can tell."""

from __future__ import annotations

from typing import Any

import pytest

from properties.differential import NAMES, World, back, check_replay, compare, front, simulate
from runeskript.compiler.pipeline import Options
from runeskript.kernel import Program, advance, load, new_run, pure, replay
from runeskript.model.events import CancelRequested, Started
from runeskript.model.isa import Op
from runeskript.model.run import Branches
from support import compile_yaml

Steps = list[dict[str, Any]]
PASSES = ("pure_fork",)


def fork(body: Steps, over: Any = "range(5)", **keys: Any) -> dict[str, Any]:
    return {"for": "x", "in": over, "parallel": True, "do": body, **keys}


def skript(*steps: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {"skript": "x", "vars": {"n": 0, "got": None, **values}, "do": [*steps]}


def caught(*steps: dict[str, Any]) -> dict[str, Any]:
    """What the error of a fork looks like to the steps around it."""
    told = {"return": "${[error.type, error.message, error.step, error.data]}"}
    return {"try": [*steps], "catch": [{"do": [told]}]}


RAISE = {"raise": {"type": "boom", "message": "at ${x}", "data": "${x}"}}
LOOP: Steps = [{"set": {"i": 0}}, {"while": "i < x * 3", "do": [{"set": {"i": "${i + 1}"}}]}]
DONE = {"return": "${[n, got]}"}
#: name -> a document with forks that only compute.
CASES: dict[str, dict[str, Any]] = {
    "yields": skript(fork([{"yield": "x * 2"}], collect="got"), DONE),
    "index": skript(fork([{"yield": "x * at"}], "[7, 8]", index="at", collect="got"), DONE),
    "some yield": skript(fork([{"yield": "x", "if": "x % 2 == 0"}], collect="got"), DONE),
    "nothing": skript(fork([{"yield": "x"}], "[]", collect="got"), DONE),
    "own variables": skript(
        fork([{"set": {"n": "${n + x}"}}, {"yield": "n"}], collect="got"), DONE
    ),
    "unset in another branch": skript(
        caught(fork([{"set": {"m": 1}, "if": "x == 0"}, {"yield": "m"}], collect="got")), DONE
    ),
    "continue": skript(
        fork([{"continue": None, "if": "x == 2"}, {"yield": "x"}], collect="got"), DONE
    ),
    "any": skript(
        fork([{**RAISE, "if": "x < 2"}, {"yield": "x"}], join="any", collect="got"), DONE
    ),
    "two": skript(
        fork([{**RAISE, "if": "x == 1"}, {"yield": "x"}], join=2, collect="got"), DONE
    ),
    "any of failures": skript(caught(fork([RAISE], join="any")), DONE),
    "more than there are": skript(caught(fork([{"yield": "x"}], join=9)), DONE),
    "an error": skript(caught(fork([{**RAISE, "if": "x == 3"}, {"yield": "x"}])), DONE),
    "no list": skript(caught(fork([{"yield": "x"}], "parse_json('3')", collect="got")), DONE),
    "a wrong limit": skript(
        caught({**fork([{"yield": "x"}], collect="got"), "parallel": "${n}"}), DONE
    ),
    "a limit": skript({**fork([{"yield": "x"}], collect="got"), "parallel": 2}, DONE),
    "a sum": skript(fork([{"set": {"t": "${x}"}}]), {"return": "${t}"}, t={"init": 5, "reduce": "sum"}),
    "a list": skript(
        fork([{"set": {"t": "${x}"}, "if": "x > 2"}]),
        {"return": "${t}"},
        t={"init": [], "reduce": "append"},
    ),
    "a sum of texts": skript(
        caught(fork([{"set": {"t": "${str(x)}"}}])), {"return": "${t}"}, t={"init": 5, "reduce": "sum"}
    ),
    "branches": skript(
        {"parallel": {"l": [{"set": {"a": 1}}, {"yield": "7"}], "r": [{"set": {"b": "${n}"}}]},
         "into": "got"},
        {"return": "${[a, b, got]}"},
    ),
    "a race": skript(
        {"parallel": {"l": [{"raise": {"type": "boom"}}], "r": [{"yield": "n + 1"}]},
         "join": "any", "into": "got"},
        DONE,
    ),
    "branches that fail": skript(
        caught({"parallel": {"l": [{"yield": "1"}], "r": [{"yield": "1 // n"}]}}), DONE
    ),
    "loops": skript(fork([*LOOP, {"yield": "i"}], collect="got"), DONE),
    "a list of its own": skript(
        fork([{"for": "y", "in": "range(x)", "collect": "l", "do": [{"yield": "y + x"}]},
              {"yield": "l"}], collect="got"),
        DONE,
    ),
    "caught inside": skript(
        fork([{"try": [{**RAISE, "if": "x == 3"}, {"set": {"m": "${x}"}}],
               "catch": [{"do": [{"set": {"m": "${error.type}"}}]}],
               "finally": [{"set": {"n": "${n + 100}"}}]},
              {"yield": "[n, m]"}], collect="got"),
        DONE,
    ),
    "a try on one way": skript(
        fork([{"if": "n == 0", "then": [{"set": {"m": 1}}],
               "else": [{"try": [{"set": {"m": 2}}], "finally": [{"set": {"m": 3}}]}]},
              {"yield": "m + x"}], collect="got"),
        DONE,
    ),
    "finally in a loop": skript(
        fork([{"try": LOOP, "finally": LOOP}, {"yield": "i"}], collect="got"), DONE
    ),
    "nested": skript(
        fork([fork([{"yield": "x + n"}], "[x, x + 1]", collect="l") | {"for": "y"},
              {"yield": "sum(l)"}], collect="got"),
        DONE,
    ),
    "nested under a condition": skript(
        fork([{"if": "x % 2 == 0", "then": [fork([{"yield": "y // (x - 2)"}], "[1, 2]") | {"for": "y"}]}]),
        DONE,
    ),
    "in a loop": skript(
        {"for": "r", "in": "range(3)", "do": [fork([{"set": {"t": "${x * r}"}}])]},
        {"return": "${t}"},
        t={"init": 0, "reduce": "sum"},
    ),
    "beside a call": skript(
        {"parallel": {"l": [{"call": "work", "with": {"n": 3}, "into": "a"}],
                      "r": [fork([*LOOP, {"yield": "i"}], collect="b")]}},
        {"return": "${[a, b]}"},
    ),
    "numbers of all kinds": skript(
        fork([{"set": {"a": "${x * 3}"}}, {"set": {"b": "${a - x}"}}, {"yield": "a + b * 2"}],
             "[1, 2, 0.5, 4, 5000000000, 1e40, -3]", collect="got"),
        DONE,
    ),
    "texts among numbers": skript(
        fork([{"set": {"a": "${x * 3}"}}, {"set": {"b": "${a + a}"}}, {"yield": "b"}],
             "[1, 'ab', 2, [3]]", collect="got"),
        DONE,
    ),
    "past 64 bits": skript(
        caught(fork([{"set": {"a": "${x * x}"}}, {"set": {"b": "${a * a}"}}, {"yield": "b"}],
                    "[1000, 3000000000, 10]")), DONE,
    ),
    "work": skript(
        fork([{"yield": "len(range(700000)) + x"}], "[1, 2, 3]", collect="got"), DONE
    ),
    "too much work": skript(
        fork(
            [{"yield": "len(range(700000)) * 2 + len(range(700000)) + len(range(x * 100000))"}],
            "[1, 1, 9]",
            collect="got",
        ),
        DONE,
    ),
}  # fmt: skip
WORLDS = (World(), World(turns=1), World(turns=5), World(turns=7, cancel_step=4),
          World(turns=1, cancel_step=9), World(turns=2, cancel_step=1))  # fmt: skip


def built(text: str, passes: tuple[str, ...] = PASSES) -> Program:
    return load(compile_yaml(text, "work", options=Options(passes=passes)).blueprint)


def is_pure(program: Program) -> bool:
    return any(instruction[0] == Op.FORKPURE for instruction in program.code)


@pytest.mark.parametrize("name", CASES)
def test_it_does_what_tokens_do(name: str) -> None:
    document = CASES[name]
    assert is_pure(back(front(document), PASSES))
    for world in WORLDS[:2] if "work" in name else WORLDS:
        compare(document, PASSES, world)
    compare(document, NAMES, World())


@pytest.mark.parametrize(
    "name", ["yields", "some yield", "a sum", "a limit", "loops", "a list of its own", "branches"]
)
def test_no_branch_is_a_token(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = back(front(CASES[name]), PASSES)
    monkeypatch.setattr(pure, "_become_token", lambda vm, branches: pytest.fail("a token"))
    simulate(program, World())


def test_only_the_branch_that_fails_is_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    made, become_token = [], pure._become_token

    def noted(vm: Any, branches: Branches) -> None:
        made.append(branches.path)
        become_token(vm, branches)

    monkeypatch.setattr(pure, "_become_token", noted)
    document = skript(
        fork([{**RAISE, "if": "x in [1, 3]"}, {"yield": "x"}], join=3, collect="got"), DONE
    )
    assert "[0, [0, 2, 4]]" in simulate(back(front(document), PASSES), World()).lines[-1]
    assert made == [(1, 1), (1, 3)]


@pytest.mark.parametrize(
    "step",
    [
        {"yield": "uuid()"},
        {"yield": "chance(3)"},
        {"log": "hello"},
        {"wait": "1ms"},
        {"do": [{"set": {"n": 1}}], "timeout": "5ms"},
        {"call": "work", "with": {"n": 1}},
    ],
)
def test_what_is_not_only_computed_stays_with_tokens(step: dict[str, Any]) -> None:
    document = skript(fork([step]))
    document["functions"] = {"chance(of)": "int(random() * of)"}
    assert not is_pure(back(front(document), PASSES))


# --- interrupts -------------------------------------------------------------------------------
LONG = (
    "skript: long\ndo:\n  - for: i\n    in: input\n    parallel: true\n    collect: got\n"
    "    do: [{set: {j: 0}}, {while: 'j < i', do: [{set: {j: '${j + 1}'}}]}, {yield: j}]\n"
    "  - return: '${sum(got)}'\n"
)


def begun(program: Program, elements: list[int], turns: int) -> tuple[Any, list[Any]]:
    run = new_run(program)
    started = Started(0, program.digest, {"id": "j"}, elements, {}, "00" * 16)
    ready = advance(program, run, [started], turns=turns)
    assert ready.more
    return run, list(ready.events)


@pytest.mark.parametrize(
    ("elements", "turns", "path"),
    [
        ([0] * 100, 12, (1, 10)),  # between two branches, one turn each
        ([3, 1000, 1000], 50, (1, 1)),  # in the middle of one
        ([30, 40, 50], 45, (1, 1)),  # a branch that fits no slice is left for the next one
    ],
)
def test_a_cancel_names_the_branch(elements: list[int], turns: int, path: tuple[int, ...]) -> None:
    program, tokens = built(LONG), built(LONG, ())
    run, journal = begun(program, elements, turns)
    ready = advance(program, run, [CancelRequested(1, "enough")])
    journal += ready.events
    (cancel,) = [event for event in journal if isinstance(event, CancelRequested)]
    assert cancel.stop is not None and cancel.stop[0] == path
    assert ready.finished is not None and ready.finished.status == "Cancelled"
    assert replay(program, journal).finished == ready.finished
    same = [journal[0]._replace(blueprint=tokens.digest), *journal[1:]]
    assert replay(tokens, same).finished == ready.finished


@pytest.mark.parametrize("turns", [2, 3, 17, 100])
def test_slices_do_not_change_the_result(turns: int) -> None:
    program = built(LONG)
    elements = [5, 0, 90, 3, 3, 3, 200, 1]
    run, journal = begun(program, elements, turns)
    slices = 1
    while True:
        ready = advance(program, run, turns=turns)
        journal += ready.events
        slices += 1
        if ready.finished is not None:
            break
    assert ready.finished.output == sum(elements)
    assert slices >= sum(elements) // (2 * turns)
    assert replay(program, journal).finished == ready.finished


def test_a_journal_of_tokens_stops_inside_a_branch() -> None:
    """What interrupted a token in its loop interrupts the branch that would be none."""
    tokens, program = built(LONG, ()), built(LONG)
    run, journal = begun(tokens, [3, 40, 40], 20)
    ready = advance(tokens, run, [CancelRequested(1, "enough")])
    journal += ready.events
    cancel = journal[1]
    assert isinstance(cancel, CancelRequested) and cancel.stop is not None
    assert cancel.stop[0] == (1, 1) and cancel.stop[1] > 1
    same = [journal[0]._replace(blueprint=program.digest), *journal[1:]]
    assert replay(program, same).finished == ready.finished


def test_the_document_of_one_is_replayed_by_the_other() -> None:
    document = CASES["beside a call"]
    tokens, program = (back(front(document), passes) for passes in ((), PASSES))
    for world in (World(turns=3), World(turns=2, cancel_at=1)):
        check_replay(simulate(tokens, world), program)
        check_replay(simulate(program, world), tokens)
