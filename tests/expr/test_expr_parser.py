"""What expressions and texts with inserts are read as, and what is said about the broken ones."""

from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runeskript.expr.faults import ExpressionError
from runeskript.expr.parser import looks_like_expression, parse_expression, parse_template
from runeskript.model.ast import Name

X = ("name", "x")


def problems(text: str) -> list[tuple[str, int, int, str | None]]:
    with pytest.raises(ExpressionError) as caught:
        parse_expression(text)
    return [(m, o, n, h) for _, m, o, n, h in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "ir"),
    [
        ("x", X),
        ("true", ("const", True)),
        ("-5", ("const", -5)),
        ("- 5.5", ("const", -5.5)),
        ("-9223372036854775808", ("const", -(2**63))),
        ("[1, [2]]", ("const", [1, [2]])),
        ("{'a': [1]}", ("const", {"a": [1]})),
        ("x.a['b'][0]", ("item", ("item", ("item", X, ("const", "a")), ("const", "b")), ("const", 0))),
        ("x.class.from", ("item", ("item", X, ("const", "class")), ("const", "from"))),
        ("x[1:]", ("slice", X, ("const", 1), None)),
        ("x[:]", ("slice", X, None, None)),
        ("x ** 2 % 3", ("mod", ("pow", X, ("const", 2)), ("const", 3))),
        ("1 < x not in y", ("compare", ("const", 1), (("<", X), ("not-in", ("name", "y"))))),
        ("x and y and z", ("and", (X, ("name", "y"), ("name", "z")))),
        ("x or y and z", ("or", (X, ("and", (("name", "y"), ("name", "z")))))),
        ("1 if x else 2", ("ifelse", X, ("const", 1), ("const", 2))),
        ("len(x)", ("call", "len", (X,))),
        ("net(x, 1)", ("ucall", "net", (X, ("const", 1)))),
        ("any(y > 1 for y in x)",
         ("call", "any", (("listcomp", ("compare", ("local", 0), ((">", ("const", 1)),)),
                           (((0,), X, ()),)),))),
        ("{k: v for k, v in x if v}",
         ("dictcomp", ("local", 0), ("local", 1), (((0, 1), X, (("local", 1),)),))),
        ("secrets.KEY", ("secret", "KEY")),
        ("x\n  +\n  1", ("add", X, ("const", 1))),
        ("  x  ", X),
        ("(x)", X),
        ("0x10 + 1_000", ("add", ("const", 16), ("const", 1000))),
        (r"'\x41\u00e4\'\\'", ("const", "Aä'\\")),
    ],
)  # fmt: skip
def test_read_as(text: str, ir: object) -> None:
    parsed = parse_expression(text)
    assert parsed.ir == ir
    assert [type(v) for v in parsed.ir] == [type(v) for v in ir]


def test_locals_come_first_and_comprehensions_after() -> None:
    parsed = parse_expression("[a + b + c for c in d]", locals_=("a", "b"))
    assert parsed.ir == (
        "listcomp",
        ("add", ("add", ("local", 0), ("local", 1)), ("local", 2)),
        (((2,), ("name", "d"), ()),),
    )
    assert parsed.bound == (Name("c", 15, "variable"),)
    assert parse_expression("[[x for x in a], [x for x in b]]").bound[1].offset == 24


def test_names_have_their_places() -> None:
    parsed = parse_expression("f(x, 'ä€😀', len(y)) + z.k")
    assert parsed.names == (
        Name("f", 0, "function"),
        Name("x", 2, "variable"),
        Name("y", 16, "variable"),
        Name("z", 22, "variable"),
    )
    assert parse_expression(" secrets.KEY").names == (Name("KEY", 1, "secret"),)
    template = parse_template("ä ${x} and ${ g(y) } ${secrets.K}")
    assert template.names == (
        Name("x", 4, "variable"),
        Name("g", 14, "function"),
        Name("y", 16, "variable"),
        Name("K", 23, "secret"),
    )


