"""The quick way of events that only move a machine comes to what the general way comes to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runeskript.compiler.pipeline import compile_text
from runeskript.expr.runtime import Context
from runeskript.kernel import advance, load, new_run, vm
from runeskript.model.events import Event, Moved, Sent, Started
from runeskript.model.run import Run
from runeskript.model.snapshot import decode_run, encode_run

MACHINE = """\
machine: turnstile
initial: locked
states:
  locked: {}
  open: {exit: [{set: {data.left: "${data.left + 1}"}}]}
  stuck: {timeout: {after: 1h, event: reset}}
  gone: {final: true}
transitions:
  - {from: locked, event: coin, to: open, guard: "event.data >= 2", do: [{set: {data.coins: "${data.coins + event.data}"}}]}
  - {from: locked, event: coin, to: locked, guard: "event.data == 1", allow: [guest]}
  - {from: open, event: push, to: locked, do: [{set: {n: "${10 // event.data}"}}, {set: {data.pushed: "${data.pushed + n}"}}]}
  - {from: open, event: coin, to: open}
  - {from: [open, locked], event: jam, to: stuck, allow: [guard]}
  - {from: stuck, event: reset, to: locked, do: [{if: data.pushed > 3, then: [{set: {data.pushed: 0}}], else: [{set: {data.coins: 0}}]}]}
  - {from: locked, event: remove, to: gone, guard: data.coins > 40}
"""
PROGRAM = load(compile_text(MACHINE, "turnstile.yaml").blueprint)
SENT = st.builds(
    Sent,
    st.integers(1, 50),
    st.just("e"),
    st.sampled_from(("coin", "push", "coin", "push", "jam", "reset", "remove", "other")),
    st.sampled_from((0, 1, 2, 3, "x", None, 2**62)),
    st.sampled_from(
        ({"id": "a", "roles": []}, {"id": "b", "roles": ["guest", "guard"]}, {"id": "system"})
    ),
    st.none(),
)


def started() -> Run:
    run = new_run(PROGRAM)
    data = {"coins": 0, "pushed": 0, "left": 0}
    advance(PROGRAM, run, [Started(1, PROGRAM.digest, {"id": "j"}, data, {}, "00" * 16)])
    return run


def fed(run: Run, batches: list[list[Sent]], turns: int) -> list[Event]:
    """What comes of events, batch after batch."""
    said: list[Event] = []
    for batch in batches:
        ready = advance(PROGRAM, run, batch, turns=turns)
        said += ready.events
        while ready.more:
            ready = advance(PROGRAM, run, turns=turns)
            said += ready.events
    return said


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(SENT, max_size=8), max_size=6), st.sampled_from((1, 5, 1_000)))
def test_both_ways_say_and_leave_the_same(batches: list[list[Sent]], turns: int) -> None:
    quick, general = started(), started()
    said = fed(quick, batches, turns)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vm, "take_events", lambda vm: None)
        assert fed(general, batches, turns) == said
    if quick.finished is None:
        both = [encode_run(run, PROGRAM.digest, 0) for run in (quick, general)]
        runs = [decode_run(data, PROGRAM.digest, Context())[0] for data in both]
        assert seen(runs[0]) == seen(runs[1])


def seen(run: Run) -> Any:
    """What a snapshot keeps of a run, the guards' variables aside: they are set before use."""
    token, machine = run.root, run.machine
    assert token is not None and machine is not None
    names = PROGRAM.blueprint.debug.slot_names[0]
    kept = [v for name, v in zip(names, token.frame, strict=True) if name in ("data", "n")]
    timer = token.timer is not None
    state = (machine.state, machine.since, machine.moves, machine.due, len(machine.queue))
    return kept, token.pc, token.turns, token.m, token.n, timer, state, run.now, sorted(run.timers)


def test_the_quick_way_is_taken() -> None:
    """Else the property above would compare the general way with itself."""
    run, taken = started(), []
    take = vm.take_events

    def counted(one: Any) -> None:
        before = len(one.out.events)
        take(one)
        taken.append(len(one.out.events) - before)

    actor: dict[str, Any] = {"id": "a", "roles": []}
    events = [Sent(2, "e", name, 2, actor, None) for name in ("coin", "push") * 50]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vm, "take_events", counted)
        said = fed(run, [events], 1_000)
    assert taken == [200]
    assert sum(isinstance(event, Moved) for event in said) == 100


WORKING = """\
machine: working
initial: a
states: {a: {}}
transitions:
  - {from: a, event: go, to: a, guard: "sum([x for x in range(data.n)]) >= 0"}
"""


def test_what_guards_compute_counts_for_the_slice() -> None:
    """Else a thousand events with long guards would be one slice of seconds."""
    program = load(compile_text(WORKING, "working.yaml").blueprint)

    def slices() -> int:
        run = new_run(program)
        advance(
            program, run, [Started(1, program.digest, {"id": "j"}, {"n": 4_000}, {}, "00" * 16)]
        )
        actor: dict[str, Any] = {"id": "a", "roles": []}
        ready = advance(program, run, [Sent(2, "e", "go", None, actor, None)] * 40, turns=1_000)
        found, said = 1, list(ready.events)
        while ready.more:
            ready = advance(program, run, turns=1_000)
            found, said = found + 1, said + ready.events
        assert sum(isinstance(event, Moved) for event in said) == 40
        return found

    quick = slices()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vm, "take_events", lambda vm: None)
        assert quick == slices() > 5
