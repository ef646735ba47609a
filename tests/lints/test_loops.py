"""Loops without an end, and loops of one turn."""

from __future__ import annotations

import pytest

from lints.linting import codes, lints, said


def loop(condition: str, *body: str, **modifiers: str) -> str:
    """A ``while`` over ``n``, which is read behind it."""
    steps = "".join(f"\n      - {step}" for step in body)
    more = "".join(f"\n    {key}: {value}" for key, value in modifiers.items())
    return (
        "skript: x\nvars: {n: 1, m: 2}\nfunctions: {'one()': '1', 'luck()': 'random()'}\ndo:\n"
        f"  - while: {condition}{more}\n    do:{steps}\n  - return: ${{[n, m, one(), luck()]}}\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        loop("n > 0", "set: {m: 3}"),
        loop("n > 0", "log: x"),
        loop("n > one()", "log: x"),
        loop("n > 0", "if: m > 0\n        then: [{set: {m: 0}}]"),
        loop("n > 0", "for: i\n        in: [1]\n        do: [{set: {m: '${i}'}}]"),
        loop("true", "set: {n: '${n + 1}'}").replace("  - return: ${[n, m, one(), luck()]}\n", ""),
    ],
)
def test_a_loop_that_neither_ends_nor_does_anything(text: str) -> None:
    assert "RUNE-3105" in codes(text)


@pytest.mark.parametrize(
    "text",
    [
        loop("n > 0", "set: {n: 0}"),
        loop("n > 0", "set: {n.x: 0}"),
        loop("n > m", "set: {m: 2}"),
        loop("n > 0", "call: f"),
        loop("n > 0", "call: f\n        into: n"),
        loop("n > 0", "wait: 1s"),
        loop("n > 0", "listen: t"),
        loop("n > 0", "emit: t"),
        loop("n > 0", "run: other"),
        loop("n > 0", "if: m > 0\n        break:"),
        loop("n > 0", "if: m > 0\n        return: 1"),
        loop("n > 0", "if: m > 0\n        raise: {type: a.b}"),
        loop("n > 0", "if: m > 0\n        then: [{do: [{set: {n: 0}}]}]"),
        loop("n > 0", "for: i\n        in: [1]\n        collect: n\n        do: [{yield: i}]"),
        loop("n > 0", "log: x", timeout="5s"),
        loop("n > 0", "log: x").replace("vars:", "timeout: 5m\nvars:"),
        loop("random() > 0.1", "log: x"),
        loop("luck() > 0.1", "log: x"),
    ],
)
def test_a_loop_with_a_way_out_or_an_effect(text: str) -> None:
    assert said(text, "RUNE-3105") == []


ENDLESS = "skript: x\ndo:\n  - while: true\n    do:\n      - log: x\n"


def test_why_it_never_ends_is_said() -> None:
    assert said(loop("n > m", "log: x"), "RUNE-3105") == [
        "once entered, this loop never ends: nothing in it changes `m`, and there is no way out"
    ]
    assert "`now()` stands still" in said(loop("now() < '2030-01-01'", "log: x"), "RUNE-3105")[0]
    assert "it always begins again" in said(ENDLESS, "RUNE-3105")[0]


def test_a_timeout_does_not_reach_into_a_finally() -> None:
    inner = "while: input.x\n          do: [{log: y}]"
    text = f"- timeout: 5s\n  try: [{{call: f}}]\n  finally:\n        - {inner}"
    assert codes(text) == ["RUNE-3105"]
    assert codes(f"- timeout: 5s\n  try:\n        - {inner}\n  catch: [{{do: [{{log: x}}]}}]") == []


@pytest.mark.parametrize("last", ["break:", "return: 1", "raise: {type: a.b}"])
def test_a_loop_that_always_leaves(last: str) -> None:
    found = lints(f"- for: i\n  in: input.items\n  do:\n    - log: ${{i}}\n    - {last}")
    assert [(d.code, d.span.line) for d in found] == [("RUNE-3106", 7)]
    assert codes(f"- while: input.x\n  do:\n    - {last}") == ["RUNE-3106"]


@pytest.mark.parametrize(
    "text",
    [
        "- for: i\n  in: [1]\n  do: [{if: i > 1, break: }]",
        "- for: i\n  in: [1, 2]\n  do: [{if: i < 2, continue: }, {log: '${i}'}, {break: }]",
        "- for: i\n  in: [1]\n  parallel: 2\n  do: [{raise: {type: a.b}}]",
        "- while: input.x\n  do: []",
    ],
)
def test_a_loop_that_may_come_back(text: str) -> None:
    assert "RUNE-3106" not in codes(text)
