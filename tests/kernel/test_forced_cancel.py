"""A cancel by force: what does not end in its grace time is given up, and the run goes on."""

from __future__ import annotations

from typing import Any

import pytest

from runeskript import StepError
from runeskript.expr.runtime import Context
from runeskript.kernel import replay
from runeskript.model.events import CallDone, CallFailed, CancelRequested, GraceGiven
from runeskript.model.snapshot import decode_run, encode_run
from runeskript.testing import DEAF, HANG, After, Simulation
from support import compile_yaml, simulation

#: A call that has an undo, so a cancel waits for how it ends; before it one that is done.
BOOKING = """
skript: booking
do:
  - call: book
    into: room
    undo: {call: free, with: {room: "${room}"}}
  - call: charge
    into: receipt
    undo: {call: refund, with: {id: "${receipt}"}}
"""


def _others(sim: Simulation) -> list[Any]:
    assert sim.finished is not None and sim.finished.error is not None
    data = sim.finished.error["data"]
    return [] if data is None else [(one["type"], one["step"]) for one in data["others"]]


def _names(sim: Simulation, start: int) -> list[str]:
    return [call.handler for call in sim.calls[start:]]


def test_a_call_that_does_not_end_is_given_up_and_what_was_done_is_undone() -> None:
    freed: list[Any] = []
    mocks = {
        "book": lambda p: 7,
        "charge": lambda p: DEAF,
        "free": lambda p: freed.append(p["room"]),
        "refund": lambda p: pytest.fail("nobody knows what to refund"),
    }
    sim = simulation(BOOKING, mocks)
    sim.run_until(1000)
    sim.cancel("enough", grace=5000)
    sim.run_until(5999)
    assert sim.finished is None and not freed
    outcome = sim.run()
    assert (outcome.status, sim.now - sim.start) == ("Cancelled", 6000)
    assert freed == [7]
    assert _others(sim) == [("cancel.abandoned", "/do/1")]
    assert outcome.error is not None and outcome.error["code"] == "RUNE-5051"
    assert outcome.error["data"]["others"][0]["code"] == "RUNE-5054"
    assert replay(sim.program, outcome.journal).finished == sim.finished


def test_without_a_grace_time_it_is_waited_for_as_long_as_it_takes() -> None:
    mocks = {"book": lambda p: 7, "charge": lambda p: DEAF, "free": lambda p: None}
    sim = simulation(BOOKING, {**mocks, "refund": lambda p: None})
    sim.run_until(10)
    sim.cancel()
    assert sim.run().status == "Running"


def test_a_run_that_ends_at_once_says_nothing_of_a_grace_time() -> None:
    sim = simulation("skript: t\ndo: [{call: work}]", {"work": lambda p: DEAF})
    sim.run_until(10)
    sim.cancel("enough", grace=5000)
    assert sim.finished is not None and sim.finished.status == "Cancelled"
    assert not any(isinstance(event, GraceGiven) for event in sim.journal)


def test_what_ended_in_time_is_undone_and_the_timer_is_dropped() -> None:
    refunds: list[Any] = []
    mocks = {
        "book": lambda p: 7,
        "charge": lambda p: DEAF,
        "free": lambda p: None,
        "refund": lambda p: refunds.append(p["id"]),
    }
    sim = simulation(BOOKING, mocks)
    sim.run_until(10)
    (call,) = [one for one in sim.calls if one.handler == "charge"]
    sim.cancel("enough", grace=5000)
    sim.feed(CallDone(sim.now, call.path, call.n, call.step, 1, 42))
    outcome = sim.run()
    assert outcome.status == "Cancelled" and refunds == [42] and _others(sim) == []
    assert not sim.run_state.timers and sim.due() is None


CLEANING = """
skript: t
do:
  - try:
      - try:
          - call: work
        finally:
          - try:
              - call: inner
            catch:
              - do: [{call: caught}]
    finally:
      - call: outer
"""


