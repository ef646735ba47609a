"""Input that is made to do harm: each gets its diagnostic or typed error, and nothing else happens."""

import sys

import pytest

from expr.evaluating import evaluate
from runeskript.errors import StepError
from runeskript.expr.faults import ExpressionError
from runeskript.expr.parser import looks_like_expression, parse_expression, parse_template
from runeskript.model.codes import CODES
from runeskript.model.limits import PURE_WORK

REFUSED = [
    # (text, code)
    ("__import__('os').system('id')", "RUNE-2005"),
    ("().__class__.__bases__[0]", "RUNE-2004"),
    ("(lambda: 1)()", "RUNE-2004"),
    ("[x for x in (1).__class__.__mro__]()", "RUNE-2004"),
    ("open('/etc/passwd').read()", "RUNE-2005"),
    ("'{0.__class__}'.format(1)", "RUNE-2005"),
    ("f'{1}'", "RUNE-2001"),
    ("x := 1", "RUNE-2001"),
    ("(x := 1)", "RUNE-2001"),
    ("await x", "RUNE-2001"),
    ("[await x for x in y]", "RUNE-2001"),
    ("[x async for x in y]", "RUNE-2001"),
    ("yield 1", "RUNE-2001"),
    ("(yield)", "RUNE-2001"),
    ("{1, 2}", "RUNE-2004"),
    ("{x for x in y}", "RUNE-2004"),
    ("*a", "RUNE-2001"),
    ("[*a, *b]", "RUNE-2004"),
    ("f(*a)", "RUNE-2004"),
    ("f(**a)", "RUNE-2004"),
    ("{**a}", "RUNE-2004"),
    ("sorted(**a)", "RUNE-2004"),
    ("a is b", "RUNE-2004"),
    ("a is not b", "RUNE-2004"),
    ("a & b", "RUNE-2001"),
    ("a | b", "RUNE-2001"),
    ("a ^ b", "RUNE-2001"),
    ("~a", "RUNE-2001"),
    ("a << 1", "RUNE-2001"),
    ("a @ b", "RUNE-2001"),
    ("(1, 2)", "RUNE-2004"),
    ("1, 2", "RUNE-2004"),
    ("()", "RUNE-2004"),
    ("(x for x in y)", "RUNE-2004"),
    ("a[::2]", "RUNE-2004"),
    ("a[1, 2]", "RUNE-2004"),
    ("a[...]", "RUNE-2004"),
    ("...", "RUNE-2004"),
    ("1j", "RUNE-2001"),
    ("b'a'", "RUNE-2001"),
    ("r'a'", "RUNE-2001"),
    ("'''a'''", "RUNE-2001"),
    ("'a' 'b'", "RUNE-2001"),
    ("import os", "RUNE-2001"),
    ("print 1", "RUNE-2001"),
    ("a = 1", "RUNE-2001"),
    ("a; b", "RUNE-2001"),
    ("a # b", "RUNE-2001"),
    ("a \\\n + b", "RUNE-2001"),
    ("if a: b", "RUNE-2001"),
    ("for x in y", "RUNE-2001"),
    ("del a", "RUNE-2001"),
    ("assert a", "RUNE-2001"),
    ("global a", "RUNE-2001"),
    ("None.x()", "RUNE-2005"),
    ("f(x)(y)", "RUNE-2004"),
    ("f(a, x for x in y)", "RUNE-2001"),
    ("[x for x.y in z]", "RUNE-2004"),
    ("[x for a[0] in z]", "RUNE-2004"),
    ("[1 for (a, (b, c)) in d]", "RUNE-2004"),
    ("[1 for true in d]", "RUNE-2004"),
    ("[x for x in a for x in b]", "RUNE-2004"),
    ("'\\N{BULLET}'", "RUNE-2001"),
    ("'\\ud800'", "RUNE-2001"),
    ("'\\q'", "RUNE-2001"),
    ("'\\777'", "RUNE-2001"),
    ("'abc", "RUNE-2001"),
    ('"abc', "RUNE-2001"),
    ("'abc\ndef'", "RUNE-2001"),
    ("a\0b", "RUNE-2001"),
    ("'a\0b'", "RUNE-2001"),
    ("\0", "RUNE-2001"),
    ("a + \ud800", "RUNE-2001"),
    ("'\udfff'", "RUNE-2001"),
    ("é", "RUNE-2001"),
    ("ﬁx", "RUNE-2001"),
    ("a\u200bb", "RUNE-2001"),
    ("“a”", "RUNE-2001"),
    ("٣", "RUNE-2001"),
    ("a\xa0b", "RUNE-2001"),
    ("\ufeffa", "RUNE-2001"),
    ("a\x0cb", "RUNE-2001"),
    ("", "RUNE-2001"),
    ("   ", "RUNE-2001"),
    ("\n\n", "RUNE-2001"),
    ("9" * 100_000, "RUNE-2002"),
    ("9" * 10_000, "RUNE-2003"),
    ("9223372036854775808", "RUNE-2003"),
    ("-9223372036854775809", "RUNE-2003"),
    ("0x" + "f" * 5_000, "RUNE-2001"),
    ("0xffffffffffffffff", "RUNE-2003"),
    ("1e999", "RUNE-2003"),
    ("1" + "0" * 500 + ".0", "RUNE-2001"),
    ("1__0", "RUNE-2001"),
    ("1_", "RUNE-2001"),
    ("007", "RUNE-2001"),
    ("5m", "RUNE-2001"),
    ("1if x else 2", "RUNE-2001"),
    ("0x", "RUNE-2001"),
    ("1.2.3", "RUNE-2001"),
    ("a.1", "RUNE-2001"),
    ("a..b", "RUNE-2001"),
    ("a.", "RUNE-2001"),
    (".a", "RUNE-2001"),
    ("a b", "RUNE-2001"),
    ("1 +", "RUNE-2001"),
    ("+", "RUNE-2001"),
    ("a if b", "RUNE-2001"),
    ("not", "RUNE-2001"),
    ("a not b", "RUNE-2001"),
    (")", "RUNE-2001"),
    ("(", "RUNE-2001"),
    ("(]", "RUNE-2001"),
    ("(" * 10_000 + "1" + ")" * 10_000, "RUNE-2002"),
    ("[" * 9_999, "RUNE-2002"),
    ("{" * 9_999, "RUNE-2002"),
    ("(" * 61 + "1" + ")" * 61, "RUNE-2002"),
    ("-" * 10_000 + "1", "RUNE-2002"),
    ("not " * 4_000 + "1", "RUNE-2002"),
    ("a" + ".b" * 9_000, "RUNE-2002"),
    ("a" + "[0]" * 6_000, "RUNE-2002"),
    ("1" + "+1" * 9_000, "RUNE-2002"),
    ("1" + "**1" * 6_000, "RUNE-2002"),
    ("1" + " if 1 else 1" * 1_500, "RUNE-2002"),
    ("1 if a and b else " * 1_000 + "1", "RUNE-2002"),
    ("f(" * 5_000, "RUNE-2002"),
    ("lambda:" * 2_000 + "1", "RUNE-2004"),
    ("a" * 129, "RUNE-2001"),
    ("a" * 20_001, "RUNE-2002"),
    ("[0" + " for x in y" * 1_700 + "]", "RUNE-2002"),
    ("[0 " + " ".join(f"for x{i} in y" for i in range(17)) + "]", "RUNE-2002"),
    ("[0 for " + ", ".join(f"x{i}" for i in range(65)) + " in y]", "RUNE-2002"),
    ("[0 for x in y for x in y]", "RUNE-2004"),
    ("1 " * 9_000, "RUNE-2001"),
    ("'" * 19_999, "RUNE-2001"),
    ("secrets", "RUNE-2004"),
    ("secrets['X']", "RUNE-2004"),
    ("secrets.X + ''", "RUNE-2006"),
    ("upper(secrets.X)", "RUNE-2006"),
    ("secrets.X.y", "RUNE-2006"),
    ("[secrets.X]", "RUNE-2006"),
    ("[x for x in secrets.X]", "RUNE-2006"),
    ("secrets.X if true else 1", "RUNE-2006"),
    ("len()", "RUNE-2007"),
    ("len(1, 2)", "RUNE-2007"),
    ("sorted([], key='a')", "RUNE-2007"),
    ("sorted([], by='a', by='b')", "RUNE-2007"),
    ("sorted([], 'a', by='b')", "RUNE-2007"),
    ("max(default=1)", "RUNE-2007"),
    ("{'a': 1, 'a': 2}", "RUNE-2004"),
    ("{1: 2}", "RUNE-2004"),
    ("{null: 2}", "RUNE-2004"),
]


