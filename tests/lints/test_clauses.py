"""Clauses that never get their turn, and errors that vanish."""

from __future__ import annotations

import pytest

from lints.linting import codes, lints, said


def chain(*conditions: str) -> str:
    first, *rest = conditions
    elif_ = "".join(f'\n    - when: "{c}"\n      do: [{{log: y}}]' for c in rest)
    return f'- if: "{first}"\n  then: [{{log: x}}]\n  elif:{elif_}'


def catches(*whens: str) -> str:
    clauses = "".join(f'\n    - when: "{when}"\n      do: [{{log: x}}]' for when in whens)
    return f"- try: [{{call: safe}}]\n  catch:{clauses}"


def test_an_elif_that_asks_what_was_asked() -> None:
    found = lints(chain("input.a > 1", "input.b", "input.a > 1"))
    assert [(d.code, d.pointer) for d in found] == [("RUNE-3122", "/do/0/elif/1/when")]
    assert [span.line for span, _ in found[0].related] == [3]


@pytest.mark.parametrize(
    "conditions",
    [
        ("input.a", "input.b"),
        ("input.a > 1", "input.a > 0"),
        ("random() > 0.5", "random() > 0.5"),
    ],
)
def test_conditions_that_ask_different_things(conditions: tuple[str, ...]) -> None:
    assert codes(chain(*conditions)) == []


@pytest.mark.parametrize(
    ("first", "later", "dead"),
    [
        ("error.type == 'a.b'", "error.type == 'a.b'", True),
        ("startswith(error.type, 'http')", "error.type == 'http.404'", True),
        ("startswith(error.type, 'http.')", "startswith(error.type, 'http.5')", True),
        ("error.data.x", "error.data.x", True),
        ("error.type == 'http.404'", "startswith(error.type, 'http')", False),
        ("startswith(error.type, 'http.')", "error.type == 'http'", False),
        ("startswith(error.type, 'http.5')", "startswith(error.type, 'http')", False),
        ("error.type == 'http'", "error.type == 'http.404'", False),
        ("startswith(error.message, 'http')", "error.type == 'http.404'", False),
    ],
)
def test_a_catch_behind_one_that_takes_its_errors(first: str, later: str, dead: bool) -> None:
    wanted = ["RUNE-3122"] if dead else []
    assert codes(catches(first, later)) == wanted
    clauses = "".join(f'\n  - when: "{w}"\n    do: [{{log: x}}]' for w in (first, later))
    assert codes(f"skript: x\ndo: [{{call: safe}}]\ncatch:{clauses}\n") == wanted


@pytest.mark.parametrize(
    ("body", "dead"),
    [
        ("[{set: {_a: 1}}]", True),
        ("[{log: x}]", True),
        ("[]", True),
        ("[{log: '${input.x}'}]", False),
        ("[{set: {_a: '${input.x}'}}]", False),
        ("[{if: input.x, log: x}]", False),
        ("[{log: x, timeout: 1s}]", False),
        ("[{do: [{log: x}]}]", False),
        ("[{call: safe}]", False),
    ],
)
def test_a_catch_around_what_cannot_fail(body: str, dead: bool) -> None:
    found = said(f"- try: {body}\n  catch: [{{do: [{{log: x}}]}}]", "RUNE-3122")
    assert found == (["this is never reached: nothing in the `try` can fail"] if dead else [])
    assert said(f"- try: {body}\n  finally: [{{log: x}}]", "RUNE-3122") == []


SWITCH = """\
skript: x
input: {{type: object, properties: {{n: {{type: integer}}, level: {{enum: [vip, member]}}}}}}
do:
  - switch: input.{subject}
    cases:
      - is: {values}
        do: [{{log: x}}]
  - log: ${{input}}
"""


@pytest.mark.parametrize(
    ("subject", "values", "found"),
    [
        ("n", "[1, 2]", []),
        ("n", "[1, '2']", ["this case is never reached: int never equals text"]),
        ("n", "[1.0, null]", []),
        ("level", "vip", []),
        ("level", "[vip, VIP]", ["this case is never reached: `input.level` is never 'VIP', only "
                                 "one of 'vip', 'member'"]),
        ("level", "null", []),
        ("other", "[1, a]", []),
    ],
)  # fmt: skip
def test_cases_the_subject_cannot_have(subject: str, values: str, found: list[str]) -> None:
    assert said(SWITCH.format(subject=subject, values=values), "RUNE-3122") == found


@pytest.mark.parametrize(
    ("clause", "found"),
    [
        ("{do: []}", ["RUNE-3123"]),
        ("{when: error.data, do: []}", []),
        ("{do: [{log: '${error.message}'}]}", []),
    ],
)
def test_errors_that_vanish(clause: str, found: list[str]) -> None:
    assert codes(f"- try: [{{call: safe}}]\n  catch: [{clause}]") == found
    assert codes(f"skript: x\ndo: [{{call: safe}}]\ncatch: [{clause}]\n") == found