def _cleaning(**mocks: Any) -> Simulation:
    known = {"work": lambda p: HANG, "inner": lambda p: DEAF, "caught": lambda p: None}
    sim = simulation(CLEANING, {**known, "outer": lambda p: None, **mocks})
    sim.run_until(10)
    return sim


def test_finally_blocks_have_their_time_when_a_cancel_is_forced() -> None:
    sim = _cleaning()
    sim.cancel("enough", grace=0)
    assert sim.run().status == "Running"
    assert _names(sim, 0) == ["work", "inner"]


def test_by_force_a_finally_that_hangs_is_left_uncaught_and_the_next_one_runs() -> None:
    sim = _cleaning()
    sim.cancel("enough", grace=0)
    sim.run_until(100)
    sim.cancel("enough", grace=2000, force=True)
    outcome = sim.run()
    assert (outcome.status, sim.now - sim.start) == ("Cancelled", 2100)
    assert _names(sim, 0) == ["work", "inner", "outer"]
    assert _others(sim) == [("cancel.abandoned", "/do/0/try/0/finally/0/try/0")]
    assert replay(sim.program, outcome.journal).finished == sim.finished


def test_each_force_gives_up_what_is_under_way_then() -> None:
    sim = _cleaning(outer=lambda p: DEAF)
    sim.cancel("enough")
    sim.cancel("enough", force=True)
    assert sim.run().status == "Running"
    assert _names(sim, 0) == ["work", "inner", "outer"]
    sim.cancel("enough", force=True)
    assert sim.run().status == "Cancelled"
    assert len(_others(sim)) == 2


@pytest.mark.parametrize(
    "wait",
    ["wait: 1h", "listen: never", "call: fails\nretry: {on: [x], max: 3, backoff: 1h}"],
    ids=["wait", "listen", "retry"],
)
def test_by_force_a_finally_that_waits_is_left(wait: str) -> None:
    def fails(params: Any) -> Any:
        raise StepError("x")

    step = wait.replace("\n", "\n        ")
    text = f"skript: t\ndo:\n  - try: [{{call: work}}]\n    finally:\n      - {step}\n"
    sim = simulation(text, {"work": lambda p: HANG, "fails": fails})
    sim.run_until(10)
    sim.cancel("enough")
    sim.run_until(20)
    assert sim.finished is None
    sim.cancel("enough", force=True)
    sim.run_until(30)
    assert sim.finished is not None and sim.finished.status == "Cancelled"
    assert not sim.run_state.listens and not sim.run_state.timers
    assert replay(sim.program, sim.journal).finished == sim.finished


@pytest.mark.parametrize("parallel", ["2", "true"])
def test_by_force_all_branches_of_a_finally_are_left(parallel: str) -> None:
    text = f"""
skript: t
do:
  - try: [{{call: work}}]
    finally:
      - for: i
        in: [1, 2, 3]
        parallel: {parallel}
        do: [{{call: hangs}}]
"""
    sim = simulation(text, {"work": lambda p: HANG, "hangs": lambda p: DEAF})
    sim.run_until(10)
    sim.cancel("enough")
    sim.run_until(20)
    sim.cancel("enough", force=True)
    outcome = sim.run()
    assert outcome.status == "Cancelled"
    assert replay(sim.program, outcome.journal).finished == sim.finished


def test_by_force_an_undo_that_hangs_has_failed_and_the_others_run() -> None:
    freed: list[Any] = []
    mocks = {
        "book": lambda p: 7,
        "charge": lambda p: 42,
        "refund": lambda p: DEAF,
        "free": lambda p: freed.append(p["room"]),
        "work": lambda p: HANG,
    }
    sim = simulation(BOOKING + "  - call: work\n", mocks)
    sim.run_until(10)
    sim.cancel("enough", grace=100)
    assert sim.run().status == "Running" and not freed
    sim.cancel("enough", force=True)
    outcome = sim.run()
    assert outcome.status == "Cancelled" and freed == [7]
    assert outcome.error is not None
    (failure,) = outcome.error["data"]["undo_failed"]
    assert (failure["step"], failure["error"]["type"]) == ("/do/1", "cancel.abandoned")
    assert replay(sim.program, outcome.journal).finished == sim.finished


