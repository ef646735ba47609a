"""How many calls a job can make at most."""

from __future__ import annotations

import pytest

from lints.linting import CATALOG, said
from runeskript.compiler.explain import explain
from runeskript.compiler.pipeline import Options, check_text, compile_text


def most(steps: str, head: str = "") -> int | None:
    body = "".join(f"  {line}\n" for line in steps.splitlines())
    text = f"skript: x\n{head}do:\n{body}"
    found = check_text(text, "x.yaml", CATALOG, Options(lint=True))
    assert not [d for d in found if d.severity == "error"], found
    numbers = [d.message for d in found if d.code == "RUNE-3140"]
    if not numbers:
        return None
    return int(numbers[0].removeprefix("a job makes at most ").split()[0].replace(",", ""))


def loop(over: str, body: str = "[{call: f}]") -> str:
    return f'- for: i\n  in: "{over}"\n  do: {body}'


@pytest.mark.parametrize(
    ("steps", "calls"),
    [
        ("- call: f", 1),
        ("- call: f\n- call: g\n  retry: {max: 5}", 6),
        ("- call: f\n  undo: {call: g, retry: {max: 3}}", 4),
        ("- run: other\n  undo: {call: g}", 1),
        ("- if: input.x\n  then: [{call: f}]\n  else: [{call: f}, {call: g}]", 2),
        ("- if: input.x\n  call: f", 1),
        ("- switch: input.x\n  cases:\n  - {is: 1, do: [{call: f}]}\n  - {is: 2, do: [{log: x}]}", 1),
        ("- parallel: {a: [{call: f}], b: [{call: f}, {call: g}]}", 3),
        ("- try: [{call: f}]\n  catch: [{when: input.x, do: [{call: f}]}, {do: [{call: f}, {call: g}]}]\n"
         "  finally: [{call: g}]", 4),
        ("- do: [{do: [{call: f}]}]", 1),
        (loop("[1, 2, 3]"), 3),
        (loop("[1, 2, input.x]"), 3),
        (loop("range(10)"), 10),
        (loop("range(2, 10, 3)"), 3),
        (loop("range(10)", "[{call: f, retry: {max: 4}}]"), 40),
        (loop("range(10)", "[{for: j, in: range(5), do: [{call: f}]}]"), 50),
        (loop("reversed(range(10))"), 10),
        (loop("enumerate([1, 2])"), 2),
        (loop("zip([1, 2], input.xs)"), 2),
        (loop("[1, 2] + [3]"), 3),
        (loop("[1] if input.x else [1, 2]"), 2),
        (loop("range(10)[:3]"), 3),
        (loop("input.xs[2:5]"), 3),
        (loop("input.xs[:20]"), 20),
        (loop("[[x, y] for x in range(3) for y in range(4) if x]"), 12),
        ("- for: i\n  in: range(7)\n  parallel: 2\n  do: [{call: f}]", 7),
        ("- set: {xs: [1, 2]}\n" + loop("xs"), 2),
        # no bound
        (loop("input.xs"), None),
        (loop("input.xs[1:]"), None),
        (loop("range(input.n)"), None),
        (loop("range(1, 2, 0)"), None),
        (loop("[1] if input.x else input.xs"), None),
        (loop("[1] + input.xs"), None),
        (loop("[x for x in input.xs]"), None),
        ("- set: {xs: [1, 2]}\n- set: {xs: '${xs + [1]}'}\n" + loop("xs"), None),
        ("- while: input.x\n  do: [{call: f}]", None),
        # nothing to count
        ("- log: x", None),
        ("- while: input.x\n  do: [{wait: 1s}]", None),
    ],
)  # fmt: skip
def test_the_most_calls(steps: str, calls: int | None) -> None:
    assert most(steps) == calls


@pytest.mark.parametrize(
    ("over", "calls"),
    [
        ("input.a", 5),
        ("input.b.c", 7),
        ("input.rows[0].xs", 3),
        ("input.a[0:2]", 2),
        ("input.open", None),
        ("input.other", None),
        ("input.neither", None),
        ("input", None),
    ],
)
def test_lists_of_the_input_are_bounded_by_its_schema(over: str, calls: int | None) -> None:
    head = (
        "input: {$ref: '#/$defs/all', $defs: {all: {properties: {a: {type: array, maxItems: 5}, "
        "b: {$ref: '#/$defs/b'}, rows: {items: {properties: {xs: {maxItems: 3}}}}, "
        "open: {type: array}, other: true}}, b: {properties: {c: {maxItems: 7}}}}}\n"
    )
    assert most(loop(over), head) == calls


def test_the_documents_own_clauses_count() -> None:
    text = "skript: x\ndo: [{call: f}]\ncatch: [{do: [{call: g}]}]\nfinally: [{call: g}]\n"
    (found,) = check_text(text, "x.yaml", CATALOG, Options(lint=True))
    assert (found.code, found.severity) == ("RUNE-3140", "info")
    assert found.message == "a job makes at most 3 calls"
    assert (found.span.line, found.pointer) == (1, "/skript")


def test_a_bound_of_the_project() -> None:
    text = "skript: x\ndo: [{call: f}, {call: f}]\n"

    def found(most: int) -> list[str]:
        rows = check_text(text, "x.yaml", CATALOG, Options(lint=True, max_calls=most))
        return [d.message for d in rows if d.code == "RUNE-3141"]

    assert found(2) == []
    assert found(1) == ["a job makes at most 2 calls, more than 1"]
    assert said(loop("range(100001)"), "RUNE-3141") == [
        "a job makes at most 100,001 calls, more than 100,000"
    ]


def test_explain_names_the_loop_without_a_bound() -> None:
    def calls(steps: str) -> str:
        compiled = compile_text(f"skript: x\ndo:\n{steps}\n", "x.yaml", CATALOG, Options(keep=True))
        return explain(compiled, "validate").splitlines()[-1]

    assert calls("  - call: f") == "calls: a job makes at most 1"
    assert calls("  - log: x") == "calls: a job makes at most 0"
    unbounded = "  - call: f\n  - for: i\n    in: input.xs\n    do: [{call: f}]"
    assert calls(unbounded) == "calls: no bound: x.yaml:4:5 is a loop of unknown length"
