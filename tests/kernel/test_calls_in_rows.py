"""Tokens of one fork whose calls leave and end in rows: the same as each call by itself.

Replay takes every result by the long way, one after the other; a run takes rows of them by a short
one. Both must come to the same effects, in the same order.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from runeskript.compiler.pipeline import Options, compile_text
from runeskript.errors import StepError
from runeskript.kernel import Program, advance, load, new_run, replay
from runeskript.model.batches import unfold_effects, unfold_events
from runeskript.model.effects import CallsOut, Effect
from runeskript.model.events import CallDone, CallsDone, Event
from runeskript.testing import HANG, After, Simulation
from support import any_handlers

CATALOG = any_handlers("one", "two", "undo", "free")


def program_of(document: dict[str, Any]) -> Program:
    """Without the passes that would change what this is about."""
    return load(compile_text(json.dumps(document), "p.json", CATALOG, Options(passes=())).blueprint)


def effects_of(code: Program, events: Sequence[Event], *, replaying: bool) -> list[Effect]:
    run = new_run(code)
    run.replaying = replaying
    ready = advance(code, run, events, turns=1_000_000)
    assert not ready.more
    return list(unfold_effects(ready.effects))


@st.composite
def cases(draw: Any) -> tuple[dict[str, Any], list[Any]]:
    """A document around a parallel `for` of two or three calls, and what they answer."""
    pick = lambda *options: draw(st.sampled_from(options))  # noqa: E731
    first: dict[str, Any] = {"call": "one", "with": {"i": "${i}"}, "into": "r"}
    second: dict[str, Any] = {"call": "two", "with": {"i": "${i}", "r": "${r}"}}
    if pick(True, False):
        second["with"]["x"] = "${12 // (i - 2)}"
    if pick(False, True):
        second["timeout"] = pick("5ms", "${i + 3}")
        if second["timeout"].startswith("$"):
            second["timeout"] = "6ms"
    if pick(False, True):
        first["retry"] = {"max": 2, "backoff": "1ms"}
    if pick(False, False, True):
        first["undo"] = {"call": "undo", "with": {"i": "${i}"}}
    body: list[dict[str, Any]] = [first, second]
    if pick(False, True):
        body.insert(pick(1, 2), {"call": "free"})
    if pick(False, False, True):
        body.insert(1, {"set": {"r": "${[r]}"}})
    if pick(False, False, True):
        body = [{"try": body, "catch": [{"do": [{"call": "free", "with": {"e": 1}}]}]}]
    if pick(False, True):
        body.append({"yield": "i"})
    loop: dict[str, Any] = {
        "for": "i",
        "in": f"range({pick(1, 3, 6)})",
        "parallel": pick(True, True, 2),
        "join": pick("all", "all", "any", 2),
        "do": body,
    }
    inner: list[dict[str, Any]] = [loop]
    if pick(False, True):
        inner = [{"parallel": {"a": inner, "b": [{"call": "free"}, dict(loop)]}}]
    if pick(False, True):
        inner = [{"try": inner, "catch": [{"do": [{"call": "free"}]}]}]
    kinds = ["ok", "ok", "ok", "1", "3", "boom", "hang"]
    answers = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=7))
    return {"skript": "p", "do": [*inner, {"return": 1}]}, answers


def mocks(answers: Sequence[str]) -> dict[str, Any]:
    number = 0

    def answer(params: dict[str, Any]) -> Any:
        nonlocal number
        number += 1
        kind = answers[number % len(answers)]
        if kind == "boom":
            raise StepError("boom", "no", retryable=True)
        if kind == "hang" and number % 3 == 0:
            return HANG
        return After(int(kind), [number]) if kind.isdigit() else [number]

    return {"one": answer, "two": answer, "undo": lambda p: 1, "free": lambda p: 1}


OPTIONS = settings(
    phases=[Phase.generate],
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@OPTIONS
@given(cases(), st.integers(0, 2**32))
def test_rows_are_what_they_stand_for(case: tuple[dict[str, Any], list[Any]], seed: int) -> None:
    document, answers = case
    code = program_of(document)
    simulation = Simulation(code, mocks(answers), shuffle=seed, turns=1_000_000)
    outcome = simulation.run(5_000)
    journal = outcome.journal
    single = list(unfold_events(journal))
    given_ = [e for e in journal if e is not outcome.run.finished]
    alone = [e for e in single if e is not outcome.run.finished]
    expected = effects_of(code, alone, replaying=True)
    for events in (given_, alone):
        for replaying in (True, False):
            assert effects_of(code, events, replaying=replaying) == expected
    for stored in (journal, single):
        assert replay(code, stored).finished == outcome.run.finished


def test_calls_of_one_fork_leave_and_end_in_rows() -> None:
    """What the property above is about does happen, in slices of any length."""
    loop = {"for": "i", "in": "range(5)", "parallel": True}
    body = [{"call": "one", "into": "r"}, {"call": "two", "with": {"r": "${r}"}}]
    code = program_of({"skript": "p", "do": [{**loop, "do": body}]})
    simulation = Simulation(code, turns=1_000_000)
    run = simulation.run_state
    (first,) = [e for e in effects_raw(code, simulation.journal) if isinstance(e, CallsOut)]
    assert (first.n, first.indexes, first.params) == (1, [0, 1, 2, 3, 4], None)
    done = CallsDone(0, (1,), 1, first.step, (4, 0, 2), ["a", "b", "c"])
    ready = advance(code, run, [done])
    assert ready.events == [done]
    (second,) = [e for e in ready.effects if isinstance(e, CallsOut)]
    assert (second.n, second.indexes) == (2, [4, 0, 2])
    assert second.params == [{"r": "a"}, {"r": "b"}, {"r": "c"}]
    # A slice of two turns ends in the middle of a row; what is left is taken by the next.
    done = CallsDone(0, (1,), 1, first.step, (1, 3, 1), ["d", "e", "again"])
    ready = advance(code, run, [done], turns=2)
    assert ready.more and ready.events == [done._replace(indexes=(1,), results=["d"])]
    ready = advance(code, run, [], turns=2)
    assert ready.events == [done._replace(indexes=(3,), results=["e"])]
    assert not advance(code, run).events, "a branch takes one result of a call"
    # Singles, one of which nobody waits for any more.
    singles = [CallDone(0, (1, i), 2, second.step, 1, None) for i in (0, 1, 2, 0, 3)]
    ready = advance(code, run, singles)
    assert ready.events == [e for k, e in enumerate(singles) if k != 3]
    last = CallDone(5, (1, 4), 2, second.step, 1, None)
    assert [type(e).__name__ for e in advance(code, run, [last, last]).events] == [
        "CallDone",
        "Finished",
    ]


def effects_raw(code: Program, journal: Sequence[Event]) -> list[Effect]:
    return advance(code, new_run(code), journal).effects
