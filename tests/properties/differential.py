"""Whether the optimizer changes what a skript does: one skript, several sets of passes, one world.

A run is described by everything a user could see of it: the events in their order, the effects with
their parameters, the logs, the result. Interrupts (a cancel in the middle of a computation) are
compared by replay: what one program's journal recorded must be what the other programs do with it.

``check(seed)`` is the whole property for one seed; ``shrink`` makes a failing skript small.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from properties.programs import HANDLERS, handlers
from properties.skripts import CHILD, skript
from runeskript.compiler.expand import expand
from runeskript.compiler.passes import PASSES
from runeskript.compiler.pipeline import STAGES, Family, Options, Unit
from runeskript.kernel import Program, Ready, advance, load, new_run
from runeskript.model.ast import Document
from runeskript.model.batches import unfold_effects, unfold_events
from runeskript.model.catalog import PlainHandler, StaticCatalog
from runeskript.model.diagnostics import Diagnostics
from runeskript.model.effects import Effect
from runeskript.model.events import Event, Finished, Started
from runeskript.model.isa import Op
from runeskript.testing import Simulation
from support import compile_yaml

#: What is known of handlers, so that calls come in groups.
FLAGS: dict[str, dict[str, bool]] = {
    "work": {"pure": True},
    "echo": {"pure": True},
    "flaky": {"idempotent": True},
}
CATALOG = StaticCatalog({name: PlainHandler(name, **FLAGS.get(name, {})) for name in HANDLERS})
NAMES = tuple(one.name for one in PASSES)
Passes = tuple[str, ...]
FRONT, BACK = STAGES


class RefusedError(Exception):
    """The skript does not compile: the generator is not that precise."""


class DifferenceError(AssertionError):
    """Two sets of passes made programs that do different things."""


#: A slice that no random program uses up.
WHOLE = 20_000


@dataclass(frozen=True)
class World:
    """What happens around a run: the order of what is possible at once, the kernel's slice, and a
    cancel: at a time (ms after the start), or in the middle, after this many steps."""

    shuffle: int | None = None
    turns: int = WHOLE
    cancel_at: int | None = None
    cancel_step: int | None = None


def world(rng: random.Random) -> World:
    """A world drawn from a seed."""
    kind = rng.randrange(5)
    return World(
        rng.randrange(2**32) if rng.random() < 0.5 else None,
        rng.choice((1, 2, 5, WHOLE)) if kind < 4 else rng.choice((1, 2, 3)),
        rng.randrange(30) if kind == 3 else None,
        rng.randrange(40) if kind == 4 else None,
    )


def choice(rng: random.Random) -> Passes:
    """All passes, one alone, or a random subset."""
    kind = rng.randrange(4)
    if kind <= 1:
        return NAMES
    if kind == 2:
        return (rng.choice(NAMES),)
    return tuple(name for name in NAMES if rng.random() < 0.5)


# --- compiling --------------------------------------------------------------------------------
def front(program: dict[str, Any]) -> Document:
    """The document of a program, read and checked once for all sets of passes."""
    unit = _unit(json.dumps(program), ())
    for _, stage in FRONT:
        stage(unit)
    if unit.diagnostics.has_errors or unit.document is None:
        raise RefusedError(str(unit.diagnostics.sorted()[0]))
    return unit.document


def back(document: Document, passes: Passes) -> Program:
    """The rest of the compiler with some passes, and what the kernel makes of it."""
    unit = _unit("", passes)
    unit.document = document
    unit.program = expand(document)
    for _, stage in BACK:
        stage(unit)
    assert unit.blueprint is not None
    return Program(unit.blueprint)  # verified by the last stage


def _unit(source: str, passes: Passes) -> Unit:
    options = Options(passes=passes)
    return Unit("random.json", CATALOG, options, Family(), Diagnostics(), source)


# --- running ----------------------------------------------------------------------------------
@dataclass(frozen=True)
class Seen:
    """Everything there is to see of a run: how it went, its journal, and what left it."""

    lines: tuple[str, ...]
    journal: tuple[Event, ...]
    effects: tuple[Effect, ...]


class Recording(Simulation):
    """A simulation that keeps the effects."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.effects: list[Effect] = []
        super().__init__(*arguments, **options)

    def _record(self, ready: Ready) -> None:
        self.effects += unfold_effects(ready.effects)
        super()._record(ready)


_CHILD = load(compile_yaml(json.dumps(CHILD)).blueprint)


def simulate(program: Program, world: World) -> Seen:
    """Run a program in a world."""
    simulation = Recording(
        program,
        handlers(),
        {"n": 1},
        children={"child": _CHILD},
        messages=(("ping", None, {"n": 4}),),
        shuffle=world.shuffle,
        turns=world.turns,
    )
    if world.cancel_at is not None:
        simulation.run_until(world.cancel_at)
        simulation.cancel()
    elif world.cancel_step is not None:
        for _ in range(world.cancel_step):
            simulation.step()
        simulation.cancel()
    outcome = simulation.run(5_000)
    error = json.dumps(outcome.error, sort_keys=True)
    end = f"{outcome.status} {json.dumps(outcome.output)} {error}"
    lines = (*outcome.trace, *outcome.logs, end)
    return Seen(lines, tuple(outcome.journal), tuple(simulation.effects))


