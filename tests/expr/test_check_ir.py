"""IR of unknown origin: the verifier never crashes, and what it accepts generates harmless code."""

import dis
from types import CodeType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expr.evaluating import context
from runeskript.errors import BlueprintError, StepError
from runeskript.expr import emit
from runeskript.expr.generate import FunctionTable, compile_expr, compile_region
from runeskript.expr.ir import MAX_DEPTH, TABLE, depth, rewrite, uses, walk
from runeskript.expr.ir_check import check_ir
from runeskript.expr.parser import parse_expression, parse_template
from runeskript.model.blueprint import FunctionRow
from runeskript.model.limits import BOUND_NAMES, GENERATORS

SOUND = [
    parse_expression(text).ir
    for text in (
        "1 + 2 * len('ab')",
        "[x * y for x in [1, 2] for y in range(3) if x < y]",
        "{k: v for k, v in items({'a': 1})}",
        "sorted([3, 1], reverse=true)[0:1]",
        "1 < 2 <= 3 and not ('a' in 'abc') or {'a': [1]}.a[0]",
        "'a' if null == false else -1 ** 2",
        "[[x for x in [y]] for y in [1]]",
    )
] + [parse_template("a ${1 + 1} b").ir, ("slot", 0), ("duration", ("const", "5m"))]

JUNK: list[Any] = [
    None, 0, -1, 10**30, 1.5, float("nan"), float("inf"), True, "", "x", "\ud800", "__import__", b"x",
    object(), int, (), [], {}, {1: 2}, {"\ud800": 1}, ("const",), ("const", object()), ("slot", -1),
    ("slot", "0] or __import__('os"), ("slot", True), ("local", 99), ("name", "x"), ("call", "eval", ()),
    ("call", "len", ()), ("call", ["len"], ()), ("ucall", 5, ()), ("ucall", "u0", ()), ("text", None),
    ("compare", ("const", 1), ()), ("compare", ("const", 1), (("is", ("const", 1)),)), ("and", ()),
    ("listcomp", ("const", 1), ()), ("listcomp", ("local", 0), (((0, 0), ("const", []), ()),)),
    ("object", (("const", "a"),)), ("secret", ""), ("secret", "X"), ("unknown",), [("const", 1)],
    ("const", 2**63), ("const", [float("nan")]), ("const", (1,)), ("const", {1: 1}), "const",
]  # fmt: skip


def check(ir: Any, **options: Any) -> list[str]:
    bounds: dict[str, Any] = {"slots": 2, "functions": (1,), "locals_": 0, **options}
    return check_ir(ir, **bounds)


@st.composite
def mutations(draw: Any) -> Any:
    """Sound IR with parts exchanged for junk or for parts of other IR."""
    ir = draw(st.sampled_from(SOUND))
    for _ in range(draw(st.integers(1, 3))):
        ir = _replace(draw, ir)
    return ir


def _replace(draw: Any, node: Any) -> Any:
    if type(node) is not tuple or not node or draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(JUNK) | st.sampled_from(SOUND))
    i = draw(st.integers(0, len(node) - 1))
    return (*node[:i], _replace(draw, node[i]), *node[i + 1 :])


@settings(max_examples=200, deadline=None)
@given(mutations())
def test_mutated_ir(ir: Any) -> None:
    problems = check(ir)
    assert all(type(problem) is str and problem for problem in problems)
    table = FunctionTable([FunctionRow("f", 1, ("local", 0))])
    if problems:
        # Not verified: it may be refused here, or generate; it must do no harm.
        try:
            run = compile_expr(ir, table)
        except (BlueprintError, KeyError, TypeError, ValueError, IndexError, AttributeError):
            return
        assert_harmless(run.__code__)
        return
    run = compile_expr(ir, table)
    assert_harmless(run.__code__)
    assert depth(ir) <= MAX_DEPTH
    assert {node[0] for node in walk(ir)} <= set(TABLE)
    assert rewrite(ir, lambda node: node) == ir
    uses(ir)
    try:
        run([1, "a"], context())
    except StepError:
        pass


