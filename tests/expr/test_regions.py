"""Regions: effects on the frame, exits, the site of a failing statement, both bodies."""

from typing import Any

import pytest

from expr.evaluating import context, lowered, table
from runeskript.errors import BlueprintError, StepError
from runeskript.expr.generate import compile_expr, compile_region, fault_site
from runeskript.model.values import UNSET

X, Y = ("slot", 0), ("slot", 1)


def chain(count: int) -> list[Any]:
    """``x = x * 3 + 1``, time after time."""
    step = ("add", ("mul", X, ("const", 3)), ("const", 1))
    return [*(("set", i, 0, step) for i in range(count)), ("exit", 2)]


def run(statements: Any, frame: list[Any], **options: Any) -> int:
    return compile_region(statements, **options)(frame, context())


def site_of(statements: Any, frame: list[Any]) -> tuple[str, int | None]:
    with pytest.raises(StepError) as caught:
        run(statements, frame)
    return caught.value.type, fault_site(caught.value)


def test_straight_line() -> None:
    frame = [7]
    assert run(chain(11), frame) == 2
    assert frame == [1328602]


@pytest.mark.parametrize("start", [7, 7.5, 2**31, 2**31 + 1, 2**40, -(2**31), 1e50, 1e51, 0, -0.0])
def test_both_bodies_compute_the_same(start: Any) -> None:
    frame = [start]
    run(chain(5), frame)
    value = start
    for _ in range(5):
        value = value * 3 + 1
    assert frame == [value] and type(frame[0]) is type(value)


@pytest.mark.parametrize(
    ("start", "type_", "site"),
    [
        (2**62, "limit.int", 0),
        (2**59, "limit.int", 2),
        (1.7e308, "math.overflow", 0),
        (True, "type", 0),
        ("a", "type", 0),
        (None, "type", 0),
        (UNSET, "unset", 0),
        ([1], "type", 0),
    ],
)
def test_the_failing_statement_is_known(start: Any, type_: str, site: int) -> None:
    assert site_of(chain(11), [start]) == (type_, site)


def test_statements_before_a_fault_have_taken_effect() -> None:
    statements = [
        ("set", 3, 0, ("add", X, ("const", 1))),
        ("set", 4, 1, ("mul", X, ("const", 2))),
        ("set", 5, 0, ("add", X, ("const", 1))),
        ("set", 6, 2, ("div", Y, ("slot", 3))),
        ("exit", 0),
    ]
    frame = [1, 1, None, 0]
    assert site_of(statements, frame) == ("math.division", 6)
    assert frame == [3, 4, None, 0]


def test_exits_and_branches() -> None:
    statements = [
        ("if", 1, ("compare", X, (("<", ("const", 3)),)),
         (("set", 2, 1, ("const", "low")), ("exit", 1)),
         (("if", 3, Y, (("exit", 4),), (("set", 4, 1, ("const", "high")),)),)),
        ("set", 5, 0, ("const", 9)),
    ]  # fmt: skip
    for start, result, after in (
        ([1, UNSET], 1, [1, "low"]),
        ([5, True], 4, [5, True]),
        ([5, 0], 0, [9, "high"]),
    ):
        frame: list[Any] = list(start)
        assert run(statements, frame) == result
        assert frame == after
    assert site_of(statements, ["a", 0]) == ("type", 1)
    assert site_of(statements, [5, UNSET]) == ("unset", 3)


def test_a_branch_does_not_hide_that_a_variable_may_be_unset() -> None:
    statements = [
        ("if", 0, X, (("set", 1, 1, ("const", 1)),), ()),
        ("set", 2, 0, Y),
    ]
    assert site_of(statements, [False, UNSET]) == ("unset", 2)
    frame = [True, UNSET]
    run(statements, frame)
    assert frame == [1, 1]


def test_a_condition_does_not_hide_that_a_variable_may_be_unset() -> None:
    for first in (
        ("and", (X, Y)), ("or", (("not", X), Y)), ("ifelse", X, Y, ("const", 0)),
        ("compare", X, (("==", ("const", True)), ("==", Y))),
    ):  # fmt: skip
        statements = [("set", 0, 2, first), ("set", 1, 2, Y)]
        assert site_of(statements, [False, UNSET, None]) == ("unset", 1), first


