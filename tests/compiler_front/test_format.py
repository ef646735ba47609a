"""``rune fmt``: same meaning, every comment, canonical layout, idempotent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runeskript.compiler.emit import emit, inline, is_plain, quoted, scalar
from runeskript.compiler.format import format_text
from runeskript.compiler.layout import read_layout
from runeskript.compiler.load_text import parse_document, read_text
from runeskript.compiler.nodes import to_value
from runeskript.errors import CompileError
from runeskript.model.ast_value import ast_hash
from runeskript.model.diagnostics import Diagnostics

ROOT = Path(__file__).parents[2]
CORPUS = sorted(
    [*(ROOT / "examples").glob("**/*.yaml"), *(ROOT / "tests/golden/cases").glob("*.yaml")]
)


def meaning(text: str) -> str:
    diagnostics = Diagnostics()
    document = parse_document(text, "test.yaml", diagnostics)
    assert document is not None
    assert not diagnostics.has_errors, diagnostics.sorted()
    return ast_hash(document)


def check(text: str) -> str:
    out = format_text(text)
    assert meaning(out) == meaning(text)
    assert sorted(read_layout(out).comments) == sorted(read_layout(text).comments)
    assert format_text(out) == out
    assert all(line == line.rstrip() for line in out.split("\n"))
    assert out.endswith("\n")
    assert not out.endswith("\n\n")
    return out


@pytest.mark.parametrize("path", CORPUS, ids=lambda p: p.name)
def test_documents_of_the_project(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    diagnostics = Diagnostics()
    parse_document(text, path.name, diagnostics)
    if diagnostics.has_errors:
        with pytest.raises(CompileError):
            format_text(text, path.name)
    else:
        check(text)


UGLY = """\
# licence

# about do
do:
    # first step
    - timeout: 3s   # per attempt
      into: p
      with: {url: "${env.PRICING}/sku/${item.sku}/more",
        long: 'aaaaaaaaaaaaa', b: [1,2], c: a long text to fill the line} # t
      call: http.get


    -   # odd place
        if: "x > 1"
        then:   # beside key
        - log: "hello world"
        # tail of then
        - log: |   # header comment
              text
                more

          level: 'info'
    # tail of do
    - set: {a: 1, # one
        b: 2, # two
        # three
        }
    - set:
        c: ~
        d: 'yes'
        e: "no ${x}"
        f: a long plain text
          over two lines
        "g.h": [
          1,
          2 ]
vars:
  x: 1     # aligned
  yy: 22   # comments
skript:   'demo'
# end"""

PRETTY = """\
# licence

skript: demo
vars:
  x: 1    # aligned
  yy: 22  # comments
# about do
do:
  # first step
  - call: http.get
    with:  # t
      url: ${env.PRICING}/sku/${item.sku}/more
      long: aaaaaaaaaaaaa
      b: [1, 2]
      c: a long text to fill the line
    into: p
    timeout: 3s  # per attempt

  # odd place
  - if: x > 1
    then:  # beside key
      - log: hello world
      # tail of then
      - log: |  # header comment
          text
            more

        level: info
  # tail of do
  - set:
      a: 1  # one
      b: 2  # two
      # three
  - set:
      c: null
      d: 'yes'
      e: no ${x}
      f: a long plain text over two lines
      g.h: [1, 2]
# end
"""


def test_an_ugly_document() -> None:
    assert check(UGLY) == PRETTY


