"""Random structured documents compile, pass the verifier, and run the same with and without the
optimizer."""

from __future__ import annotations

import json
import random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compiler.programs import answer, program
from runeskript.compiler.pipeline import Options, compile_text
from runeskript.expr.ir_check import check_ir
from runeskript.model.blueprint import Blueprint
from runeskript.model.blueprint_codec import decode, encode
from runeskript.model.verify import verify
from runeskript.testing import Outcome, Simulation
from support import any_handlers

CATALOG = any_handlers("f", "g")


def build(document: dict[str, Any], passes: tuple[str, ...] | None = None) -> Blueprint:
    options = Options(passes=passes)
    return compile_text(json.dumps(document, indent=1), "random.json", CATALOG, options).blueprint


def run(blueprint: Blueprint, cancel_after: int | None) -> Outcome:
    simulation = Simulation(blueprint, {"f": answer, "g": answer}, {})
    if cancel_after is not None:
        simulation.run_until(cancel_after)
        simulation.cancel("test")
    return simulation.run(20_000)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32))
def test_random_programs_compile_and_verify(seed: int) -> None:
    document = program(random.Random(seed), depth=3)
    blueprint = build(document)
    assert verify(blueprint, check_ir) == []
    assert decode(encode(blueprint)) == blueprint
    assert build(document) == blueprint, "compiling twice gives the same Blueprint"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.none() | st.integers(0, 30))
def test_the_optimizer_changes_no_event(seed: int, cancel_after: int | None) -> None:
    document = program(random.Random(seed))
    plain, joined = build(document, passes=()), build(document)
    assert len(joined.code) <= len(plain.code)
    one, two = run(plain, cancel_after), run(joined, cancel_after)
    assert two.journal[1:] == one.journal[1:], "all but the Blueprint in Started"
    assert (two.status, two.output, two.error) == (one.status, one.output, one.error)
    assert two.logs == one.logs
