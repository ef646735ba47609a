"""A cancel or a deadline stops a fused loop at the turn it would stop the loop at unfused."""

from __future__ import annotations

import pytest

from kernel.interrupting import check_every_place
from runeskript.compiler.pipeline import Options
from runeskript.expr import turns
from runeskript.kernel import advance, load, loops, new_run, replay, vm
from runeskript.model.events import Started
from support import compile_yaml

SIMPLE = """
skript: simple
vars: {n: 0, seen: []}
do:
  - try:
      - while: n < 9
        do: [{set: {n: "${n + 1}"}}]
      - set: {seen: "${seen + [n]}"}
      - for: x
        in: range(6)
        do: [{set: {n: "${n + x}"}}]
    finally: [{log: "${n} ${seen}"}]
"""
NESTED = """
skript: nested
vars: {n: 0, m: 0, out: []}
do:
  - try:
      - for: x
        index: i
        in: "[3, 0, 2, 1.5]"
        collect: out
        do:
          - set: {m: 0}
          - if: i != 1
            then:
              - while: m < x
                do:
                  - set: {m: "${m + 1}"}
                  - {continue: null, if: m == 2}
                  - set: {n: "${n + m}"}
              - for: y
                in: range(i)
                do:
                  - {break: null, if: y == 2}
                  - set: {n: "${n * 3 % 101}"}
            else:
              - while: m < 2
                do: [{set: {m: "${m + 1}"}}]
          - yield: "[n, m]"
    finally: [{log: "${n} ${m} ${out}"}]
"""
FAILING = """
skript: failing
vars: {n: 0}
do:
  - try:
      - for: x
        in: "[1, 2, 'three', 4]"
        do:
          - while: n % 5 != 4
            do: [{set: {n: "${n + 1}"}}]
          - set: {n: "${n + x}"}
    catch: [{do: [{log: "${error.step} ${error.type} ${n}"}]}]
"""
WORKING = """
skript: working
vars: {n: 0, text: ""}
do:
  - try:
      - while: n < 12
        do:
          - set: {text: "${join([str(i) for i in range(40)], ',')}", n: "${n + 1}"}
    finally: [{log: "${n} ${len(text)}"}]
"""
TIMED = """
skript: timed
vars: {n: 0}
do:
  - try:
      - do:
          - while: n < 40
            do: [{set: {n: "${n + 1}"}}]
          - set: {n: 100}
        timeout: 1s
    catch: [{do: [{log: "${error.type} ${n}"}]}]
    finally: [{log: "${n}"}]
"""


@pytest.mark.parametrize(
    ("text", "least"), [(SIMPLE, 16), (NESTED, 15), (FAILING, 9), (WORKING, 3), (TIMED, 30)]
)
def test_a_cancel_at_every_place(text: str, least: int) -> None:
    assert check_every_place(text) >= least


def test_a_deadline_at_every_place() -> None:
    assert check_every_place(TIMED, deadline=True) >= 30


def test_the_turns_of_a_token_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fused or not, the same turn is one too many, and the error names the loop."""
    monkeypatch.setattr(loops, "LOOP_TURNS", 20)
    monkeypatch.setattr(turns, "LOOP_TURNS", 20)
    monkeypatch.setattr(vm, "MOST_TURNS", 40)
    text = (
        "skript: x\nvars: {n: 0}\ndo:\n  - id: spin\n    while: true\n    do:\n"
        "      - set: {n: '${n + 1}'}\n"
    )
    for passes in (None, ()):
        program = load(compile_yaml(text, options=Options(passes=passes)).blueprint)
        run = new_run(program)
        start = Started(0, program.digest, {"id": "j"}, None, {}, "00" * 16)
        ready = advance(program, run, [start])
        assert ready.finished is not None and ready.finished.error is not None
        error = ready.finished.error
        assert (error["type"], error["step"]) == ("limit.work", "spin")
        assert replay(program, ready.events).finished == ready.finished
