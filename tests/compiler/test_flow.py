"""The data-flow analysis: what is set where, on every kind of path."""

from __future__ import annotations

import textwrap

import pytest

from runeskript.compiler.pipeline import check_text
from runeskript.model.codes import CODES
from support import any_handlers


def findings(steps: str, head: str = "") -> list[str]:
    body = textwrap.indent(textwrap.dedent(steps).strip("\n"), "  ")
    text = f"skript: flow\n{textwrap.dedent(head)}do:\n{body}\n"
    found = check_text(text, "flow.yaml", any_handlers("f", "g"))
    return [f"{CODES[d.code].name}:{d.severity[0]}" for d in found]


NEVER, MAYBE = "never-set:e", "maybe-unset:w"
LOST, LOST_ERROR = "lost-write:w", "lost-write:e"
TWICE = "yields-twice:e"

SET = [
    ("if with both branches", """
     - if: input.a
       then: [{set: {x: 1}}]
       else: [{set: {x: 2}}]
     - log: ${x}
     """),
    ("if whose other branch never goes on", """
     - if: input.a
       then: [{set: {x: 1}}]
       else: [{raise: {type: no.a}}]
     - log: ${x}
     """),
    ("switch with else", """
     - switch: input.a
       cases: [{is: 1, do: [{set: {x: 1}}]}]
       else: [{set: {x: 2}}]
     - log: ${x}
     """),
    ("endless loop left by break", """
     - while: true
       do:
         - call: f
           into: x
         - if: x.ok
           break:
     - log: ${x}
     """),
    ("try that sets in body and clause", """
     - try: [{call: f, into: x}]
       catch: [{do: [{set: {x: null}}]}]
     - log: ${x}
     """),
    ("try whose clause raises", """
     - try: [{call: f, into: x}]
       catch: [{do: [{raise: {type: no.x}}]}]
     - log: ${x}
     """),
    ("try with finally: the way that completed has it", """
     - try: [{call: f, into: x}]
       finally: [{log: done}]
     - log: ${x}
     """),
    ("finally that sets for every way", """
     - try: [{call: f}]
       catch: [{do: [{log: failed}]}]
       finally: [{set: {x: 1}}]
     - log: ${x}
     """),
    ("nested finally", """
     - try:
         - try: [{call: f, into: x}]
           finally: [{call: g, into: y}]
       finally:
         - try: [{call: f}]
           catch: [{do: [{log: no}]}]
           finally: [{log: done}]
     - log: ${x} ${y}
     """),
    ("break through finally", """
     - while: true
       do:
         - try:
             - call: f
               into: x
             - if: x.ok
               break:
           finally: [{log: turn}]
     - log: ${x}
     """),
    ("continue in a collecting loop", """
     - for: i
       in: range(3)
       collect: xs
       do:
         - if: i == 1
           continue:
         - yield: i
     - log: ${xs}
     """),
    ("branches of a join of all", """
     - parallel:
         a: [{call: f, into: x}]
         b: [{if: input.b, then: [{set: {y: 1}}], else: [{set: {y: 2}}]}]
     - log: ${x} ${y}
     """),
    ("a branch sees what was set before the fork", """
     - set: {x: 1}
     - parallel:
         a: [{log: "${x}"}]
     """),
    ("own writes of an iteration", """
     - for: i
       in: range(3)
       parallel: 2
       do:
         - set: {x: "${i}"}
         - log: ${x}
     - for: i
       in: range(3)
       parallel: 2
       do:
         - set: {x: "${i}"}
         - log: ${x}
     """),
    ("undo sees the result of its call", """
     - call: f
       into: x
       undo: {call: g, with: {x: "${x}"}}
     """),
    ("set again after a parallel body wrote it", """
     - set: {x: 0}
     - for: i
       in: range(3)
       parallel: 2
       do: [{set: {x: "${i}"}}]
     - set: {x: 1}
     - log: ${x}
     """),
    ("a reducer is always set", """
     - for: i
       in: range(3)
       parallel: 2
       do: [{set: {total: "${i}"}}]
     - log: ${total}
     """),
]  # fmt: skip