def test_unset() -> None:
    frame = [1, 2]
    assert run([("unset", 0, 0), ("exit", 5)], frame) == 5
    assert frame == [UNSET, 2]
    assert site_of([("set", 0, 0, X), ("unset", 1, 0), ("set", 2, 1, X)], [1, 2]) == ("unset", 2)


def test_paths_copy_what_they_change() -> None:
    inner = {"b": [1, 2]}
    root = {"a": inner, "z": 0}
    frame = [root, 1]
    keys = (("const", "a"), ("const", "b"), Y)
    run([("path", 0, 0, keys, ("add", Y, ("const", 40)))], frame)
    assert frame[0] == {"a": {"b": [1, 41]}, "z": 0}
    assert root == {"a": {"b": [1, 2]}, "z": 0} and inner == {"b": [1, 2]}
    run([("path", 0, 0, (("const", "new"),), ("const", [1]))], frame)
    assert list(frame[0]) == ["a", "z", "new"]


@pytest.mark.parametrize(
    ("root", "keys", "type_"),
    [
        ({}, ["a", "b"], "missing"),
        ({"a": None}, ["a", "b"], "missing"),
        ({"a": 1}, ["a", "b"], "type"),
        ([1], [1], "missing"),
        ([1], ["a"], "type"),
        ({}, [0], "type"),
        (None, ["a"], "missing"),
        ("abc", [0], "type"),
        (UNSET, ["a"], "unset"),
        (5, ["a"], "type"),
    ],
)
def test_paths_that_lead_nowhere(root: Any, keys: list[Any], type_: str) -> None:
    path = tuple([("const", key) for key in keys])
    assert site_of([("path", 8, 0, path, ("const", 1))], [root]) == (type_, 8)


def test_a_path_cannot_nest_without_end() -> None:
    frame: list[Any] = [{}]
    made = compile_region([("path", 0, 0, (("const", "a"),), X)])
    with pytest.raises(StepError, match="nested deeper"):
        for _ in range(300):
            made(frame, context())


def test_values_are_bounded_where_they_are_stored() -> None:
    assert site_of([("set", 1, 0, ("mul", X, X))], [2**40]) == ("limit.int", 1)
    frame: list[Any] = [2**40]
    run([("set", 1, 0, ("floordiv", ("mul", X, X), X))], frame)
    assert frame == [2**40]
    made = compile_region([("set", 1, 0, ("list", (X, X)))])
    with pytest.raises(StepError) as caught:
        for _ in range(300):
            made(frame, context(100_000))
    assert caught.value.type == "limit.work"


def test_names_in_messages() -> None:
    with pytest.raises(StepError, match="`total` was read before any step set it"):
        run([("set", 0, 0, X)], [UNSET], slot_names=["total"])
    with pytest.raises(StepError, match="a variable was read before"):
        run([("set", 0, 0, X)], [UNSET])


def test_slots_that_are_always_set_need_no_check() -> None:
    made = compile_region([("set", 0, 1, X)], maybe_unset=frozenset())
    assert "unset" not in made.__code__.co_names
    frame = [5, UNSET]
    made(frame, context())
    assert frame == [5, 5]


def test_lowered_tags() -> None:
    assert compile_expr(("isset", 0))([UNSET], context()) is False
    assert compile_expr(("isset", 0))([None], context()) is True
    assert compile_expr(("fault", X))([None], context()) is None
    assert compile_expr(("aslist", X))([[1]], context()) == [1]
    with pytest.raises(StepError) as caught:
        compile_expr(("aslist", X))(["ab"], context())
    assert caught.value.type == "type"
    assert compile_expr(("duration", X))(["1.5s"], context()) == 1500
    assert compile_expr(("instant", X))(["1970-01-01T00:00:01Z"], context()) == 1000
    with pytest.raises(StepError) as caught:
        compile_expr(("duration", X))([1.5], context())
    assert caught.value.type == "duration"
    assert compile_expr(("concat", X, Y))(["n=", 5], context()) == "n=5"
    assert compile_expr(("concat", X, Y))([2, 5], context()) == 7
    assert compile_expr(("concat", X, Y))([1.0, "x"], context()) == "1.0x"
    with pytest.raises(StepError):
        compile_expr(("concat", X, Y))([None, "x"], context())


