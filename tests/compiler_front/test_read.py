"""Reading: YAML 1.2 scalars, positions, hostile texts, JSON and YAML alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runeskript.compiler.masks import mask
from runeskript.compiler.nodes import Map, Node, Scalar, pairs_of, span_of, to_value
from runeskript.compiler.read import Source, read
from runeskript.compiler.read_yaml import CPARSER, read_yaml
from runeskript.compiler.scalars import ScalarError, resolve
from runeskript.model.diagnostics import Diagnostic, Diagnostics
from runeskript.model.limits import ALIAS_NODES, DOCUMENT_BYTES, DOCUMENT_DEPTH

ROOT = Path(__file__).parents[2]
CORPUS = sorted(
    [*(ROOT / "examples").glob("**/*.yaml"), *(ROOT / "tests/golden/cases").glob("*.yaml"),
     *(ROOT / "tests/bad").glob("*.yaml")]
)  # fmt: skip


def read_all(data: bytes | str, file: str = "t.yaml") -> tuple[Source, tuple[Diagnostic, ...]]:
    diagnostics = Diagnostics()
    source = read(data, file, diagnostics)
    return source, diagnostics.sorted()


def value_of(data: bytes | str, file: str = "t.yaml") -> Any:
    source, found = read_all(data, file)
    assert found == ()
    assert source.root is not None
    return to_value(source.root)


def codes(data: bytes | str, file: str = "t.yaml") -> list[str]:
    return [d.code for d in read_all(data, file)[1]]


# --- scalars -------------------------------------------------------------------------------------

PLAIN: list[tuple[str, Any]] = [
    ("", None), ("~", None), ("null", None), ("Null", None), ("NULL", None), ("nULL", "nULL"),
    ("true", True), ("True", True), ("TRUE", True), ("tRUE", "tRUE"), ("false", False),
    ("yes", "yes"), ("no", "no"), ("on", "on"), ("off", "off"), ("y", "y"), ("N", "N"),
    ("0", 0), ("-0", 0), ("+12", 12), ("007", 7), ("0o17", 15), ("0o8", "0o8"), ("0x1F", 31),
    ("0xg", "0xg"), ("0b11", "0b11"), ("1_000", "1_000"), ("12:30", "12:30"), ("-0x1", "-0x1"),
    ("9223372036854775807", 2**63 - 1), ("-9223372036854775808", -(2**63)),
    ("0x7FFFFFFFFFFFFFFF", 2**63 - 1), ("0o777777777777777777777", 2**63 - 1),
    ("1.0", 1.0), ("1.", 1.0), (".5", 0.5), ("-.5e-3", -0.0005), ("1e3", 1000.0), ("1E+2", 100.0),
    (".", "."), ("1e", "1e"), ("e3", "e3"), ("1.2.3", "1.2.3"), ("+", "+"), ("-", "-"),
    ("2024-01-02", "2024-01-02"), ("inf", "inf"), ("nan", "nan"), ("Infinity", "Infinity"),
    ("0" * 5000 + "7", 7), ("٣", "٣"), ("=", "="), ("<<", "<<"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), PLAIN, ids=lambda p: str(p)[:20])
def test_plain_scalars(text: str, value: Any) -> None:
    result = resolve(text)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("9223372036854775808", "RUNE-1017"), ("-9223372036854775809", "RUNE-1017"),
        ("9" * 100_000, "RUNE-1017"), ("0x" + "F" * 100_000, "RUNE-1017"),
        ("0o" + "7" * 22, "RUNE-1017"), ("-0" + "1" * 4400, "RUNE-1017"),
        (".inf", "RUNE-1018"), ("-.Inf", "RUNE-1018"), ("+.INF", "RUNE-1018"),
        (".nan", "RUNE-1018"), (".NaN", "RUNE-1018"), ("1e309", "RUNE-1018"),
        ("0." + "1" * 100_000, "RUNE-1018"),
    ],
    ids=lambda p: str(p)[:20],
)  # fmt: skip
def test_numbers_that_are_no_values(text: str, code: str) -> None:
    with pytest.raises(ScalarError) as caught:
        resolve(text)
    assert caught.value.code == code


def test_quoted_and_plain_texts_do_not_mix() -> None:
    assert value_of("a: 'null'\nb: null\nc: \"5\"\nd: 5\ne: ''\nf:\ng: 'true'\nh: true\n") == {
        "a": "null", "b": None, "c": "5", "d": 5, "e": "", "f": None, "g": "true", "h": True,
    }  # fmt: skip
    assert value_of("[null, 'null', 5, '5', \"5\", 5]") == [None, "null", 5, "5", "5", 5]


def test_block_scalars_are_texts() -> None:
    assert value_of("a: |\n  5\nb: >-\n  true\n") == {"a": "5\n", "b": "true"}


# --- positions -----------------------------------------------------------------------------------


def scalars(node: Node) -> list[Scalar]:
    if type(node) is Scalar:
        return [node]
    if type(node) is Map:
        pairs = pairs_of(node).values()
        return [s for key, child in pairs for s in (key, *scalars(child))]
    return [s for child in node.items for s in scalars(child)]


def test_every_plain_scalar_stands_where_it_says() -> None:
    text = "a: é漢🙂x\n? b\n: [1, two words, {c: d}]\ne:\n  - f: g   # h\n  -   i\n"
    source, found = read_all(text)
    assert found == ()
    assert source.root is not None
    for node in scalars(source.root):
        assert source.line(node.line)[node.column : node.end_column] == node.text


def test_containers_end_with_their_last_child() -> None:
    source, _ = read_all("a:\n  b: 1\n  c:\n    - x\n    - y\n\n\nd: [1,\n  2 ]\n")
    assert source.root is not None
    spans = {k: span_of(v, "f") for k, v in source.root.entries.items()}  # type: ignore[union-attr]
    assert (spans["a"].line, spans["a"].end_line, spans["a"].end_column) == (2, 5, 8)
    assert (spans["d"].line, spans["d"].end_line, spans["d"].end_column) == (8, 9, 6)


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_line_breaks(line_break: str) -> None:
    text = line_break.join(["a: 1", "b:", "  - x", "  - 1e999", ""])
    _, found = read_all(text)
    assert [(d.code, d.span.line, d.span.column) for d in found] == [("RUNE-1018", 4, 5)]


def test_a_byte_order_mark_at_the_start_is_skipped() -> None:
    for data in ("\ufeffa: .nan", "\ufeffa: .nan".encode()):
        _, found = read_all(data)
        assert [(d.span.line, d.span.column) for d in found] == [(1, 4)]


def test_old_line_breaks_are_characters() -> None:
    text = "a: x\u2028y\u2029z\nb: 'p\x85q'\nc: .nan\n"
    source, found = read_all(text)
    assert [(d.code, d.span.line) for d in found] == [("RUNE-1018", 3)]
    assert source.root is not None
    assert to_value(source.root) == {"a": "x\u2028y\u2029z", "b": "p\x85q", "c": 0}


def test_aliases_stand_for_their_nodes() -> None:
    assert value_of("a: &x [1, {b: 2}]\nc: *x\nd: &y k\ne: {*y : 1}\n") == {
        "a": [1, {"b": 2}], "c": [1, {"b": 2}], "d": "k", "e": {"k": 1},
    }  # fmt: skip


def test_an_anchor_can_be_defined_again() -> None:
    assert value_of("[&a 1, *a, &a 2, *a]") == [1, 1, 2, 2]


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "opening", ["[", "{a: ", "- ", "? ", '{"a":', "[{a: ", "- [", "!!x [", "&a ["]
)
@pytest.mark.parametrize("file", ["t.yaml", "t.json"])
def test_a_hundred_thousand_levels(opening: str, file: str) -> None:
    _, found = read_all(opening * 100_000, file)
    assert found
    assert all(d.severity == "error" for d in found)
    if opening in ("[", '{"a":') or (file == "t.yaml" and opening not in ("? ", "- [")):
        assert {d.code for d in found} <= {"RUNE-1013", "RUNE-1009"}


def test_the_deepest_document_that_is_read() -> None:
    def nested(depth: int) -> str:
        return "[" * depth + "]" * depth

    assert codes(nested(DOCUMENT_DEPTH)) == []
    assert codes(nested(DOCUMENT_DEPTH + 1)) == ["RUNE-1013"]
    assert codes("x: " + nested(DOCUMENT_DEPTH)) == ["RUNE-1013"]


def test_aliases_cannot_nest_deeper() -> None:
    lines = ["a0: &a0 [1]"] + [f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 150)]
    assert codes("\n".join(lines)) == ["RUNE-1013"]


def test_billion_laughs() -> None:
    lines = ["a0: &a0 [l, l, l, l, l, l, l, l, l, l]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    assert codes("\n".join(lines)) == ["RUNE-1012"]


def test_many_small_aliases_are_fine_up_to_the_cap() -> None:
    def text(n: int) -> str:
        return "a: &x 1\nb: [" + ", ".join(["*x"] * n) + "]\n"

    assert codes(text(5_000)) == []
    assert codes(text(ALIAS_NODES + 1)) == ["RUNE-1012"]


def test_aliases_inside_their_own_node() -> None:
    assert codes("a: &x [*x]") == ["RUNE-1011"]
    assert codes("&x a: {b: [*x]}\nc: *y\n") == ["RUNE-1010"]
    assert codes("&r\na: {b: *r}\n") == ["RUNE-1011"]


def test_several_findings_in_one_reading() -> None:
    text = "a: !x 1\na: 2\nb: {<<: {c: 1}, 5: .nan}\nd: *e\n"
    assert codes(text) == [
        "RUNE-1009", "RUNE-1015", "RUNE-1014", "RUNE-1016", "RUNE-1018", "RUNE-1010",
    ]  # fmt: skip


def test_a_text_that_is_too_large() -> None:
    assert codes(b"#" * (DOCUMENT_BYTES + 1)) == ["RUNE-1004"]


def test_control_characters_are_shown_and_read_over() -> None:
    source, found = read_all("a: x\x00y\nb: \x07\nc: 1\n")
    assert [d.code for d in found] == ["RUNE-1002", "RUNE-1002"]
    assert "U+0000" in found[0].message
    assert source.root is not None
    assert to_value(source.root)["c"] == 1  # type: ignore[index, call-overload]


def test_broken_bytes_are_placed() -> None:
    _, found = read_all("a: é\nb: ".encode() + b"\xff\n")
    assert [(d.code, d.span.line, d.span.column) for d in found] == [("RUNE-1001", 2, 4)]


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_no_bytes_crash_the_reader(data: bytes) -> None:
    source, found = read_all(data)
    assert source.root is not None or found


@given(st.text(st.sampled_from("ab:-[]{}#&*!|>'\"%@`,? \n\t\\0.<~"), max_size=60))
@settings(max_examples=400, deadline=None)
def test_no_yaml_crashes_the_reader(text: str) -> None:
    source, found = read_all(text)
    assert source.root is not None or found
    for item in found:
        assert 1 <= item.span.line <= text.count("\n") + 2
        assert item.span.column >= 1


# --- the other parsers ---------------------------------------------------------------------------


def tree(node: Node | None) -> Any:
    """A tree with all it says, for comparison."""
    if node is None:
        return None
    if type(node) is Scalar and not node.text:
        return (repr(node.value), node.style)  # where nothing stands, the parsers differ
    if type(node) is Scalar:
        return (repr(node.value), node.text, node.line, node.column, node.end_line, node.end_column)
    place = (node.line, node.column, node.end_line, node.end_column, node.flow)
    if type(node) is Map:
        return [place, *((k, tree(a), tree(b)) for k, (a, b) in pairs_of(node).items())]
    return [place, *(tree(child) for child in node.items)]


def test_libyaml_is_used_where_it_is_there() -> None:
    assert CPARSER is not None


@pytest.mark.parametrize("path", CORPUS, ids=lambda p: p.name)
def test_both_parsers_make_the_same_tree(path: Path) -> None:
    text = path.read_bytes().decode("utf-8", errors="replace").replace("\x00", "")
    text = text.replace("\x07", "").lstrip("\ufeff").replace("\ufeff", "")
    if "\t" in text or "\\ud800" in text:
        pytest.skip("PyYAML's own parser is stricter about tabs, laxer about surrogates")
    results = []
    for pure_python in (False, True):
        diagnostics = Diagnostics()
        root, slips = read_yaml(text, path.name, diagnostics, pure_python=pure_python)
        found = [(d.code, d.span.line) for d in diagnostics.sorted()]
        results.append((tree(root), bool(slips), [code for code, _ in found]))
    assert results[0][0] == results[1][0]
    assert results[0][1] == results[1][1]
    if not results[0][1]:
        assert results[0][2] == results[1][2]


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_the_python_parser_stops_at_the_depth_too(opening: str) -> None:
    diagnostics = Diagnostics()
    read_yaml(opening * 20_000, "t", diagnostics, pure_python=True)
    assert [d.code for d in diagnostics.sorted()] == ["RUNE-1013"]


def test_the_python_parser_refuses_surrogates_too() -> None:
    diagnostics = Diagnostics()
    root, _ = read_yaml('a: "\\ud800"\nb: .nan\n', "t", diagnostics, pure_python=True)
    assert [d.code for d in diagnostics.sorted()] == ["RUNE-1003", "RUNE-1018"]
    assert root is not None
    assert to_value(root) == {"a": "?", "b": 0}


# --- JSON ----------------------------------------------------------------------------------------

JSON_TEXT = st.text(
    st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="\ufeff\ufffe\uffff"),
    max_size=8,
)
JSON_VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False), JSON_TEXT,
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(JSON_TEXT, inner, max_size=4)
    ),
    max_leaves=10,
)  # fmt: skip


@given(JSON_VALUES, st.sampled_from([None, 1, 4]), st.booleans())
@settings(max_examples=200, deadline=None)
def test_json_reads_as_json_and_as_yaml_alike(value: Any, indent: int | None, ascii_: bool) -> None:
    wrapped = {"v": value}
    text = json.dumps(wrapped, indent=indent, ensure_ascii=ascii_)
    source, found = read_all(text, "t.json")
    assert found == ()
    assert source.is_json
    assert repr(to_value(source.root)) == repr(wrapped)  # type: ignore[arg-type]
    diagnostics = Diagnostics()
    masked, stand_ins = mask(text)
    assert len(masked) == len(text)
    root, _ = read_yaml(masked, "t.yaml", diagnostics, stand_ins)
    if not diagnostics.has_errors and "\x7f" not in text:
        assert tree(root) == tree(source.root)


@given(st.text(st.sampled_from('a😀𐀀\U0010ffff\\"u\ue000\u2028 ☃d8de0'), max_size=12))
@settings(max_examples=200, deadline=None)
def test_escapes_of_json_mean_the_same_in_double_quotes(text: str) -> None:
    written = json.dumps(text)
    assert value_of(f"- {written}\n- '{written[1:-1]}'\n") == [text, written[1:-1]]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (r'"\ud83d\ude00"', "😀"),
        (r'"\uD83D\uDE00\uD83D\uDE01"', "😀😁"),
        (r'"\\\\\ud83d\ude00"', "\\\\😀"),
        (r'"\\ud83d\\ude00"', r"\ud83d\ude00"),
        (r"'\ud83d\ude00'", r"\ud83d\ude00"),
        (r"\ud83d\ude00", r"\ud83d\ude00"),
    ],
)
def test_surrogate_pairs_are_one_character_in_double_quotes(written: str, value: str) -> None:
    assert value_of(f"- {written}\n") == [value]


@pytest.mark.parametrize(
    "written", [r'"\ud83d"', r'"\ud83d \ude00"', r'"\ude00\ud83d"', r'"\ud83dx"']
)
def test_halves_of_pairs_are_refused(written: str) -> None:
    assert set(codes(f"- {written}\n")) == {"RUNE-1003"}


def test_json_that_libyaml_would_refuse() -> None:
    long_key = "k" * 3000
    assert value_of(json.dumps({long_key: 1})) == {long_key: 1}
    assert value_of('{"a"\n:\n1}') == {"a": 1}
    assert value_of('{"a": "\\ud83d\\ude00\\/"}') == {"a": "😀/"}
    assert value_of("\t[\t1\t]\t") == [1]


def test_json_with_yaml_liberties_is_yaml() -> None:
    assert value_of("{a: 1, 'b': [x,], }") == {"a": 1, "b": ["x"]}
    assert value_of('{"a": 1} # comment') == {"a": 1}


def test_the_reader_that_got_further_speaks() -> None:
    assert codes('{"a": 1, "b": ["1" 2]}') == ["RUNE-1019"]
    assert codes('{a: 1, b: "x}') == ["RUNE-1006"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 01}', "expected `,` or `}`"), ('{"a" 1}', "expected `:`"), ("[1,]", "a value"),
        ("{,}", "a key"), ('{"a": tru}', "a value"), ('{"a": "\\q"}', "escape"),
        ('{"a": "\\u12"}', "escape"), ('["a\tb"]', "tab"), ('["a', "never closed"),
        ("[1", "expected `,` or `]`"), ("[", "ends early"), ("[1] 2", "goes on"),
        ('{"a": +1}', "a value"), ("[.5]", "a value"), ("[1.]", "expected `,`"), ("x", "a value"),
    ],
)  # fmt: skip
def test_json_errors(text: str, message: str) -> None:
    _, found = read_all(text, "t.json")
    assert [d.code for d in found] == ["RUNE-1019"]
    assert message in found[0].message


def test_json_positions_follow_line_breaks() -> None:
    _, found = read_all('{"a": 1,\r\n "b": [true,\n  1e999]}', "t.json")
    assert [(d.span.line, d.span.column) for d in found] == [(3, 3)]
