"""The simulator that is shipped for users' tests: its clock, its mocks, its child skripts."""

from __future__ import annotations

from typing import Any

import pytest

from runeskript.kernel import load
from runeskript.testing import HANG, After, Simulation
from support import compile_yaml, run_yaml, simulation

CALL = "skript: x\ndo:\n  - try:\n      - {call: h, into: r}\n      - return: '${r}'\n" \
       "    catch:\n      - do:\n          - return: '${error.type}'\n"  # fmt: skip


def test_exceptions_of_mocks_are_typed_errors() -> None:
    def fails(params: dict[str, Any]) -> Any:
        raise KeyError("gone")

    assert run_yaml(CALL, {"h": fails}).output == "handler.KeyError"
    assert run_yaml(CALL, {"h": lambda _: After(5, OSError("later"))}).output == "handler.OSError"
    assert run_yaml(CALL, {"h": lambda _: {1, 2}}).output == "result"


def test_assertions_of_mocks_reach_the_test() -> None:
    def checks(params: dict[str, Any]) -> Any:
        raise AssertionError("a test's own")

    with pytest.raises(AssertionError, match="a test's own"):
        run_yaml(CALL, {"h": checks})


def test_a_mock_gets_a_copy() -> None:
    text = (
        "skript: x\nvars: {l: [1]}\ndo:\n  - {call: h, with: {l: '${l}'}, into: r}\n"
        "  - return: ['${l}', '${r}']\n"
    )
    kept: list[Any] = []

    def keeps(params: dict[str, Any]) -> Any:
        params["l"].append(2)
        kept.append(params["l"])
        return params["l"]

    sim = simulation(text, {"h": keeps})
    kept[0].append(3)
    assert sim.run().output == [[1], [1, 2]]


def test_nothing_left_to_happen() -> None:
    sim = simulation(CALL, {"h": lambda _: HANG})
    outcome = sim.run()
    assert outcome.status == "Running"
    assert sim.due() is None and sim.step() is False


def test_the_clock_stands_where_it_was_put() -> None:
    sim = simulation("skript: x\ndo:\n  - wait: 1h\n  - return: '${now()}'\n")
    sim.run_until(1_000)
    assert sim.now == sim.start + 1_000 and sim.finished is None
    assert sim.run().output == "2023-11-14T23:13:20.000Z"


def test_a_seed_shuffles_what_happens_at_the_same_time() -> None:
    text = (
        "skript: x\ndo:\n  - for: i\n    in: range(6)\n    parallel: true\n    do:\n"
        "      - {call: h, with: {i: '${i}'}}\n"
    )
    orders = {
        tuple(
            event.path for event in run_yaml(text, {"h": lambda p: p}, shuffle=seed).journal[1:-1]
        )
        for seed in range(5)
    }
    assert len(orders) > 1
    same = [run_yaml(text, {"h": lambda p: p}, shuffle=3).trace for _ in range(2)]
    assert same[0] == same[1]


def test_children_run_at_most_64_deep() -> None:
    text = (
        "skript: endless\ndo:\n  - log: one\n  - try:\n      - {run: endless, into: r}\n"
        "      - return: '${r}'\n    catch:\n      - do:\n          - return: '${error.type}'\n"
    )
    program = load(compile_yaml(text).blueprint)
    outcome = Simulation(program, children={"endless": program}).run()
    assert outcome.output == "child.limit.depth"
    assert len(outcome.logs) == 65  # the first one and 64 below it


def test_messages_reach_children() -> None:
    child = "skript: child\ndo:\n  - {listen: t, into: m}\n  - return: '${m}'\n"
    parent = (
        "skript: parent\ndo:\n  - parallel:\n      a:\n        - {run: child, into: r}\n"
        "      b:\n        - wait: 1s\n        - {emit: t, with: {n: 1}}\n  - return: '${r}'\n"
    )
    children = {"child": compile_yaml(child).blueprint}
    assert run_yaml(parent, children=children).output == {"n": 1}