CASES = {
    "quotes that are needed stay": (
        "skript: q\ndo:\n- log: 'a: b'\n- log: '5'\n- log: \"x # y\"\n- log: ''\n- log: 'on'\n",
        "skript: q\ndo:\n  - log: 'a: b'\n  - log: '5'\n  - log: \"x # y\"\n  - log: ''\n"
        "  - log: 'on'\n",
    ),
    "quotes of a list in an expression field mean something": (
        "skript: q\ndo:\n- for: a\n  in: ['x', 'y']\n  do: []\n",
        "skript: q\ndo:\n  - for: a\n    in: ['x', 'y']\n    do: []\n",
    ),
    "a text that looks like arithmetic keeps its quotes": (
        "skript: q\nvars: {a: 1}\ndo:\n- set: {b: 'a + 1'}\n- if: 'a > 1'\n  then: []\n",
        "skript: q\nvars: {a: 1}\ndo:\n  - set: {b: 'a + 1'}\n  - if: a > 1\n    then: []\n",
    ),
    "anchors and aliases stay, and keep the order": (
        """\
do:
- with: &w {b: &one 1, a: 2}
  call: f
- with: *w
  call: g
- &step  # a step
  with:
    &block  # a block
    a: *one
    b: &t |
      text
  call: g
- *step
skript: a
""",
        """\
do:
  - with: &w {b: &one 1, a: 2}
    call: f
  - with: *w
    call: g
  - &step
    # a step
    with: &block
      # a block
      a: *one
      b: &t |
        text
    call: g
  - *step
skript: a
""",
    ),
    "blocks keep their texts": (
        "skript: b\ndo:\n- log: |+\n    a\n\n     b\n\n- log: |2-\n     indented\n- log: >\n    x\n"
        "    y\n\n    z\n",
        "skript: b\ndo:\n  - log: |+\n      a\n\n       b\n\n  - log: |2-\n       indented\n"
        "  - log: >\n      x\n      y\n\n      z\n",
    ),
    "no marker, no byte order mark, plain line breaks": (
        "\ufeff--- # start\r\nskript: m\r\ndo: []\r\n...\r\n",
        "# start\nskript: m\ndo: []\n",
    ),
    "unknown shapes stay in order": (
        "skript: o\ninput: {type: object, properties: {b: {}, a: {}}, title: o}\ndo: []\n",
        "skript: o\ninput: {type: object, properties: {b: {}, a: {}}, title: o}\ndo: []\n",
    ),
    "old line breaks are characters": (
        'skript: n\ndo:\n- log: "a\u2028b"  # \x85 c\n',
        'skript: n\ndo:\n  - log: "a\u2028b"  # \x85 c\n',
    ),
    "surrogate pairs stay as they are written": (
        'skript: n\ndo:\n- log: "\\ud83d\\ude00 \\\\ud83d"  # \\ud83d\\ude00\n',
        'skript: n\ndo:\n  - log: "\\ud83d\\ude00 \\\\ud83d"  # \\ud83d\\ude00\n',
    ),
    "a question mark for a key": ("? skript\n: q\n? do\n: []\n", "skript: q\ndo: []\n"),
}


@pytest.mark.parametrize("name", CASES)
def test_cases(name: str) -> None:
    before, after = CASES[name]
    out = format_text(before)
    assert out == after
    assert format_text(out) == out
    assert meaning(out) == meaning(before)


def test_json_is_formatted_as_json() -> None:
    value = {"do": [{"with": {"b": 1, "a": 2}, "call": "f"}], "skript": "j"}
    out = format_text(json.dumps(value))
    assert json.loads(out) == value
    assert list(json.loads(out)) == ["skript", "do"]
    assert list(json.loads(out)["do"][0]) == ["call", "with"]
    assert list(json.loads(out)["do"][0]["with"]) == ["b", "a"]
    assert format_text(out) == out


def test_a_document_with_errors_is_refused_with_its_findings() -> None:
    with pytest.raises(CompileError) as caught:
        format_text("skript: x\ndo:\n  - lgo: x\n", "x.yaml")
    assert [d.code for d in caught.value.diagnostics] == ["RUNE-1103"]


# --- values as YAML ------------------------------------------------------------------------------

