"""What is declared, set or fetched and never read."""

from __future__ import annotations

import pytest

from lints.linting import codes, lints, said


@pytest.mark.parametrize(
    ("steps", "names"),
    [
        ("- set: {a: 1}", ["a"]),
        ("- set: {a: 1, b: '${a}'}", ["b"]),
        ("- set: {_a: 1}", []),
        ("- set: {a: 1}\n- set: {a: 2}", ["a"]),
        ("- set: {a: 1}\n- set: {a: '${a + 1}'}", ["a"]),
        ("- set: {a: 1}\n- set: {a: '${a + 1}'}\n- log: ${a}", []),
        ("- set: {a: {}, a.b: 1}", ["a"]),
        ("- set: {a: [1]}\n- set: {'a[0]': '${a[0] + 1}'}", []),
        ("- set: {k: x, a: {}}\n- set: {'a[k]': 1}\n- return: ${a}", []),
        ("- call: f\n  into: r", ["r"]),
        ("- call: f\n  into: r\n  undo: {call: g, with: {id: '${r.id}'}}", []),
        ("- for: i\n  in: [1]\n  collect: all\n  do: [{yield: i}]", ["all"]),
        ("- parallel: {a: [{yield: 1}]}\n  into: both", ["both"]),
        ("- listen: t\n  into: m", ["m"]),
        ("- for: i\n  in: [1]\n  do: [{log: x}]", []),
        ("- for: i\n  index: n\n  in: [1]\n  do: [{log: '${i}'}]", ["n"]),
        ("- for: i\n  index: _n\n  in: [1]\n  do: [{log: '${i}'}]", []),
    ],
)
def test_variables_that_nobody_reads(steps: str, names: list[str]) -> None:
    messages = said(steps, "RUNE-3110")
    assert len(messages) == len(names)
    assert all(f"`{name}`" in message for name, message in zip(names, messages, strict=True))


def test_a_reducer_that_is_never_read() -> None:
    text = (
        "skript: x\nvars: {hits: {init: 0, reduce: sum}}\n"
        "do:\n  - for: i\n    in: [1]\n    parallel: 2\n    do: [{set: {hits: 1}}]\n"
    )
    assert codes(text) == ["RUNE-3110"]
    assert codes(text + "  - return: ${hits}\n") == []


def test_functions_that_no_step_reaches() -> None:
    text = (
        "skript: x\nfunctions:\n  f(a): g(a)\n  g(a): a\n  lost(a): found(a)\n  found(a): lost(a)\n"
        "  same(n): n\ndo:\n  - log: ${f(1)} ${[same(n) for n in [1]]}\n"
    )
    assert [m.split("`")[1] for m in said(text, "RUNE-3111")] == ["lost", "found"]


def test_parameters_that_a_function_does_not_use() -> None:
    text = "skript: x\nfunctions:\n  f(a, b, _c): a\ndo:\n  - log: ${f(1, 2, 3)}\n"
    assert said(text, "RUNE-3111") == ["`f` does not use its parameter `b`"]
    inner = text.replace(": a\n", ": '[b for x in a]'\n")
    assert said(inner, "RUNE-3111") == []


@pytest.mark.parametrize(
    ("read", "found"),
    [
        ("${env.A}", ["/env/1"]),
        ("${env.A} ${env['B']}", []),
        ("${get(env, 'A')}", ["/env/1"]),
        ("${has(env, 'A') and env.B}", []),
        ("${env[input.which]}", []),
        ("${len(env)}", []),
        ("x", ["/env/0", "/env/1"]),
    ],
)
def test_env_names_that_nobody_reads(read: str, found: list[str]) -> None:
    rows = lints(f'skript: x\nenv: [A, B]\ndo:\n  - log: "{read}"\n')
    assert [(d.code, d.pointer) for d in rows] == [("RUNE-3112", p) for p in found]
    assert all(d.span.line == 2 for d in rows)


@pytest.mark.parametrize(
    ("read", "found"),
    [
        ("${input.a}", ["b"]),
        ("${input.a} ${input.b}", []),
        ("${input}", []),
        ("${[k for k in keys(input)]}", []),
        ("${get(input, 'b', 1)}", ["a"]),
    ],
)
def test_input_fields_that_nobody_reads_are_an_info(read: str, found: list[str]) -> None:
    head = "skript: x\ninput: {type: object, properties: {a: {}, b: {}}}\n"
    rows = lints(f'{head}do:\n  - log: "{read}"\n')
    assert [(d.code, d.severity) for d in rows] == [("RUNE-3113", "info")] * len(found)
    assert [d.message for d in rows] == [f"`input.{name}` is never read" for name in found]


def test_an_input_schema_without_fields_says_nothing() -> None:
    for schema in ("{type: object}", "{type: object, required: [a]}"):
        assert "RUNE-3113" not in codes(f"skript: x\ninput: {schema}\ndo:\n  - log: x\n")
