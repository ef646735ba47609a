"""Where Python and the language agree, evaluation equals Python's own."""

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from expr.evaluating import evaluate, region_outcome, shown
from runeskript.errors import StepError

VARIABLES: dict[str, Any] = {
    "a": 7,
    "b": -2.5,
    "big": 2**62,
    "t": "Rune",
    "xs": [3, 1, 2],
    "words": ["b", "a", ""],
    "o": {"k": 5, "f": 0.25, "s": "x"},
}

ints = st.sampled_from(
    ["a", "big", "o['k']", "xs[0]", "xs[-1]", "len(xs)", "len(t)"]
) | st.integers(-20, 20).map(str)
floats = st.sampled_from(["b", "o['f']", "1.5", "-0.5", "1e10", "0.0"])


def _pair(operands: st.SearchStrategy[str], *operators: str) -> st.SearchStrategy[str]:
    return st.tuples(operands, st.sampled_from(operators), operands).map(
        lambda p: f"({p[0]} {p[1]} {p[2]})"
    )


def _numbers(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        _pair(inner, "+", "-", "*", "/", "//", "%"),
        st.tuples(inner, st.integers(0, 3)).map(lambda p: f"({p[0]} // 1 ** {p[1]})"),
        inner.map(lambda x: f"(-{x})"),
        inner.map(lambda x: f"abs({x})"),
        st.tuples(inner, inner).map(lambda p: f"min({p[0]}, {p[1]})"),
        st.tuples(inner, inner, inner).map(lambda p: f"({p[0]} if {p[1]} > {p[2]} else {p[2]})"),
        inner.map(lambda x: f"sum([{x} + y for y in xs if y > 1])"),
        inner.map(lambda x: f"round({x}, 2)"),
    )


numbers = st.recursive(ints | floats, _numbers, max_leaves=8)
texts = st.recursive(
    st.sampled_from(["t", "o['s']", "'a'", "''", "'ä'", "words[0]"]),
    lambda inner: st.one_of(
        _pair(inner, "+"),
        inner.map(lambda x: f"({x} * 2)"),
        inner.map(lambda x: f"{x}[0:2]"),
        inner.map(lambda x: f"({x} or 'e')"),
    ),
    max_leaves=5,
)
truths = st.recursive(
    st.one_of(
        _pair(numbers, "<", "<=", ">", ">=", "==", "!="),
        _pair(texts, "<", ">=", "==", "!=", "in", "not in"),
        st.tuples(ints, st.just("xs")).map(lambda p: f"({p[0]} in {p[1]})"),
        st.tuples(ints, ints, ints).map(lambda p: f"({p[0]} < {p[1]} <= {p[2]})"),
    ),
    lambda inner: st.one_of(_pair(inner, "and", "or"), inner.map(lambda x: f"(not {x})")),
    max_leaves=5,
)
lists = st.one_of(
    numbers.map(lambda x: f"[{x} for y in xs]"),
    st.just("sorted(xs) + [y * y for y in xs]"),
    st.just("[[x, y] for x in xs for y in words if y]"),
    st.just("sorted(words)"),
    st.just("xs[1:] * 2"),
    numbers.map(lambda x: f"[i + {x} for i in range(len(xs))]"),
    st.just("{w: len(w) for w in words}"),
)


def python(text: str) -> Any:
    """Python's answer, as ``outcome`` gives ours; None where the two need not agree."""
    try:
        value = eval(text, {"__builtins__": {}, **VARIABLES, **_SAFE})
    except ZeroDivisionError:
        return ("error", "math.division")
    except OverflowError:
        return None
    return ("value", value)


_SAFE = {
    "len": len, "abs": abs, "min": min, "sum": sum, "round": round, "sorted": sorted,
    "range": range,
}  # fmt: skip


def _fits(value: Any) -> bool:
    if type(value) is int:
        return -(2**63) <= value < 2**63
    if type(value) is float:
        return math.isfinite(value)
    if type(value) is list:
        return all(map(_fits, value))
    return True


@settings(max_examples=200, deadline=None)
@given(st.one_of(numbers, truths, texts, lists))
def test_evaluation_equals_pythons(text: str) -> None:
    # Ours has no shadowing, so comprehensions over the same name cannot nest.
    wanted = python(text) if text.count("for y") < 2 else None
    if wanted is None:
        return
    try:
        mine: Any = ("value", evaluate(text, VARIABLES))
    except StepError as error:
        mine = ("error", error.type)
    if wanted[0] == "value" and not _fits(wanted[1]):
        assert mine in (("error", "limit.int"), ("error", "math.overflow"))
    elif mine == ("error", "limit.int"):
        # A list or a function got an integer past 64 bits on the way.
        assert "big" in text
    else:
        assert mine[0] == wanted[0]
        assert mine == wanted if mine[0] == "error" else shown(mine[1]) == shown(wanted[1])
        if mine[0] == "value":
            assert region_outcome(text, VARIABLES) == ("value", shown(mine[1]))
