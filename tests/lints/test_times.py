"""Timeouts and waits that do not fit into the timeouts around them."""

from __future__ import annotations

import pytest

from lints.linting import codes, lints

WRAPS = {
    "do": "- timeout: 1m\n  do:\n    {}",
    "try": "- timeout: 1m\n  try:\n    {}\n  catch: [{{do: [{{log: x}}]}}]",
    "for": "- timeout: 1m\n  for: i\n  in: [1]\n  parallel: 2\n  do:\n    {}",
    "parallel": "- timeout: 1m\n  parallel:\n    a:\n    {}",
    "deep": "- timeout: 1m\n  do:\n    - if: input.x\n      then:\n        {}",
    "catch": "- timeout: 1m\n  try: [{{call: f}}]\n  catch:\n    - do:\n        {}",
    "document": "skript: x\ntimeout: 1m\ndo:\n  {}",
}


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize(
    ("step", "found"),
    [
        ("- {call: f, timeout: 2m}", ["RUNE-3103"]),
        ("- {run: other, timeout: 2m}", ["RUNE-3103"]),
        ("- {listen: t, timeout: 61s}", ["RUNE-3103"]),
        ("- {do: [{log: x}], timeout: 1h}", ["RUNE-3103"]),
        ("- {wait: 90s}", ["RUNE-3104"]),
        ("- {wait: 60s}", []),
        ("- {call: f, timeout: 1m}", []),
        ("- {call: f, timeout: '${input.t}'}", []),
        ("- {wait: '${input.t}'}", []),
        ("- {wait: {until: job.created_at}}", []),
    ],
)
def test_a_time_inside_a_timeout(wrap: str, step: str, found: list[str]) -> None:
    assert codes(WRAPS[wrap].format(step)) == found


def test_a_wait_with_a_timeout_of_its_own() -> None:
    assert codes("- {wait: 2s, timeout: 1s}") == ["RUNE-3104"]
    assert codes("- {wait: 1s, timeout: 2s}") == []
    assert codes("- timeout: 1s\n  do: [{wait: 2s, timeout: '${input.t}'}]") == ["RUNE-3104"]


def test_the_shortest_around_counts() -> None:
    text = "- timeout: 1h\n  do:\n    - timeout: 1m\n      do: [{wait: 2m}]\n    - wait: 3m"
    assert [(d.code, d.span.line) for d in lints(text)] == [("RUNE-3104", 6)]
    both = "- timeout: 1m\n  do:\n    - timeout: 1h\n      do: [{wait: 2m}]"
    assert codes(both) == ["RUNE-3103", "RUNE-3104"]


@pytest.mark.parametrize(
    "text",
    [
        "- timeout: 1m\n  do: [{call: f, undo: {call: g, timeout: 1h}}]",
        "- timeout: 1m\n  try: [{call: f}]\n  finally: [{wait: 1h}]",
        "- {call: f, timeout: 1m, undo: {call: g, timeout: 1h}}",
        "skript: x\ntimeout: 1m\ndo: [{call: f}]\ncatch: [{do: [{wait: 1h}]}]",
        "skript: x\ntimeout: 1m\ndo: [{call: f}]\nfinally: [{wait: 1h}]",
    ],
)
def test_what_a_timeout_does_not_reach(text: str) -> None:
    assert codes(text) == []


def test_both_places_are_shown() -> None:
    (found,) = lints("- timeout: 1m\n  do:\n    - call: f\n      timeout: 90m")
    assert found.message == "this timeout never comes: the one around it is over after 1m"
    assert found.span.line == 6
    assert [(span.line, text) for span, text in found.related] == [(3, "the timeout around it")]