def assert_harmless(code: CodeType) -> None:
    """No attribute but those of the context, no import, no code within code."""
    for instruction in dis.get_instructions(code):
        assert "IMPORT" not in instruction.opname and "MAKE_FUNCTION" not in instruction.opname
        if "ATTR" in instruction.opname or "METHOD" in instruction.opname:
            assert instruction.argval in {"fuel", "depth", "gate", "append"}
        if "GLOBAL" in instruction.opname:
            assert not str(instruction.argval).startswith("__")
        if "NAME" in instruction.opname:
            raise AssertionError(instruction)
    assert not any(isinstance(constant, CodeType) for constant in code.co_consts)


def test_generated_code_has_no_builtins() -> None:
    table = FunctionTable()
    assert compile_expr(("const", 1), table).__globals__["__builtins__"] == {}


@pytest.mark.parametrize("junk", JUNK, ids=map(str, range(len(JUNK))))
def test_junk_is_refused(junk: Any) -> None:
    if junk != ("secret", "X"):
        assert check(junk)
    assert check(("add", junk, ("const", 1)))
    assert check(("list", (junk,)), secrets=False)
    assert check(("call", "len", (junk,)))


def deep(levels: int) -> Any:
    ir: Any = ("const", 1)
    for _ in range(levels):
        ir = ("neg", ir)
    return ir


def test_depth_is_bounded_without_recursion() -> None:
    assert check(deep(100_000)) == [f"an expression nested deeper than {MAX_DEPTH}"]
    value: Any = []
    for _ in range(100_000):
        value = [value]
    assert check(("const", value)) == ["a constant nested deeper than 200"]
    ir = deep(MAX_DEPTH - 1)
    assert not check(ir)
    assert compile_expr(ir)([], context()) in (1, -1)


@pytest.mark.parametrize(
    "wrap", ["add", "item", "ifelse", "list", "text", "compare", "or", "over", "listcomp"]
)
def test_the_deepest_verified_ir_generates(wrap: str) -> None:
    """At ``MAX_DEPTH`` every shape must still compile, on the host's default stack."""
    ir: Any = ("slot", 0)
    for level in range(MAX_DEPTH - 1):
        ir = {
            "add": ("add", ir, ("slot", 1)),
            "item": ("item", ir, ("const", "k")),
            "ifelse": ("ifelse", ("slot", 1), ir, ("slot", 1)),
            "list": ("list", (ir,)),
            "text": ("text", (ir, ("const", "x"))),
            "compare": ("compare", ir, (("<", ("slot", 1)),)),
            "or": ("or", (("slot", 1), ir)),
            "over": ("listcomp", ("local", level), (((level,), ir, ()),)),
            "listcomp": (
                ("listcomp", ir, (((level,), ("slot", 1), ()),))
                if level < BOUND_NAMES
                else ("neg", ir)
            ),
        }[wrap]
    assert not check(ir)
    try:
        compile_expr(ir)([1, 2], context())
    except StepError:
        pass


def test_shared_nodes_are_counted_as_often_as_they_occur(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runeskript.expr.ir_checker.EXPRESSION_NODES", 20_000)
    monkeypatch.setattr("runeskript.expr.ir_together.EXPRESSION_NODES", 20_000)
    ir: Any = ("slot", 0)
    for _ in range(60):
        ir = ("add", ir, ir)
    assert check(ir) == ["an expression of more than 20000 nodes"]
    for _ in range(3):
        ir = ("list", (ir,) * 3_000)
        assert check(ir) == ["an expression of more than 20000 nodes"]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(mutations(), st.sampled_from(SOUND)), min_size=1, max_size=8))
def test_of_several_expressions_all_findings_are_told(irs: list[Any]) -> None:
    bounds: dict[str, Any] = {"slots": 2, "functions": (1,), "locals_": 0}
    together: list[int] = []
    alone: list[int] = []
    expected = [p for ir in irs for p in check_ir(ir, tally=alone, **bounds)]
    assert check_ir(*irs, tally=together, **bounds) == expected
    assert together == [sum(alone)]


