"""A large fork is started in waves that fit a slice; nobody can tell."""

from __future__ import annotations

import pytest

from runeskript.compiler.pipeline import Options
from runeskript.kernel import Program, Ready, advance, load, new_run, replay
from runeskript.model.batches import unfold_effects
from runeskript.model.effects import CallOut
from runeskript.model.events import CallDone, CancelRequested, Started
from runeskript.model.limits import WAVE
from runeskript.model.run import Fork, Run
from support import compile_yaml

FORK = (
    "skript: many\ndo:\n  - for: i\n    in: input\n    parallel: {limit}\n    collect: got\n"
    "    do: [{{call: work, with: {{i: '${{i}}'}}, into: r}}, {{yield: r + i}}]\n  - return: sum(got)\n"
)


def begun(
    limit: str, branches: int, turns: int, passes: tuple[str, ...] = ()
) -> tuple[Program, Run, Ready]:
    text = FORK.format(limit=limit).replace("sum(got)", "'${sum(got)}'")
    program = load(compile_yaml(text, "work", options=Options(passes=passes)).blueprint)
    run = new_run(program)
    started = Started(0, program.digest, {"id": "j"}, list(range(branches)), {}, "00" * 16)
    return program, run, advance(program, run, [started], turns=turns)


def test_a_slice_starts_no_more_than_it_can_run() -> None:
    _, run, first = begun("true", 20_000, 300)
    assert first.more
    assert run.root is not None
    fork = run.root.child
    assert isinstance(fork, Fork)
    assert len(fork.live) == WAVE
    assert len(list(unfold_effects(first.effects))) == 298


@pytest.mark.parametrize("limit", ["true", "700", "1"])
def test_all_branches_run_in_order(limit: str) -> None:
    branches = 3 * WAVE + 7
    program, run, ready = begun(limit, branches, 400)
    journal, order = [*ready.events], []
    while ready.finished is None:
        calls = [e for e in unfold_effects(ready.effects) if isinstance(e, CallOut)]
        order += [call.params["i"] for call in calls]
        done = [CallDone(0, c.path, c.n, c.step, 1, 1) for c in calls]
        ready = advance(program, run, done, turns=400)
        journal += ready.events
    assert order == list(range(branches))
    assert ready.finished.output == branches + sum(range(branches))
    assert replay(program, journal).finished == ready.finished


@pytest.mark.parametrize("passes", [(), ("fork_call",)])
def test_a_cancel_between_two_waves_is_replayed(passes: tuple[str, ...]) -> None:
    """The place has the name it would have if all branches had been started at once."""
    program, run, first = begun("true", 2_000, WAVE + 1, passes)
    second = advance(program, run, [CancelRequested(1, "enough")])
    assert second.finished is not None and second.finished.status == "Cancelled"
    (cancel,) = [e for e in second.events if isinstance(e, CancelRequested)]
    assert cancel.stop == ((1, WAVE - 1), 1)
    assert replay(program, [*first.events, *second.events]).finished == second.finished
