"""Hover, definition, outline and quick fixes."""

from __future__ import annotations

import pytest

from editor.marked import CATALOG, KNOWN, LAST
from runeskript.compiler.editor.analysis import analyse, is_ours
from runeskript.compiler.editor.define import define
from runeskript.compiler.editor.fixes import fix_of
from runeskript.compiler.editor.hover import hover
from runeskript.compiler.editor.symbols import LISTED, Symbol, symbols
from runeskript.compiler.pipeline import Options

LINES = LAST.split("\n")


def place(needle: str, offset: int = 1) -> tuple[int, int]:
    """Where a stretch of LAST stands, and a little into it."""
    for number, line in enumerate(LINES):
        if needle in line:
            return number, line.index(needle) + offset
    raise AssertionError(needle)


@pytest.mark.parametrize(
    ("needle", "offset", "says", "marked"),
    [
        ("skript:", 1, "The skript's name.", "skript"),
        ("for: item", 1, "Goes through a list", "for"),
        ("in: input", 0, "The list to go through.", "in"),
        ("collect:", 1, "Where the list of yields goes", "collect"),
        ("call: web", 1, "Calls a handler.", "call"),
        ("web.fetch", 3, "**web.fetch** (async, pure, idempotent)\n\nGets a page.", "web.fetch"),
        ("web.fetch", 3, "- `url`: string, required. Where it is.", "web.fetch"),
        ("{url:", 2, "**url**: string, required\n\nWhere it is.", "url"),
        ("into: page", 7, "**page**", "page"),
        ("input.items", 1, "**input**: object {user:", "input"),
        ("input.items", 8, "**input.items**: list of object {sku: text", "items"),
        ("env.PRICING", 6, "**env.PRICING**: ", "PRICING"),
        ("{total: 0", 2, "**total**: int\n\nSet in line 8.", "total"),
        ("net(total", 5, "**total**: int", "total"),
        ("net(total", 1, "**net(price, qty)**\n\n```\nprice * qty\n```", "net"),
        ("net(price", 1, "**net(price, qty)**", "net"),
        ("yield: page", 8, "**page**", "page"),
    ],
)
def test_hover(needle: str, offset: int, says: str, marked: str) -> None:
    line, column = place(needle, offset)
    about = hover(LINES, line, column, CATALOG, KNOWN)
    assert about is not None
    assert says in about.text
    assert LINES[line][about.start : about.end] == marked


def test_hover_knows_the_function_table_and_codes() -> None:
    lines = ["skript: a", "allow: {RUNE-3011: it is meant}", "do:", "  - if: len(x) > 1"]
    about = hover(lines, 3, 9, CATALOG, KNOWN)
    assert about is not None and "**len(" in about.text and "->" in about.text
    about = hover(lines, 1, 12, CATALOG, KNOWN)
    assert about is not None and "maybe-unset" in about.text


def test_hover_says_nothing_where_there_is_nothing() -> None:
    for line, column in ((0, 9), (99, 0), (2, 500), (19, 0)):
        assert hover(LINES, line, column, CATALOG, KNOWN) is None


@pytest.mark.parametrize(
    ("needle", "offset", "expected"),
    [
        ("net(total", 1, [(10, 3)]),
        ("net(total", 5, [(8, 8)]),
        ("${pages}", 3, [(14, 14)]),
        ("yield: page", 8, [(19, 15)]),
        ("input.items", 8, [(6, 5)]),
        ("input.items", 1, [(2, 1)]),
        ("env.PRICING", 6, [(7, 7)]),
        ("call: web", 1, []),
    ],
)
def test_definition(needle: str, offset: int, expected: list[tuple[int, int]]) -> None:
    found = define(LINES, *place(needle, offset), KNOWN)
    assert [(p.span.line, p.span.column) for p in found if p.span] == expected


def test_definition_of_handlers_and_files() -> None:
    (found,) = define(LINES, *place("web.fetch", 3), KNOWN)
    assert (found.handler, found.span) == ("web.fetch", None)
    lines = ["skript: a", "do:", "  - run: ./part.yaml", "  - run: part@3"]
    (found,) = define(lines, 2, 12, KNOWN)
    assert found.file == "./part.yaml"
    assert define(lines, 3, 10, KNOWN) == []