def test_secrets_stand_only_in_parameters() -> None:
    secret = ("secret", "X")
    assert not check(secret)
    assert not check(("object", ((("const", "a"), ("text", (("const", "b"), secret))),)))
    assert check(secret, secrets=False)
    for inside in (("not", secret), ("list", (("neg", secret),)), ("and", (secret,)),
                   ("ifelse", ("const", 1), secret, secret)):  # fmt: skip
        assert check(inside) == [
            "a secret may stand only inside parameters of a call, alone or in a text"
        ] * (2 if inside[0] == "ifelse" else 1)


def test_locals_are_bound_where_they_are_read() -> None:
    inner = ("listcomp", ("local", 0), (((0,), ("slot", 0), ()),))
    assert not check(inner)
    assert check(("list", (inner, ("local", 0))))
    assert check(inner, locals_=1) == ["a comprehension binds a local that is taken"]
    late = ("listcomp", ("const", 1), (((0,), ("local", 1), ()), ((1,), ("slot", 0), ())))
    assert check(late) == ["a local that is not bound here"]
    assert check(("local", 0), locals_=10**9)


def test_comprehensions_are_bounded() -> None:
    """The host nests twenty loops at most, and each name is handed to everything inside."""

    def loops(count: int, width: int = 1) -> Any:
        generators = [
            (tuple(range(i * width, (i + 1) * width)), ("slot", 0), ()) for i in range(count)
        ]
        return ("listcomp", ("const", 1), tuple(generators))

    assert not check(loops(GENERATORS))
    assert compile_expr(loops(GENERATORS))([[1]], context()) == [1]
    assert check(loops(GENERATORS + 1)) == ["a comprehension of more than 16 generators"]
    assert not check(loops(1, BOUND_NAMES))
    for wide in (loops(1, BOUND_NAMES + 1), loops(2, BOUND_NAMES), loops(1, 1_000_000)):
        assert check(wide) == ["comprehensions bind more than 64 locals"]
    behind = (((10, 11, 12), ("slot", 0), ()),)
    assert not check(("listcomp", ("const", 1), behind), locals_=10)


def test_uses_follows_calls() -> None:
    rows = [
        FunctionRow("f", 0, ("ucall", 1, ())),
        FunctionRow(
            "g", 0, ("list", (("call", "now", ()), ("ucall", 0, ()), ("call", "uuid", ())))
        ),
    ]
    assert uses(("ucall", 0, ()), rows) == {"clock", "entropy"}
    assert uses(("ucall", 0, ())) == frozenset()
    assert uses(("text", (("secret", "X"),))) == {"secret"}
    assert uses(parse_expression("len([random()])").ir) == {"entropy"}


@pytest.mark.parametrize(
    "statement",
    [
        ("unknown", 0), ("set", -1, 0, ("const", 1)), ("set", "0", 0, ("const", 1)),
        ("set", 0, "x", ("const", 1)), ("set", 0, -1, ("const", 1)), ("path", 0, 0, (), ("const", 1)),
        ("path", 0, 0, [("const", 1)], ("const", 1)), ("exit", "1"), ("exit", -1), ("unset", 0, None),
        ("set", 0, 0, ("slot", "x")), ("set", 0, 0, ("name", "x")), ("set", 0, 0, ("local", 0)),
        ("set", 0, 0, ("ucall", 0, ())), ("set", 0, 0, ("call", "eval", ())),
    ],
    ids=repr,
)  # fmt: skip
def test_unsound_statements_are_refused(statement: Any) -> None:
    with pytest.raises(BlueprintError):
        compile_region([statement])


def test_every_tag_is_generated() -> None:
    """The table and the generator know the same tags."""
    assert set(emit._EMIT) == set(TABLE) - {"name"}
