"""Linear-time patterns: they match what the host's engine matches, and nothing makes them slow."""

import re
from fnmatch import fnmatchcase

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expr.evaluating import context
from runeskript.expr.pattern import PatternError
from runeskript.expr.read_pattern import (
    LENGTH,
    compile_glob,
    compile_regex,
    glob_matches,
)

atoms = st.sampled_from(["a", "b", "ä", ".", "\\d", "[ab]", "[^a]", "[a-c1]", "\\.", "\\S"])
regexes = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.tuples(inner, inner).map(lambda p: f"({p[0]}|{p[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,}", "{0,2}"])).map(
            lambda p: f"(?:{p[0]}){p[1]}"
        ),
    ),
    max_leaves=5,
)
texts = st.text("ab1ä.\n c", max_size=8)


@settings(max_examples=200, deadline=None)
@given(regexes, st.booleans(), st.booleans(), texts)
def test_regexes_match_what_re_matches(body: str, start: bool, end: bool, text: str) -> None:
    if start or end:
        body = f"({body})"
    pattern = ("^" if start else "") + body + ("$" if end else "")
    # `.` of ECMA leaves out line separators too, `$` is the end and never before a last newline.
    wanted = re.search(pattern.replace("$", "\\Z"), text)
    assert compile_regex(pattern).matches(text) == (wanted is not None), (pattern, text)


@settings(max_examples=200, deadline=None)
@given(st.text("ab*?[]", max_size=6), st.text("ab", max_size=6))
def test_globs_match_what_fnmatch_matches(glob: str, text: str) -> None:
    try:
        mine = compile_glob(glob).matches(text)
    except PatternError:
        return
    # Within brackets fnmatch is lenient where ours is not; outside both agree.
    if "[" not in glob:
        assert mine == fnmatchcase(text, glob)


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("", "", True), ("", "abc", True), ("^$", "", True), ("^$", "a", False), ("a", "xax", True),
        ("^a", "xa", False), ("a$", "ax", False), ("^(a|b)+$", "abba", True), ("a\\$", "a$", True),
        ("^a\\\\$", "a\\", True), ("^[\\]x-]+$", "]-x", True), ("[]a]", "]", True),
        ("^\\s$", "\u2003", True), ("^\\w+$", "aZ_9", True), ("^\\w$", "ä", False), ("^\\D$", "٣", True),
        ("^.$", "\n", False), ("^[^a]$", "\n", True), ("^a{2,3}$", "aaaa", False), ("^a{0}$", "", True),
        ("^(ab){2,}$", "ababab", True), ("^(a?){3}$", "aa", True), ("(a*)*", "", True),
    ],
)  # fmt: skip
def test_regexes(pattern: str, text: str, matches: bool) -> None:
    assert compile_regex(pattern).matches(text) is matches


@pytest.mark.parametrize(
    "pattern",
    [
        "(?=a)", "(?!a)", "(?<a>b)", "(?i)a", "\\1", "\\b", "\\k<a>", "a*?", "a++", "a**", "*a", "+", "?",
        "a|*", "(", ")", "(a", "a)", "[", "[a", "[z-a]", "[\\d-a]", "a{", "a{2", "a{,2}", "a{3,2}", "a{x}",
        "a{9999}", "a^b", "a$b", "^a|b$", "\\", "\\q", "(" * 30 + ")" * 30, "a" * (LENGTH + 1),
        "a{500}b", "((a{99}){99}){99}", "\\u0041", "(?#x)", "{2}", "(((){999}){999}){999}",
        "(((a{0}){999}){999}){999}",
    ],
)  # fmt: skip
def test_patterns_outside_the_subset_are_refused(pattern: str) -> None:
    with pytest.raises(PatternError) as caught:
        compile_regex(pattern)
    assert str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("^(a+)+$", "a" * 20_000 + "b"),
        ("^(a|a)*$", "a" * 20_000 + "b"),
        ("^(a|aa)+$", "a" * 20_000 + "b"),
        ("^(.*)*x$", "a" * 20_000),
        ("^(a?){50}a{50}$", "a" * 49),
        ("(a*)*(b*)*c", "ab" * 10_000),
        ("^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 20_000),
    ],
)
def test_patterns_that_make_backtracking_engines_hang(pattern: str, text: str) -> None:
    assert compile_regex(pattern).matches(text) is False


def test_remembered_transitions_are_bounded() -> None:
    pattern = compile_regex("^.*[a-z].{9}$")
    text = "".join(chr(97 + i * i % 26) + chr(0x4E00 + i) for i in range(6_000))
    assert pattern.matches(text) is True
    assert len(pattern._memo) <= 4_096


def test_stretches_of_like_characters() -> None:
    """Every character in one of the stretches that the ranges cut, edges included."""
    for text in ("[b-d]", "[^b-d]", "[a-c][b-e]|[^c]", "\\w|[x-\U0010ffff]", "\\D[\x00-a]", "."):
        ours, theirs = compile_regex(f"^(?:{text})$"), re.compile(f"(?:{text})\\Z", re.ASCII)
        for char in "\x00\n\r`abcdefwxyz{0189\u2028é\U0010ffff":
            for found in (char, char + "b", "0" + char):
                if "." in text and char in "\r\u2028":
                    continue  # a line terminator here, none in Python
                assert ours.matches(found) == bool(theirs.match(found)), (text, found)


def test_globs() -> None:
    c = context()
    assert glob_matches("a*b", "a\\*b", c) and not glob_matches("axb", "a\\*b", c)
    assert glob_matches("a]b", "a[]]b", c) and glob_matches("a-b", "a[!-]b", c) is False
    assert glob_matches("line\nbreak", "line*", c) and glob_matches("ä", "?", c)
