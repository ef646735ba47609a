"""The function table: its rows, and how every function meets wrong arguments."""

from itertools import product
from typing import Any

import pytest

from expr.evaluating import context
from runeskript.errors import StepError
from runeskript.expr.faults import ExpressionError
from runeskript.expr.functions import FUNCTIONS, REQUIRED, Function, unknown_function_hint
from runeskript.expr.parser import parse_expression
from runeskript.model.values import normalise, type_name

SAMPLES: list[Any] = [
    None, True, False, 0, 1, -1, 3, 2**63 - 1, -(2**63), 0.0, -2.5, 1e308, "", "a", "ä b", "2024-05-01",
    "5m", "a.b", "*", [], [1, 2.5], ["a", "b"], [[1, 2]], [{"a": {"b": 1}}], [None, True], {}, {"a": 1},
    {"a": {"b": [1]}},
]  # fmt: skip

#: Runtime refuses what the signature does not allow, but for these: any value is text to them.
LOOSE = {("pad", "text")}


def rows() -> list[Any]:
    return [pytest.param(row, id=row.name) for row in FUNCTIONS.values()]


@pytest.mark.parametrize("row", rows())
def test_every_row_is_documented(row: Function) -> None:
    assert len(row.doc) > 15 and row.doc.endswith(".")
    assert row.examples or row.effect != "pure"
    assert row.signature.startswith(f"{row.name}(")
    defaults = [p.default is not REQUIRED for p in row.params]
    assert defaults == sorted(defaults), "required parameters come first"


@pytest.mark.parametrize("row", rows())
def test_any_arguments_give_a_value_or_a_typed_error(row: Function) -> None:
    least, most = row.least, row.most if row.most is not None else row.least + 2
    for count in range(least, most + 1):
        samples = SAMPLES if count <= 2 else SAMPLES[::3]
        for arguments in product(samples, repeat=count):
            try:
                result = row.run(context(), *arguments)
            except StepError as error:
                assert error.type.partition(".")[0] in {
                    "type", "value", "missing", "math", "limit", "duration", "instant",
                }  # fmt: skip
                continue
            if type(result) is not int or not row.wide:
                assert normalise(result) == result
            assert "any" in row.result or type_name(result) in row.result, (arguments, result)


@pytest.mark.parametrize("row", rows())
def test_the_signature_says_which_types_are_taken(row: Function) -> None:
    """Where a type is not in the signature, it is refused, whatever the other arguments are."""
    others = {
        "text": "a", "list": ["a"], "object": {"a": 1}, "int": 1, "float": 1.0, "any": "a",
        "bool": True, "null": None,
    }  # fmt: skip
    for i, parameter in enumerate(row.params):
        if "any" in parameter.types or (row.name, parameter.name) in LOOSE:
            continue
        for sample in SAMPLES:
            kind = type_name(sample)
            if kind in parameter.types or (sample is None and parameter.default is None):
                continue
            arguments = [others[p.types[0]] for p in row.params[: i + 1]]
            arguments += [others[p.types[0]] for p in row.params[i + 1 :] if p.default is REQUIRED]
            arguments[i] = sample
            with pytest.raises(StepError) as caught:
                row.run(context(), *arguments)
            assert caught.value.type in ("type", "value", "instant", "duration"), (arguments,)


@pytest.mark.parametrize("row", rows())
def test_arguments_are_never_changed(row: Function) -> None:
    for arguments in product(SAMPLES[19:], repeat=row.least):
        before = repr(arguments)
        try:
            row.run(context(), *arguments)
        except StepError:
            pass
        assert repr(arguments) == before


@pytest.mark.parametrize("row", rows())
def test_arity_is_checked_when_reading(row: Function) -> None:
    for count in range(5):
        text = f"{row.name}({', '.join(['x'] * count)})"
        allowed = row.least <= count and (row.most is None or count <= row.most)
        if allowed:
            assert parse_expression(text).ir[0] == "call"
        else:
            with pytest.raises(ExpressionError) as caught:
                parse_expression(text)
            assert caught.value.problems[0][0] == "RUNE-2007"


def test_named_arguments_fill_the_gaps() -> None:
    assert parse_expression("sorted(x, reverse=true)").ir[2][1:] == (
        ("const", None),
        ("const", True),
    )
    assert parse_expression("sorted(x, by='k')").ir[2][1:] == (("const", "k"),)
    assert parse_expression("pad(x, width=3)").ir == parse_expression("pad(x, 3)").ir


def test_hints_for_unknown_functions() -> None:
    assert unknown_function_hint("lenn") == "did you mean `len`?"
    assert unknown_function_hint("nett", ["net"]) == "did you mean `net`?"
    assert unknown_function_hint("print") == "the step `log:` writes to the log"
    assert unknown_function_hint("zzzzqqq") is None


def test_clock_and_entropy() -> None:
    c = context()
    assert FUNCTIONS["now"].run(c) == "2024-05-01T12:30:00.250Z"
    first = FUNCTIONS["uuid"].run(c)
    assert c.draws == 1 and first[14] == "4" and first[19] in "89ab"
    second = FUNCTIONS["uuid"].run(c)
    assert second != first
    again = context()
    again.draws = 1
    assert FUNCTIONS["uuid"].run(again) == second
    again.draws, again.path = 1, (0, 3)
    assert FUNCTIONS["uuid"].run(again) != second
    # A path is not confused with another of the same digits.
    one, other = context(), context()
    one.path, other.path = (1, 23), (12, 3)
    assert FUNCTIONS["random"].run(one) != FUNCTIONS["random"].run(other)
    assert all(0 <= FUNCTIONS["random"].run(c) < 1 for _ in range(100))
