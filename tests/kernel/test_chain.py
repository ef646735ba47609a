"""Steps one after the other: from result to call by the short way, the same as by the long one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from runeskript.compiler.pipeline import Options, compile_text
from runeskript.errors import StepError
from runeskript.kernel import Halt, Program, advance, chain, load, new_run, next_call, replay, vm
from runeskript.model.effects import CallOut, Effect
from runeskript.model.events import CallDone, Event
from runeskript.model.run import Run
from runeskript.model.snapshot import encode_run
from runeskript.testing import After, Simulation
from support import any_handlers

CATALOG = any_handlers("one", "two", "undo", "free")
#: Units of work of a region, so few that documents of a page can use them up.
WORK = 400


@st.composite
def cases(draw: Any) -> tuple[dict[str, Any], list[str], int]:
    """Steps in sequence, loops and branches around them; answers; turns of a slice."""
    pick = lambda *options: draw(st.sampled_from(options))  # noqa: E731

    def step(depth: int) -> dict[str, Any]:
        kind = pick(*range(6 if depth > 1 else 13))
        if kind < 3:
            call: dict[str, Any] = {"call": pick("one", "two"), "into": pick("r", "q")}
            if pick(True, False):
                call["with"] = {"n": "${n}", "x": pick("${r}", "${12 // (n - 2)}", "${q[0]}")}
            if pick(False, False, True):
                call["retry"] = {"max": 2, "backoff": "1ms"}
            if pick(False, False, True):
                call["timeout"] = pick("5ms", "6ms")
            if pick(False, False, False, True):
                call["undo"] = {"call": "undo", "with": {"n": "${n}"}}
            return call
        if kind == 3:
            return {"set": {"n": pick("${n + 1}", "${n - 1}", "${5 // (n - 3)}")}}
        if kind == 4:
            return {"set": {"q": pick("${[x for x in range(150)]}", "${[n, r]}", "${'ab'}")}}
        if kind == 5:
            return pick({"log": "${n}"}, {"wait": "1ms"}, {"call": "free"})
        body = [step(depth + 1) for _ in range(pick(1, 2))]
        if kind < 9:
            return {"for": f"i{depth}", "in": f"range({pick(0, 2, 3)})", "do": body}
        if kind == 9:
            return {"while": "w < 6", "do": [*body, {"set": {"w": "${w + 1}"}}]}
        if kind == 10:
            return {"if": "n < 3", "then": body, "else": [step(depth + 1)]}
        if kind == 11:
            return {"parallel": {"a": [{"call": "free"}], "b": [{"call": "two"}]}}
        return {"try": body, "catch": [{"do": [step(depth + 1)]}]}

    steps = [step(0) for _ in range(pick(2, 3, 5))]
    variables = {"n": 0, "w": 0, "r": 1, "q": []}
    document = {"skript": "p", "vars": variables, "do": [*steps, {"return": "${n}"}]}
    answers = draw(st.lists(st.sampled_from(["ok", "ok", "3", "boom"]), min_size=1, max_size=5))
    return document, answers, pick(2, 5, 1_000_000)


def mocks(answers: Sequence[str]) -> dict[str, Any]:
    number = 0

    def answer(params: dict[str, Any]) -> Any:
        nonlocal number
        number += 1
        kind = answers[number % len(answers)]
        if kind == "boom":
            raise StepError("boom", "no", retryable=True)
        return After(int(kind), [number]) if kind.isdigit() else number

    return {"one": answer, "two": answer, "undo": lambda p: 1, "free": lambda p: 1}


def by_hand(code: Program, run: Run, event: Event, turns: int) -> tuple[list[Event], list[Effect]]:
    """As the driver takes a result: the call it leads to, or a slice that goes on from there."""
    found = next_call(code, run, event, turns) if isinstance(event, CallDone) else None
    if isinstance(found, CallOut):
        return [event], [found]
    ready = advance(code, run, () if found else [event], turns, found)
    events, effects = ready.events, ready.effects
    while ready.more:
        ready = advance(code, run, (), turns)
        events, effects = events + ready.events, effects + ready.effects
    return events, effects


def told(
    code: Program, inputs: Sequence[Event], turns: int, *, short: bool, hand: bool = False
) -> list[Any]:
    """Events, effects and the whole run behind each input."""
    run, found = new_run(code), []
    for event in inputs:
        if hand:
            events, effects = by_hand(code, run, event, turns)
        else:
            with pytest.MonkeyPatch.context() as patch:
                if not short:
                    patch.setattr(vm, "next_call", lambda *args: None)
                ready = advance(code, run, [event], turns)
                events, effects = ready.events, ready.effects
                while ready.more:
                    ready = advance(code, run, (), turns)
                    events, effects = events + ready.events, effects + ready.effects
        state = None if run.finished else encode_run(run, code.digest, len(found))
        found.append((events, effects, state))
    return found


OPTIONS = settings(
    phases=[Phase.generate],
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@OPTIONS
@given(cases(), st.booleans())
def test_the_short_way_is_the_long_one(
    case: tuple[dict[str, Any], list[str], int], fused: bool
) -> None:
    document, answers, turns = case
    options = Options() if fused else Options(passes=())
    compiled = compile_text(json.dumps(document), "p.json", CATALOG, options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vm, "PURE_WORK", WORK)
        patch.setattr(chain, "PURE_WORK", WORK)
        code = load(compiled.blueprint)
        outcome = Simulation(code, mocks(answers), turns=turns).run(2_000)
        end = outcome.run.finished
        inputs = [event for event in outcome.journal if event is not end]
        expected = told(code, inputs, turns, short=False)
        assert told(code, inputs, turns, short=True) == expected
        assert told(code, inputs, turns, short=False, hand=True) == expected
        assert replay(code, outcome.journal).finished == end


def test_what_the_property_is_about_does_happen() -> None:
    """A call leads to the next one; one with more behind it stops where that begins, with the work
    that is left, or with what was raised there.
    """
    text = {
        "skript": "p",
        "vars": {"n": 0, "r": 0},
        "do": [
            {"for": "i", "in": "range(2)", "do": [{"call": "one", "into": "r"}]},
            {"set": {"n": "${[x for x in range(100)]}"}},
            {"call": "two"},
            {"log": "between"},
            {"call": "two"},
            {"set": {"n": "${1 // len(r)}"}},
        ],
    }
    code = load(compile_text(json.dumps(text), "p.json", CATALOG, Options(passes=())).blueprint)
    simulation = Simulation(code)
    (call,) = simulation.calls
    kinds: list[Any] = []
    for number in range(4):
        event = CallDone(0, (), call.n, call.step, 1, [])
        found = next_call(code, simulation.run_state, event, 1_000)
        kinds.append(type(found))
        if isinstance(found, Halt):
            assert (found.raised is not None) == (number == 3)
            ready = advance(code, simulation.run_state, (), 1_000, found)
            assert ready.events[0] == event
            calls = [one for one in ready.effects if isinstance(one, CallOut)]
            found = calls[0] if calls else None
        if isinstance(found, CallOut):
            call = found
    assert kinds == [CallOut, CallOut, Halt, Halt]


def test_work_is_counted_across_the_place_where_it_stops() -> None:
    heavy = {"set": {"q": "${[x for x in range(250)]}"}}
    steps = [{"call": "one"}, heavy, {"log": "between"}, heavy]
    text = json.dumps({"skript": "p", "vars": {"q": []}, "do": steps})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vm, "PURE_WORK", WORK)
        patch.setattr(chain, "PURE_WORK", WORK)
        code = load(compile_text(text, "p.json", CATALOG, Options(passes=())).blueprint)
        simulation = Simulation(code)
        (call,) = simulation.calls
        inputs = [*simulation.journal, CallDone(0, (), call.n, call.step, 1, None)]
        for short, hand in ((False, False), (True, False), (False, True)):
            *_, (events, _, _) = told(code, inputs, 1_000, short=short, hand=hand)
            assert events[-1].error["type"] == "limit.work"
