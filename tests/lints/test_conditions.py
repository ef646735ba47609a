"""Conditions and comparisons with one outcome."""

from __future__ import annotations

import pytest

from lints.linting import codes, lints, said

HEAD = """\
skript: x
input:
  type: object
  properties:
    n: {type: integer}
    s: {type: string}
    level: {enum: [vip, member, 3]}
    fixed: {const: a}
    open: {anyOf: [{enum: [a]}, {type: integer}]}
    place: {$ref: "#/$defs/place"}
  $defs: {place: {type: object, properties: {land: {enum: [de, fr]}}}}
functions: {'luck()': 'random()'}
do:
"""


def steps(text: str) -> str:
    uses = "  - log: ${[luck(), input]}\n"
    return HEAD + uses + "".join(f"  {line}\n" for line in text.splitlines())


def condition(text: str) -> str:
    return steps(f'- if: "{text}"\n  log: x')


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- if: true\n  log: x", "this condition is always true"),
        ("- if: 'false'\n  log: x", "this condition is always false"),
        ("- if: \"'false'\"\n  log: x", "this condition is always true"),
        ("- if: 0\n  then: [{log: x}]", "this condition is always false"),
        ("- if: input.s\n  then: [{log: x}]\n  elif: [{when: 1, do: [{log: y}]}]",
         "this condition is always true"),
        ("- while: false\n  do: [{log: x}]", "this condition is always false"),
        ("- listen: t\n  where: 1", "this condition is always true"),
        ("- try: [{call: safe}]\n  catch: [{when: true, do: [{log: x}]}]",
         "this condition is always true"),
        ("- for: i\n  in: '[]'\n  do: [{log: x}]", "this list is empty: the loop has no turn"),
        ("- for: i\n  in: []\n  do: [{log: x}]", "this list is empty: the loop has no turn"),
        ("- set: {z: null}\n- if: z\n  log: x", "this is always null, which counts as false"),
    ],
)  # fmt: skip
def test_a_condition_that_is_written_out(text: str, message: str) -> None:
    assert said(steps(text), "RUNE-3120") == [message]


@pytest.mark.parametrize(
    "text",
    [
        "- while: true\n  do: [{wait: 1s}]",
        "- while: 1\n  do: [{wait: 1s}]",
        "- if: input.s\n  log: x",
        "- for: i\n  in: [1]\n  do: [{log: x}]",
        "- for: i\n  in: input.list\n  do: [{log: x}]",
        "- set: {z: null}\n- call: safe\n  into: z\n- if: z\n  log: x",
    ],
)
def test_a_condition_that_asks_something(text: str) -> None:
    assert said(steps(text), "RUNE-3120") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("input.n == 'a'", "this is always false: int never equals text"),
        ("input.n != 'a'", "this is always true: int never equals text"),
        ("input.s in [1, 2]", "this is always false: text never equals int"),
        ("input.s == input.s", "this is always true: `input.s` is compared with itself"),
        ("input.n < input.n", "this is always false: `input.n` is compared with itself"),
        ("len(input.s) >= 0", "this is always true: a length is never negative"),
        ("len(input.s) < 0", "this is always false: a length is never negative"),
        ("input.n == 1 and input.n == 2", "this is always false: `input.n` is one value; write `or`"),
        ("input.n != 1 or input.n != 2", "this is always true: `input.n` is one value; write `and`"),
        ("input.level == 'VIP'", "`input.level` is never 'VIP', only one of 'vip', 'member', 3"),
        ("'VIP' == input.level", "`input.level` is never 'VIP', only one of 'vip', 'member', 3"),
        ("input.level in ['vip', 'mem']",
         "`input.level` is never 'mem', only one of 'vip', 'member', 3"),
        ("input.level == true", "this is always false: int or text never equals bool"),
        ("input.fixed != 'b'", "`input.fixed` is never 'b', only one of 'a'"),
        ("input.place.land == 'at'", "`input.place.land` is never 'at', only one of 'de', 'fr'"),
    ],
)  # fmt: skip
def test_a_comparison_with_one_outcome(text: str, message: str) -> None:
    assert message in said(condition(text), "RUNE-3121")