def test_by_force_the_undos_of_a_failure_are_given_up_and_it_stays_one() -> None:
    def fails(params: Any) -> Any:
        raise StepError("x")

    mocks = {"book": lambda p: 7, "charge": fails, "free": lambda p: DEAF, "refund": fails}
    sim = simulation(BOOKING, mocks)
    sim.run_until(10)
    sim.cancel("enough", grace=0)
    assert sim.run().status == "Running"
    assert not any(isinstance(event, GraceGiven) for event in sim.journal)
    sim.cancel("enough", force=True)
    outcome = sim.run()
    assert outcome.status == "Failed" and outcome.error is not None
    assert outcome.error["type"] == "x"
    assert [one["step"] for one in outcome.error["data"]["undo_failed"]] == ["/do/0"]


NESTED = """
skript: parent
do:
  - call: book
    into: room
    undo: {call: free, with: {room: "${room}"}}
  - run: booking
"""


def _nested(**mocks: Any) -> Simulation:
    known = {"book": lambda p: 7, "charge": lambda p: DEAF, "free": lambda p: None}
    known |= {"refund": lambda p: None, **mocks}
    child = compile_yaml(BOOKING, *known).blueprint
    sim = simulation(NESTED, known, children={"booking": child})
    sim.run_until(10)
    return sim


def test_a_child_has_the_grace_time_of_its_parent_and_is_awaited() -> None:
    freed: list[Any] = []
    sim = _nested(free=lambda p: freed.append(p["room"]))
    sim.cancel("enough", grace=3000)
    outcome = sim.run()
    assert (outcome.status, sim.now - sim.start) == ("Cancelled", 3010)
    assert freed == [7, 7]  # the child's own booking, then the parent's


def test_by_force_a_child_is_not_awaited() -> None:
    freed: list[Any] = []

    def free(params: Any) -> Any:
        freed.append(params["room"])
        return DEAF if len(freed) == 1 else None

    sim = _nested(free=free)
    sim.cancel("enough", grace=0)
    sim.run()
    assert sim.finished is None and freed == [7]
    sim.cancel("enough", force=True)
    outcome = sim.run()
    assert outcome.status == "Cancelled" and freed == [7, 7]
    assert not sim.running
    assert replay(sim.program, outcome.journal).finished == sim.finished


def test_the_latest_word_on_the_grace_time_counts() -> None:
    mocks = {"book": lambda p: 7, "charge": lambda p: DEAF, "free": lambda p: None}
    sim = simulation(BOOKING, {**mocks, "refund": lambda p: None})
    sim.run_until(10)
    sim.cancel("enough", grace=60_000)
    sim.run_until(1000)
    sim.cancel("enough", grace=500)
    assert sim.run().status == "Cancelled" and sim.now - sim.start == 1500


def test_a_grace_time_goes_on_behind_a_snapshot() -> None:
    mocks = {"book": lambda p: 7, "charge": lambda p: DEAF, "free": lambda p: None}
    sim = simulation(BOOKING, {**mocks, "refund": lambda p: None})
    sim.run_until(10)
    sim.cancel("enough", grace=500)
    data = encode_run(sim.run_state, sim.program.digest, len(sim.journal))
    assert sim.program is not None
    sim.run_state, seq = decode_run(data, sim.program.digest, Context())
    assert seq == len(sim.journal)
    assert sim.run().status == "Cancelled" and sim.now - sim.start == 510


#: The `finally` has timed out in part, and waits for its call or child when the force comes.
TIMED = """
skript: t
do:
  - try: [{call: work}]
    finally:
      - %s
"""
CHARGE = "{call: charge, into: r, undo: {call: refund, with: {r: '${r}'}}}"


