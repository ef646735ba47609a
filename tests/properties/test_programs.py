"""Properties of whole programs, drawn at random; RUNE_FUZZ=N multiplies the number of examples."""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from properties.programs import EVERYTHING, HANDLERS, Features, handlers, programs
from runeskript.compiler.pipeline import Options, compile_text
from runeskript.kernel import Program, load, replay
from runeskript.model.events import CallDone, CancelRequested, Event, Finished, Started
from runeskript.model.journal import from_record, to_record
from runeskript.testing import Outcome, Simulation
from support import any_handlers

FUZZ = int(os.environ.get("RUNE_FUZZ", "1"))
pytestmark = pytest.mark.timeout(300 * FUZZ)
CATALOG = any_handlers(*HANDLERS)
CALM = Features(errors=False, clocked=False, any_joins=False, undo=False)


def examples(number: int) -> settings:
    """Fixed examples, unshrunk; with RUNE_FUZZ other ones each time, and small failing programs."""
    phases = [Phase.generate, *([Phase.shrink] if FUZZ > 1 else [])]
    return settings(
        phases=phases,
        max_examples=number * FUZZ,
        deadline=None,
        derandomize=FUZZ == 1,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def compiled(program: dict[str, Any], **options: Any) -> Program:
    """Compiled without an error, and accepted by the verifier."""
    text = json.dumps(program, indent=1)
    return load(compile_text(text, "random.json", CATALOG, Options(**options)).blueprint)


def run(
    code: Program,
    *,
    cancel: int | None = None,
    mutate: bool = False,
    features: Features = EVERYTHING,
    **options: Any,
) -> Outcome:
    simulation = Simulation(code, handlers(features, mutate=mutate), **options)
    if cancel is not None:
        for _ in range(cancel):
            simulation.step()
        simulation.cancel()
    outcome = simulation.run(20_000)
    assert outcome.status != "Running", "every program ends"
    return outcome


def events(outcome: Outcome) -> list[Event]:
    """The journal without what names the Blueprint."""
    first, *rest = outcome.journal
    assert isinstance(first, Started)
    return [first._replace(blueprint=""), *rest]


def check_replay(code: Program, outcome: Outcome) -> None:
    """The journal as it is stored gives the same events and the same end."""
    stored = [from_record(to_record(event)) for event in outcome.journal]
    assert stored == outcome.journal
    again = replay(code, stored)
    assert again.finished == outcome.journal[-1]


@examples(25)
@given(programs())
def test_program_means_one_thing(program: dict[str, Any]) -> None:
    """Replay, slices, the optimizer and spoilt parameters change nothing of what happens."""
    code = compiled(program)
    outcome = run(code)
    check_replay(code, outcome)
    sliced = run(code, turns=1)
    assert sliced.journal == outcome.journal
    plain = compiled(program, passes=())
    unoptimised = run(plain)
    assert events(unoptimised) == events(outcome)
    assert unoptimised.trace == outcome.trace
    spoilt = run(code, mutate=True)
    assert spoilt.trace == outcome.trace


@examples(20)
@given(programs(CALM), st.integers(0, 2**32))
def test_all_joins_do_not_depend_on_the_order(program: dict[str, Any], seed: int) -> None:
    """Where every join is `all` and nothing fails, completions may come in any order."""
    code = compiled(program)
    outcome = run(code, features=CALM)
    shuffled = run(code, features=CALM, shuffle=seed)
    check_replay(code, shuffled)
    assert shuffled.status == outcome.status == "Completed"
    assert shuffled.output == outcome.output


@examples(30)
@given(programs(), st.integers(0, 25), st.sampled_from([1, 3, 20_000]), st.integers(0, 2**32))
def test_cancel_leaves_nothing_behind(
    program: dict[str, Any], steps: int, turns: int, seed: int
) -> None:
    """Cancelled anywhere: undos and finallys run once each, and replay stops at the same place."""
    code = compiled(program)
    outcome = run(code, cancel=steps, turns=turns, shuffle=seed)
    check_replay(code, outcome)
    check_undos(outcome)
    check_finallys(outcome)
    accepted = any(isinstance(event, CancelRequested) for event in outcome.journal)
    assert (outcome.status == "Cancelled") == accepted
    plain = run(compiled(program, passes=()), cancel=steps, turns=turns, shuffle=seed)
    assert events(plain) == events(outcome)


@examples(20)
@given(programs(), st.integers(0, 2**32))
def test_failed_runs_are_undone(program: dict[str, Any], seed: int) -> None:
    """In any order of completions: what a run that did not complete has booked is undone once."""
    code = compiled(program)
    outcome = run(code, shuffle=seed)
    check_replay(code, outcome)
    check_undos(outcome)
    check_finallys(outcome)


def check_undos(outcome: Outcome) -> None:
    """Each undo runs at most once; all of them where the run did not complete."""
    booked = {
        (*call.path, call.n, -1)
        for call in outcome.calls
        if call.handler == "book"
        and any(
            isinstance(event, CallDone) and (event.path, event.n) == (call.path, call.n)
            for event in outcome.journal
        )
    }
    undone = Counter(
        call.path
        for call in outcome.calls
        if call.handler in ("undo", "broken") and call.attempt == 1
    )
    assert all(number == 1 for number in undone.values())
    assert set(undone) <= booked
    if outcome.status != "Completed":
        assert set(undone) == booked


def check_finallys(outcome: Outcome) -> None:
    """Every try that was entered ran its finally, once."""
    entered = Counter(text[6:] for text in outcome.logs if text.startswith("enter "))
    left = Counter(text[6:] for text in outcome.logs if text.startswith("leave "))
    assert entered == left


def test_programs_show_what_they_are_for() -> None:
    """The generator is no toy: all the verbs it can draw turn up, and so do all kinds of ends."""
    seen: Counter[str] = Counter()

    @settings(max_examples=25, deadline=None, derandomize=True, database=None)
    @given(programs(), st.integers(0, 12))
    def look(program: dict[str, Any], steps: int) -> None:
        text = json.dumps(program)
        for word in (
            '"parallel": {',
            '"parallel": true',
            '"finally"',
            '"catch"',
            '"while"',
            '"switch"',
            '"undo"',
            '"retry"',
            '"timeout"',
            '"collect"',
            '"break"',
            '"compensate"',
            '"join": "any"',
        ):
            seen[word] += word in text
        seen[run(compiled(program), cancel=steps).status] += 1

    look()
    assert all(seen[word] for word in seen), seen
    assert {"Completed", "Failed", "Cancelled"} <= set(seen)


def test_finished_is_always_last() -> None:
    """A journal ends with Finished and holds it once."""
    code = compiled({"skript": "x", "do": [{"return": 1}]})
    journal = run(code).journal
    assert [isinstance(event, Finished) for event in journal] == [False, True]
