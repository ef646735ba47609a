"""What is asked once for a mould has the answer that each of its expressions would give."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from runeskript.compiler.passes.fold import _holds, _look_into
from runeskript.expr.faults import ExpressionError
from runeskript.expr.inferences import Inferences
from runeskript.expr.parser import parse_template
from runeskript.expr.shapes import Type, list_of, object_of, of
from runeskript.expr.types import ANY, FunctionTypes, infer
from runeskript.model.parsed import Parsed

#: Few names, numbers and keys: expressions of one mould come up, and all that a division or a path
#: may find.
ATOMS = ("a", "b", "a.k", "b.k.k", "a.l", "0", "1", "7", "0.0", "2.5", "'k'", "'t'", "true", "null")
FORMS = (
    "{0} + {1}", "{0} / {1} - 1", "{0} % {1}", "{0} * {1} > {2}", "{0} == {1} or {2}", "{0} or {1}",
    "not {0}",
    "{0} in {1}", "{0}[{1}]", "[{0}, {1}][0]", "len({0})", "get({0}, {1}, {2})", "-{0}",
    "{0} if {1} else {2}", "f({0}, {1})", "round({0}, 2)", "{0} + 1 + 2",
    "sum([i.k * {1} for i in {0} if i.l > {2}])", "[i for i in {0}] + {1}", "{0} < {1} < 3 + 4",
)  # fmt: skip


def _texts(drawn: tuple[list[str], list[tuple[int, tuple[str, ...], str]]]) -> list[str]:
    """Many texts of few forms."""
    forms, rows = drawn
    return [f"{plain}${{{forms[n % len(forms)].format(*atoms)}}}" for n, atoms, plain in rows]


ROW = st.tuples(
    st.integers(0, 1), st.tuples(*[st.sampled_from(ATOMS)] * 3), st.sampled_from(("", "and "))
)
TEXTS = st.tuples(
    st.lists(st.sampled_from(FORMS), min_size=1, max_size=2), st.lists(ROW, min_size=4, max_size=20)
).map(_texts)
TYPES = st.sampled_from(
    (
        ANY, of("int"), of("text"), of("null"), of("int", "float"), list_of(of("int")), of("list"),
        object_of({"k": of("int")}), object_of({"k": object_of({"k": of("text")})}, closed=False),
        list_of(object_of({"k": of("int"), "l": of("int", "null")})),
    )
)  # fmt: skip


def read(text: str) -> Parsed | None:
    try:
        return parse_template(text)
    except ExpressionError:
        return None


@settings(max_examples=150, deadline=None)
@example(["${a % 2}", "${b % 0}"], (ANY, ANY), (ANY, of("int")))
@example(["${get(a, 'k', null)}", "${get(a, 't', null)}"], (object_of({"k": ANY}), ANY), (ANY, ANY))
@example(["${b or a.k}"], (of("null"), ANY), (of("text"), ANY))
@given(TEXTS, st.tuples(TYPES, TYPES), st.tuples(TYPES, TYPES))
def test_types(texts: list[str], first: tuple[Type, Type], then: tuple[Type, Type]) -> None:
    """Also where the types of the names change, as they do while loops are solved."""
    functions = FunctionTypes({"f": ("add", ("local", 0), ("local", 1))})
    known = [parsed for parsed in map(read, texts) if parsed is not None]
    env: dict[str, Type] = {}
    inference = Inferences(env, functions)
    for a, b in (first, then):
        env |= {"a": a, "b": b}
        inference.tokens.clear()
        inference.parts.clear()
        for parsed in (*known, *known):
            here = inference.read(parsed)
            alone = infer(parsed.ir, env, functions)
            assert here.type == alone.type
            assert here.findings == alone.findings
            assert here.doubts == alone.doubts


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_something_to_fold(texts: list[str]) -> None:
    known: dict[object, bool] = {}
    for text in texts:
        parsed = read(text)
        if parsed is not None:
            found = known.get(parsed.mould or id(parsed))
            here = _look_into(parsed, known) if found is None else found
            leaf = parsed.ir[0] in ("const", "name")
            assert here is (not leaf and _holds(parsed.ir))
            known = {key: value for key, value in known.items() if type(key) is not int}