def check_replay(seen: Seen, program: Program) -> None:
    """Whether the journal of a run, given to another program of the same skript, leads it through
    the same events and effects. Raises DifferenceError."""
    first, *rest = seen.journal
    assert isinstance(first, Started)
    journal = [first._replace(blueprint=program.digest), *rest]
    run = new_run(program)
    run.replaying = True
    run.inbox.extend(event for event in journal if not isinstance(event, Finished))
    events: list[Event] = []
    effects: list[Effect] = []
    while True:
        ready = advance(program, run)
        events += ready.events
        effects += unfold_effects(ready.effects)
        if not ready.more:
            break
    _same("event", list(unfold_events(journal)), list(unfold_events(events)))
    _same("effect", seen.effects, effects)


# --- the property -----------------------------------------------------------------------------
def compare(program: dict[str, Any], passes: Passes, world: World) -> None:
    """Raises DifferenceError where a set of passes makes a difference to a program."""
    document = front(program)
    plain = back(document, ())
    expected = simulate(plain, world)
    optimised = back(document, passes)
    actual = simulate(optimised, world)
    drawn = world.shuffle is not None or (world.turns < WHOLE and _has(optimised, Op.RUN))
    if world.cancel_step is None and not (drawn and _has(optimised, Op.FORKCALL, Op.FORKPURE)):
        _same("line of the trace", expected.lines, actual.lines)
        _same("event", expected.journal[1:], actual.journal[1:])
        return
    # Where in a computation a cancel lands depends on slices, and so does how far a child is when it
    # is cancelled; what order is drawn depends on them and on batches. Calls may complete in batches
    # and branches may end a slice earlier; what happens then is the same.
    check_replay(expected, optimised)
    check_replay(actual, plain)


def _has(program: Program, *ops: Op) -> bool:
    """Whether one of these instructions is in a program."""
    return any(instruction[0] in ops for instruction in program.code)


def _same(what: str, expected: Sequence[Any], actual: Sequence[Any]) -> None:
    """Raises DifferenceError with the first element that is not the same."""
    for number, (one, two) in enumerate(zip_longest(expected, actual, fillvalue="(nothing)")):
        if one != two:
            raise DifferenceError(f"{what} {number}:\n  expected: {one}\n  found:    {two}")


def check(seed: int) -> bool:
    """The property for one seed; False where its skript does not compile.

    Raises DifferenceError with the command that shows the difference again.
    """
    rng = random.Random(seed)
    program, around, passes = skript(seed), world(rng), choice(rng)
    try:
        compare(program, passes, around)
    except RefusedError:
        return False
    except Exception as error:
        raise DifferenceError(
            f"seed {seed}, passes {','.join(passes)}: {type(error).__name__}: {error}\n"
            f'show it: make fuzz ARGS="passes --seed {seed}"'
        ) from error
    return True


# --- making a failing skript small ------------------------------------------------------------
def shrink(program: dict[str, Any], passes: Passes, world: World) -> dict[str, Any]:
    """The smallest skript found by leaving out steps that shows some difference, too."""

    def fails(candidate: dict[str, Any]) -> bool:
        try:
            compare(candidate, passes, world)
        except RefusedError:
            return False
        except Exception:
            return True
        return False

    return smaller(program, fails)


def smaller(program: dict[str, Any], fails: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """A program made smaller as long as it ``fails``, step by step."""
    progress = True
    while progress:
        progress = False
        for candidate in _smaller(program):
            if fails(candidate):
                program, progress = candidate, True
                break
    return program


def _smaller(program: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Programs with one thing less: big things first."""
    for path in sorted(_places(program, ()), key=len):
        parent, key = _at(program, path[:-1]), path[-1]
        value = parent[key]
        if isinstance(value, list) and value and isinstance(value[0], dict):
            for number in range(len(value)):
                for steps in ([], _blocks(value[number])):
                    yield _with(program, path, [*value[:number], *steps, *value[number + 1 :]])
        elif isinstance(parent, dict) and key not in ("skript", "do", "call", "for", "in"):
            candidate = copy.deepcopy(program)
            del _at(candidate, path[:-1])[key]
            yield candidate
        if isinstance(value, str) and "${" in value and value != "${1}":
            yield _with(program, path, "${1}")
        elif key in ("if", "while", "when", "switch", "yield") and value not in ("a", "true"):
            yield _with(program, path, "true")
            yield _with(program, path, "a")


def _blocks(step: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps inside a step, in place of it."""
    found: list[dict[str, Any]] = []
    for key in ("then", "else", "do", "try", "finally"):
        if isinstance(step.get(key), list):
            found += step[key]
    for branch in (
        (step.get("parallel") or {}).values() if isinstance(step.get("parallel"), dict) else ()
    ):
        found += branch
    return found


def _places(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*path, key)
        if isinstance(inner, dict | list):
            yield from _places(inner, (*path, key))


def _at(program: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        program = program[key]
    return program


def _with(program: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    candidate = copy.deepcopy(program)
    _at(candidate, path[:-1])[path[-1]] = value
    return candidate