@pytest.mark.parametrize(
    "text",
    [
        "input.n == 1",
        "input.n == 1.0",
        "input.s == null",
        "input.s >= 'a'",
        "random() == random()",
        "luck() == luck()",
        "input.n == 1 or input.n == 2",
        "input.n != 1 and input.n != 2",
        "input.n == 1 and input.n == 1.0",
        "input.n == 1 and input.s == 'a'",
        "random() == 1 and random() == 2",
        "len(input.s) > 0",
        "0 < len(input.s)",
        "input.level == 3.0",
        "input.level == null",
        "input.level in ['vip', 3]",
        "input.open == 'b'",
        "input.unknown == 'a'",
        "input['level x'] == 'a'",
        "input.place.other == 1",
        "1 < input.n < 3",
    ],
)
def test_a_comparison_with_two_outcomes(text: str) -> None:
    assert said(condition(text), "RUNE-3121") in (
        [],
        ["this is always false: object never equals text"],
    )


def test_every_expression_is_looked_at_not_conditions_alone() -> None:
    text = steps("- return: \"${[x for x in [1] if x == 'a']} ${1 if input.s == 1 else 2}\"")
    assert len(said(text, "RUNE-3121")) == 2


def test_texts_a_variable_is_set_to() -> None:
    machine = (
        "- set: {state: new}\n- if: input.n\n  set: {state: old}\n- if: state == 'nwe'\n  log: x"
    )
    assert said(steps(machine), "RUNE-3121") == ["`state` is never 'nwe', only one of 'new', 'old'"]
    for more in (
        "- set: {state: '${input.s}'}",
        "- call: safe\n  into: state",
        "- set: {state.x: 1}",
    ):
        assert said(steps(f"{machine}\n{more}"), "RUNE-3121") == []


def test_a_constant_may_be_compared_with_what_it_might_be() -> None:
    assert said(steps("- set: {mode: fast}\n- if: mode == 'slow'\n  log: x"), "RUNE-3121") == []


@pytest.mark.parametrize(
    ("when", "found"),
    [
        ("error.type == 'cancel'", "this is always false: `cancel` cannot be caught"),
        ("error.type == 'limit.work'", "this is always false: `limit.work` cannot be caught"),
        ("startswith(error.type, 'limit.')", "this is always false: `limit.` cannot be caught"),
        ("error.type == 'http.5xx'",
         "no error has the type `http.5xx`: write startswith(error.type, 'http.5')"),
        ("error.type in ['timeout', 'http.4xx']",
         "no error has the type `http.4xx`: write startswith(error.type, 'http.4')"),
        ("error.type == 'http.503'", None),
        ("error.type != 'cancel'", None),
        ("startswith(error.type, 'http')", None),
    ],
)  # fmt: skip
def test_errors_that_no_clause_sees(when: str, found: str | None) -> None:
    for place in (f'- try: [{{call: safe}}]\n  catch: [{{when: "{when}", do: [{{log: x}}]}}]',):
        assert said(place, "RUNE-3121") == ([] if found is None else [found])
    text = f'skript: x\ndo: [{{call: safe}}]\ncatch: [{{when: "{when}", do: [{{log: x}}]}}]\n'
    assert said(text, "RUNE-3121") == ([] if found is None else [found])


def test_a_finally_may_ask_for_a_cancel() -> None:
    text = "- try: [{call: safe}]\n  finally: [{if: \"error.type == 'cancel'\", log: x}]"
    assert codes(text) == []


def test_the_same_text_is_reported_once() -> None:
    twice = "- if: input.n == 'a'\n  log: x\n" * 2
    assert len(lints(steps(twice))) == 1


def test_a_variable_set_to_itself() -> None:
    text = "- set: {a: 1}\n- set: {a: '${a}'}\n- log: ${a}"
    assert said(text, "RUNE-3114") == ["`a` is set to itself"]
    assert codes("- set: {a: {}}\n- set: {a.a: '${a}'}\n- log: ${a}") == []
