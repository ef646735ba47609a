"""Generated code agrees with the plain interpreter, operator by operator, on any values."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from expr.evaluating import context, shown
from expr.interpreter import Interpreter, run_region
from runeskript.errors import StepError
from runeskript.expr.generate import compile_expr, compile_region, fault_site
from runeskript.expr.ir_check import check_ir
from runeskript.model.ast import IR
from runeskript.model.values import UNSET

SLOTS = 4

edges = [0, 1, -1, 2, 7, 2**31, 2**31 - 1, 2**53, 2**62, 2**63 - 1, -(2**63)]
numbers = st.one_of(
    st.sampled_from(edges),
    st.integers(-100, 100),
    st.sampled_from([0.0, -0.0, 0.5, 1.0, -2.5, 1e50, 1e300, 1.7e308, 5e-324]),
    st.floats(allow_nan=False, allow_infinity=False),
)
scalars = st.one_of(numbers, st.booleans(), st.none(), st.sampled_from(["", "a", "ab", "ä"]))
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abk"), inner, max_size=2)
    ),
    max_leaves=5,
)
frames = st.lists(values | st.just(UNSET), min_size=SLOTS, max_size=SLOTS)

_BINARY = ("add", "sub", "mul", "add", "sub", "mul", "div", "floordiv", "mod", "concat", "item")
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=", "in", "not-in")
_CALLS = ("len", "sum", "abs", "str", "min", "sorted", "keys", "round")
_TAGS = (
    "binary", "binary", "binary", "pow", "unary", "connect", "ifelse", "list", "object", "text",
    "item", "slice", "compare", "compare", "call", "listcomp", "dictcomp",
)  # fmt: skip


@st.composite
def expressions(draw: Any, depth: int = 4, scope: tuple[int, ...] = ()) -> IR:
    """Any IR over the slots, shallow enough to be seen through."""
    if depth == 0 or draw(st.integers(0, 4)) == 0:
        return draw(_leaf(scope))

    def e(inner: tuple[int, ...] = scope) -> IR:
        return draw(expressions(depth - 1, inner))

    def several() -> tuple[IR, ...]:
        return tuple([e() for _ in range(draw(st.integers(1, 3)))])

    tag = draw(st.sampled_from(_TAGS))
    if tag == "binary":
        return (draw(st.sampled_from(_BINARY)), e(), e())
    if tag == "pow":
        return ("pow", e(), ("const", draw(st.sampled_from([2, 3, 0.5, 2.0, -1]))))
    if tag == "unary":
        return (draw(st.sampled_from(["neg", "pos", "not"])), e())
    if tag == "connect":
        return (draw(st.sampled_from(["and", "or"])), several())
    if tag == "ifelse":
        return ("ifelse", e(), e(), e())
    if tag in ("list", "text"):
        return (tag, several())
    if tag == "object":
        return (
            "object",
            tuple([(("const", key), e()) for key in draw(st.sampled_from(["", "k", "ak"]))]),
        )
    if tag == "item":
        return ("item", e(), ("const", draw(st.sampled_from(["k", 0, -1, 1]))))
    if tag == "slice":
        return ("slice", e(), ("const", 1), draw(st.none() | st.just(("const", -1))))
    if tag == "compare":
        rest = [(draw(st.sampled_from(_COMPARISONS)), e()) for _ in range(draw(st.integers(1, 3)))]
        return ("compare", e(), tuple(rest))
    if tag == "call":
        return ("call", draw(st.sampled_from(_CALLS)), (e(),))
    local = 10 + len(scope)
    inner = (*scope, local)
    conditions = (e(inner),) if draw(st.booleans()) else ()
    generators = (((local,), e(), conditions),)
    if tag == "listcomp":
        return ("listcomp", e(inner), generators)
    return ("dictcomp", e(inner), e(inner), generators)


def _leaf(scope: tuple[int, ...]) -> st.SearchStrategy[IR]:
    options = [
        st.integers(0, SLOTS - 1).map(lambda i: ("slot", i)),
        scalars.map(lambda v: ("const", v)),
        values.map(lambda v: ("const", v)),
    ]
    if scope:
        options.append(st.sampled_from(scope).map(lambda i: ("local", i)))
    return st.one_of(options)


def outcome(run: Any) -> Any:
    try:
        return ("value", shown(run()))
    except StepError as error:
        return ("error", error.type)


@settings(max_examples=80, deadline=None)
@given(expressions(), frames)
def test_an_expression_means_what_the_interpreter_says(ir: IR, frame: list[Any]) -> None:
    assert not check_ir(ir, slots=SLOTS, functions=(), locals_=0)
    made = compile_expr(ir)
    wanted = outcome(lambda: Interpreter(frame, context()).result(ir))
    assert outcome(lambda: made(frame, context())) == wanted


# --- regions ----------------------------------------------------------------------------------


@st.composite
def numerics(draw: Any, depth: int = 2) -> IR:
    """Arithmetic over slots 0 to 2."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        if draw(st.integers(0, 2)):
            return ("slot", draw(st.integers(0, 2)))
        return ("const", draw(st.sampled_from([0, 1, 3, 1000, -7, 0.5, 1e40, 2**40])))
    rest = ["neg", "pow", "compare", "ifelse", "list", "text", "sum"]
    tag = draw(st.sampled_from([*_BINARY[:9], *rest]))
    e = numerics(depth - 1)
    if tag == "neg":
        return ("neg", draw(e))
    if tag == "pow":
        return ("pow", draw(e), ("const", 2))
    if tag == "compare":
        return ("compare", draw(e), ((draw(st.sampled_from(_COMPARISONS[:6])), draw(e)),))
    if tag == "ifelse":
        return ("ifelse", draw(e), draw(e), draw(e))
    if tag in ("list", "text"):
        return (tag, (draw(e),))
    if tag == "sum":
        turns = ("call", "range", (("const", 3),))
        return ("call", "sum", (("listcomp", draw(e), (((9 + depth,), turns, ()),)),))
    return (tag, draw(e), draw(e))


