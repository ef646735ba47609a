"""Diagnostics as text: carets under the right characters, nothing that acts on a terminal."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runeskript.compiler.render import WIDTH, char_width, render
from runeskript.model.diagnostics import Diagnostic
from runeskript.model.spans import NOWHERE, Span


def one(text: str, span: Span, **more: object) -> str:
    item = Diagnostic("RUNE-1100", "error", "wrong", span, **more)  # type: ignore[arg-type]
    return render([item], {"f.yaml": text})


def span(line: int, column: int, end_column: int, end_line: int | None = None) -> Span:
    return Span("f.yaml", line, column, end_line or line, end_column)


def test_the_whole_form() -> None:
    text = "skript: x\ndo:\n  - lgo: hello\n"
    item = Diagnostic(
        "RUNE-1103", "error", "`lgo` is no verb", span(3, 5, 8), "/do/0/lgo", "did you mean `log`?",
        ((span(1, 9, 10), "the first one"),),
    )  # fmt: skip
    warning = Diagnostic("RUNE-1124", "warning", "a text", Span("other.yaml", 7, 1, 7, 2))
    assert (
        render([item, warning], {"f.yaml": text})
        == """\
error[RUNE-1103]: `lgo` is no verb
 --> f.yaml:3:5
  |
3 |   - lgo: hello
  |     ^^^
 ::: f.yaml:1:9
  |
1 | skript: x
  |         - the first one
  = hint: did you mean `log`?
  = see docs/errors/RUNE-1103.md

warning[RUNE-1124]: a text
 --> other.yaml:7:1
  = see docs/errors/RUNE-1124.md

1 error, 1 warning
"""
    )


def test_nothing_to_say() -> None:
    assert render([], {}) == ""


def caret_of(out: str) -> tuple[str, int, int]:
    """The source line as shown, and where the carets stand under it."""
    lines = out.split("\n")
    row = next(i for i, line in enumerate(lines) if re.fullmatch(r" *\| +\^+", line))
    shown = lines[row - 1].partition("|")[2][1:]
    under = lines[row].split("| ", 1)[1]
    return shown, under.index("^"), len(under)


def width(text: str) -> int:
    return sum(char_width(c) for c in text)


@pytest.mark.parametrize(
    ("text", "column", "end", "before", "under"),
    [
        ("a: b", 4, 5, 3, 1),
        ("\ta: b", 5, 6, 7, 1),
        ("  \ta: b", 4, 5, 4, 1),
        ("漢字: b", 5, 6, 6, 1),
        ("漢字: b", 1, 3, 0, 4),
        ("e\u0301: b", 5, 6, 3, 1),
        ("a: ", 4, 5, 3, 1),
        ("a:", 3, 3, 2, 1),
    ],
)
def test_tabs_and_wide_characters_line_up(
    text: str, column: int, end: int, before: int, under: int
) -> None:
    _, start, stop = caret_of(one(text, span(1, column, end)))
    assert (start, stop - start) == (before, under)


def test_a_span_over_lines_is_underlined_to_the_end_of_the_first() -> None:
    shown, start, stop = caret_of(one("ab: cd  \n  ef\n", span(1, 5, 4, 2)))
    assert (shown, start, stop) == ("ab: cd", 4, 6)


@given(st.text(st.sampled_from("ab 漢\té\u0301"), min_size=1, max_size=400), st.data())
@settings(max_examples=200, deadline=None)
def test_any_place_of_any_line(text: str, data: st.DataObject) -> None:
    column = data.draw(st.integers(1, len(text)))
    end = data.draw(st.integers(column + 1, len(text) + 1))
    shown, start, stop = caret_of(one(text, span(1, column, end)))
    assert width(shown) <= WIDTH + 5
    char = text[column - 1]
    if char.strip() and char_width(char):
        position = 0
        for found in shown:
            if position == start and char_width(found):
                assert found == char
                break
            position += char_width(found)
    assert stop > start


def test_control_and_bidirectional_characters_are_pictures() -> None:
    text = "a: \x1b[31mred\x07 \u202eabc\x7f"
    item = Diagnostic("RUNE-1100", "error", "no \x1b[2J", span(1, 1, 2), hint="h\u2066i")
    out = render([item], {"f.yaml": text})
    assert not set(out) & set("\x1b\x07\u202e\u2066\x7f")
    assert "␛[31mred␇" in out


def test_color_is_optional_and_changes_nothing_else() -> None:
    item = Diagnostic("RUNE-1100", "error", "wrong", span(1, 1, 2), hint="h")
    plain = render([item], {"f.yaml": "abc"})
    colored = render([item], {"f.yaml": "abc"}, color=True)
    assert "\x1b[" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plain


def test_places_that_are_not_in_a_text() -> None:
    assert "--> <none>" in one("abc", NOWHERE)
    assert " --> f.yaml:99:1\n  =" in one("abc", span(99, 1, 2)).replace("  --> ", " --> ").replace(
        "   =", "  ="
    )


def test_dropped_findings_are_counted() -> None:
    item = Diagnostic("RUNE-1100", "error", "wrong", span(1, 1, 2))
    assert render([item], {}, dropped=3).endswith("1 error (and 3 more)\n")
