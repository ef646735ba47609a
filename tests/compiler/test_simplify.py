"""A simplified expression gives the same value or the same error, and is charged the same units."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from expr.test_generated_code import SLOTS, expressions, frames, scalars
from runeskript.compiler.core import Body, Program
from runeskript.compiler.passes.simplify import Simplifier
from runeskript.errors import StepError
from runeskript.expr.generate import FunctionTable, compile_expr
from runeskript.expr.ir import rewrite, walk
from runeskript.expr.ir_check import check_ir
from runeskript.expr.parser import parse_expression, parse_template
from runeskript.expr.runtime import Context
from runeskript.model.ast import IR, Document, Expr, Function
from runeskript.model.blueprint import FunctionRow
from runeskript.model.limits import PRECOMPUTED, PRECOMPUTED_SIZE, PRECOMPUTED_TEXT, PURE_WORK

BODIES = {
    "twice": ("x", "x * 2"),
    "fact": ("n", "1 if n < 2 else n * fact(n - 1)"),
    "rows": ("n", "[[i, i * 2] for i in range(n)]"),
    "name": ("n", "'n' + str(n)"),
    "fails": ("n", "1 // n"),
    "chance": ("n", "random() * n"),
    "lot": ("n", "[fact(n) for i in range(n)]"),
}
NAMES = list(BODIES)
FUNCTIONS = tuple(
    Function(name, (param,), Expr(text, parse_expression(text, locals_=(param,)).ir))
    for name, (param, text) in BODIES.items()
)


def numbered(ir: IR) -> IR:
    """As code generation does it: variables ``v0`` ... by slot, functions by index."""

    def change(node: IR) -> IR:
        if node[0] == "name":
            return ("slot", int(node[1][1:]))
        return ("ucall", NAMES.index(node[1]), node[2]) if node[0] == "ucall" else node

    return rewrite(ir, change)


def named(ir: IR) -> IR:
    return rewrite(ir, lambda node: ("name", f"v{node[1]}") if node[0] == "slot" else node)


TABLE = FunctionTable([FunctionRow(f.name, 1, numbered(f.body.ir)) for f in FUNCTIONS])


def simplifier() -> Simplifier:
    document = Document("x", None, {}, None, (), (), FUNCTIONS, None, (), (), None)
    return Simplifier(Program(document, Body("x", "root", None), [], {}, [], {}))


def outcome(ir: IR, frame: list[Any], fuel: int = PURE_WORK) -> tuple[Any, ...]:
    """What an expression gives, told apart by type, and the units left."""
    context = Context(fuel=fuel)
    try:
        value = compile_expr(numbered(ir), TABLE)(frame, context)
    except StepError as error:
        return "error", error.type, error.message
    return "value", repr(value), context.fuel


def calls(ir: IR, choose: int) -> IR:
    """Some of the operators made calls of functions, of the document and of the table."""

    def change(node: IR) -> IR:
        if node[0] in ("neg", "pos", "not"):
            names = (*NAMES, "", "")
            name = names[choose % len(names)]
            return ("ucall", name, (node[1],)) if name else ("call", "range", (node[1],))
        return node

    return rewrite(ir, change)


@settings(max_examples=400, deadline=None)
@given(
    expressions(),
    frames,
    st.integers(0, 2**SLOTS - 1),
    st.lists(scalars, min_size=SLOTS, max_size=SLOTS),
    st.integers(0, 20),
    st.integers(0, 8),
    st.sampled_from(["value", "part", "element", "key"]),
)
@example(
    ("compare", ("slot", 0), (("==", ("slot", 1)),)),
    ["x" * 999, 0, 0, 0],
    2,
    ["a"] * 4,
    0,
    8,
    "value",
)
@example(("list", (("slot", 0), ("const", [[1]]))), [1] * 4, 1, [1] * 4, 2, 8, "value")
@example(
    ("ifelse", ("slot", 0), ("slot", 1), ("list", (("slot", 1),))),
    [0, [[]], 0, 0],
    1,
    [True] * 4,
    0,
    8,
    "value",
)
def test_nothing_changes(
    ir: IR, frame: list[Any], known: int, values: list[Any], units: int, call: int, place: str
) -> None:
    ir = calls(named(ir), call)
    if any(node[0] == "ucall" and node[1] == "chance" for node in walk(ir)):
        return  # draws: not the same from one evaluation to the next
    frame = [values[i] if known >> i & 1 else frame[i] for i in range(SLOTS)]
    made = simplifier()
    made.begin({f"v{i}": ("const", values[i]) for i in range(SLOTS) if known >> i & 1})
    if place == "value":
        wanted, found = ir, made.value(ir)
    else:
        new = made.part(ir)
        around = {
            "part": lambda e: ("ifelse", e, ("const", 1), ("const", 2)),
            "element": lambda e: ("list", (e, ("const", [1]))),
            "key": lambda e: ("compare", ("const", "a"), (("==", e),)),
        }[place]
        wanted, found = around(ir), around(new)
    counts = [1] * len(NAMES)
    assert check_ir(numbered(found), slots=SLOTS, functions=counts, locals_=0) == []
    whole = outcome(wanted, frame)
    assert outcome(found, frame) == whole
    spent = PURE_WORK - whole[2] if whole[0] == "value" else units
    for fuel in {0, units, max(spent - 1, 0), spent}:
        assert outcome(found, frame, fuel) == outcome(wanted, frame, fuel), fuel
    assert made.part(found) == found or place != "value", "once is enough"


# --- what becomes of an expression ------------------------------------------------------------
def simplified(text: str, **known: Any) -> IR:
    made = simplifier()
    made.begin({name: ("const", value) for name, value in known.items()})
    parsed = parse_template(text) if "${" in text else parse_expression(text)
    return made.value(parsed.ir)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 + 3 * 4", ("const", 14)),
        ("7 // 2 == 3", ("const", True)),
        ("-(1.5)", ("const", -1.5)),
        ("not 0", ("const", True)),
        ("'a' + 'b'", ("const", "ab")),
        ("[1, 2, 3][1]", ("const", 2)),
        ("{'a': 5}.a", ("const", 5)),
        ("'text'[1:3]", ("const", "ex")),
        ("1 < 2 < 3", ("const", True)),
        ("1 < 2 > 3", ("const", False)),
        ("2 in [1, 2]", ("const", True)),
        ("len('abc') + max(1, 2)", ("const", 5)),
        ("upper('a')", ("const", "A")),
        ("x + 2 * 3", ("add", ("name", "x"), ("const", 6))),
        ("${1 + 1} and ${2}", ("const", "2 and 2")),
        ("${x}: ${1 + 1}, ${true}", ("text", (("name", "x"), ("const", ": 2, true")))),
        ("true and x", ("name", "x")),
        ("false and x", ("const", False)),
        ("0 or x", ("name", "x")),
        ("1 or x", ("const", 1)),
        ("x or 0 or y", ("or", (("name", "x"), ("name", "y")))),
        ("x if 1 < 2 else y", ("name", "x")),
        ("x if 1 > 2 else y", ("name", "y")),
        ("[1 + 1, 2]", ("const", [2, 2])),
        ("{'a': 1 + 1}", ("const", {"a": 2})),
        ("twice(4)", ("paid", ("const", 8), 1)),
        ("fact(5) + 1", ("paid", ("const", 121), 5)),
        ("twice(fact(3))", ("paid", ("const", 12), 4)),
        ("x + twice(4)", ("add", ("name", "x"), ("paid", ("const", 8), 1))),
        ("[x for x in [1, 2]]", ("paid", ("const", [1, 2]), 2)),
        ("sum([i * 2 for i in range(3)])", ("paid", ("const", 6), 3)),
        ("len(rows(3))", ("paid", ("const", 3), 9)),
    ],
)  # fmt: skip
def test_what_is_computed(text: str, expected: IR) -> None:
    assert repr(simplified(text)) == repr(expected)


@pytest.mark.parametrize(
    "text",
    [
        # What fails, fails in the run.
        "1 // 0", "1 + 'a'", "[1][5]", "{'a': 1}.b", "2 ** 63 * 1", "fails(0)", "null + 1", "len(5)",
        "1e308 * 10", "${null}",
        # What draws or reads the clock is never computed before.
        "uuid()", "random()", "now()", "len(uuid())", "chance(2)", "[uuid() for i in [1]]",
        # Too large, too much.
        "'ab' * 200", "range(101)", "[i for i in range(20000)]", "fact(2000)", "2 ** 100",
        # A list or an object inside another, or as a part.
        "len([[1], x])", "x in [y, 2]",
        # Nothing to do.
        "x", "x.a.b", "x + 1", "x and y", "x if y else 1", "[x]", "{'a': x}", "f(x)" and "twice(x)",
        "x == 'a'", "[i * x for i in y]", "${x} ${y}", "x[1:y]",
    ],
)  # fmt: skip
def test_what_is_left_as_it_is(text: str) -> None:
    made = simplifier()
    parsed = parse_template(text) if "${" in text else parse_expression(text)
    made.begin({})
    assert made.value(parsed.ir) is parsed.ir


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x + y", ("add", ("name", "x"), ("const", 7))),
        ("y * 2", ("const", 14)),
        ("twice(y)", ("paid", ("const", 14), 1)),
        ("[i + y for i in x]", ("listcomp", ("add", ("local", 0), ("const", 7)), (((0,), ("name", "x"), ()),))),
        ("[x * twice(3) for i in x]", ("listcomp", ("mul", ("name", "x"), ("paid", ("const", 6), 1)), (((0,), ("name", "x"), ()),))),
        ("t + '!'", ("const", "red!")),
        ("${t}-${x}", ("text", (("const", "red-"), ("name", "x")))),
        ("x == y", ("compare", ("name", "x"), (("==", ("const", 7)),))),
        ("t == 'red'", ("const", True)),
        ("t in x", ("compare", ("const", "red"), (("in", ("name", "x")),))),
        ("x < y < 9", ("compare", ("name", "x"), (("<", ("const", 7)), ("<", ("const", 9))))),
        ("off and x", ("const", False)),
        ("x if off else t", ("const", "red")),
        ("x.a[y]", ("item", ("item", ("name", "x"), ("const", "a")), ("const", 7))),
        ("o.a + 1", ("const", 2)),
    ],
)  # fmt: skip
def test_what_is_known_is_put_in(text: str, expected: IR) -> None:
    found = simplified(text, y=7, t="red", off=False, o={"a": 1})
    assert repr(found) == repr(expected)


def test_a_text_is_not_put_beside_an_equals_sign() -> None:
    """``x == 'red'`` is charged less than ``x == t`` where ``x`` is long."""
    made = simplifier()
    made.begin({"t": ("const", "red"), "y": ("const", 1)})
    ir = parse_expression("x == t or y").ir
    assert made.value(ir) == ("or", (parse_expression("x == t").ir, ("const", 1)))
    assert made.left == {"t"}
    ir = parse_expression("x != t + '!'").ir
    assert made.value(ir) is ir
    made.begin({})
    assert made.left == set()


def test_copies_are_put_in() -> None:
    made = simplifier()
    made.begin({"x": ("name", "y"), "z": ("const", 1)})
    assert made.value(("name", "x")) == ("name", "y")
    assert made.value(("add", ("name", "x"), ("name", "z"))) == ("add", ("name", "y"), ("const", 1))


def test_a_branch_that_may_nest_values_is_not_left_out() -> None:
    """What leaves an expression is measured if it may have grown: units again."""
    for text in ("x if true else [[x]]", "{'a': x} if false else x", "y or 1 or x or [x]"):
        ir = parse_expression(text).ir
        made = simplifier()
        made.begin({})
        assert made.value(ir) is ir


def test_numbers_are_told_apart_by_type() -> None:
    made = simplifier()
    found = []
    for value in (1, 1.0, True):
        made.begin({"x": ("const", value)})
        found.append(made.value(parse_expression("str([x for i in [0]])").ir))
    assert [ir[1][1] for ir in found] == ["[1]", "[1.0]", "[true]"]
    assert repr(simplified("0.0 * -1")) == repr(("const", -0.0))


def test_work_is_bounded() -> None:
    made = simplifier()
    made.begin({})
    done = [made.value(parse_expression(f"[i for i in [{n}]]").ir) for n in range(PRECOMPUTED + 5)]
    assert [ir[0] for ir in done] == ["paid"] * PRECOMPUTED + ["listcomp"] * 5
    again = made.value(parse_expression("[i for i in [3]]").ir)
    assert again == ("paid", ("const", [3]), 1), "what was computed is known"
    costly = [made.value(parse_expression(f"lot({n})").ir) for n in range(60, 900)]
    assert costly[-1][0] == "ucall"


def test_sizes_are_bounded() -> None:
    assert simplified(f"'a' * {PRECOMPUTED_TEXT}")[0] == "const"
    assert simplified(f"'a' * {PRECOMPUTED_TEXT + 1}")[0] == "mul"
    assert simplified(f"range({PRECOMPUTED_SIZE - 1})")[0] == "paid"
    assert simplified(f"range({PRECOMPUTED_SIZE})")[0] == "call"
