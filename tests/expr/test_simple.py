"""Simple expressions mean what Python's parser makes of them; all else is left to it."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runeskript.expr.parser import parse_any_expression
from runeskript.expr.simple import read_simple
from runeskript.model.parsed import Name, used_by

WORDS = st.sampled_from(
    [
        *re.findall(
            r"\S+",
            r"""
            a b x0 _ f len min sum has get a.b a.b.c input.user.level event.from job.class a.b_1
            true True false null None secrets secrets.K x is lambda for and or not in if else
            0 1 2 17 007 1.5 1. .5 1e5 1_0 999999999999999999 9999999999999999999
            '' 'a' "b" 'it' 'a\\'' '${' + - * / // % ** == != < <= > >= = := -> && !
            ( ) [ ] , . : { } .k .from
            """,
        ),
        *(" ", "  ", "\t", "\n", "'ä'", "'\ud800'"),
    ]
)
#: Half of what is drawn from a grammar is sound; half of what is drawn at random is not simple.
ATOMS = st.sampled_from(("a", "b.c", "1", "2.5", "'t'", "x", "true", "null", "f(a)", "len(b)"))


def _grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(
        ("+", "-", "*", "/", "//", "%", "**", "==", "<", "in", "not in", "and", "or", "if", ">")
    )
    pairs = st.tuples(inner, operators, inner)
    return st.one_of(
        pairs.map(" ".join),
        pairs.map(lambda p: f"({p[0]}){p[1]}{p[2]}" if p[1] in "+-*/%" else f"({' '.join(p)})"),
        st.tuples(inner, inner, inner).map(lambda p: f"{p[0]} if {p[1]} else {p[2]}"),
        inner.map(lambda e: f"not {e}"),
        inner.map(lambda e: f"-{e}"),
        inner.map(lambda e: f"+{e}"),
        st.lists(inner, max_size=3).map(lambda e: f"[{', '.join(e)}]"),
        st.lists(inner, max_size=3).map(lambda e: f"get({', '.join(e)})"),
        st.tuples(inner, inner).map(lambda p: f"{p[0]}[{p[1]}].k"),
        st.tuples(inner, inner, inner).map(lambda p: f"[{p[0]} for x in {p[1]} if {p[2]}]"),
        st.tuples(inner, inner).map(lambda p: f"[i + {p[0]} for i in {p[1]}]"),
    )


EXPRESSIONS = st.recursive(ATOMS, _grow, max_leaves=12)


def check(text: str, locals_: tuple[str, ...] = ()) -> bool:
    """Whether the text is simple; then both readers must agree on all of it."""
    simple = read_simple(text, locals_)
    check_insert(text)
    if simple is None:
        return False
    full = parse_any_expression(text, locals_=locals_)
    assert repr(simple.ir) == repr(full.ir)  # 1, 1.0 and true are equal, and not the same
    assert simple.names == full.names
    assert simple.bound == full.bound
    assert sorted(simple.used) == sorted(used_by(full.names))
    return True


def check_insert(text: str) -> None:
    """Between `${` and `}` a text means the same, two characters further on."""
    if "}" in text or len(text) > 200:
        return
    alone, insert = read_simple(text, ()), read_simple(f"${{{text}}}", (), insert=True)
    assert (alone is None) is (insert is None)
    if alone is not None and insert is not None:
        assert repr(insert.ir) == repr(alone.ir)
        assert insert.used == alone.used
        for there, here in ((insert.names, alone.names), (insert.bound, alone.bound)):
            assert there == tuple(Name(n.name, n.offset + 2, n.kind) for n in here)


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "input.user.level == 'VIP' and len(input.items) > 10",
        " p.body.price*item.qty ",
        "-1",
        "-x ** 2",
        "2 ** -1 ** x",
        "not a == b",
        "not not a",
        "a or b and c or d",
        "(a or b) or c",
        "1 < a <= b != 3",
        "a not in b",
        "a if b else c if d else e",
        "a[0].b['c'][-1]",
        "[1, 'a', null]",
        "[1, a,]",
        "net(p.price, 2, discount) + f()",
        "x + 1",
        "event.from",
        "'ä' + a",
        "0.5 + -0.0",
        "a + +b",
        "sum([i.qty * i.price for i in input.items if i.qty > 3 and d]) + a",
        "[i for i in [1, 2] if i if a] + [a]",
        "[f(i, a) for i in a or b]",
        "[[i, 1] for i in b][0].k",
    ],
)
def test_what_is_simple(text: str) -> None:
    assert check(text)
    assert check(text, ("x", "a"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "a b",
        "a.b()",
        "f()()",
        "f(x)(y)",
        "(a)(b)",
        "a == not b",
        "a, b",
        "(a, b)",
        "()",
        "[x for x in b for y in x]",
        "[x for x, y in b]",
        "[[x for x in y] for y in b]",
        "[x for x in b] + [y for y in b]",
        "[1, x for x in b]",
        "[x for x in b if]",
        "[x for in b]",
        "[x for x.y in b]",
        "[x for true in b]",
        "[x for x in b if c else d]",
        "[x for x in]",
        "[x for x in b",
        "f(x for x in b)",
        "(x for x in b)",
        "{'a': 1}",
        "a[1:2]",
        "a[1, 2]",
        "f(x, y=1)",
        "f(,)",
        "len()",
        "secrets.K",
        "secrets",
        "a.b.c(d)",
        "1a",
        "1 2",
        "'a' 'b'",
        "f'a'",
        "'a\\n'",
        "007",
        "1e5",
        "a\nb",
        "a\t+ b",
        "-(1)",
        "--1",
        "++a",
        "-true",
        "is",
        "lambda",
        "true.x",
        "'\ud800'",
        "9999999999999999999",
        "a" * 129,
        "-" * 60 + "a",
        "a" + ".b" * 60,
        "a" + " + a" * 80,
    ],
)
def test_what_is_left_to_the_full_reader(text: str) -> None:
    assert not check(text)


@settings(max_examples=400, deadline=None)
@given(st.lists(WORDS, max_size=9).map("".join))
@example("a. b")
@example("1 .k")
def test_both_readers_agree_on_any_text(text: str) -> None:
    check(text)
    check(text, ("b", "a"))


@settings(max_examples=400, deadline=None)
@given(EXPRESSIONS)
def test_both_readers_agree_on_expressions(text: str) -> None:
    check(text)
    check(text, ("b", "a"))


#: Other operands for those of ``ATOMS`` and of what grows from them; some are no such operands.
OTHERS = st.fixed_dictionaries({
    "a": st.sampled_from(("a", "total_7", "order.from.x", "x", "i", "not_", "true", "is")),
    "b.c": st.sampled_from(("b.c", "c", "b.c.d", "x.y", "i.k", "secrets.K", "null.a")),
    "1": st.sampled_from(("1", "0", "2.50", "170", "1.5.2", "9" * 19)),
    "'t'": st.sampled_from(("'t'", "''", "\"a ++ b\"", "'for'", "'ä'", "'a.b('", "'\\\\'")),
})  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(EXPRESSIONS, OTHERS, OTHERS)
def test_a_shape_that_was_met_before_means_the_same(
    text: str, some: dict[str, str], others: dict[str, str]
) -> None:
    parts = re.split(r"(\bb\.c\b|\ba\b|\b1\b|'t')", text)
    for known in some, others:
        check("".join([known.get(part, part) for part in parts]))
