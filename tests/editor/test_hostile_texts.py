"""Texts that nobody writes: every question has an answer, and none takes the editor's patience.

How long a question takes is not measured; what is looked at is bounded, and that is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from editor.marked import CATALOG, labels
from runeskript.cli.lsp.places import split_lines
from runeskript.compiler.editor import cursor
from runeskript.compiler.editor.analysis import Analysis, analyse
from runeskript.compiler.editor.complete import complete
from runeskript.compiler.editor.define import define
from runeskript.compiler.editor.hover import hover
from runeskript.compiler.editor.scan import WIDE
from runeskript.compiler.editor.symbols import symbols

TEXTS = {
    "brackets": "[" * 100_000,
    "braces": "{a: " * 50_000,
    "inserts": 'skript: a\ndo:\n  - log: "' + "${" * 100_000,
    "an open quote": 'skript: "' + "a\n" * 50_000,
    "dashes": "- " * 100_000,
    "one long line": "skript: a\ndo:\n  - log: " + "x" * 200_000,
    "a long key": "x" * 200_000 + ": 1",
    "deep": "\n".join(" " * i + "a:" for i in range(300)),
    "deep lists": "\n".join(" " * i + "-" for i in range(300)),
    "keys": "skript: a\n" + "".join(f"k{i}: 1\n" for i in range(5_000)),
    "JSON": '{"skript":"a","do":[' + '{"call":"work"},' * 5_000 + "]}",
    "tabs": "\t" * 50_000 + "\na:\n\t- b",
    "control characters": "a\x00b\ufeff\u2028: \x1b[2J\ud800\n- \ud83d: {",
    "nothing": "",
    "line breaks": "\r\r\n\n\u2028" * 1_000,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_every_question_has_an_answer(text: str) -> None:
    lines = split_lines(text)
    known = analyse(text, "a.yaml", CATALOG)
    assert known.diagnostics or text in (TEXTS["one long line"], TEXTS["JSON"])
    symbols(known)
    for line in {0, len(lines) // 2, len(lines) - 1, len(lines) + 3}:
        width = len(lines[line]) if line < len(lines) else 0
        for column in {0, width // 2, width, width + 7}:
            complete(lines, line, column, CATALOG, known)
            hover(lines, line, column, CATALOG, known)
            define(lines, line, column, known)


def executed(run: Callable[[], object]) -> int:
    """How many lines of Python the editor's own modules execute."""
    counted = 0

    def trace(frame: Any, event: str, _: object) -> Any:
        nonlocal counted
        if "editor" not in frame.f_code.co_filename:
            return None
        counted += event == "line"
        return trace

    outer = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(outer)
    return counted


@pytest.mark.parametrize("part", ["[", "- ", "{a: ", '"', "${", "a, "])
def test_what_is_looked_at_of_a_line_is_bounded(part: str) -> None:
    known = Analysis("a.yaml")

    def ask(times: int) -> None:
        lines = [f"a: [{part * (WIDE * times)}"]
        complete(lines, 0, len(lines[0]), CATALOG, known)
        hover(lines, 0, len(lines[0]), CATALOG, known)

    assert executed(lambda: ask(1)) < 20 * WIDE
    assert executed(lambda: ask(4)) < 20 * WIDE


def test_a_bracket_that_stays_open_for_long_says_nothing() -> None:
    few, many = (["skript: a", "do: [", *["  {log: x},"] * n] for n in (10, WIDE // 5))
    assert cursor.locate([*few, "  {lo"], len(few), 5).where == "key"
    assert cursor.locate([*many, "  {lo"], len(many), 5).where == "nothing"


def test_keys_of_a_long_object_still_count() -> None:
    text = "skript: a\n" + "".join(f"k{i}: 1\n" for i in range(3_000)) + "¦"
    assert {"do", "vars"} <= set(labels(text, Analysis("a")))
