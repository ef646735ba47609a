"""Joins that may wait for ever, and joins that are never met."""

from __future__ import annotations

import pytest

from lints.linting import codes, lints, said


def fork(*branches: str, more: str = "") -> str:
    body = "".join(f"\n    b{i}: {branch}" for i, branch in enumerate(branches))
    return f"- parallel:{body}\n{more}"


WAITS, ENDS = "[{listen: t}]", "[{call: f}]"


@pytest.mark.parametrize(
    ("text", "waiting"),
    [
        (fork(WAITS, ENDS), 1),
        (fork(WAITS, WAITS), 2),
        (fork("[{if: input.x, then: [{listen: t}]}]", ENDS), 1),
        (fork("[{while: input.x, do: [{listen: t}]}]", ENDS), 1),
        (fork("[{try: [{listen: t}], catch: [{do: [{log: x}]}]}]", ENDS), 1),
        (fork("[{call: f, timeout: 1s}, {listen: t}]", ENDS), 1),
        (fork(WAITS, ENDS, ENDS, more="  join: 3"), 1),
        (fork(WAITS, WAITS, ENDS, more="  join: 2"), 2),
        (fork(WAITS, WAITS, more="  join: any"), 2),
        (fork("[{parallel: {a: [{listen: t}], b: [{call: f}]}}]", ENDS), 1),
        ("- for: i\n  in: [1]\n  parallel: 2\n  do: [{listen: t}]", 1),
        ("- timeout: 1s\n  try: [{call: f}]\n  finally: [{parallel: {a: [{listen: t}]}}]", 1),
        # nothing waits too long
        (fork("[{listen: t, timeout: 1s}]", ENDS), 0),
        (fork("[{do: [{listen: t}], timeout: 1s}]", ENDS), 0),
        (fork(WAITS, ENDS, more="  timeout: 1h"), 0),
        (fork(WAITS, ENDS, more="  join: any"), 0),
        (fork(WAITS, ENDS, ENDS, more="  join: 2"), 0),
        (fork("[{parallel: {a: [{listen: t}], b: [{call: f}]}, join: any}]", ENDS), 0),
        (fork("[{wait: 5d}]", ENDS), 0),
        (fork("[{call: f, undo: {do: [{listen: t}]}}]", ENDS), 0),
        ("- listen: t", 0),
        ("- for: i\n  in: [1]\n  do: [{listen: t}]", 0),
        ("- for: i\n  in: [1]\n  parallel: 2\n  join: any\n  do: [{listen: t}]", 0),
        ("- timeout: 1h\n  do:\n  - parallel: {a: [{listen: t}]}", 0),
        ("skript: x\ntimeout: 1h\ndo:\n  - parallel: {a: [{listen: t}]}\n", 0),
    ],
)
def test_listens_that_a_join_waits_for(text: str, waiting: int) -> None:
    assert len(said(text, "RUNE-3130")) == waiting


def test_one_listen_is_reported_once_by_the_outermost_join() -> None:
    inner = "[{parallel: {a: [{listen: t}]}}]"
    (found,) = lints(fork(inner, ENDS))
    assert found.code == "RUNE-3130"
    assert found.pointer == "/do/0/parallel/b0/0/parallel/a/0"
    assert [span.line for span, _ in found.related] == [3]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (fork("[{raise: {type: a.b}}]", ENDS), True),
        (fork("[{call: f}, {raise: {type: a.b}}]", ENDS), True),
        (fork("[{raise: {type: a.b}}]", ENDS, more="  join: 2"), True),
        (fork("[{raise: {type: a.b}}]", "[{raise: {type: a.b}}]", more="  join: any"), True),
        (fork("[{raise: {type: a.b}}]", ENDS, more="  join: any"), False),
        (fork("[{raise: {type: a.b}}]", ENDS, ENDS, more="  join: 2"), False),
        (fork("[{if: input.x, raise: {type: a.b}}]", ENDS), False),
        (fork("[{if: input.x, then: [{raise: {type: a.b}}]}]", ENDS), False),
        (fork("[{try: [{raise: {type: a.b}}], catch: [{do: [{log: x}]}]}]", ENDS), False),
    ],
)
def test_branches_that_always_fail(text: str, found: bool) -> None:
    assert codes(text) == (["RUNE-3131"] if found else [])
