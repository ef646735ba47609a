"""Running one document fused and not, interrupted at every place: what must not differ."""

from __future__ import annotations

from typing import Any

from runeskript.compiler.pipeline import Options
from runeskript.kernel import Program, Ready, advance, load, new_run
from runeskript.model.effects import Effect, TimerSet
from runeskript.model.events import CancelRequested, Event, Finished, Started, TimerFired
from support import compile_yaml

Seen = tuple[list[Event], list[Effect]]


def both(text: str) -> tuple[Program, Program]:
    """The program as the optimizer makes it, and as it stands."""
    fused = load(compile_yaml(text).blueprint)
    plain = load(compile_yaml(text, options=Options(passes=())).blueprint)
    assert len(fused.code) < len(plain.code)
    return fused, plain


def started(program: Program, given: Any) -> Started:
    return Started(0, program.digest, {"id": "j"}, given, {}, "5a" * 16)


def run(
    program: Program, given: Any, turns: int, slices: int | None, deadline: bool = False
) -> Seen:
    """Journal and effects of a run in slices of ``turns``, cancelled after some of them (or, with
    ``deadline``, found to be late)."""
    state = new_run(program)
    events: list[Event] = []
    effects: list[Effect] = []
    pending: list[Event] = [started(program, given)]

    def step() -> Ready:
        ready = advance(program, state, pending, turns)
        pending.clear()
        events.extend(ready.events)
        effects.extend(ready.effects)
        return ready

    ready = step()
    for _ in range(slices or 0):
        if ready.finished is not None or not ready.more:
            break
        ready = step()
    if slices is not None and ready.finished is None:
        timers = [e for e in effects if isinstance(e, TimerSet)]
        late = deadline and timers
        pending.append(
            TimerFired(9, timers[0].path, timers[0].m) if late else CancelRequested(9, "enough")
        )
    for _ in range(5_000):
        if ready.finished is not None:
            return events, effects
        ready = step()
    raise AssertionError("it does not end")


def replayed(program: Program, journal: list[Event]) -> Seen:
    """What a program does with the journal of another one of the same document."""
    first, *rest = journal
    assert isinstance(first, Started)
    state = new_run(program)
    state.replaying = True
    state.inbox.append(first._replace(blueprint=program.digest))
    state.inbox.extend(event for event in rest if not isinstance(event, Finished))
    events: list[Event] = []
    effects: list[Effect] = []
    while True:
        ready = advance(program, state)
        events += ready.events
        effects += ready.effects
        if not ready.more:
            return events, effects


def without_digest(seen: Seen) -> Seen:
    first, *rest = seen[0]
    assert isinstance(first, Started)
    return [first._replace(blueprint=""), *rest], seen[1]


def check_every_place(
    text: str, given: Any = None, *, turns: tuple[int, ...] = (2, 3, 7), deadline: bool = False
) -> int:
    """Interrupts both programs after every slice of a few sizes; returns how many places differ in
    name, so that a test can see that it looked at some."""
    fused, plain = both(text)
    assert without_digest(run(fused, given, 20_000, None)) == without_digest(
        run(plain, given, 20_000, None)
    )
    places = set()
    for size in turns:
        for slices in range(400):
            one = run(fused, given, size, slices, deadline)
            other = run(plain, given, size, slices, deadline)
            assert without_digest(one) == without_digest(other), (size, slices)
            assert without_digest(replayed(plain, one[0])) == without_digest(one)
            assert without_digest(replayed(fused, other[0])) == without_digest(other)
            stops = [getattr(event, "stop", None) for event in one[0]]
            if not any(stops):
                break
            places.update(stop for stop in stops if stop is not None)
        else:
            raise AssertionError("it never comes to an end by itself")
    return len(places)