UNSET = [
    ("before it is set", [NEVER], "- log: ${x}\n- set: {x: 1}"),
    ("its own first value", [NEVER], "- set: {x: '${x + 1}'}"),
    ("a path below nothing", [NEVER], "- set: {x.a: 1}"),
    ("modifier", [MAYBE], "- if: input.a\n  set: {x: 1}\n- log: ${x}"),
    ("into of a skipped call", [MAYBE], "- if: input.a\n  call: f\n  into: x\n- log: ${x}"),
    ("reported once", [MAYBE], "- if: input.a\n  set: {x: 1}\n- log: ${x}\n- log: ${x}"),
    ("switch without else", [MAYBE], """
     - switch: input.a
       cases: [{is: 1, do: [{set: {x: 1}}]}]
     - log: ${x}
     """),
    ("loop that may not turn", [MAYBE], """
     - for: i
       in: range(input.n)
       do: [{set: {x: 1}}]
     - log: ${x}
     """),
    ("set later in the loop", [MAYBE], """
     - for: i
       in: range(3)
       do:
         - log: ${x}
         - set: {x: 1}
     """),
    ("clause sees what the body may have set", [MAYBE], """
     - try:
         - call: f
           into: x
         - call: g
       catch: [{do: [{log: "${x}"}]}]
     """),
    ("the failing call has set nothing", [NEVER], """
     - try: [{call: f, into: x}]
       catch: [{do: [{log: "${x}"}]}]
     """),
    ("finally sees any way", [MAYBE], """
     - try:
         - call: f
           into: x
       finally: [{log: "${x}"}]
     """),
    ("after a clause that does not set it", [MAYBE], """
     - try: [{call: f, into: x}]
       catch: [{do: [{log: no}]}]
       finally: [{log: done}]
     - log: ${x}
     """),
    ("what a sibling sets", [NEVER], """
     - parallel:
         a: [{set: {x: 1}}]
         b: [{log: "${x}"}]
     """),
    ("branch that sets on one path", [MAYBE], """
     - parallel:
         a: [{if: input.a, set: {x: 1}}]
     - log: ${x}
     """),
    ("lost write, nothing else", [LOST_ERROR], """
     - for: i
       in: range(3)
       parallel: true
       do: [{set: {x: 1}}]
     - log: ${x}
     """),
    ("lost write, value from before", [LOST], """
     - set: {x: 0}
     - parallel:
         a: [{set: {x: 1}}]
         b: [{set: {x: 2}}]
       join: 1
     - log: ${x}
     """),
    ("lost write in a loop, read in its next turn", [LOST], """
     - set: {x: 0}
     - while: input.go
       do:
         - for: i
           in: range(3)
           parallel: true
           do: [{set: {x: "${x + i}"}}]
     """),
    ("what an undo writes", [NEVER], """
     - call: f
       undo: {set: {x: 1}}
     - log: ${x}
     """),
    ("second yield", [TWICE], """
     - for: i
       in: range(3)
       collect: xs
       do:
         - yield: 1
         - yield: 2
     - log: ${xs}
     """),
    ("yield of a branch inside a loop", [TWICE], """
     - parallel:
         a:
           - for: i
             in: range(3)
             do: [{yield: i}]
       into: r
     - log: ${r}
     """),
]  # fmt: skip

HEAD = "vars: {total: {init: 0, reduce: sum}}\n"


@pytest.mark.parametrize("steps", [s for _, s in SET], ids=[n for n, _ in SET])
def test_set_on_every_path(steps: str) -> None:
    assert findings(steps, HEAD) == []


@pytest.mark.parametrize(
    ("expected", "steps"), [(e, s) for _, e, s in UNSET], ids=[n for n, _, _ in UNSET]
)
def test_not_set(expected: list[str], steps: str) -> None:
    assert findings(steps) == expected


def test_a_yield_that_ends_the_loop_is_the_only_one() -> None:
    steps = """
    - parallel:
        a:
          - for: i
            in: range(3)
            do:
              - if: i == input.n
                then:
                  - yield: i
                  - break:
      into: r
    - log: ${r}
    """
    assert findings(steps) == []


def test_one_unreachable_step_is_one_finding() -> None:
    steps = """
    - return: 1
    - set: {x: 1}
    - log: ${x}
    - log: ${x}
    """
    assert findings(steps) == ["unreachable:e"]