numeric = numerics()
slots = st.integers(0, SLOTS - 1)
sites = st.integers(0, 90)


@st.composite
def blocks(draw: Any, depth: int = 2) -> tuple[IR, ...]:
    """Statements of a region, nested ``if`` included."""
    out: list[IR] = []
    for _ in range(draw(st.integers(0, 5))):
        tag = draw(
            st.sampled_from(["set", "set", "set", "set", "path", "unset", "if", "if", "exit"])
        )
        if tag == "exit":
            out.append(("exit", draw(st.integers(0, 3))))
        elif tag == "unset":
            out.append(("unset", draw(sites), draw(slots)))
        elif tag == "set":
            out.append(("set", draw(sites), draw(slots), draw(numeric)))
        elif tag == "path":
            keys = draw(st.sampled_from([(("const", "k"),), (("const", 0),), (("slot", 1),)]))
            out.append(("path", draw(sites), draw(slots), keys, draw(numeric)))
        elif depth:
            branches = draw(blocks(depth - 1)), draw(blocks(depth - 1))
            out.append(("if", draw(sites), draw(numeric), *branches))
    return tuple(out)


def region_outcome(run: Any, frame: list[Any], site: Any) -> Any:
    try:
        result: Any = ("exit", run())
    except StepError as error:
        result = ("error", error.type, site(error))
    return result, ["UNSET" if v is UNSET else shown(v) for v in frame]


@settings(max_examples=80, deadline=None)
@given(blocks(), st.lists(numbers | st.just(UNSET) | values, min_size=SLOTS, max_size=SLOTS))
def test_a_region_does_what_the_interpreter_says(region: Any, frame: list[Any]) -> None:
    made = compile_region(region)
    mine, plain = list(frame), list(frame)
    wanted = region_outcome(
        lambda: max(run_region(region, plain, context()), 0), plain, lambda e: e.site
    )
    assert region_outcome(lambda: made(mine, context()), mine, fault_site) == wanted


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.just("set"), sites, st.integers(0, 2), numeric), min_size=4, max_size=8),
    st.lists(st.integers(-50, 50) | st.floats(-9, 9), min_size=3, max_size=3),
)
def test_numbers_of_moderate_size(region: Any, frame: list[Any]) -> None:
    """The numeric body of a region, which such frames always enter."""
    made = compile_region(region)
    mine, plain = [*frame, None], [*frame, None]
    wanted = region_outcome(
        lambda: max(run_region(region, plain, context()), 0), plain, lambda e: e.site
    )
    assert region_outcome(lambda: made(mine, context()), mine, fault_site) == wanted
