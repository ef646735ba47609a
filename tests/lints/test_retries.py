"""Retries of calls that may not be repeated, and retries that do nothing."""

from __future__ import annotations

import pytest

from lints.linting import codes, lints


@pytest.mark.parametrize("handler", ["safe", "pure"])
def test_a_call_that_may_be_repeated_may_be_retried(handler: str) -> None:
    assert codes(f"- call: {handler}\n  retry: {{max: 5}}") == []


@pytest.mark.parametrize(
    ("on", "found"),
    [
        ("connect", []),
        ("[connect.tls, http.429]", []),
        ("[connect, timeout]", ["RUNE-3101"]),
        ("http", ["RUNE-3101"]),
        ("http.5xx", ["RUNE-3101"]),
    ],
)
def test_an_error_from_before_anything_happened_may_be_retried(on: str, found: list[str]) -> None:
    assert codes(f"- call: f\n  retry: {{max: 2, on: {on}}}") == found


def test_without_types_the_usual_ones_count() -> None:
    assert codes("- call: f\n  retry: {max: 2}") == ["RUNE-3101"]


def test_a_child_skript_is_not_judged() -> None:
    assert codes("- run: other\n  retry: {max: 2}") == []


def test_the_undo_of_a_call_is_a_call() -> None:
    found = lints("- call: f\n  undo: {call: g, retry: {max: 2}}")
    assert [(d.code, d.pointer) for d in found] == [("RUNE-3101", "/do/0/undo/retry")]


@pytest.mark.parametrize("verb", ["call: f", "run: other"])
def test_one_attempt_is_no_retry(verb: str) -> None:
    assert codes(f"- {verb}\n  retry: {{max: 1}}") == ["RUNE-3102"]


@pytest.mark.parametrize(
    ("on", "idle"),
    [
        ("[http, http.503]", ["2"]),
        ("[http.503, http]", ["1"]),
        ("[http.5xx, http.503]", ["2"]),
        ("[timeout, connect]", []),
        ("[timeout, timeout]", ["2"]),
        ("[timeout, timeouts]", []),
    ],
)
def test_a_type_that_another_covers(on: str, idle: list[str]) -> None:
    found = lints(f"- call: safe\n  retry: {{max: 2, on: {on}}}")
    assert {d.code for d in found} <= {"RUNE-3102"}
    assert [str(int(d.pointer[-1]) + 1) for d in found] == idle
    assert all(d.span.line == 4 for d in found)
