"""Undos that take nothing back."""

from __future__ import annotations

import pytest

from lints.linting import codes, lints


def test_a_pure_call_has_nothing_to_undo() -> None:
    (found,) = lints("- call: pure\n  undo: {call: g}")
    assert (found.code, found.pointer) == ("RUNE-3107", "/do/0/undo")
    assert "`pure` is pure" in found.message
    assert codes("- call: safe\n  undo: {call: g}") == []


@pytest.mark.parametrize(
    ("undo", "found"),
    [
        ("{set: {_a: 1}}", ["RUNE-3107"]),
        ("{do: [{set: {_a: 1}}]}", ["RUNE-3107"]),
        ("{if: input.x, then: [{set: {_a: 1}}]}", ["RUNE-3107"]),
        ("{do: []}", ["RUNE-3107"]),
        ("{log: taken back}", []),
        ("{emit: taken.back}", []),
        ("{run: other}", []),
        ("{if: input.x, then: [{call: g}]}", []),
        ("{try: [{call: g}], catch: [{do: []}]}", []),
    ],
)
@pytest.mark.parametrize("step", ["call: f", "run: other"])
def test_an_undo_has_an_effect(step: str, undo: str, found: list[str]) -> None:
    assert [c for c in codes(f"- {step}\n  undo: {undo}") if c == "RUNE-3107"] == found
