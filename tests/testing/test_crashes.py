"""A user's skript crashed at every boundary: what is found, and what is not."""

from __future__ import annotations

from typing import Any

import pytest

from runeskript import handler
from runeskript.testing import HANG, After, Trials

PAY = """
skript: pay
do:
  - call: pay.charge
    with: {amount: 40}
    into: receipt
    on_crash: %s
    undo: {call: pay.refund, with: {id: "${receipt}"}}
  - %s
"""


@handler("pay.charge")
async def charge(params: Any, ctx: Any) -> str:
    raise AssertionError("it is mocked")


@handler("pay.refund", idempotent=True)
async def refund(params: Any, ctx: Any) -> None:
    raise AssertionError("it is mocked")


@handler("pay.safe", idempotent=True)
async def safe(params: Any, ctx: Any) -> str:
    raise AssertionError("it is mocked")


HANDLERS = [charge, refund, safe]
trials = Trials()


def test_a_call_that_is_not_idempotent_runs_twice() -> None:
    report = trials.crash_all(PAY % ("rerun", "log: done"), handlers=HANDLERS)
    (flaw,) = report.flaws
    assert (flaw.kind, flaw.handler, flaw.step) == ("twice", "pay.charge", "/do/0")
    assert flaw.story == (
        "call pay.charge in step /do/0",
        "pay.charge has done its work",
        "the process dies when handler call 1 has done its work; another one goes on",
        "call pay.charge in step /do/0",
        "pay.charge has done its work",
    )
    assert report.ends == {"Completed": report.boundaries + 1}


def test_an_idempotent_one_may() -> None:
    text = PAY.replace("pay.charge", "pay.safe")
    report = trials.crash_all(text % ("rerun", "wait: 72h"), handlers=HANDLERS)
    assert not report.flaws
    assert report.boundaries > 10
    assert report.ends == {"Completed": report.boundaries + 1}


def test_an_interrupted_call_is_not_taken_back() -> None:
    report = trials.crash_all(PAY % ("fail", "log: done"), handlers=HANDLERS)
    (flaw,) = report.flaws
    assert (flaw.kind, flaw.step) == ("uncompensated", "/do/0")
    assert "the process dies when" in "".join(flaw.story)
    assert set(report.ends) == {"Completed", "Failed (interrupted)"}


def test_a_job_that_fails_is_compensated_wherever_it_is_crashed() -> None:
    text = PAY.replace("pay.charge", "pay.safe") % ("rerun", "raise: {type: no, message: no}")
    report = trials.crash_all(
        text, {"pay.safe": lambda params: After(500, "r-1")}, handlers=HANDLERS
    )
    assert not report.flaws
    assert report.ends == {"Failed (no)": report.boundaries + 1}


def test_an_undo_that_is_lost_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from runeskript.testing import crash_world

    began = crash_world.World.began

    def deaf(self: Any, process: Any, name: str, params: Any, ctx: Any) -> None:
        if name != "pay.refund":
            began(self, process, name, params, ctx)

    monkeypatch.setattr(crash_world.World, "began", deaf)
    text = PAY.replace("pay.charge", "pay.safe") % ("rerun", "raise: {type: no, message: no}")
    kinds = {flaw.kind for flaw in trials.crash_all(text, handlers=HANDLERS).flaws}
    assert "uncompensated" in kinds


def test_branches_children_and_messages_survive_it() -> None:
    text = """
skript: much
input: {type: object}
do:
  - if: has(input, 'leaf')
    then:
      - call: pay.safe
        with: {n: 1}
        into: leaf
      - return: ${leaf}
    else: []
  - for: n
    in: range(3)
    parallel: 2
    collect: found
    do:
      - call: pay.safe
        with: {n: "${n}"}
        into: one
      - yield: one
  - run: much
    with: {leaf: true}
    into: leaf
  - listen: go
    key: job.id
    into: went
  - return: {found: "${found}", leaf: "${leaf}", went: "${went}"}
"""
    report = trials.crash_all(
        text, {"pay.safe": "x"}, {}, handlers=HANDLERS, messages=[("go", "job-1", 7)]
    )
    assert not report.flaws
    assert report.first is not None
    assert report.first.output == {"found": ["x"] * 3, "leaf": "x", "went": 7}
    assert report.ends == {"Completed": report.boundaries + 1}
    assert report.boundaries >= 30


def test_what_waits_for_a_message_has_no_end_to_compare() -> None:
    text = "skript: waits\ndo:\n  - listen: go\n    key: 1\n    into: went\n  - return: ${went}\n"
    report = trials.crash_all(text)
    assert report.ends == {"no end": 1}
    assert not report.flaws


def test_a_call_that_hangs_is_timed_out_in_virtual_time() -> None:
    text = "skript: hangs\ndo:\n  - call: pay.safe\n    timeout: 3h\n"
    report = trials.crash_all(text, {"pay.safe": lambda params: HANG}, handlers=HANDLERS)
    assert not report.flaws
    assert set(report.ends) == {"Failed (timeout)"}


TWO = """
skript: two
do:
  - call: pay.safe
    undo: {call: pay.charge}
  - call: pay.charge
    with: {amount: 1}
    on_crash: fail
"""


def test_what_takes_two_crashes_is_found_too() -> None:
    """Only a job that a crash has failed undoes anything, and only another one has it do so twice."""
    report = trials.crash_all(TWO, handlers=HANDLERS)
    (flaw,) = report.flaws
    assert (flaw.kind, flaw.step) == ("twice", "/do/0/undo")
    assert len(flaw.points) == 2
    assert sum("the process dies" in line for line in flaw.story) == 2
    tried, known = report.pairs
    assert 0 < tried <= known and sum(report.ends.values()) == report.boundaries + 1


def test_pairs_are_bounded() -> None:
    steps = "\n".join(f"  - call: pay.safe\n    with: {{n: {n}}}" for n in range(6))
    report = trials.crash_all(f"skript: many\ndo:\n{steps}\n", handlers=HANDLERS)
    assert report.pairs[0] == 100 < report.pairs[1]
    assert not report.flaws
