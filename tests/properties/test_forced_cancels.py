"""A cancel by force ends any program, whatever of it hangs, and nothing is undone twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from properties.programs import EVERYTHING, handlers, programs
from runeskript.kernel import Program, Ready
from runeskript.model.events import CancelRequested, Event, GraceGiven
from runeskript.testing import DEAF, Outcome, Simulation

from .test_programs import check_replay, check_undos, compiled, events, examples
from .test_snapshots import again

#: More blocks than one of these programs has to leave.
FORCES = 200


class PutAway(Simulation):
    """A simulation whose run is put away and taken out again after every turn."""

    def feed(self, *new: Event) -> Ready:
        ready = super().feed(*new)
        if self.run_state.finished is None:
            self.run_state = again(self.program, self.run_state)
        return ready


def deaf(hang: frozenset[int]) -> dict[str, Callable[[dict[str, Any]], Any]]:
    """The handlers, of which some calls, counted from 0, never end."""
    made = [0]

    def one(mock: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
        def call(params: dict[str, Any]) -> Any:
            made[0] += 1
            return DEAF if made[0] - 1 in hang else mock(params)

        return call

    return {name: one(mock) for name, mock in handlers(EVERYTHING).items()}


def forced(
    code: Program, kind: type[Simulation], steps: int, hang: frozenset[int], **options: Any
) -> Outcome:
    """Cancelled after some steps, with a grace time; then forced as often as it takes."""
    simulation = kind(code, deaf(hang), **options)
    for _ in range(steps):
        simulation.step()
    simulation.cancel("enough", grace=50)
    for _ in range(FORCES):
        if simulation.run(20_000).status != "Running":
            break
        simulation.cancel("enough", grace=0, force=True)
    return simulation.run(20_000)


@examples(40)
@given(
    programs(),
    st.integers(0, 20),
    st.frozensets(st.integers(0, 30), max_size=8),
    st.integers(0, 2**32),
)
def test_a_forced_cancel_ends_whatever_hangs(
    program: dict[str, Any], steps: int, hang: frozenset[int], seed: int
) -> None:
    code = compiled(program)
    outcome = forced(code, Simulation, steps, hang, shuffle=seed)
    assert outcome.status != "Running"
    cancelled = any(isinstance(event, CancelRequested) for event in outcome.journal)
    assert (outcome.status == "Cancelled") == cancelled
    check_replay(code, outcome)
    state = outcome.run
    assert not (state.timers or state.listens)
    if not any(isinstance(event, GraceGiven) for event in outcome.journal):
        check_undos(outcome)
    other = forced(code, PutAway, steps, hang, shuffle=seed)
    assert events(other) == events(outcome)
    assert other.trace == outcome.trace


@examples(15)
@given(programs(), st.integers(0, 20), st.frozensets(st.integers(0, 30), max_size=8))
def test_it_does_not_depend_on_the_optimizer(
    program: dict[str, Any], steps: int, hang: frozenset[int]
) -> None:
    outcome = forced(compiled(program), Simulation, steps, hang)
    plain = forced(compiled(program, passes=()), Simulation, steps, hang)
    assert events(plain) == events(outcome)
