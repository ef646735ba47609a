"""Corners of control flow that a golden file would hide: shields, deadlines, interrupted loops."""

from __future__ import annotations

from runeskript.kernel import advance, load, new_run, replay
from runeskript.model.events import CancelRequested, Started, TimerFired
from runeskript.testing import HANG, After, Simulation
from support import compile_yaml, run_yaml, simulation


def test_endless_loop_is_cancelled_and_replayed() -> None:
    program = load(
        compile_yaml(
            "skript: spin\nvars: {n: 0}\ndo:\n"
            "  - try:\n      - while: true\n        do: [{set: {n: n + 1}}]\n"
            "    finally: [{log: 'out'}]\n".replace("n + 1", "'${n + 1}'")
        ).blueprint
    )
    run = new_run(program)
    started = Started(0, program.digest, {"id": "j"}, None, {}, "00" * 16)
    first = advance(program, run, [started], turns=1000)
    assert first.more and first.finished is None
    second = advance(program, run, turns=777)
    assert second.more
    third = advance(program, run, [CancelRequested(5, "enough")], turns=1000)
    assert third.finished is not None and third.finished.status == "Cancelled"
    journal = [*first.events, *second.events, *third.events]
    cancel = journal[1]
    assert isinstance(cancel, CancelRequested) and cancel.stop is not None
    again = replay(program, journal)
    assert again.finished == third.finished
    assert again.root is not None and run.root is not None
    assert again.root.frame == run.root.frame


def test_deadline_interrupts_a_pure_loop() -> None:
    program = load(
        compile_yaml(
            "skript: spin\nvars: {n: 0}\ndo:\n"
            "  - try:\n"
            "      - while: true\n        timeout: 1s\n        do: [{set: {n: '${n + 1}'}}]\n"
            "    catch:\n      - when: error.type == 'timeout'\n        do: [{return: '${n > 10}'}]\n"
        ).blueprint
    )
    run = new_run(program)
    started = Started(0, program.digest, {"id": "j"}, None, {}, "00" * 16)
    first = advance(program, run, [started], turns=500)
    timer = next(e for e in first.effects if type(e).__name__ == "TimerSet")
    second = advance(program, run, [TimerFired(1000, timer.path, timer.m)])
    assert second.finished is not None
    assert (second.finished.status, second.finished.output) == ("Completed", True)
    assert replay(program, [*first.events, *second.events]).finished == second.finished


def test_cancel_waits_for_a_finally_that_calls() -> None:
    text = (
        "skript: t\ndo:\n  - try:\n      - call: work\n    finally:\n"
        "      - call: cleanup\n      - call: cleanup2\n"
    )
    calls: list[str] = []
    sim = simulation(
        text,
        {
            "work": lambda p: HANG,
            "cleanup": lambda p: (calls.append("cleanup"), After(10, None))[1],
            "cleanup2": lambda p: calls.append("cleanup2"),
        },
    )
    sim.cancel("first")
    sim.cancel("again")  # while the finally runs: changes nothing
    outcome = sim.run()
    assert outcome.status == "Cancelled"
    assert calls == ["cleanup", "cleanup2"]


def test_cancel_that_arrives_inside_finally_is_taken_up_after_it() -> None:
    text = (
        "skript: t\ndo:\n  - try:\n      - log: body\n    finally:\n"
        "      - call: cleanup\n  - call: after\n"
    )
    reached: list[str] = []
    sim = simulation(
        text, {"cleanup": lambda p: After(10, None), "after": lambda p: reached.append("after")}
    )
    sim.cancel()
    outcome = sim.run()
    assert outcome.status == "Cancelled"
    assert reached == []


def test_late_results_are_dropped_and_not_journaled() -> None:
    sim = simulation("skript: t\ndo:\n  - call: a\n    timeout: 1s\n", {"a": lambda p: HANG})
    outcome = sim.run()
    assert outcome.error is not None and outcome.error["type"] == "timeout"
    size = len(outcome.journal)
    late = outcome.journal[1]._replace(at=99)  # type: ignore[union-attr]
    ready = advance(sim.program, sim.run_state, [late])
    assert ready.events == [] and len(outcome.journal) == size


def test_block_timeout_cuts_a_fork_and_runs_finally_of_branches() -> None:
    text = """
skript: t
do:
  - try:
      - parallel:
          a:
            - try: [{call: slow}]
              finally: [{call: tidy}]
          b: [{call: quick}]
        timeout: 5s
    catch:
      - when: error.type == 'timeout'
        do: [{return: "${error.step}"}]
"""
    tidied: list[str] = []
    outcome = run_yaml(
        text,
        {"slow": lambda p: HANG, "quick": lambda p: 1, "tidy": lambda p: tidied.append("x")},
    )
    assert outcome.status == "Completed", outcome.error
    assert tidied == ["x"]


def test_timers_of_an_ended_run_are_dropped() -> None:
    sim = Simulation(
        compile_yaml("skript: t\ntimeout: 1h\ndo:\n  - call: a\n", "a").blueprint,
        {"a": lambda p: 1},
    )
    outcome = sim.run()
    assert outcome.status == "Completed"
    assert not sim.run_state.timers
    assert any("drop timer" in line for line in outcome.trace)


def test_refused_messages_do_not_use_up_the_work_of_a_listener() -> None:
    text = """
skript: t
vars: {ids: "${range(100000)}"}
do:
  - listen: news
    where: "any([i == event.data.id for i in ids])"
    into: got
  - return: "${got.id}"
"""
    refused = [("news", None, {"id": -1})] * 60
    outcome = run_yaml(text, messages=[*refused, ("news", None, {"id": 7})])
    assert (outcome.status, outcome.output) == ("Completed", 7), outcome.error
