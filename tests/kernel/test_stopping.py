"""A deadline does not wait for ever for a call that does not stop when it is asked to."""

from __future__ import annotations

from typing import Any

import pytest

from runeskript.kernel import replay
from runeskript.model.events import CallFailed
from runeskript.testing import DEAF, After, Outcome, Simulation
from support import simulation

PAY = "{call: charge, into: r, undo: {call: refund, with: {r: '${r}'}}}"
BLOCK = """
skript: t
do:
  - try:
      - %s
    catch:
      - when: error.type == 'timeout'
        do:
          - return: "${error}"
  - return: paid
"""
BLOCKS = {
    "call": f"{{timeout: 1s, do: [{PAY}]}}",
    "branches": f"{{timeout: 1s, do: [{{for: i, in: [1, 2], parallel: true, do: [{PAY}]}}]}}",
    "deep": "{timeout: 1s, do: [{parallel: {a: [{do: [{for: i, in: [1, 2], parallel: true, do: ["
    + PAY
    + "]}], timeout: 1h}]}}]}",
    "loop": f"{{for: i, in: [1], timeout: 1s, do: [{PAY}]}}",
}


def _simulation(text: str, charge: Any = DEAF, **options: Any) -> Simulation:
    undone: list[Any] = []
    mocks = {
        "charge": lambda p: charge,
        "refund": lambda p: undone.append(p["r"]),
        "boom": lambda p: After(5, ValueError("no")),
    }
    sim = simulation(text, mocks, **options)
    sim.undone = undone  # type: ignore[attr-defined]
    return sim


def _given_up(outcome: Outcome, error: Any) -> int:
    """How many calls an error names as given up, each of which was told to the run as ended."""
    others = error["data"]["others"]
    assert all((one["type"], one["code"]) == ("cancel.abandoned", "RUNE-5054") for one in others)
    ended = [event for event in outcome.journal if isinstance(event, CallFailed)]
    assert [event.error["type"] for event in ended] == ["cancel.abandoned"] * len(others)
    assert sum("was given up" in text for text in outcome.logs) == len(others)
    return len(others)


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
@pytest.mark.parametrize("grace", [0, 30_000])
def test_the_block_is_left_when_the_time_is_over(block: str, grace: int) -> None:
    sim = _simulation(BLOCK % block, grace=grace)
    outcome = sim.run()
    assert (outcome.status, sim.now - sim.start) == ("Completed", 1000 + grace)
    error: Any = outcome.output
    assert error["type"] == "timeout"
    assert _given_up(outcome, error) == (2 if "parallel: true" in block else 1)
    assert not sim.undone  # type: ignore[attr-defined]
    assert replay(sim.program, outcome.journal).finished == sim.finished


def test_the_deadline_of_the_job_ends_it() -> None:
    sim = _simulation(f"skript: t\ntimeout: 1s\ndo: [{PAY}]\n")
    outcome = sim.run()
    assert (outcome.status, sim.now - sim.start) == ("Failed", 31_000)
    assert _given_up(outcome, outcome.error) == 1


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
def test_what_ends_in_time_is_undone(block: str) -> None:
    sim = _simulation(BLOCK % block, grace=3000)
    sim.handlers["charge"] = lambda p: DEAF
    sim.run_until(1500)
    assert sim.finished is None
    for call in [one for one in sim.calls if one.handler == "charge"]:
        sim.feed(CallFailed(sim.now, call.path, call.n, call.step, 1, {"type": "no"}))
    outcome = sim.run()
    assert (outcome.status, sim.now - sim.start) == ("Completed", 1500)
    error: Any = outcome.output
    assert error["type"] == "timeout" and not (error["data"] or {}).get("others")


def test_a_timeout_of_the_call_that_is_over_before_ends_it() -> None:
    sim = _simulation(BLOCK % BLOCKS["call"].replace("into: r,", "into: r, timeout: 5s,"))
    outcome = sim.run()
    assert (outcome.status, sim.now - sim.start) == ("Completed", 5000)


SIBLING = f"""
skript: t
do:
  - parallel:
      a: [{{call: boom}}]
      b: [{PAY}]
"""


def test_a_failure_waits_as_long_as_it_takes() -> None:
    """Nobody has said how long: what is undone then matters more."""
    assert _simulation(SIBLING).run().status == "Running"


def test_a_deadline_around_a_failure_does_not() -> None:
    sim = _simulation(
        BLOCK
        % ("{timeout: 1s, do: [" + f"{{parallel: {{a: [{{call: boom}}], b: [{PAY}]}}}}" + "]}")
    )
    outcome = sim.run()
    assert (outcome.status, sim.now - sim.start) == ("Completed", 30_005)


def test_a_cancel_says_itself_how_long_it_takes() -> None:
    sim = _simulation(BLOCK % BLOCKS["call"])
    sim.run_until(2000)
    sim.cancel("enough", grace=60_000)
    outcome = sim.run()
    assert (outcome.status, sim.now - sim.start) == ("Cancelled", 62_000)