@pytest.mark.parametrize(
    ("text", "message", "offset", "length", "hint"),
    [
        ("a = 1", "`=` is no operator of the language", 2, 1, "to compare, write `==`"),
        ("a && b", "`&&` is no operator of the language", 2, 2, "write `and`"),
        ("a || b", "`||` is no operator of the language", 2, 2, "write `or`"),
        ("!a", "`!` is no operator of the language", 0, 1, "write `not`"),
        ("a ? b : c", "`?` is no operator of the language", 2, 1, "write `a if condition else b`"),
        ("a === b", "`===` is no operator of the language", 2, 3, "write `==`"),
        ("a is null", "`is` is no operator of the language", 0, 9, "write `==`"),
        ("$x", "`$` is no operator of the language", 0, 1, "names are written without `$`"),
        ("x.upper()", "methods do not exist", 0, 9, "write upper(x)"),
        ("x.get('k', 1)", "methods do not exist", 0, 13, "write get(x, 'k', 1)"),
        ("x.append(1)", "methods do not exist", 0, 11, "write x + [x]"),
        ("x.uper()", "methods do not exist", 0, 8, "did you mean `upper`?"),
        ("'ä'.strip()", "methods do not exist", 0, 11, "write strip('ä')"),
        ("(1 + 2", "`(` is never closed", 0, 1, None),
        ("[1, 2)", "`)` does not close the `[` at 1", 5, 1, None),
        ("1 + 2)", "`)` closes nothing", 5, 1, None),
        ("'abc", "the text is never closed", 0, 4, None),
        ("wait > 5m", "`5m` is no number", 8, 1, "a duration is a text: '5m'"),
        ("items.0", "a number cannot stand here", 5, 2, "elements of a list are read with [0]"),
        ("class", "`class` is a reserved word", 0, 5, "a key of that name is read with ['class']"),
        ("010", "a number does not begin with 0", 0, 3, "write 10"),
        ("lambda x: x", "a lambda is not allowed", 0, 11,
         "declare it under `functions:`, or use a comprehension"),
        ("'ä' + (1, 2)", "a tuple is not allowed", 6, 6, "write a list: [a, b]"),
        ("sorted(x, key='a')", "sorted has no parameter `key`", 10, 7,
         "sorted(list: list, by: text|list = null, reverse: bool = false) -> list"),
        ("sorted(x, revers=true)", "sorted has no parameter `revers`", 10, 11,
         "did you mean `reverse`?"),
        ("len(x, y)", "len takes 1 argument, not 2", 0, 9, "len(x: list|text|object) -> int"),
        ("[x for x in y for x in z]", "`x` is taken; a loop name cannot shadow", 18, 1, None),
    ],
)  # fmt: skip
def test_what_is_said(text: str, message: str, offset: int, length: int, hint: str | None) -> None:
    assert problems(text) == [(message, offset, length, hint)]


def test_all_findings_come_at_once() -> None:
    assert [p[1] for p in problems("(lambda: 1) + x.upper() + {1, 2}")] == [1, 14, 26]
    assert [p[1] for p in problems("a && b || c")] == [2, 7]


@pytest.mark.parametrize(
    ("text", "ir"),
    [
        ("plain", ("const", "plain")),
        ("", ("const", "")),
        ("$", ("const", "$")),
        ("a $ b {c}", ("const", "a $ b {c}")),
        ("${x}", X),
        ("${ x }", X),
        ("${1}", ("const", 1)),
        ("${'a'}", ("const", "a")),
        ("${'a'} b", ("const", "a b")),
        ("a${x}", ("text", (("const", "a"), X))),
        ("${x}${x}", ("text", (X, X))),
        ("${x} ", ("text", (X, ("const", " ")))),
        ("$${x}", ("const", "${x}")),
        ("a $${x} ${x}", ("text", (("const", "a ${x} "), X))),
        ("$$${x}", ("const", "$${x}")),
        ("${'}'}", ("const", "}")),
        ('${"\\"}"}', ("const", '"}')),
        ("${ {'a': {'b': 1}} }", ("const", {"a": {"b": 1}})),
        ("${x['}']}", ("item", X, ("const", "}"))),
        ("${'${x}'}", ("const", "${x}")),
        ("a\n${\nx\n}\n", ("text", (("const", "a\n"), X, ("const", "\n")))),
    ],
)  # fmt: skip
def test_templates(text: str, ir: object) -> None:
    assert parse_template(text).ir == ir


