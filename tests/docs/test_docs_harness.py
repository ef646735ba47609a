"""The test of the documentation itself: it sees what differs, and rewrites only that."""

from __future__ import annotations

from pathlib import Path

import pytest

from .console import Terminal, check_block, chunks, fits, renewed
from .markdown import anchors, blocks, links, replace_regions, rewrite
from .skripts import Catalog, findings


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a\n", "a\nb\n", False),
        ("took ... ms\n", "took 12 ms\n", True),
        ("took ... ms\n", "took\n12 ms\n", False),
        ("a\n...\nd\n", "a\nb\nc\nd\n", True),
        ("a\n...\n", "a\n", True),
        ("a\n...\nd\n", "a\nb\n", False),
        ("1 + 1\n", "1111 1\n", False),
    ],
)
def test_wildcards(expected: str, actual: str, same: bool) -> None:
    assert fits(expected, actual) is same


def test_a_rewritten_block_keeps_what_it_leaves_out() -> None:
    actual = "head\none\ntwo\nthree\nfour changed\nfive\n"
    assert renewed("head\n...\nfour\nfive\n", actual) == "head\n...\nfour changed\nfive\n"
    assert renewed("nothing\n...\nlike it\n", actual) == actual
    assert renewed("", "completed in 12 ms\n") == "completed in ...\n"


def test_commands_and_their_output_are_told_apart() -> None:
    assert chunks("$ a \\\n    b\nout\n$ c\n") == [("a b", "out\n"), ("c", "")]


def test_a_wrong_output_and_a_wrong_exit_code_are_seen(tmp_path: Path) -> None:
    with Terminal(tmp_path) as terminal:
        assert check_block(terminal, "$ echo a\na\n", None, update=False) == "$ echo a\na\n"
        with pytest.raises(AssertionError, match="prints"):
            check_block(terminal, "$ echo a\nb\n", None, update=False)
        with pytest.raises(AssertionError, match="ended with 2"):
            check_block(terminal, "$ rune nonsense\n", None, update=True)
        assert check_block(terminal, "$ echo a\nb\n", None, update=True) == "$ echo a\na\n"


def test_a_page_is_read_and_rewritten_in_place(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A page: `one`\n\n[x](a.md#b) `[no](link)`\n\n- ```yaml part\n  a: 1\n  ```\n"
        "````markdown\n```python\n1\n```\n````\n",
        encoding="utf-8",
    )
    assert anchors(page) == {"a-page-one"}
    assert list(links(page)) == [(3, "a.md#b")]
    page.write_text("```text output\nold\n```\nand\n```yaml part\nkept\n```\n", encoding="utf-8")
    first, second = blocks(page)
    assert (first.info, first.text, second.text) == (["text", "output"], "old\n", "kept\n")
    rewrite(page, [(first, "new\nlines\n")])
    assert page.read_text(encoding="utf-8") == (
        "```text output\nnew\nlines\n```\nand\n```yaml part\nkept\n```\n"
    )


def test_generated_parts_are_replaced_between_their_comments() -> None:
    text = "a\n<!-- generated: x -->\nold\n<!-- end -->\nb\n"
    assert replace_regions(text, {"x": "new"}) == (
        "a\n<!-- generated: x -->\n\nnew\n\n<!-- end -->\nb\n"
    )


def test_pieces_of_skripts_compile_with_the_names_they_use(tmp_path: Path) -> None:
    assert findings("- log: ${total}\n", Catalog(), tmp_path) == ()
    wrong = findings("- lgo: ${total}\n", Catalog(), tmp_path)
    assert [d.code for d in wrong] == ["RUNE-1103"]
    strict = Catalog(strict=True)
    assert [d.code for d in findings("- call: f\n", strict, tmp_path)] == ["RUNE-3007"]