@pytest.mark.parametrize(("text", "code"), REFUSED, ids=lambda v: ascii(v)[:50])
def test_refused_with_a_diagnostic(text: str, code: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_expression(text)
    for found, message, offset, length, hint in caught.value.problems:
        assert found in CODES
        assert message and "\n" not in message and len(message) < 200
        assert hint is None or hint
        assert 0 <= offset <= len(text) and length >= 1
    assert caught.value.problems[0][0] == code, caught.value.problems
    assert caught.value.__cause__ is None
    assert looks_like_expression(text, ["a", "b", "x", "y"]) is False


def deep(levels: int) -> list[object]:
    value: list[object] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def shared(levels: int) -> list[object]:
    """A few lists that stand for 2 ** levels of them."""
    value: list[object] = []
    for _ in range(levels):
        value = [value, value]
    return value


FAILING = [
    # (expression, variables, functions, type)
    ("9 ** 9 ** 9", {}, {}, "limit.int"),
    ("(-9) ** 99999", {}, {}, "limit.int"),
    ("x ** x", {"x": 2**63 - 1}, {}, "limit.int"),
    ("'a' * 10 ** 10", {}, {}, "limit.size"),
    ("[0] * 10 ** 10", {}, {}, "limit.size"),
    ("'' * 10 ** 400", {}, {}, None),
    ("10 ** 400 * []", {}, {}, None),
    ("'%s' % x", {"x": 1}, {}, "type"),
    ("'%999999999d' % 1", {}, {}, "type"),
    ("x.__class__", {"x": 1}, {}, "type"),
    ("x.__class__", {"x": {}}, {}, "missing"),
    ("x['__class__']", {"x": []}, {}, "type"),
    ("x.__globals__", {"x": "a"}, {}, "type"),
    ("[i for i in range(5000001)]", {}, {}, "limit.size"),
    ("[1 for i in range(1000000) for j in range(1000000)]", {}, {}, "limit.work"),
    ("[[[k for k in range(1000)] for j in range(1000)] for i in range(1000)]", {}, {}, "limit.work"),
    ("sum([i * j for i in range(3000) for j in range(3000)])", {}, {}, "limit.work"),
    ("[x for i in range(1000000)][0]", {"x": "a" * 1000}, {}, None),
    ("[x + x for i in range(900000)]", {"x": "a" * 4_000_000}, {}, "limit.work"),
    ("[x == y for i in range(900000)]", {"x": "a" * 4_000_000, "y": "a" * 3_999_999 + "b"}, {},
     "limit.work"),
    ("[x in y for i in range(900000)]", {"x": "b", "y": "a" * 4_000_000}, {}, "limit.work"),
    ("[sum(x) for i in range(900000)]", {"x": [1] * 100_000}, {}, "limit.work"),
    ("f(1)", {}, {"f(n)": "f(n + 1)"}, "limit.depth"),
    ("f(1)", {}, {"f(n)": "g(n)", "g(n)": "f(n)"}, "limit.depth"),
    ("f(1)", {}, {"f(n)": "[f(x) for x in [n]]"}, "limit.depth"),
    ("f(30)", {}, {"f(n)": "f(n - 1) + f(n - 1) if n > 0 else 1"}, "limit.work"),
    ("f([])", {}, {"f(x)": "f([x])"}, "limit.depth"),
    ("f(900)", {}, {"f(n)": "[f(n - 1)] if n > 0 else 0"}, "limit.depth"),
    ("f(40)", {}, {"f(n)": "twice(f(n - 1)) if n > 0 else 0", "twice(x)": "[x, x]"}, "limit.work"),
    ("json(f(19))", {}, {"f(n)": "twice(f(n - 1)) if n > 0 else 0", "twice(x)": "[x, x]"}, None),
    ("json(f(22))", {}, {"f(n)": "twice(f(n - 1)) if n > 0 else 0", "twice(x)": "[x, x]"},
     "limit.work"),
    ("x + [x]", {"x": deep(200)}, {}, "limit.depth"),
    ("[x]", {"x": deep(199)}, {}, None),
    ("{'a': [x]}", {"x": deep(199)}, {}, "limit.depth"),
    ("x == x", {"x": shared(19)}, {}, None),
    ("[x, x]", {"x": shared(40)}, {}, "limit.size"),
    ("x == x", {"x": shared(40)}, {}, "limit.size"),
    ("x in [x]", {"x": shared(40)}, {}, "limit.size"),
    ("str(x)", {"x": shared(40)}, {}, "limit.size"),
    ("unique([x])", {"x": shared(40)}, {}, "limit.size"),
    ("f(40) == f(40)", {}, {"f(n)": "{'a': f(n - 1), 'b': f(n - 1)} if n > 0 else 0"}, "limit.work"),
    ("parse_json('[' * 100000)", {}, {}, "limit.depth"),
    ("parse_json('[' * 150000 + ']' * 150000)", {}, {}, "limit.depth"),
    ("parse_json('9' * 100000)", {}, {}, "limit.int"),
    ("int('9' * 100000)", {}, {}, "limit.int"),
    ("float('9' * 100000)", {}, {}, "value"),
    ("round(1e308, -400)", {}, {}, None),
    ("round(10 ** 400, -99999999999)", {}, {}, "limit.int"),
    ("fixed(1e308, 100)", {}, {}, None),
    ("pad('', 10 ** 12)", {}, {}, "limit.size"),
    ("replace('a' * 5000000, 'a', 'b' * 5000000)", {}, {}, "limit.size"),
    ("join(['a' * 10000000] * 1000)", {}, {}, "limit.size"),
    ("split('a' * 16000000, 'a')", {}, {}, "limit.size"),
    ("chars('a' * 16000000)", {}, {}, "limit.size"),
    ("lines('\\n' * 16000000)", {}, {}, "limit.size"),
    ("match('a' * 100000, '*a*a*a*a*a*a*a*a*b')", {}, {}, None),
    ("match('a', '*' * 2000)", {}, {}, "value"),
    ("range(10 ** 30)", {}, {}, "limit.int"),
    ("range(9223372036854775807)", {}, {}, "limit.size"),
    ("range(0, 10, 9223372036854775807)", {}, {}, None),
    ("'a'[10 ** 30]", {}, {}, "missing"),
    ("'abc'[10 ** 30:]", {}, {}, None),
    ("[1] * 600000 + [1] * 600000", {}, {}, "limit.size"),
    ("{str(i): i for i in range(300000)} == {}", {}, {}, None),
    ("flatten([[1] * 1000] * 1001)", {}, {}, "limit.size"),
    ("sorted([x] * 2)", {"x": {}}, {}, "type"),
    ("upper('ŉ' * 16000000)", {}, {}, "limit.work"),
    ("upper('ŉ' * 9000000)", {}, {}, "limit.work"),
    ("1e308 * 10 - 1e308 * 10", {}, {}, "math.overflow"),
    ("1e308 + x", {"x": 1e308}, {}, "math.overflow"),
    ("x * 1.5", {"x": 1.7e308}, {}, "math.overflow"),
    ("10 ** 400 + 0.5", {}, {}, "math.overflow"),
    ("10 ** 400 / 3", {}, {}, "math.overflow"),
    ("10 ** 400 // 0.5", {}, {}, "math.overflow"),
    ("sqrt(10 ** 400)", {}, {}, "math.overflow"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "variables", "functions", "type_"), FAILING,
                         ids=lambda v: ascii(v)[:50] if isinstance(v, str) else "")  # fmt: skip
def test_fails_with_a_typed_error(text, variables, functions, type_) -> None:  # type: ignore[no-untyped-def]
    before = sys.getrecursionlimit()
    # A tenth of the usual fuel shows the same sooner.
    fuel = PURE_WORK // 10 if type_ == "limit.work" else PURE_WORK
    if type_ is None:
        evaluate(text, variables, functions)
    else:
        with pytest.raises(StepError) as caught:
            evaluate(text, variables, functions, fuel=fuel)
        assert caught.value.type == type_
        assert caught.value.code in CODES
        assert len(caught.value.message) < 200
    assert sys.getrecursionlimit() == before


@pytest.mark.parametrize(
    "text",
    [
        "${", "${}", "${ }", "${'}", "${{}", "${a", "$${a} ${", "${a} ${b", "${" * 5_000,
        "x" * 100_000 + "${", "${'" + "a" * 30_000 + "'}", "${\0}", "${a}\ud800${",
    ],
    ids=lambda v: ascii(v)[:30],
)  # fmt: skip
def test_broken_texts_are_refused(text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_template(text)
    for code, _, offset, _, _ in caught.value.problems:
        assert code in CODES
        assert 0 <= offset <= len(text)


def test_deep_but_legal_expressions_evaluate() -> None:
    assert evaluate("(" * 58 + "1" + ")" * 58) == 1
    assert evaluate("-" * 58 + "x", {"x": 1}) == 1
    assert evaluate("+".join(["x"] * 58), {"x": 1}) == 58
    assert evaluate(" and ".join(["x == 1"] * 900), {"x": 1}) is True
    assert evaluate("[" * 58 + "x" + "]" * 58, {"x": 1}) is not None
    assert evaluate("[" + ", ".join(["x"] * 5_000) + "]", {"x": 1}) == [1] * 5_000


def test_a_recursion_of_a_thousand_levels_runs() -> None:
    functions = {"f(n)": "n + f(n - 1) if n > 0 else 0"}
    assert evaluate("f(998)", {}, functions) == 998 * 999 // 2
    deep = {"f(n)": "[[f(m) for m in [n - 1]] for k in [1]][0][0] + 1 if n > 0 else 0"}
    assert evaluate("f(998)", {}, deep) == 998


def test_fuel_is_what_bounds_an_evaluation() -> None:
    assert evaluate("len([x for x in range(100)])", fuel=100) == 100
    with pytest.raises(StepError, match="units of work"):
        evaluate("len([x for x in range(100)])", fuel=99)