def _timed(block: str) -> Simulation:
    known = {"work": lambda p: HANG, "charge": lambda p: DEAF, "free": lambda p: None}
    known |= {"refund": lambda p: pytest.fail("nobody knows what to refund"), "book": lambda p: 7}
    child = compile_yaml(BOOKING, *known).blueprint
    return simulation(TIMED % block, known, children={"booking": child})


BLOCKS = {
    "call": f"{{timeout: 1s, do: [{CHARGE}]}}",
    "branches": f"{{timeout: 1s, do: [{{for: i, in: [1, 2], parallel: true, do: [{CHARGE}]}}]}}",
    "child": "{timeout: 1s, do: [{run: booking}]}",
    "timed child": "{run: booking, timeout: 1s}",
}


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
def test_by_force_a_timed_block_in_a_finally_that_hangs_is_left(block: str) -> None:
    sim = _timed(block)
    sim.run_until(10)
    sim.cancel("enough", grace=100)
    sim.run_until(1010)
    assert sim.finished is None
    sim.cancel("enough", grace=0, force=True)
    outcome = sim.run()
    assert (outcome.status, sim.now - sim.start) == ("Cancelled", 1010)
    assert replay(sim.program, outcome.journal).finished == sim.finished


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
def test_a_grace_time_bounds_a_timed_block_in_a_finally(block: str) -> None:
    sim = _timed(block)
    sim.run_until(10)
    sim.cancel("enough")
    sim.run_until(1010)
    assert sim.finished is None
    sim.cancel("enough", grace=500)
    outcome = sim.run()
    assert (outcome.status, sim.now - sim.start) == ("Cancelled", 1510)
    assert [type(event) for event in outcome.journal].count(CancelRequested) == 1
    assert replay(sim.program, outcome.journal).finished == sim.finished


def test_a_journal_may_have_a_cancel_once_more() -> None:
    """Kernels of before took a second one while a block in the `finally` had timed out."""
    sim = _timed(BLOCKS["call"])
    sim.run_until(10)
    sim.cancel("enough")
    sim.run_until(1010)
    position = len(sim.journal)
    (call,) = [one for one in sim.calls if one.handler == "charge"]
    sim.feed(CallFailed(sim.now, call.path, call.n, call.step, 1, {"type": "x", "message": ""}))
    outcome = sim.run()
    assert outcome.status == "Cancelled"
    again = CancelRequested(sim.journal[position - 1].at, "once more")
    older = [*outcome.journal[:position], again, again, *outcome.journal[position:]]
    assert replay(sim.program, older).finished == sim.finished


@pytest.mark.parametrize("grace", [0, 3000])
def test_by_force_the_undos_of_a_child_have_their_time(grace: int) -> None:
    """It is forced once, and not once more when its parent leaves it."""
    freed: list[Any] = []

    def free(params: Any) -> Any:
        freed.append(params["room"])
        return After(30, None)

    sim = _nested(free=free)
    kid = sim.family["job-1"].running[next(iter(sim.running))][1]
    sim.cancel("enough", grace=grace, force=True)
    sim.run()
    while kid.step():
        pass
    assert sim.finished is not None and sim.finished.status == "Cancelled"
    assert kid.finished is not None and kid.finished.error is not None
    assert "undo_failed" not in (kid.finished.error["data"] or {})
    assert freed == [7, 7]
    assert [type(event) for event in kid.journal].count(GraceGiven) == 1


