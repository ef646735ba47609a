"""A key that means two things is found, whatever retries lie between."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from tests.support import any_handlers

from runeskript.compiler.pipeline import compile_text
from runeskript.kernel import retrying
from runeskript.testing import After
from runeskript.testing.cluster import Cluster, Job, Report

#: What follows the failed call is another call than what the `finally` did before the retry.
CLEANS = """
skript: cleans
do:
  - for: i
    in: range(4)
    parallel: 2
    do:
      - try:
          - call: shaky
            with: {what: "${i}"}
          - call: shaky
            with: {what: "${i} once more"}
        finally:
          - call: note
            with: {what: "left ${i}: ${uuid()}"}
"""
SEEDS = range(40)


def shaky() -> Callable[[dict[str, Any]], Any]:
    """Fails now and then."""
    number = itertools.count(1)

    def call(params: dict[str, Any]) -> Any:
        at = next(number)
        return After(at % 3, ValueError("no") if at % 4 == 0 else at)

    return call


def simulated(seed: int) -> Report:
    skript = compile_text(CLEANS, "cleans.yaml", any_handlers("shaky", "note"))
    return Cluster([Job(skript)], {"shaky": shaky()}, seed=seed, trace=True).run()


def test_no_key_means_two_things() -> None:
    reports = [simulated(seed) for seed in SEEDS]
    assert not [finding for report in reports for finding in report.findings]
    assert sum("Retried" in line for report in reports for line in report.trace) > 5


def test_numbers_that_are_used_again_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "next_floor", lambda journal: 0)
    findings = (finding for seed in SEEDS for finding in simulated(seed).findings)
    assert any("was made again as" in finding.text for finding in findings)
