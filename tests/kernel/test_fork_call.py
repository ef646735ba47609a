"""FORKCALL means what tokens mean: same events, effects, results and errors, whatever happens."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from properties.differential import World, back, check_replay, front, simulate
from runeskript.compiler.pipeline import Options, compile_text
from runeskript.errors import StepError
from runeskript.kernel import Program, advance, load, new_run, replay
from runeskript.model.batches import unfold_effects, unfold_events
from runeskript.model.effects import CallsOut, Effect
from runeskript.model.events import CallDone, CallsDone, Event, Started
from runeskript.model.isa import Op
from runeskript.model.journal import from_record, to_record
from runeskript.testing import HANG, After, Outcome, Simulation
from support import any_handlers

CATALOG = any_handlers("work", "undo", "free")


def both(program: dict[str, Any]) -> tuple[Program, Program]:
    """The same document with FORKCALL and without."""
    text = json.dumps(program)
    made = []
    for passes in (None, ("join_pure",)):
        blueprint = compile_text(text, "p.json", CATALOG, Options(passes=passes)).blueprint
        made.append(load(blueprint))
    calls, tokens = made
    assert any(ins[0] == Op.FORKCALL for ins in calls.code)
    assert not any(ins[0] == Op.FORKCALL for ins in tokens.code)
    return calls, tokens


def mocks(answers: Sequence[Any]) -> dict[str, Any]:
    """Branch i answers by ``answers[i]``: one answer an attempt, the last one stays."""
    attempts: dict[int, int] = {}

    def work(params: dict[str, Any]) -> Any:
        i = params["i"]
        kinds = answers[i % len(answers)]
        kind = kinds[min(attempts.get(i, 0), len(kinds) - 1)]
        attempts[i] = attempts.get(i, 0) + 1
        params["i"] = "spoilt"
        params["o"].clear()
        if kind == "ok":
            return {"n": i, "l": [i]}
        if kind == "hang":
            return HANG
        if kind in ("boom", "late boom"):
            error = StepError("boom", f"from {i}", data={"i": i}, retryable=True)
            return error if kind == "boom" else After(3, error)
        return After(int(kind), {"n": i, "l": []})

    def work_or_raise(params: dict[str, Any]) -> Any:
        answer = work(params)
        if isinstance(answer, StepError):
            raise answer
        return answer

    return {"work": work_or_raise, "undo": lambda p: p, "free": lambda p: 1}


def effects_of(code: Program, journal: Sequence[Event]) -> list[Effect]:
    """Every effect of a run that takes these events, batches unfolded."""
    run = new_run(code)
    run.replaying = True
    run.inbox.extend(e for e in journal if type(e).__name__ != "Finished")
    found: list[Effect] = []
    while True:
        ready = advance(code, run)
        found.extend(unfold_effects(ready.effects))
        if not ready.more or run.finished is not None:
            return found


def moved(journal: Sequence[Event], to: Program) -> list[Event]:
    """A journal as if another Blueprint had written it."""
    first, *rest = journal
    assert isinstance(first, Started)
    return [first._replace(blueprint=to.digest), *rest]


def batched(journal: Sequence[Event], forks: set[tuple[int, ...]], seed: int) -> list[Event]:
    """Neighbouring completions of one fork joined at random."""
    rng = random.Random(seed)
    out: list[Event] = []
    for event in unfold_events(journal):
        if not isinstance(event, CallDone) or event.path[:-1] not in forks:
            out.append(event)
            continue
        if event.n != 1 or event.attempt != 1:
            out.append(event)
            continue
        last = out[-1]
        path, index = event.path[:-1], event.path[-1]
        if (
            isinstance(last, CallsDone)
            and last.path == path
            and last.at == event.at
            and rng.random() < 0.7
        ):
            out[-1] = last._replace(
                indexes=(*last.indexes, index), results=[*last.results, event.result]
            )
        else:
            out.append(CallsDone(event.at, path, 1, event.step, (index,), [event.result]))
    return out


def plain(journal: Sequence[Event]) -> list[Event]:
    first, *rest = unfold_events(journal)
    assert isinstance(first, Started)
    return [first._replace(blueprint=""), *rest]


def check_same(calls: Program, tokens: Program, outcome: Outcome, seed: int) -> None:
    """A journal of the one form is a journal of the other, with the same effects."""
    journal = outcome.journal
    stored = [from_record(to_record(event)) for event in journal]
    assert stored == journal
    assert replay(calls, stored).finished == outcome.run.finished
    single = moved(list(unfold_events(journal)), tokens)
    assert replay(tokens, single).finished == outcome.run.finished
    expected = effects_of(tokens, single)
    assert effects_of(tokens, moved(journal, tokens)) == expected, "batches are taken apart"
    assert effects_of(calls, journal) == expected
    assert effects_of(calls, moved(single, calls)) == expected
    forks = {e.path for e in advance_effects(calls, journal) if isinstance(e, CallsOut)}
    joined = batched(moved(single, calls), forks, seed)
    assert replay(calls, joined).finished == outcome.run.finished
    assert effects_of(calls, joined) == expected


def advance_effects(code: Program, journal: Sequence[Event]) -> list[Effect]:
    run = new_run(code)
    run.replaying = True
    run.inbox.extend(e for e in journal if type(e).__name__ != "Finished")
    found: list[Effect] = []
    while True:
        ready = advance(code, run)
        found.extend(ready.effects)
        if not ready.more or run.finished is not None:
            return found


# --- programs ---------------------------------------------------------------------------------
KINDS = ["ok", "ok", "ok", "1", "2", "7", "boom", "late boom", "hang"]


@st.composite
def cases(draw: Any) -> tuple[dict[str, Any], list[list[str]]]:
    """A document around one parallel `for` of single calls, and what the calls answer."""
    pick = lambda *options: draw(st.sampled_from(options))  # noqa: E731
    call: dict[str, Any] = {"call": "work", "with": {"i": "${i}", "o": "${o}"}}
    if pick(True, False):
        # Not every branch can compute its parameters.
        call["with"]["x"] = "${12 // (i - " + str(pick(2, 5, 9)) + ")}"
    draws = pick("nowhere", "nowhere", "after", "in it")
    if draws == "in it":
        call["with"]["x"] = "${random()}"
    if pick(True, False):
        call["retry"] = {"max": pick(2, 3), "backoff": pick("1ms", "2ms..9ms")}
    call["timeout"] = pick("4ms", "${i + 2}", "6ms")
    if isinstance(call["timeout"], str) and call["timeout"].startswith("$"):
        call["timeout"] = "5ms"
    body: list[dict[str, Any]] = [call]
    yields = pick("nothing", "result", "part", "faulty", "index")
    if yields != "nothing":
        call["into"] = "r"
        value = {"result": "r", "part": "r.n * 2", "faulty": "6 // (r.n - 1)", "index": "k"}
        body.append({"yield": value[yields]})
    if pick(False, False, True):
        call["into"] = "r"
        call["undo"] = {"call": "undo", "with": {"i": "${i}", "r": "${r}"}}
    if pick(False, False, True):
        call["into"] = "r"
        body.append({"set": {"sum": "${r.n}"}})
    loop: dict[str, Any] = {
        "for": "i",
        "index": "k",
        "in": f"range({pick(0, 1, 3, 5, 7)})",
        "parallel": pick(True, True, 1, 2, 3),
        "join": pick("all", "all", "all", "any", 2),
        "do": body,
    }
    if yields != "nothing":
        loop["collect"] = "out"
    inner: list[dict[str, Any]] = [loop, {"set": {"done": "${done + 1}"}}]
    if pick(False, False, True):
        inner = [{"do": inner, "timeout": pick("3ms", "10ms")}]
    if pick(False, True):
        inner = [
            {
                "try": inner,
                "catch": [{"do": [{"set": {"seen": "${error}"}}]}],
                "finally": [{"call": "free", "with": {"i": 1}}],
            }
        ]
    if pick(False, True):
        inner = [{"for": "round", "in": "range(2)", "do": inner}]
    others = [{"wait": "2ms"}, {"call": "free", "with": {"i": 2}}]
    if pick(False, False, True):
        inner = [{"parallel": {"a": inner, "b": others}, "join": "any"}]
    variables = {
        "o": {"k": [1]},
        "out": None,
        "done": 0,
        "seen": None,
        "sum": {"init": 0, "reduce": "sum"},
    }
    result = {"out": "${out}", "done": "${done}", "seen": "${seen}", "sum": "${sum}"}
    if draws != "nowhere":
        result["draw"] = "${random()}"
    program = {"skript": "p", "vars": variables, "do": [*inner, {"return": result}]}
    answers = draw(
        st.lists(st.lists(st.sampled_from(KINDS), min_size=1, max_size=3), min_size=1, max_size=5)
    )
    return program, answers


OPTIONS = settings(
    phases=[Phase.generate],
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@OPTIONS
@given(
    cases(),
    st.sampled_from([1, 2, 5, 20_000]),
    st.one_of(st.none(), st.integers(0, 25)),
    st.integers(0, 2**32),
)
def test_the_same_as_tokens(
    case: tuple[dict[str, Any], list[list[str]]], turns: int, cancel: int | None, seed: int
) -> None:
    program, answers = case
    calls, tokens = both(program)
    outcomes = []
    for code in (calls, tokens):
        simulation = Simulation(code, mocks(answers), turns=turns)
        if cancel is not None:
            for _ in range(cancel):
                simulation.step()
            simulation.cancel()
        outcomes.append(simulation.run(5_000))
    ours, theirs = outcomes
    if cancel is None or turns == 20_000:  # else it may not be cut at the same places
        assert plain(ours.journal) == plain(theirs.journal)
        assert ours.trace == theirs.trace
    check_same(calls, tokens, ours, seed)
    # A journal of tokens, with the places where it was interrupted.
    written = moved(theirs.journal, calls)
    assert effects_of(calls, written) == effects_of(tokens, theirs.journal)


@OPTIONS
@given(cases(), st.integers(0, 25), st.sampled_from([1, 3, 20_000]), st.integers(0, 2**32))
def test_batches_in_any_order(
    case: tuple[dict[str, Any], list[list[str]]], cancel: int, turns: int, seed: int
) -> None:
    program, answers = case
    calls, tokens = both(program)
    simulation = Simulation(calls, mocks(answers), shuffle=seed, turns=turns)
    for _ in range(cancel):
        simulation.step()
    if seed % 2:
        simulation.cancel()
    check_same(calls, tokens, simulation.run(5_000), seed)


def test_a_journal_of_tokens_stops_behind_a_result() -> None:
    """A branch that has its result and did not go on is a token, where a journal says so."""
    call, end = {"call": "work"}, {"yield": "true"}
    over = {"for": "i", "in": "range(2)", "parallel": True, "collect": "got", "do": [call, end]}
    program = front({"skript": "x", "do": [over, {"return": "${got}"}]})
    tokens, calls = (back(program, passes) for passes in ((), ("fork_call",)))
    stopped = 0
    for seed in range(8):
        for step in range(1, 6):
            seen = simulate(tokens, World(shuffle=seed, turns=2, cancel_step=step))
            check_replay(seen, calls)
            for event in seen.journal:
                stop = getattr(event, "stop", None)
                stopped += stop is not None and stop[0][:1] == (1,)
    assert stopped