TEXTS = st.one_of(
    st.text(st.characters(blacklist_categories=["Cs"]), max_size=12),
    st.sampled_from(
        ["on", "No", "y", "1_000", "0o17", "0x1F", "1e3", "1.5", ".5", "-", "- a", "a: b", "a #b",
         "#x", "~", "null", "True", "2024-01-02", "12:30", "<<", "=", "a\nb", "a\n", "\n", " a",
         "a ", "${x}", "{a", "[b", "---", "...", "*a", "&b", "!t", "%d", "@x", "`x", "a\tb", "é",
         "\u2028", "\x85", "\ufeff", "'", '"', "\\", "it's", 'say "x"', "a,b", "k:", ":k", "?"]
    ),
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False), TEXTS,
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)
    ),
    max_leaves=12,
)  # fmt: skip


def read_back(text: str) -> Any:
    diagnostics = Diagnostics()
    source = read_text(text, "test.yaml", diagnostics)
    assert diagnostics.sorted() == (), text
    assert source.root is not None
    return to_value(source.root)


@given(VALUES)
@settings(max_examples=200, deadline=None)
def test_emitted_values_read_back(value: Any) -> None:
    wrapped = {"v": value}
    assert repr(read_back(emit(wrapped))) == repr(wrapped)
    assert repr(read_back("v: " + inline(value))) == repr(wrapped)


@given(TEXTS)
@settings(max_examples=200, deadline=None)
def test_scalars_read_back(text: str) -> None:
    assert read_back(f"v: {scalar(text)}") == {"v": text}
    assert read_back(f"v: {quoted(text)}") == {"v": text}
    assert read_back(f"v: [{scalar(text, flow=True)}]") == {"v": [text]}
    if is_plain(text):
        assert scalar(text) == text


def test_long_keys() -> None:
    value = {"k" * 2000: 1, "v": {"k" * 1500: [1, {"a": 2}]}}
    assert read_back(emit(value)) == value


# --- random documents in random layouts ----------------------------------------------------------

