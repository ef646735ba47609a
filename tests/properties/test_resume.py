"""A run that is rebuilt from its journal is the run that was there, and asks for the same calls."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties.programs import EVERYTHING, handlers, programs
from properties.test_programs import FUZZ, compiled, events, examples, run
from runeskript.errors import ReplayMismatchError
from runeskript.expr.runtime import Context
from runeskript.kernel import Program, outstanding, resume
from runeskript.kernel.ready import Ready
from runeskript.model.batches import unfold_effects
from runeskript.model.effects import CallOut
from runeskript.model.events import CallDone, Event
from runeskript.model.run import Run, TokenState
from runeskript.model.snapshot import _Writer, decode_run, encode_run
from runeskript.testing import HANG, Outcome, Simulation
from support import simulation

pytestmark = pytest.mark.timeout(300 * FUZZ)


class _ByValue(_Writer):
    """Which places share a list is not looked at: a constant of the program may stand in several,
    but not where a snapshot has put a copy of it.
    """

    def _cell(self, value: Any) -> Any:
        return [repr(value)] if type(value) in (list, dict) else super()._cell(value)


def described(run: Run) -> list[Any]:
    """All that there is to say of a run, but for the order in which calls came to be under way: a
    short way leaves one where it stands that the long way takes out and puts in again.
    """
    calls, run.calls = run.calls, dict(sorted(run.calls.items()))
    found = _ByValue().run(run, "", 0)
    run.calls = calls
    return found


class Restarted(Simulation):
    """A simulation that loses its memory whenever it rests, and goes on from its journal.

    ``every``: how often a snapshot is taken, in turns; 0: never.
    """

    every = 0
    snapshot: tuple[int, bytes] | None = None
    turned = restarts = 0

    def feed(self, *new: Event) -> Ready:
        ready = super().feed(*new)
        if self.finished is None and not ready.more:
            self.run_state.inbox.clear()
            self.restart()
        return ready

    def restart(self) -> None:
        code, before = self.program, self.run_state
        first, start = 0, None
        if self.snapshot is not None:
            first, data = self.snapshot
            start, _ = decode_run(data, code.digest, Context())
        found = resume(code, self.journal[first:], start)
        assert described(found.run) == described(before)
        effects, lost = outstanding(code, found.run, self.now)
        assert not lost
        assert described(found.run) == described(before)
        asked: Any = list(unfold_effects(effects))
        assert sorted(call.path for call in asked) == sorted(calling(before))
        known = {(call.path, call.n, call.attempt): call for call in self.calls}
        for call in asked:
            assert call == known[call.path, call.n, call.attempt]
        self.run_state = found.run
        self.restarts += 1
        self.turned += 1
        if self.every and self.turned % self.every == 0:
            self.snapshot = len(self.journal), encode_run(found.run, code.digest, 0)


def calling(run: Run) -> list[tuple[int, ...]]:
    """The tokens, and branches that are none, that wait for a call."""
    found = [path for path, token in run.calls.items() if token.state == TokenState.CALLING]
    for prefix, fork in run.forks.items():
        out = () if fork.calls is None else fork.calls.out
        found += [(*prefix, index) for index, on in enumerate(out) if on]
    return found


def restarted(code: Program, every: int, cancel: int | None, **options: Any) -> Outcome:
    sim = Restarted(code, handlers(EVERYTHING), **options)
    sim.every = every
    if cancel is not None:
        for _ in range(cancel):
            sim.step()
        sim.cancel()
    return sim.run(20_000)


@examples(40)
@given(
    programs(),
    st.sampled_from([0, 1, 3]),
    st.sampled_from([None, 0, 3, 12]),
    st.integers(0, 2**32),
)
def test_nothing_changes_when_it_is_restarted(
    program: dict[str, Any], every: int, cancel: int | None, seed: int
) -> None:
    code = compiled(program)
    outcome = run(code, cancel=cancel, shuffle=seed)
    other = restarted(code, every, cancel, shuffle=seed)
    assert events(other) == events(outcome)
    assert other.trace == outcome.trace


CALLS = """
skript: x
do:
  - for: i
    in: range(4)
    parallel: true
    do:
      - call: h
        with: {i: "${i}", u: "${uuid()}"}
        on_crash: %s
  - return: 1
"""


@pytest.mark.parametrize("doc", [CALLS, CALLS.replace(', u: "${uuid()}"', "")])
def test_what_a_crash_interrupts(doc: str) -> None:
    """``rerun`` makes the calls again, with the same parameters; ``fail`` does not."""
    for policy in ("rerun", "fail"):
        sim = simulation(doc % policy, {"h": lambda p: 1 if p["i"] == 2 else HANG})
        sim.step()
        sim.step()
        found = resume(sim.program, sim.journal)
        effects, lost = outstanding(sim.program, found.run, 99)
        again: Any = list(unfold_effects(effects))
        if policy == "rerun":
            wanted = [call for call in sim.calls if call.params["i"] != 2]
            assert (again, lost) == (wanted, [])
            assert all(isinstance(call, CallOut) for call in again)
        else:
            assert again == []
            assert [(e.path[-1], e.error["type"], e.at) for e in lost] == [
                (i, "interrupted", 99) for i in (0, 1, 3)
            ]


def test_another_history_is_refused() -> None:
    sim = simulation(CALLS % "rerun", {"h": lambda p: 1})
    sim.step()
    first, *rest = sim.journal
    wrong: list[Event] = [first, *rest, CallDone(1, (7, 7), 1, "/do/0", 1, None)]
    with pytest.raises(ReplayMismatchError):
        resume(sim.program, wrong)