@pytest.mark.parametrize("block", ["child", "timed child"])
@pytest.mark.parametrize("again", [False, True])
def test_a_child_that_is_asked_to_stop_within_the_time_has_what_is_left(
    block: str, again: bool
) -> None:
    sim = _timed(BLOCKS[block])
    sim.run_until(10)
    sim.cancel("enough")
    sim.run_until(20)
    (kid,) = [kid for _, kid in sim.running.values()]
    sim.cancel("enough", force=True, grace=3000)
    if again:  # from a snapshot
        data = encode_run(sim.run_state, sim.program.digest, len(sim.journal))
        sim.run_state, _ = decode_run(data, sim.program.digest, Context())
    sim.run_until(2000)
    assert sim.finished is None and kid.finished is None
    assert [e[1:] for e in kid.journal if isinstance(e, GraceGiven)] == [(2010, True)]
    sim.run()
    assert sim.finished is not None and sim.finished.status == "Cancelled"
    while kid.step():
        pass
    assert kid.finished is not None and kid.finished.status == "Cancelled"
    assert (sim.now - sim.start, kid.now - sim.start) == (3020, 3020)


def test_a_child_is_told_both_times_that_run() -> None:
    sim = _timed(BLOCKS["child"])
    sim.run_until(10)
    sim.cancel("enough", grace=5000)
    sim.run_until(20)
    (kid,) = [kid for _, kid in sim.running.values()]
    sim.cancel("enough", force=True, grace=4000)
    sim.run_until(2000)
    assert [e[1:] for e in kid.journal if isinstance(e, GraceGiven)] == [
        (4000, False),
        (3010, True),
    ]
    sim.run()
    assert sim.finished is not None and sim.now - sim.start == 4020


@pytest.mark.parametrize("nested", [False, True])
def test_by_force_with_a_time_what_was_asked_to_stop_has_longer(nested: bool) -> None:
    freed: list[Any] = []
    mocks: dict[str, Any] = {"book": lambda p: 7, "charge": lambda p: DEAF}
    mocks |= {"refund": lambda p: None, "free": lambda p: freed.append(p["room"])}
    sim = _nested(**mocks) if nested else simulation(BOOKING, mocks)
    sim.run_until(10)
    sim.cancel("enough", grace=500)
    sim.run_until(100)
    sim.cancel("enough", force=True, grace=3000)
    sim.run_until(3099)
    assert sim.finished is None and not freed
    for one in (*[kid for _, kid in sim.running.values()], sim):
        while one.step():
            pass
        assert one.finished is not None and one.finished.status == "Cancelled"
        assert one.now - sim.start == 3100
    assert freed == [7, 7] if nested else [7]


def test_a_shorter_time_for_what_was_asked_to_stop_stands_beside_that_of_a_force() -> None:
    mocks = {"book": lambda p: 7, "charge": lambda p: DEAF, "free": lambda p: HANG}
    sim = simulation(BOOKING, {**mocks, "refund": lambda p: None})
    sim.run_until(10)
    sim.cancel("enough", force=True, grace=3000)
    sim.run_until(100)
    sim.cancel("enough", grace=500)
    sim.run_until(700)
    assert [call.handler for call in sim.calls] == ["book", "charge", "free"]
    assert sim.run().status == "Cancelled" and sim.now - sim.start == 3010


def test_by_force_a_child_of_a_finally_is_told() -> None:
    sim = _timed("{run: booking}")
    sim.run_until(10)
    sim.cancel("enough")
    sim.run_until(20)
    (kid,) = [kid for _, kid in sim.running.values()]
    sim.cancel("enough", force=True, grace=100)
    sim.run()
    assert sim.finished is not None and sim.finished.status == "Cancelled"
    while kid.step():
        pass
    assert kid.finished is not None and kid.finished.status == "Cancelled"


def test_an_attempt_behind_a_deaf_one_hears_its_cancel() -> None:
    answers = iter([DEAF, HANG])
    text = """
skript: t
do:
  - call: charge
    timeout: 1s
    retry: {on: [timeout], max: 2, backoff: 1ms}
    into: r
    undo: {call: refund, with: {r: "${r}"}}
"""
    sim = simulation(text, {"charge": lambda p: next(answers), "refund": lambda p: None})
    sim.run_until(1500)
    assert [call.attempt for call in sim.calls] == [1, 2]
    sim.cancel()
    sim.run_until(1500)
    assert sim.finished is not None and sim.finished.status == "Cancelled"
