"""Snapshots of runs: taken anywhere and gone on from, nothing of what happens changes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties.programs import EVERYTHING, handlers, programs
from properties.test_programs import FUZZ, compiled, events, examples, run
from runeskript.errors import DamagedError, FormatVersionError, NotAValueError
from runeskript.expr.runtime import Context
from runeskript.kernel import Program
from runeskript.kernel.ready import Ready
from runeskript.model.events import Event
from runeskript.model.run import Run
from runeskript.model.snapshot import decode_run, encode_run
from runeskript.stores import fastcodec
from runeskript.testing import After, Outcome, Simulation
from support import simulation

pytestmark = pytest.mark.timeout(300 * FUZZ)


def again(code: Program, state: Run, seq: int = 5) -> Run:
    """The run behind a snapshot; what it has not taken yet is handed on."""
    data = encode_run(state, code.digest, seq)
    other, found = decode_run(data, code.digest, Context())
    assert found == seq
    assert encode_run(other, code.digest, seq) == data
    assert encode_run(state, code.digest, seq, fastcodec.dumps) == data
    other.inbox = state.inbox
    return other


class Interrupted(Simulation):
    """A simulation whose run is put away and taken out again after every turn."""

    taken = 0

    def feed(self, *new: Event) -> Ready:
        ready = super().feed(*new)
        if self.run_state.finished is None:
            self.taken += 1
            self.run_state = again(self.program, self.run_state)
        return ready


def interrupted(code: Program, cancel: int | None = None, **options: Any) -> Outcome:
    sim = Interrupted(code, handlers(EVERYTHING), **options)
    if cancel is not None:
        for _ in range(cancel):
            sim.step()
        sim.cancel()
    outcome = sim.run(20_000)
    assert sim.taken > 0 or len(outcome.journal) == 2
    return outcome


@examples(30)
@given(programs(), st.sampled_from([1, 3, 20_000]), st.integers(0, 2**32))
def test_a_run_goes_on_from_anywhere(program: dict[str, Any], turns: int, seed: int) -> None:
    code = compiled(program)
    outcome = run(code, turns=turns, shuffle=seed)
    other = interrupted(code, turns=turns, shuffle=seed)
    assert other.journal == outcome.journal
    assert other.trace == outcome.trace


@examples(30)
@given(programs(), st.integers(0, 25), st.sampled_from([1, 20_000]), st.integers(0, 2**32))
def test_a_run_goes_on_from_amid_a_cancel(
    program: dict[str, Any], steps: int, turns: int, seed: int
) -> None:
    code = compiled(program)
    outcome = run(code, cancel=steps, turns=turns, shuffle=seed)
    other = interrupted(code, cancel=steps, turns=turns, shuffle=seed)
    assert events(other) == events(outcome)
    assert other.trace == outcome.trace


FAN = """
skript: fan
vars: {big: "${[i for i in range(1000)]}", n: 0}
do:
  - for: i
    in: range(200)
    parallel: true
    collect: all
    do:
      - call: h
        with: {big: "${big}", i: "${i}"}
        into: r
        timeout: 5s
      - yield: r
  - return: ["${len(all)}", "${big[7]}"]
"""


def fan(**options: Any) -> Simulation:
    sim = simulation(FAN, {"h": lambda p: After(1 + p["i"] % 7, p["i"])}, **options)
    sim.step()
    return sim


def test_what_is_shared_is_stored_once() -> None:
    """Two hundred branches that captured a list of a thousand."""
    sim = fan(turns=150)
    data = encode_run(sim.run_state, sim.program.digest, 1)
    assert len(data) < 30_000
    state, _ = decode_run(data, sim.program.digest, Context())
    assert state.root is not None
    big = next(v for v in state.root.frame if isinstance(v, list) and len(v) == 1000)
    assert all(big in t.frame for t in state.calls.values())
    assert all(any(v is big for v in t.frame) for t in state.calls.values())


def test_what_is_not_shared_stays_apart() -> None:
    """Two empty lists of which one grows in place."""
    text = """
skript: x
vars: {a: [], b: []}
do:
  - for: i
    in: [1, 2]
    collect: found
    do:
      - call: h
      - yield: i
  - return: ["${a}", "${b}", "${found}"]
"""
    sim = simulation(text, {"h": lambda p: None})
    while sim.finished is None:
        sim.run_state = again(sim.program, sim.run_state)
        sim.step()
    assert sim.outcome().output == [[], [], [1, 2]]


def test_every_byte_counts() -> None:
    """Cut or changed anywhere: refused with one of two errors, or another run; never a crash."""
    sim = fan()
    data = encode_run(sim.run_state, sim.program.digest, 1)
    digest = sim.program.digest
    for end in range(0, len(data), 7):
        with pytest.raises((DamagedError, FormatVersionError)):
            decode_run(data[:end], digest, Context())
    for at in range(0, len(data), 11):
        broken = data[:at] + bytes((data[at] ^ 0x41,)) + data[at + 1 :]
        try:
            decode_run(broken, digest, Context())
        except (DamagedError, FormatVersionError):
            pass


def test_another_blueprint_another_version() -> None:
    sim = fan()
    data = encode_run(sim.run_state, sim.program.digest, 1)
    with pytest.raises(DamagedError, match="one of Blueprint"):
        decode_run(data, "0" * 64, Context())
    with pytest.raises(FormatVersionError, match="version 200"):
        decode_run(b"\xc8" + data[1:], sim.program.digest, Context())


def test_frames_hold_values() -> None:
    sim = fan()
    assert sim.run_state.root is not None
    sim.run_state.root.frame[0] = {1, 2}
    with pytest.raises(NotAValueError, match="holds set"):
        encode_run(sim.run_state, sim.program.digest, 1)


PURE = """
skript: pure
do:
  - for: i
    in: range(60)
    parallel: true
    collect: all
    do:
      - yield: sum([j * i for j in range(40)])
  - return: ${sum(all)}
"""


@pytest.mark.parametrize("turns", [1, 7, 40, 300])
def test_branches_that_only_compute(turns: int) -> None:
    """They stand among the ready tokens without being any."""
    outcome = simulation(PURE, {}, turns=turns).run()
    code = simulation(PURE, {}).program
    other = Interrupted(code, {}, turns=turns)
    assert other.run().journal == outcome.journal
    assert turns == 300 or other.taken > 1