def test_definition_of_every_assignment() -> None:
    text = "skript: a\nvars: {n: 1}\ndo:\n  - set: {n: 2}\n  - for: i\n    in: [1]\n    do:\n"
    text += '      - set: {n: "${n + i}"}\n'
    known = analyse(text, "a.yaml")
    found = define(text.split("\n"), 7, 20, known)
    assert [p.span.line for p in found if p.span] == [2, 4, 8]
    (found_i,) = define(text.split("\n"), 7, 24, known)
    assert found_i.span is not None and (found_i.span.line, found_i.span.column) == (5, 10)


def tree(found: list[Symbol]) -> list[object]:
    return [(s.name, tree(s.children)) if s.children else s.name for s in found]


def test_outline() -> None:
    assert tree(symbols(KNOWN)) == [
        "total",
        "net(price, qty)",
        ("for item", ["fetch", "yield page"]),
        "return total, pages",
    ]
    text = """\
skript: a
do:
  - if: 1 < 2
    then:
      - log: one
    else:
      - parallel:
          left:
            - wait: 1s
  - if: 1 < 2
    log: two
  - call: work
    undo: {call: back}
  - try:
      - log: three
    catch:
      - do:
          - log: four
    finally:
      - log: five
finally:
  - log: six
"""
    assert tree(symbols(analyse(text, "a.yaml"))) == [
        ("if 1 < 2", ["log one", ("parallel left", [("left", ["wait 1s"])])]),
        "log two",
        ("call work", ["call back"]),
        ("try", ["log three", "log four", "log five"]),
        "log six",
    ]
    for symbol in symbols(KNOWN):
        assert symbol.span.line <= symbol.selection.line <= symbol.span.end_line


def test_an_outline_has_an_end() -> None:
    steps = "".join(f"  - log: {n}\n" for n in range(LISTED + 5))
    known = analyse(f"skript: a\nvars: {{n: 1}}\ndo:\n{steps}", "a.yaml")
    assert len(symbols(known)) == LISTED


def test_outline_of_what_is_no_document() -> None:
    for text in ("", "- 1", "skript: [", "skript: a\ndo: 3", "{}"):
        symbols(analyse(text, "a.yaml"))


@pytest.mark.parametrize(
    ("text", "line", "old", "new"),
    [
        ("skript: a\ndo:\n  - retrun: 1\n", 2, "retrun", "return"),
        ("skript: a\ndo:\n  - call: work\n    wiht: {}\n", 3, "wiht", "with"),
        ("skript: a\ndo:\n  - call: wrok\n", 2, "wrok", "work"),
        ("skript: a\nvars: {total: 0}\ndo:\n  - return: ${totl}\n", 3, "totl", "total"),
        ("skript: a\ndo:\n  - return: ${uper('a')}\n", 2, "uper", "upper"),
    ],
)
def test_fixes(text: str, line: int, old: str, new: str) -> None:
    lines = text.split("\n")
    known = analyse(text, "a.yaml", CATALOG)
    fixes = [fix for d in known.diagnostics if (fix := fix_of(d, lines)) is not None]
    (fix,) = fixes
    assert (fix.line, lines[fix.line][fix.start : fix.end], fix.text) == (line, old, new)
    assert fix.title == f"Write `{new}`"


def test_no_fix_where_the_place_is_not_certain() -> None:
    text = "skript: a\ndo:\n  - return: ${uper('a') + uper('b')}\n"
    known = analyse(text, "a.yaml", CATALOG, Options())
    assert known.diagnostics
    assert all(fix_of(d, []) is None for d in known.diagnostics)


@pytest.mark.parametrize(
    "text",
    ["", "sk", "# a comment", "skript: a", "do:\n", "skript", '{"', '{"skript": "a"}', "nodes:\n- x",
     '{\n  "workflow": {', "{skript: a}", "---\nskript: a", "\n\n'skript': a"],
)  # fmt: skip
def test_what_may_be_a_document_of_ours(text: str) -> None:
    assert is_ours(text)


@pytest.mark.parametrize(
    "text",
    ["services:\n  web: {}", "- hosts: all", '{"name": "x"}', "name: x\non:\n  do: 3", "a:\n  skript: b"],
)  # fmt: skip
def test_what_is_somebody_elses(text: str) -> None:
    assert not is_ours(text)
