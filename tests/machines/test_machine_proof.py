"""What is proved of a machine before a job runs it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runeskript.compiler.pipeline import check_text
from runeskript.model.diagnostics import Diagnostic
from runeskript.model.limits import STATES


def check(
    states: dict[str, Any], *transitions: tuple[Any, ...], initial: str = "a"
) -> tuple[Diagnostic, ...]:
    """Findings of a machine; a transition is (from, event, to[, guard[, roles]])."""
    keys = ("from", "event", "to", "guard", "allow")
    rows = [
        {key: part for key, part in zip(keys, row, strict=False) if part is not None}
        for row in transitions
    ]
    value = {"machine": "m", "initial": initial, "states": states, "transitions": rows}
    return check_text(json.dumps(value), "m.json")


def found(states: dict[str, Any], *transitions: tuple[Any, ...], initial: str = "a") -> list[str]:
    return [f"{d.code} {d.pointer}" for d in check(states, *transitions, initial=initial)]


END: dict[str, Any] = {"final": True}
LOG = [{"log": "x"}]


def test_states_that_no_job_comes_to() -> None:
    states = {"a": {}, "b": {}, "c": {}, "z": END}
    rows = [("a", "go", "z"), ("b", "go", "c"), ("c", "go", "b")]
    assert found(states, *rows) == ["RUNE-3042 /states/b", "RUNE-3042 /states/c"]
    assert found(states, ("a", "on", "b"), *rows) == []


def test_states_that_no_job_leaves() -> None:
    states = {"a": {}, "b": {}, "z": END}
    assert found(states, ("a", "go", "b"), ("a", "end", "z")) == ["RUNE-3043 /states/b"]


def test_a_machine_without_an_end_is_fine() -> None:
    assert found({"a": {}, "b": {}}, ("a", "on", "b"), ("b", "off", "a")) == []


def test_what_stands_behind_an_unguarded_one_is_dead() -> None:
    states = {"a": {}, "z": END}
    rows = [("a", "go", "z"), ("a", "go", "a", "data.n > 1")]
    assert found(states, *rows) == ["RUNE-3044 /transitions/1"]
    assert found(states, *reversed(rows)) == []


@pytest.mark.parametrize(
    ("first", "second", "dead"),
    [
        (None, None, True),
        (None, ["clerk"], True),
        (["clerk"], ["clerk"], True),
        (["clerk", "boss"], ["boss"], True),
        (["clerk"], None, False),
        (["clerk"], ["clerk", "boss"], False),
        (["clerk"], ["boss"], False),
    ],
)
def test_narrower_roles_leave_something(first: Any, second: Any, dead: bool) -> None:
    states = {"a": {}, "y": END, "z": END}
    rows = [("a", "go", "y", None, first), ("a", "go", "z", None, second)]
    assert found(states, *rows) == (["RUNE-3044 /transitions/1"] if dead else [])


def test_a_wider_guard_before_a_narrower_one() -> None:
    states = {"a": {}, "y": END, "z": END}
    wide, narrow = ("a", "go", "y", "data.n > 1"), ("a", "go", "z", "data.n > 10")
    assert found(states, wide, narrow) == ["RUNE-3044 /transitions/1"]
    assert found(states, narrow, wide) == ["RUNE-3045 /transitions/1/guard"]


@pytest.mark.parametrize(
    "guard", ["false", "data.n > 5 and data.n < 3", "event.name == 'stop'", "0", "1 == 2"]
)
def test_a_guard_that_is_never_true(guard: str) -> None:
    states = {"a": {}, "z": END}
    rows = [("a", "go", "z"), ("a", "on", "z", guard)]
    assert "RUNE-3044 /transitions/1/guard" in found(states, *rows)


def test_ends_of_activities_that_are_not_there() -> None:
    states = {"a": {"do": LOG}, "b": {}, "z": END}
    rows = [(["a", "b"], "done", "z"), ("a", "failed", "b"), ("b", "failed", "z"), ("b", "x", "z")]
    findings = check(states, *rows)
    assert [(d.code, d.pointer) for d in findings] == [
        ("RUNE-3044", "/transitions/0"), ("RUNE-3044", "/transitions/2"),
    ]  # fmt: skip
    assert "from `b`" in findings[0].message


def test_only_the_states_from_which_it_is_dead_are_named() -> None:
    states = {"a": {}, "b": {}, "z": END}
    rows = [("a", "go", "b"), (["a", "b"], "go", "z")]
    (finding,) = check(states, *rows)
    assert (finding.code, finding.pointer) == ("RUNE-3044", "/transitions/1")
    assert "from `a`" in finding.message
    assert finding.related[0][0].line == 1


def test_an_unreachable_state_is_one_finding() -> None:
    states = {"a": {}, "b": {"timeout": {"after": "1h", "event": "x"}}, "z": END}
    assert found(states, ("a", "go", "z"), ("b", "go", "z")) == ["RUNE-3042 /states/b"]


def test_guards_that_may_meet() -> None:
    states = {"a": {}, "x": END, "y": END, "z": END}
    rows: list[tuple[Any, ...]] = [("a", "go", "x", "data.vip"), ("a", "go", "y", "data.n > 1")]
    assert found(states, *rows, ("a", "go", "z")) == ["RUNE-3045 /transitions/1/guard"]
    rows[1] = ("a", "go", "y", "not data.vip and data.n > 1")
    assert found(states, *rows, ("a", "go", "z")) == []


def test_guards_for_other_people_or_events_do_not_meet() -> None:
    states = {"a": {}, "x": END, "y": END}
    rows = [("a", "go", "x", "data.vip", ["boss"]), ("a", "go", "y", "data.n > 1", ["clerk"])]
    assert found(states, *rows) == []
    rows = [("a", "go", "x", "data.vip"), ("a", "on", "y", "data.n > 1")]
    assert found(states, *rows) == []


def test_it_makes_no_difference_which_of_two_is_taken() -> None:
    rows = [("a", "go", "z", "data.vip"), ("a", "go", "z", "data.n > 1")]
    assert found({"a": {}, "z": END}, *rows) == []


def test_guards_that_meet_from_several_states_are_one_finding() -> None:
    states = {"a": {}, "b": {}, "x": END, "y": END}
    rows = [
        ("a", "on", "b"),
        (["a", "b"], "go", "x", "data.vip"),
        (["a", "b"], "go", "y", "data.n"),
    ]
    assert found(states, *rows) == ["RUNE-3045 /transitions/2/guard"]


def test_timeouts_that_nobody_takes() -> None:
    states = {"a": {"timeout": {"after": "2d", "event": "late"}}, "b": {}, "z": END}
    rows = [("a", "go", "b"), ("b", "late", "z")]
    assert found(states, *rows) == ["RUNE-3046 /states/a/timeout/event"]
    assert found(states, *rows, ("a", "late", "z")) == []


def test_ends_that_nobody_takes() -> None:
    states = {"a": {"do": LOG}, "z": END}
    assert found(states, ("a", "go", "z")) == ["RUNE-3047 /states/a/do"] * 2
    assert found(states, ("a", "done", "z")) == ["RUNE-3047 /states/a/do"]
    assert found(states, ("a", "done", "z"), ("a", "failed", "z")) == []


def test_they_can_be_silenced() -> None:
    text = """\
machine: m
initial: a
allow: {untaken-end: somebody looks at it}
states: {a: {do: [{log: x}]}, z: {final: true}}
transitions:
  - {from: a, event: go, to: z}
"""
    assert check_text(text, "m.yaml") == ()


def test_what_is_wrong_with_names_is_not_said_twice() -> None:
    assert found({"a": {}, "z": END}, ("a", "go", "zzzz")) == ["RUNE-1140 /transitions/0/to"]


def test_a_large_table_is_gone_through() -> None:
    names = [f"s{i}" for i in range(STATES - 1)]
    states = {**{name: {} for name in names}, "z": END}
    rows: list[tuple[Any, ...]] = [(names, "go", names[i], f"data.n == {i}") for i in range(8)]
    rows += [(["s0"], "on", name, f"data.n == {i}") for i, name in enumerate(names)]
    rows += [(names, "end", "z")]
    assert found(states, *rows, initial="s0") == []
