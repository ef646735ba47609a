"""Expressions and regions as text."""

from __future__ import annotations

from typing import Any

import pytest

from runeskript.expr.parser import parse_expression, parse_template
from runeskript.model.ir_text import Names, expression_text, region_text

#: Written as the writer writes them, so that parsing and writing is the identity.
EXPRESSIONS = """
a + b * c
(a + b) * c
a - (b - c)
a - b - c
a / (b // c) % d
-a ** 2
(-a) ** 2
a ** b ** c
(a ** b) ** c
a ** -b
not a and b or c
not (a and b) or c
a and (b or c)
(a or b) and c
(a or b) or c
a < b <= c
(a < b) == c
a in b
a not in [1, 2]
not a == b
a if b else c
(a if b else c) + d
a if b else c if d else e
(a if b else c) if d else e
a if (b if c else d) else e
[a, 1, -2, 1.5, 'it\\'s', true, null]
{'a': 1, b: c}
a.b.c
a['b-c'][0][i + 1].d
a[1:2]
a[:]
a[i:][:j]
(a + b).c
'text'.a
len(a) + sum([1, 2])
[v0 * 2 for v0 in a]
[v0 + v1 for v0 in a if v0 if v0 > 1 for v1 in v0]
[v1 for v0, v1 in items(a)]
{v0: v0 + 1 for v0 in a}
[v0 for v0 in a if (b or c)]
""".strip().splitlines()


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_text_is_read_back_as_the_same_expression(text: str) -> None:
    ir = parse_expression(text).ir
    written = expression_text(ir)
    assert parse_expression(written).ir == ir


def rename(text: str) -> str:
    """The source with the writer's own names for comprehension variables."""
    return expression_text(parse_expression(text).ir)


@pytest.mark.parametrize("text", [t for t in EXPRESSIONS if "(b or c)]" not in t])
def test_no_more_brackets_than_needed(text: str) -> None:
    assert rename(text) == text


@pytest.mark.parametrize(
    ("template", "written"),
    [
        ("hello ${a.name}", '"hello ${a.name}"'),
        ("$${a} costs ${b + 1} \u00e9", '"$${a} costs ${b + 1} é"'),
        ('a "quoted"\nline ${a}', '"a \\"quoted\\"\\nline ${a}"'),
        ("${a}", "a"),
        ("plain", "'plain'"),
    ],
)
def test_texts_with_inserts(template: str, written: str) -> None:
    assert expression_text(parse_template(template).ir) == written


NAMES = Names(("total", "$i"), ("event",), ("net",))


@pytest.mark.parametrize(
    ("ir", "written"),
    [
        (("slot", 0), "total"),
        (("slot", 7), "s7"),
        (("local", 0), "event"),
        (("local", 3), "v3"),
        (("ucall", 0, (("slot", 1),)), "net($i)"),
        (("ucall", 5, ()), "f5()"),
        (("ucall", "gross", ()), "gross()"),
        (("isset", 1), "isset($i)"),
        (("isset", "name"), "isset(name)"),
        (("aslist", ("slot", 0)), "aslist(total)"),
        (("push", ("slot", 0), ("const", 1)), "push(total, 1)"),
        (("duration", ("const", "5m")), "duration('5m')"),
        (("secret", "KEY"), "secrets.KEY"),
        (("concat", ("const", "a"), ("slot", 0)), "concat('a', total)"),
        (("const", {"a": [1, None, {"b-c": False}]}), "{'a': [1, null, {'b-c': false}]}"),
        (("item", ("slot", 0), ("const", "a b")), "total['a b']"),
    ],
)
def test_forms_of_the_compiler(ir: Any, written: str) -> None:
    assert expression_text(ir, NAMES) == written


@pytest.mark.parametrize(
    "ir", [("add", 1), ("item", ("slot", 0)), ("compare", ("slot", 0), 3), ((), 1), (), (1,), None]
)
def test_a_misshapen_expression_is_shown_as_it_is(ir: Any) -> None:
    assert expression_text(ir)


def test_depth_becomes_an_ellipsis() -> None:
    ir: Any = ("slot", 0)
    value: Any = 1
    for _ in range(5_000):
        ir = ("neg", ir)
        value = [value]
    assert "…" in expression_text(ir)
    assert "…" in expression_text(("const", value))


def test_regions() -> None:
    condition = ("compare", ("slot", 0), (("<", ("const", 3)),))
    statements = (
        ("set", 4, 0, ("add", ("slot", 0), ("const", 1))),
        ("path", 5, 0, (("const", "a"), ("slot", 1)), ("const", None)),
        (
            "if",
            6,
            condition,
            (("exit", 0),),
            (("if", 7, ("slot", 1), (("unset", 8, 1), ("exit", 1)), (("exit", 2),)),),
        ),
    )
    assert region_text(statements, NAMES, (10, 20)) == [
        (4, "total = total + 1"),
        (5, "total.a[$i] = null"),
        (6, "if total < 3:"),
        (None, "    goto 10"),
        (7, "elif $i:"),
        (8, "    unset $i"),
        (None, "    goto 20"),
        (None, "else:"),
        (None, "    exit 2"),
    ]
    assert region_text((("if", 1, ("const", 1), (("set", 1, "x", ("name", "y")),), ()),)) == [
        (1, "if 1:"),
        (1, "    x = y"),
    ]


def test_a_long_elif_chain_needs_no_stack() -> None:
    chain: Any = (("exit", 0),)
    for site in range(5_000):
        chain = (("if", site, ("slot", 0), (("exit", 1),), chain),)
    assert len(region_text(chain)) == 10_002
    deep: Any = (("exit", 0),)
    for site in range(5_000):
        deep = (("if", site, ("slot", 0), deep, ()),)
    assert region_text(deep)[-1][1].strip() == "…"