def test_offsets_in_templates_are_of_the_whole_text() -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_template("total: ${a &&} and ${b.c()}")
    assert [(p[0], p[2]) for p in caught.value.problems] == [("RUNE-2001", 11), ("RUNE-2005", 21)]


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ("price * qty", True), ("price + 1", True), ("len(price)", True), ("not price", True),
        ("price > 3 and qty", True), ("price", False), ("price.csv", False), ("unknown + price", False),
        ("hello world", False), ("a-b", False), ("price - qty", True), ("1 + 2", False), ("", False),
        ("${price} + 1", False), ("price-qty", True), ("f(price)", False), ("price + " * 60, False),
        ("price == 'x'", True), ("Total: price", False), ("price/qty", True),
    ],
)  # fmt: skip
def test_texts_that_look_like_expressions(text: str, looks: bool) -> None:
    assert looks_like_expression(text, {"price", "qty"}) is looks


ALPHABET = st.sampled_from(
    ["x", "1", "'a'", "(", ")", "[", "]", "{", "}", "+", "-", "*", "**", "/", "//", "%", "==", "<", "=",
     " ", "and", "not", "in", "if", "else", "for", "lambda", ".", ",", ":", "a.b", "f(", "\n", "\\", "'",
     '"', "#", "é", "\0", "\ud800", "is", "await", "9" * 25, "0x", "1e999", ":=", "&&", "import", "secrets",
     "secrets.X", "None", "true", "..", "...", "@", "~", "`", "$", "${", "}", "\t", "\x0c", "\ufeff"]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(ALPHABET, max_size=14).map("".join) | st.text(max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (parse_expression, parse_template, partial(parse_expression, graph=True)):
        try:
            parsed = read(text)
        except ExpressionError as error:
            for _, message, offset, length, _ in error.problems:
                assert message and 0 <= offset <= len(text) and length >= 1
        else:
            for name in parsed.names:
                assert text[name.offset :].startswith((name.name, "secrets"))


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("${user.level} == 'VIP'", "user.level == 'VIP'"),
        ("${items}", "items"),
        ("(${a} + 1) * ${b['x}']}", "(a + 1) * b['x}']"),
        ("${user}.level", "(user).level"),
        ("not ${x} and y in ${z}", "not x and y in z"),
        ("${a + ${b}} + ${ {'a': [1]} }['a']", "(a + b) + {'a': [1]}['a']"),
        ("  ${\na\n}  ", "a"),
    ],
)
def test_the_graph_form_may_put_inserts_around_operands(text: str, plain: str) -> None:
    read = parse_expression(text, graph=True)
    assert read.ir == parse_expression(plain, graph=True).ir
    for name in read.names:
        assert text[name.offset :].startswith(name.name)


@pytest.mark.parametrize(
    ("text", "message", "at"),
    [
        ("a${b}", "an operator is missing before `${`", 1),
        ("5 ${b}", "an operator is missing before `${`", 2),
        ("f ${b}", "an operator is missing before `${`", 2),
        ("a + ${}", "the insert is empty", 4),
        ("${a", "`${` is never closed", 0),
        ("${(a}", "`}` does not close the `(` at 3", 4),
        ("$ {a}", "`$` is no operator of the language", 0),
        ("'${a}' == 'b'", "`${` inside quotes is text, not a value", 1),
        ("${a, b}", "a tuple is not allowed", 1),
    ],
)
def test_inserts_that_make_no_sense(text: str, message: str, at: int) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_expression(text, graph=True)
    assert (caught.value.problems[0][1], caught.value.problems[0][2]) == (message, at)


def test_plus_joins_text_in_the_graph_form_only() -> None:
    assert parse_expression("a + b", graph=True).ir[0] == "concat"
    assert parse_expression("a + b").ir[0] == "add"
    assert parse_template("n: ${a + 1}", graph=True).ir[1][1][0] == "concat"
    assert parse_template("n: ${a + 1}").ir[1][1][0] == "add"
