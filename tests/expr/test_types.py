"""Static types and the errors that are certain."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expr.evaluating import evaluate
from runeskript.errors import StepError
from runeskript.expr.faults import ExpressionError
from runeskript.expr.parser import parse_expression, parse_template
from runeskript.expr.types import (
    ANY,
    FunctionTypes,
    Type,
    infer,
    join,
    list_of,
    object_of,
    of,
    type_of_schema,
    type_of_value,
)
from runeskript.model.codes import CODES

INPUT = type_of_schema(
    {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "user": {"type": "object", "properties": {"level": {"type": "string"}}},
            "n": {"type": "integer"},
            "ratio": {"type": "number"},
            "maybe": {"type": ["string", "null"]},
            "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
            "mode": {"enum": ["a", "b", 1]},
            "flag": {"const": True},
        },
        "$defs": {
            "item": {
                "type": "object",
                "properties": {"qty": {"type": "integer"}, "sku": {"type": "string"}},
                "additionalProperties": False,
            }
        },
    }
)
ENV = {"input": INPUT, "unknown": ANY, "x": of("int")}


def findings(text: str) -> list[tuple[str, str, str | None]]:
    parsed = parse_template(text) if "${" in text else parse_expression(text)
    return infer(parsed.ir, ENV)[1]


@pytest.mark.parametrize(
    ("text", "described"),
    [
        ("1", "int"), ("1.5", "float"), ("'a'", "text"), ("null", "null"), ("[1, 'a']", "list of int or text"),
        ("[]", "list"), ("{'a': 1}", "object {a: int}"), ("x + 1", "int"), ("x + 1.5", "float"),
        ("x / 2", "float"), ("x ** 2", "number"), ("x // 2", "int"), ("unknown + 1", "number"),
        ("input.ratio", "number"), ("input.ratio * 2", "number"), ("input.user.level", "text"),
        ("input.maybe", "null or text"), ("input.items", "list of object {qty: int, sku: text}"),
        ("input.items[0].qty", "int"), ("input.mode", "int or text"), ("input.flag", "bool"),
        ("input.user.other", "any"), ("input.user", "object {level: text, ...}"),
        ("[i.qty for i in input.items]", "list of int"), ("sum([i.qty for i in input.items])", "int"),
        ("{i.sku: 1 for i in input.items}", "object"), ("'a' * x", "text"), ("[1] * x", "list of int"),
        ("[1] + ['a']", "list of int or text"), ("x if unknown else 'a'", "int or text"),
        ("x and 'a'", "int or text"), ("not x", "bool"), ("x < 1", "bool"), ("-x", "int"),
        ("len(input.items)", "int"), ("keys(input)", "list of text"), ("first(input.items)",
         "null or object {qty: int, sku: text}"), ("get(input, 'n')", "null or int"),
        ("get(input, 'zz', 1)", "int"), ("sorted(input.items)[0].sku", "text"), ("parts(now()).year", "int"),
        ("input.items[0:1]", "list of object {qty: int, sku: text}"), ("abs(x)", "int"),
        ("split('a', ',')", "list of text"), ("dig(input, 'a.b')", "any"), ("a ${x}", "text"), ("${x}", "int"),
        ("unknown.a.b[0]", "any"), ("unknown and x", "any"), ("f(x)", "any"),
    ],
)  # fmt: skip
def test_types(text: str, described: str) -> None:
    parsed = parse_template(text) if "${" in text else parse_expression(text)
    found, problems, _ = infer(parsed.ir, ENV)
    assert found.describe() == described
    assert problems == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("input.usr", "the object has no key `usr`"),
        ("input.items[0].qtty", "the object has no key `qtty`"),
        ("[i.qtty for i in input.items]", "the object has no key `qtty`"),
        ("input.items.qty", "the index of list of object {qty: int, sku: text} must be int, is text"),
        ("input['n'].x", "int has no keys or elements"),
        ("input[0]", "the key of an object must be text, is int"),
        ("null.x", "null has no keys or elements"),
        ("'a' + 1", "`+` cannot take text and int"),
        ("input.user.level + 1", "`+` cannot take text and int"),
        ("input.n - 'a'", "`-` cannot take int and text"),
        ("true + 1", "`+` cannot take bool and int"),
        ("[1] - [1]", "`-` cannot take list of int and list of int"),
        ("input.maybe * 1.5", "`*` cannot take null or text and float"),
        ("-'a'", "`-` cannot take text"),
        ("x / 0", "division by zero"),
        ("x % 0.0", "division by zero"),
        ("input.n < 'a'", "`<` cannot order int and text"),
        ("null < 1", "`<` cannot order null and int"),
        ("1 < x < 'a'", "`<` cannot order int and text"),
        ("x in 5", "`in` needs a list, an object or a text on its right, not int"),
        ("x in 'abc'", "what is looked for in an object or a text must be text, is int"),
        ("len(x)", "len takes list or text or object as `x`, not int"),
        ("upper(input.items)", "upper takes text as `text`, not list of object {qty: int, sku: text}"),
        ("zip([1], 5)", "zip takes list as `lists`, not int"),
        ("split('a', 5)", "split takes text as `separator`, not int"),
        ("sum(5)", "sum takes list as `list`, not int"),
        ("[c for c in 'abc']", "cannot iterate over text, only over a list"),
        ("[c for c in x]", "cannot iterate over int, only over a list"),
        ("[a for a, b in [1]]", "what is unpacked must be list, is int"),
        ("x[0:1]", "what is sliced must be list or text, is int"),
        ("'abc'['a':]", "the end of a slice must be int or null, is text"),
        ("a ${null}", "null cannot go into a text"),
        ("{x: 1}", "the key of an object must be text, is int"),
        ("{x: 1 for y in []}", "the key of an object must be text, is int"),
        ("{'k': 'a' + 1}.k", "`+` cannot take text and int"),
        ("input.n if input.n > 'a' else 0", "`>` cannot order int and text"),
    ],
)  # fmt: skip
def test_certain_errors(text: str, message: str) -> None:
    found = findings(text)
    assert [f[1] for f in found] == [message]
    assert all(code in CODES for code, _, _ in found)


def test_findings_help() -> None:
    assert findings("input.usr")[0] == (
        "RUNE-2011", "the object has no key `usr`", "did you mean `user`?"
    )  # fmt: skip
    assert findings("'a' + 1")[0][2] == "write a text with ${...}, or use str(...)"
    assert findings("len(5)")[0][2] == "len(x: list|text|object) -> int"


def test_durations_and_instants() -> None:
    assert infer(("duration", ("const", "5")), {})[1][0][1].startswith("no duration")
    assert infer(("duration", ("const", "5m")), {}) == (of("int"), [], [])
    assert infer(("duration", ("const", None)), {})[1]
    assert infer(("instant", ("name", "x")), {"x": of("list")})[1]
    assert infer(("isset", 0), {})[0] == ANY


def test_joins() -> None:
    assert join(of("int"), of("text")).describe() == "int or text"
    a, b = object_of({"a": of("int")}), object_of({"a": of("text"), "b": of("int")})
    assert join(a, b).fields == {"a": of("int", "text"), "b": of("int")}
    assert join(a, b).closed
    opened = object_of({"a": of("int")}, closed=False)
    assert join(opened, b).fields == {"a": of("int", "text")} and not join(opened, b).closed
    assert join(a, of("object")).fields is None
    assert join(list_of(of("int")), of("null")).element == of("int")
    assert join(Type(frozenset()), a) == a


def test_schemas_with_alternatives() -> None:
    def described(schema: Any) -> str:
        return type_of_schema(schema).describe()

    assert described({"anyOf": [{"type": "string"}, {"type": "null"}]}) == "null or text"
    assert described({"type": "string", "anyOf": [{"minLength": 1}, {"type": "null"}]}) == "text"
    assert described({"allOf": [{"type": ["string", "null"]}, {"type": "string"}]}) == "text"
    assert described(True) == "any" and described(False) == "nothing" and described({}) == "any"
    assert described(
        {"type": "array", "items": {"type": "array", "items": {"type": "number"}}}
    ) == ("list of list of number")
    assert described({"enum": [1, "a", None]}) == "null or int or text"


values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([1.5, "", "a"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    ),
    max_leaves=5,
)
TEXTS = [
    "a + b", "a - b", "a * b", "a / b", "a // b", "a < b", "a in b", "a == b", "a[b]", "a.a", "a.b.a", "-a",
    "a[0]", "a[0:1]", "len(a)", "sum(a)", "sorted(a)", "keys(a)", "[x + b for x in a]", "[x.a for x in a]",
    "get(a, 'a', b)", "{k: v for k, v in items(a)}", "upper(a)", "min(a, b)", "first(a) + b", "a and b.a",
    "a if b else a.b", "[p for p, q in a]", "split(a, b)", "join(a)", "merge(a, b)", "flatten(a)[0].a",
    "a[b].a + 1", "unique(a)[0] + 1", "sum([x.a for x in a]) + len(b)", "abs(a) + 1",
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(TEXTS), values, values, st.booleans())
def test_inference_is_sound(text: str, a: Any, b: Any, graph: bool) -> None:
    """What evaluates is of the inferred type; what is reported does fail, unless it is not reached."""
    env = {"a": type_of_value(a), "b": type_of_value(b)}
    try:
        found, problems, _ = infer(parse_expression(text, graph=graph).ir, env)
    except ExpressionError:
        raise AssertionError(text) from None
    try:
        value = evaluate(text, {"a": a, "b": b}, graph=graph)
    except StepError:
        return
    assert holds(found, value), (found.describe(), value)
    if not any(word in text for word in ("for", "if", "and")):
        assert problems == []


def holds(found: Type, value: Any) -> bool:
    kind = next(iter(type_of_value(value).kinds))
    if kind not in found.kinds:
        return False
    if type(value) is list and found.element is not None:
        return all(holds(found.element, v) for v in value)
    if type(value) is dict and found.fields is not None:
        known = found.fields
        return all(holds(known[k], v) if k in known else not found.closed for k, v in value.items())
    return True


@pytest.mark.parametrize(
    ("text", "expected", "problems"),
    [
        ("'n: ' + 1", "text", 0),
        ("input.n + input.ratio", "number", 0),
        ("input.maybe + 1", "any", 0),
        ("'x' + null", "text", 1),
        ("true + 1", "any", 1),
        (" + ".join(["1"] * 60), "int", 0),
    ],
)
def test_plus_of_the_graph_form(text: str, expected: str, problems: int) -> None:
    found, findings, _ = infer(parse_expression(text, graph=True).ir, {"input": INPUT})
    assert (found.describe(), len(findings)) == (expected, problems)


# --- functions of a document ------------------------------------------------------------------
def functions(**bodies: str) -> FunctionTypes:
    """Functions of one parameter, `a`."""
    return FunctionTypes({n: parse_expression(b, locals_=("a",)).ir for n, b in bodies.items()})


def test_a_function_is_inferred_for_each_type_it_is_given() -> None:
    known = functions(twice="a + a", wrap="[twice(a)]")
    assert known.call("twice", (of("int"),)) == (of("int"), None)
    assert known.call("wrap", (of("text"),))[0].describe() == "list of text"
    type_, problem = known.call("twice", (of("bool"),))
    assert type_ == ANY
    assert problem is not None
    assert problem[1] == "`+` cannot take bool and bool"


def test_a_function_that_calls_itself_may_give_anything_there() -> None:
    known = functions(down="a if a < 1 else down(a - 1)")
    assert known.call("down", (of("int"),)) == (ANY, None)


def test_functions_are_inferred_up_to_a_budget() -> None:
    known = functions(same="a")
    types = [object_of({f"k{i}": of("int")}) for i in range(2_001)]
    found = [known.call("same", (type_,))[0] for type_ in types]
    assert found[:2_000] == types[:2_000]
    assert found[2_000] == ANY
    assert known.call("same", (types[0],))[0] == types[0]  # what is known stays known


def test_a_chain_of_functions_is_inferred_without_deep_recursion() -> None:
    bodies = {f"f{i}": f"f{i + 1}(a) + 1" for i in range(400)} | {"f400": "a"}
    assert functions(**bodies).call("f0", (of("int"),))[0].kinds <= {"int", *ANY.kinds}


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        ("input.n == 'a'", "this is always false: int never equals text"),
        ("input.n != 'a'", "this is always true: int never equals text"),
        ("input.n in ['a', 'b']", "this is always false: int never equals text"),
        ("input.n not in ['a']", "this is always true: int never equals text"),
        ("[x for x in [1] if x == 'a']", "this is always false: int never equals text"),
        ("input.n == 1.5", None),
        ("input.n == null", None),
        ("input.maybe == 'a'", None),
        ("input.n in []", None),
        ("unknown == 'a'", None),
    ],
)
def test_comparisons_with_one_outcome_are_doubted(text: str, doubt: str | None) -> None:
    doubts = infer(parse_expression(text).ir, {"input": INPUT}).doubts
    assert doubts == ([] if doubt is None else [doubt])