NAMES = st.sampled_from(["a", "total", "item_2", "x"])
PLAIN = st.sampled_from(
    ["text", "two words", "${a}", "n is ${a} now", "5", "yes", "it's", "a: b", "x # y", "", "é"]
)
DATA = st.one_of(
    PLAIN, st.integers(-5, 5), st.booleans(), st.none(), st.lists(PLAIN, max_size=3),
    st.dictionaries(st.sampled_from(["k", "two words", "5", "on"]), PLAIN, max_size=3),
)  # fmt: skip
SIMPLE = st.one_of(
    st.fixed_dictionaries(
        {"with": st.dictionaries(NAMES, DATA, max_size=3), "call": st.just("f")},
        optional={
            "timeout": st.just("3s"), "into": NAMES,
            "retry": st.just({"max": 3, "on": ["timeout", "http.5xx"], "backoff": "1s..5s"}),
        },
    ),
    st.fixed_dictionaries({"set": st.dictionaries(NAMES, DATA, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"level": st.just("info"), "log": PLAIN}),
    st.fixed_dictionaries({"return": DATA}),
    st.fixed_dictionaries({"if": st.sampled_from(["a > 1", "x", True]), "yield": NAMES}),
    st.fixed_dictionaries({"in": st.just("[1, 2]"), "do": st.just([]), "for": st.just("i")}),
)  # fmt: skip
STEPS = st.recursive(
    st.lists(SIMPLE, max_size=3),
    lambda inner: st.lists(
        st.one_of(
            SIMPLE,
            st.fixed_dictionaries({"then": inner, "if": st.just("a > 1"), "else": inner}),
            st.fixed_dictionaries({"parallel": st.dictionaries(NAMES, inner, min_size=1)}),
            st.fixed_dictionaries(
                {"catch": st.lists(st.fixed_dictionaries({"do": inner}), min_size=1, max_size=2),
                 "try": inner}
            ),
        ),
        max_size=3,
    ),
    max_leaves=6,
)  # fmt: skip
DOCUMENTS = st.fixed_dictionaries(
    {"do": STEPS, "skript": st.just("random")},
    optional={
        "vars": st.dictionaries(NAMES, DATA, max_size=2), "version": st.integers(1, 9),
        "labels": st.dictionaries(NAMES, st.just("text"), max_size=2),
    },
)  # fmt: skip


class Writer:
    """Writes a value as YAML in a layout that a list of random numbers decides."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.count = 0

    def chance(self, one_in: int) -> bool:
        return self.draw(st.integers(1, one_in)) == 1

    def comment(self, indent: str) -> list[str]:
        out = []
        while self.chance(6):
            self.count += 1
            out.append("" if self.chance(3) else f"{indent}# c{self.count}")
        return out

    def trailing(self) -> str:
        if not self.chance(6):
            return ""
        self.count += 1
        return " " * self.draw(st.integers(1, 4)) + f"# t{self.count}"

    def text(self, value: str, flow: bool) -> str:
        if is_plain(value, flow=flow) and not self.chance(3):
            return value
        return "'" + value.replace("'", "''") + "'" if self.chance(2) else quoted(value)

    def scalar(self, value: Any, flow: bool) -> str:
        if isinstance(value, str):
            return self.text(value, flow)
        if value is None:
            return self.draw(st.sampled_from(["null", "~", "Null"]))
        return scalar(value)

    def inline(self, value: Any) -> str:
        pad = " " * self.draw(st.integers(0, 2))
        if isinstance(value, dict):
            items = [f"{self.text(k, True)}: {self.inline(v)}" for k, v in value.items()]
            return "{" + pad + f",{pad or ' '}".join(items) + pad + "}"
        if isinstance(value, list):
            return "[" + pad + f",{pad}".join(self.inline(v) for v in value) + pad + "]"
        return self.scalar(value, True)

    def after(self, head: str, value: Any, indent: str, in_list: bool) -> list[str]:
        if not isinstance(value, dict | list) or not value or self.chance(3):
            text = (
                self.inline(value) if isinstance(value, dict | list) else self.scalar(value, False)
            )
            return [f"{head} {text}{self.trailing()}"]
        deeper = indent + " " * self.draw(st.integers(1, 4))
        if self.chance(6):
            return self.brackets(head, value, deeper)
        if isinstance(value, list) and not in_list and self.chance(2):
            deeper = indent
        return [head + self.trailing(), *self.block(value, deeper)]

    def brackets(self, head: str, value: Any, indent: str) -> list[str]:
        """A list or object in brackets over several lines, with comments between."""
        items = (
            [f"{self.text(k, True)}: {self.inline(v)}" for k, v in value.items()]
            if isinstance(value, dict)
            else [self.inline(v) for v in value]
        )
        opening, closing = "{}" if isinstance(value, dict) else "[]"
        out = [f"{head} {opening}{self.trailing()}"]
        for item in items:
            out += self.comment(indent)
            out.append(f"{indent}{item},{self.trailing()}")
        return [*out, *self.comment(indent), f"{indent}{closing}{self.trailing()}"]

    def block(self, value: Any, indent: str) -> list[str]:
        out: list[str] = []
        if isinstance(value, list):
            for item in value:
                out += self.comment(indent)
                if isinstance(item, dict) and item and not self.chance(4):
                    gap = " " * self.draw(st.integers(1, 3))
                    lines = self.block(item, indent + " " + gap)
                    while not lines[0].strip() or lines[0].lstrip().startswith("#"):
                        out.append(lines.pop(0))
                    lines[0] = f"{indent}-{gap}{lines[0].lstrip()}"
                    out += lines
                else:
                    out += self.after(f"{indent}-", item, indent, True)
        else:
            for key, item in value.items():
                out += self.comment(indent)
                out += self.after(f"{indent}{self.text(key, False)}:", item, indent, False)
            out += self.comment(indent)
        return out


@given(st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_documents_in_random_layouts(data: st.DataObject) -> None:
    value = data.draw(DOCUMENTS)
    writer = Writer(data.draw)
    text = "\n".join([*writer.comment(""), *writer.block(value, ""), *writer.comment("")]) + "\n"
    assert read_back(text) == value
    check(text)