def test_push_appends_in_place_to_a_list_of_its_own() -> None:
    statements = [
        ("set", 0, 0, ("const", [])),
        ("set", 1, 0, ("push", X, ("const", 1))),
        ("set", 2, 0, ("push", X, ("const", [2]))),
    ]
    made = compile_region(statements)
    for _ in range(2):
        frame: list[Any] = [None]
        made(frame, context())
        assert frame == [[1, [2]]]
    assert site_of([("set", 4, 0, ("push", X, ("const", 1)))], ["a"]) == ("type", 4)


def test_push_changes_no_list_that_anything_else_holds() -> None:
    """Not where the list came from, not who has read it, and never a list within itself."""
    given = [1]
    made = compile_region(
        [
            ("set", 0, 0, Y),
            ("set", 1, 0, ("push", X, ("const", 2))),
            ("set", 2, 2, X),
            ("set", 3, 0, ("push", X, X)),
            ("set", 4, 3, ("listcomp", X, (((0,), ("const", [1]), ()),))),
            ("path", 5, 0, (("const", 0),), ("const", "new")),
            ("set", 6, 0, ("push", X, ("const", 3))),
            ("set", 7, 4, ("const", [7])),
        ]
    )
    for _ in range(2):
        frame: list[Any] = [None, given, None, None, None]
        made(frame, context())
        assert given == [1]
        assert frame[2:] == [[1, 2], [[1, 2, [1, 2]]], [7]]
        assert frame[0] == ["new", 2, [1, 2], 3]


def test_push_never_appends_to_a_constant() -> None:
    made = compile_region(
        [
            ("set", 0, 0, ("const", [1])),
            ("set", 1, 0, ("push", X, ("const", 5))),
        ]
    )
    for _ in range(2):
        frame: list[Any] = [None]
        made(frame, context())
        assert frame == [[1, 5]]


def test_push_elsewhere_is_refused() -> None:
    for ir in (("push", Y, ("const", 1)), ("list", (("push", X, ("const", 1)),))):
        with pytest.raises(BlueprintError):
            compile_region([("set", 0, 0, ir)])
    with pytest.raises(BlueprintError):
        compile_expr(("push", X, ("const", 1)))


def test_what_other_regions_append_to_is_read_as_a_copy() -> None:
    frame: list[Any] = [[1]]
    read = compile_expr(X, holders=frozenset((0,)))(frame, context())
    assert read == [1] and read is not frame[0]


def test_constant_containers_are_never_changed() -> None:
    statements = [
        ("set", 0, 0, ("const", {"a": [1]})),
        ("path", 1, 0, (("const", "a"),), ("const", 2)),
    ]
    made = compile_region(statements)
    for _ in range(2):
        frame: list[Any] = [None]
        made(frame, context())
        assert frame == [{"a": 2}]


def test_user_functions_in_regions() -> None:
    functions = {"net(price, qty)": "price * qty", "fact(n)": "1 if n <= 1 else n * fact(n - 1)"}
    ir = lowered("net(x, 2) + fact(5)", {"x": 1}, functions)
    frame: list[Any] = [4, None]
    compile_region([("set", 5, 1, ir)], table(functions))(frame, context())
    assert frame == [4, 128]
    ir = lowered("fact(x)", {"x": 1}, functions)
    with pytest.raises(StepError) as caught:
        compile_region([("set", 5, 1, ir)], table(functions))([30, None], context())
    assert caught.value.type == "limit.int" and fault_site(caught.value) == 5


def test_where_sees_the_event_as_local_0() -> None:
    where = compile_expr(
        ("compare", ("item", ("local", 0), ("const", "id")), (("==", X),)), locals_=1
    )
    assert where([5], context(), {"id": 5}) is True
    assert where([5], context(), {"id": 6}) is False


def test_fault_site_of_other_errors() -> None:
    assert fault_site(ValueError()) is None
    with pytest.raises(StepError) as caught:
        compile_expr(("item", X, ("const", "a")))([{}], context())
    assert fault_site(caught.value) is None
