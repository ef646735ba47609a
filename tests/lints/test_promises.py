"""What fails if handlers give the results they say they give."""

from __future__ import annotations

import pytest

from runeskript.compiler.pipeline import Options, check_text
from runeskript.model.catalog import PlainHandler, StaticCatalog
from runeskript.model.diagnostics import Diagnostic

QUOTE = {
    "type": "object",
    "properties": {"price": {"type": "number"}, "lines": {"type": "array"}},
    "additionalProperties": False,
}
CATALOG = StaticCatalog(
    {
        "quote": PlainHandler("quote", result_schema=QUOTE),
        "count": PlainHandler("count", result_schema={"type": "integer"}),
        "f": PlainHandler("f"),
    }
)


def promised(*steps: str) -> list[Diagnostic]:
    body = "".join(f"  - {step}\n" for step in steps)
    text = f"skript: x\ndo:\n  - call: quote\n    into: q\n{body}"
    found = check_text(text, "x.yaml", CATALOG, Options(lint=True))
    return [d for d in found if d.code == "RUNE-3150"]


def test_a_result_that_has_no_such_field() -> None:
    (found,) = promised("return: ${q.pricce}")
    assert found.severity == "warning"
    assert found.message == "by what `quote` says of its result: the object has no key `pricce`"
    assert found.hint == "did you mean `price`?"


@pytest.mark.parametrize(
    "steps",
    [
        ("set: {x: '${q.price}'}", "return: ${x + 'a'}"),
        ("for: line\n    in: q.price\n    do: [{log: '${line}'}]",),
        ("for: line\n    in: q.lines\n    do: [{log: '${line + 1}'}]", "emit: t\n    key: q.lines"),
        ("call: count\n    into: n", "return: ${n.x}"),
        ("call: f\n    with: ${q.lines}",),
    ],
)
def test_promises_reach_through_variables_and_loops(steps: tuple[str, ...]) -> None:
    assert len(promised(*steps)) == 1


@pytest.mark.parametrize(
    "steps",
    [
        ("return: ${q.price}",),
        ("return: ${q}",),
        ("call: f\n    into: q", "return: ${q.anything}"),
        ("set: {q: null}", "return: ${q.price}"),
        ("set: {q.note: x}", "return: ${q.note}"),
        ("call: f\n    into: r", "return: ${r.x}"),
    ],
)
def test_what_a_promise_allows_is_not_reported(steps: tuple[str, ...]) -> None:
    assert promised(*steps) == []


def test_what_is_certain_without_a_promise_is_an_error_and_said_once() -> None:
    text = "skript: x\ndo:\n  - call: quote\n    into: q\n  - return: ${q.price + ('a' - 1)}\n"
    assert [d.code for d in check_text(text, "x.yaml", CATALOG, Options(lint=True))] == [
        "RUNE-2010"
    ]


def test_results_of_several_handlers_are_said_to_be_so() -> None:
    (found,) = promised("call: count\n    into: n", "return: ${q.lines + n}")
    assert found.message.startswith("by what handlers say of results: `+` cannot take")
