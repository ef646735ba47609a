"""The line reader makes the tree that libyaml makes, or gives up."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runeskript.cli import bench_document
from runeskript.compiler.nodes import Map, Node, Scalar, pairs_of, to_value
from runeskript.compiler.read import _FORBIDDEN, read
from runeskript.compiler.read_lines import read_lines
from runeskript.compiler.read_yaml import read_yaml
from runeskript.model.diagnostics import Diagnostics

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^( *)```ya?ml[^\n]*\n(.*?)^ *```", re.DOTALL | re.MULTILINE)


def corpus() -> list[tuple[str, str]]:
    """Name and text of every YAML file, and of every block of a page."""
    found = []
    for folder in ("tests", "examples", "docs"):
        for path in sorted((ROOT / folder).rglob("*")):
            name = str(path.relative_to(ROOT))
            if path.suffix in (".yaml", ".yml"):
                found.append((name, path.read_bytes().decode("utf-8", errors="replace")))
            elif path.suffix == ".md":
                blocks = _BLOCK.findall(path.read_text(encoding="utf-8"))
                found += [(f"{name} {i}", text) for i, (_, text) in enumerate(blocks)]
    return found


CORPUS = corpus()


def tree(node: Node) -> Any:
    """All a tree says."""
    place = (node.line, node.column, node.end_line, node.end_column)
    if type(node) is Scalar:
        return (repr(node.value), node.text, node.style, place)
    if type(node) is Map:
        entries = [(text, tree(key), tree(value)) for text, (key, value) in pairs_of(node).items()]
        return ("map", node.flow, place, entries)
    return ("seq", node.flow, place, [tree(item) for item in node.items])  # type: ignore[union-attr]


def accepted(text: str) -> bool:
    """Whether the line reader takes a text; where it does, libyaml must read the same."""
    text = _FORBIDDEN.sub("\ufffd", text)  # as `read` does before
    root = read_lines(text)
    if root is None:
        return False
    diagnostics = Diagnostics()
    expected, slips = read_yaml(text, "t", diagnostics)
    assert (slips, diagnostics.sorted()) == ([], ())
    assert expected is not None
    assert tree(root) == tree(expected)
    return True


# --- documents -----------------------------------------------------------------------------------
def test_every_document_reads_as_with_libyaml() -> None:
    plain = [name for name, text in CORPUS if accepted(text)]
    assert len(plain) > 0.8 * len(CORPUS)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_document_of_the_bench_is_read_by_lines(seed: int) -> None:
    assert accepted(bench_document.document(300, seed))


def test_the_reader_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        "runeskript.compiler.read_yaml.read_yaml", lambda text, *_: asked.append(text)
    )
    diagnostics = Diagnostics()
    source = read("a: [1, b]\n", "t.yaml", diagnostics)
    assert not asked
    assert source.root is not None
    assert to_value(source.root) == {"a": [1, "b"]}


# --- lines ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text",
    [
        "a: b", "a: b:c", "a: b #c", "a: b#c", "a: # c\n  - d", "a:   \n- b\nc: d",
        "a: 'it''s'  # c", 'a: "x # y: z"', 'a: "\\n\\t\\\\\\""', "a: -x", "a: --", "- -1\n- --x",
        "a: ${b['c']} + {d}, e", "f(x, y): x + y", "a: b?!&*|>%@`", "a: []\nb: {}", "- a: b\n  c: d\n- e",
        "a:\n- b:\n  - c\n  d: e", "a: [b c, 'd', {e: \"f\"}, -1, ~]  # g", "a:\r\n  b: c\r\n", "é: ☃\U0001f600\u00a0",
        "a: |\n  b\n   c\n\n  # d\n\ne: f", "a: |-\n  b\n\nc:", "- |+\n b\n\n", "'a b': c\n\"d\": e", "  a: b\n  c: d",
        "a:\n\n  # b\n\n    c: d\n  \n# e", "x: =\ny: <<\nz: .5", "a: 1\nb:", "a: {b: c}\nd: {b: c}", "a: ...",
        "a: [it's, a\"b]", "k" * 1000 + ": v",
    ],
)  # fmt: skip
def test_plain_texts_are_read(text: str) -> None:
    assert accepted(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "# a", "text", "- ", "- # a", "-", "- - a", "-\n  a: b", "a: b: c", "a: b:", "a:\n b", "a: b\n c", "a: b\n  c: d",
        "a:\tb", "a: b\tc", "a: b\rc: d", "a: &b c", "a: *b", "a: !b c", "%YAML 1.2\n---\na: b", "---\na: b", "a: b\n...\n",
        "...: a", "... a: b", "? a", "? a: b", ": a", "a : b", "a #b: c", '"a" b', 'a: "b" c', 'a: "b"#c', 'a: "b\n  c"',
        'a: "\\x41"', "[a]: b", "- [a]: b", "a: [b", "a: [b,]", "a: [b: c]", "a: [b]#", "a: {b}", "a: {b:c}", "a: {b: }",
        "a: {b: c, b: d}", "a: {? b: c}", "a: {b : c}", "a: [b]: c", "a: [b #c\n]", "a: >\n  b", "a: |2\n   b", "a: |",
        "a: |\n\n  b", "a: |\n  b", "a: 1\na: 2", "<<: a", "1: a", "null: b", "~: c", "a: 99999999999999999999", "a: .inf",
        "a: \x85", "a: \u2028", "a: \ufeff", "a: - b", "a: ? b", "a: %b", "a: @b", "a: `b`", "a:\n  b: c\n d: e", "- a\nb: c",
        "a: b\n- c", "k" * 1001 + ": v", "{a: b}", "[a]",
        "".join(f"{' ' * i}a:\n" for i in range(70)), "a: " + "[" * 30 + "]" * 30,
    ],
)  # fmt: skip
def test_anything_else_is_left_to_libyaml(text: str) -> None:
    assert read_lines(text) is None


# --- generated and mangled texts -----------------------------------------------------------------
SCALARS = st.sampled_from(
    ["a", "b c", "-1", "1.5", "null", "true", "''", "'x''y'", '"z"', '"\\n"', '"# x: y"', "a:b", "a#b", "${a['b']}",
     "[a, 'b']", "{a: 1, b: [c]}", "[]", "é", "- x", "a: b", "'a' b", '"\\q"', "&a b", "x:", "|", "[a", "~", "-", "{a: 1, a: 2}"]
)  # fmt: skip
KEYS = st.sampled_from(
    ["a", "b", "c", "key", "a b", "'q'", '"p"', "f(x, y)", "x.y", "1", "a ", "<<"]
)
ENDS = st.sampled_from(["", "", "", "", " ", " # c", "#c", "  # a: b", "\n", "\n  # c"])


@st.composite
def block(draw: st.DrawFn, depth: int = 0) -> list[str]:
    """Lines of a mapping or list, mostly sound: now and then a line is indented by one too much."""
    lines: list[str] = []
    listing = draw(st.booleans())
    for _ in range(draw(st.integers(1, 3))):
        key = "" if listing else draw(KEYS) + ":"
        shape = draw(st.integers(0, 5 if depth < 3 else 2))
        if shape == 0 and not listing:
            lines.append(key + draw(ENDS))
        elif shape == 1 and not listing:
            content = [" " * draw(st.integers(1, 3)) + line for line in ("x", "", "# y", " z")]
            lines += [f"{key} {draw(st.sampled_from(['|', '|-', '|+', '>']))}", *content]
        elif shape <= 3:
            lines.append(f"{'-' if listing else key} {draw(SCALARS)}{draw(ENDS)}")
        else:
            inner = draw(block(depth + 1))
            indent = " " * draw(st.sampled_from([2, 2, 2, 2, 1, 0, 3]))
            if listing:
                lines += [f"- {inner[0]}", *[f"{indent}{line}" for line in inner[1:]]]
            else:
                lines += [key + draw(ENDS), *[f"{indent}{line}" for line in inner]]
    return lines


@given(block(), st.sampled_from(["\n", "\n", "\r\n"]), st.booleans())
@settings(max_examples=300, deadline=None)
def test_generated_texts_read_as_with_libyaml(lines: list[str], end: str, ended: bool) -> None:
    accepted(end.join(lines) + end * ended)


PIECES = [
    ":", " ", "-", "#", "'", '"', "{", "}", "[", "]", ",", "&", "*", "!", "|", ">", "%", "@", "?", "`", "~", "\\", "\t", "\n",
    "\r\n", "\r", "  ", "\n  ", "\n- ", ": ", " #", "- ", "\n\n", "|\n", "|+\n", ">\n", "---", "...", "\n...", "<<", "é", "\x85",
    "\u2028", "\u00a0", "\ufeff", "\x07", "😀", "null", "0", "1e400", "${a}", "key: v\n", "- x\n", "\\n", "=",
]  # fmt: skip


def mangled(text: str, random: Random) -> str:
    """A few lines of a text with characters put in, taken out or replaced."""
    lines = text.split("\n")
    first = random.randrange(len(lines))
    lines = lines[first : first + random.randint(2, 12)]
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    text = "\n".join(line[indent:] for line in lines) + random.choice(["\n", ""])
    for _ in range(random.choice([1, 1, 2, 3])):
        at = random.randrange(len(text) + 1)
        cut = random.choice([0, 0, 1, 2])
        text = text[:at] + random.choice([*PIECES, "", "", ""]) + text[at + cut :]
    return text


@pytest.mark.parametrize("seed", range(4))
def test_mangled_documents_read_as_with_libyaml(seed: int) -> None:
    random = Random(seed)
    texts = [text for _, text in CORPUS if len(text) < 6000]
    taken = sum(accepted(mangled(random.choice(texts), random)) for _ in range(700))
    assert taken > 70  # and not because it gives up on everything
