"""The context: fuel, depth, seed; what leaves an expression; secrets; threads."""

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from expr.evaluating import context, evaluate, lowered, table
from runeskript.errors import StepError
from runeskript.expr.generate import compile_expr
from runeskript.expr.runtime import (
    Context,
    SecretRef,
    SecretText,
    host_depth,
    leave,
    measure,
)
from runeskript.model.values import copy_value


def test_turns_and_calls_are_one_unit_each() -> None:
    c = context(1_000)
    compile_expr(lowered("[x for x in xs]", {"xs": 1}))([[1] * 40], c)
    assert c.fuel == 960
    functions = {"f(n)": "n"}
    c = context(1_000)
    compile_expr(lowered("f(1) + f(2)", {}, functions), table(functions))([], c)
    assert c.fuel == 998


def test_the_charge_depends_on_the_value_alone() -> None:
    """Shared parts are charged as if they were not: replay may have unshared them."""
    part = [1] * 100
    shared, apart = [part, part], [list(part), list(part)]
    spent = []
    for value in (shared, apart):
        c = context(10_000)
        compile_expr(lowered("[x, x == x, json(x)]", {"x": 1}))([value], c)
        spent.append(c.fuel)
    assert spent[0] == spent[1] < 10_000


def test_depth_is_restored_after_an_error() -> None:
    functions = {"f(n)": "f(n - 1) if n > 0 else 1 / n"}
    made = compile_expr(lowered("f(x)", {"x": 1}, functions), table(functions))
    c = context()
    before = sys.getrecursionlimit()
    for depth in (5, 500):
        with pytest.raises(StepError, match="division"):
            made([depth], c)
        assert c.depth == 0
    assert sys.getrecursionlimit() == before


def test_a_thousand_calls_are_the_limit() -> None:
    functions = {"f(n)": "f(n - 1) if n > 0 else 0"}
    assert evaluate("f(999)", {}, functions) == 0
    with pytest.raises(StepError) as caught:
        evaluate("f(1000)", {}, functions)
    assert caught.value.type == "limit.depth"


def test_deep_calls_in_many_threads() -> None:
    functions = {"f(n)": "n + f(n - 1) if n > 0 else 0"}
    made = compile_expr(lowered("f(x)", {"x": 1}, functions), table(functions))
    before = sys.getrecursionlimit()
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda n: made([n], context()), [900 + i % 50 for i in range(40)]))
    assert results == [n * (n + 1) // 2 for n in [900 + i % 50 for i in range(40)]]
    assert sys.getrecursionlimit() == before


def test_host_depth_is_shared_and_restored() -> None:
    before = sys.getrecursionlimit()
    with host_depth(5_000):
        raised = sys.getrecursionlimit()
        assert raised > 5_000
        with host_depth(10):
            assert sys.getrecursionlimit() == raised
        assert sys.getrecursionlimit() == raised
    assert sys.getrecursionlimit() == before


@pytest.mark.parametrize(
    ("value", "depth", "nodes"),
    [
        (5, 0, 1), ("a", 0, 1), ([], 1, 1), ([1, 2], 1, 3), ({"a": 1}, 1, 2), ([[1], {"a": [2]}], 3, 6),
        ([[], []], 2, 3),
    ],
)  # fmt: skip
def test_measure(value: Any, depth: int, nodes: int) -> None:
    assert measure(value) == (depth, nodes)


def test_measure_counts_shared_parts_as_often_as_they_occur() -> None:
    """Also where it looks at each of them only once."""
    leaf = {"a": [1, "x" * 80], "b": 2}
    for texts in (False, True):
        apart: Any = [[copy_value(leaf) for _ in range(2)] for _ in range(3_000)]
        shared: Any = [[leaf, leaf]] * 3_000
        assert measure(shared, texts=texts) == measure(apart, texts=texts)
    pair: Any = [1]
    for _ in range(21):
        pair = [pair, pair]
    assert measure(pair) == (22, 3 * 2**21 - 1)
    with pytest.raises(StepError) as caught:
        measure([pair, pair])
    assert caught.value.type == "limit.size"


def test_leaving() -> None:
    c = Context()
    assert leave(2**63 - 1, c) == 2**63 - 1
    with pytest.raises(StepError):
        leave(2**63, c)
    value = [1, "a", None]
    assert leave(value, c) is value
    value = [[1]]
    assert leave(value, c, 198) is value
    with pytest.raises(StepError) as caught:
        leave(value, c, 199)
    assert caught.value.type == "limit.depth"


def test_secrets_become_references() -> None:
    assert evaluate("${secrets.KEY}") == SecretText((SecretRef("KEY"),))
    text = evaluate("Bearer ${secrets.A}-${x}-${secrets.B}!", {"x": 5})
    assert text == SecretText(("Bearer ", SecretRef("A"), "-5-", SecretRef("B"), "!"))
    ir = ("object", ((("const", "h"), ("text", (("const", "k="), ("secret", "K")))),))
    assert compile_expr(ir)([], context()) == {"h": SecretText(("k=", SecretRef("K")))}
    with pytest.raises(StepError):
        evaluate("${secrets.A}${x}", {"x": None})


def test_results_do_not_depend_on_what_ran_before() -> None:
    functions = {"f(n)": "[n, n + 1]"}
    shared = table(functions)
    made = [compile_expr(lowered(f"f({i})", {}, functions), shared) for i in range(3)]
    assert [run([], context()) for run in made] == [[0, 1], [1, 2], [2, 3]]
    assert [run([], context()) for run in reversed(made)] == [[2, 3], [1, 2], [0, 1]]


def test_functions_are_generated_on_first_call() -> None:
    functions = {"f(n)": "n", "g(n)": "n"}
    shared = table(functions)
    compile_expr(lowered("f(1)", {}, functions), shared)([], context())
    files = [shared.globals[name].__code__.co_filename for name in ("u0", "u1")]
    assert files[0] == "<rune expression>" != files[1]
