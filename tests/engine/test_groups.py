"""Groups of calls: one commit for many, and what a crash at any commit must not lead to.

A run is crashed at each of its commits in turn, before it is written and after. What is durable is
then gone on with as a second process would: from the journal, with other results of handlers that are
not pure, and at another time.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import pytest

from runeskript.compiler.pipeline import Compiled, Options, compile_text
from runeskript.engine import groups as engine_groups
from runeskript.engine.handlers import handler
from runeskript.engine.handlers.registry import HandlerRegistry
from runeskript.engine.runtime import Runtime
from runeskript.kernel import advance, load, new_run
from runeskript.model.batches import unfold_effects, unfold_events
from runeskript.model.effects import CallOut
from runeskript.model.events import CallDone, CallFailed, Event
from runeskript.model.verify import groups as verify_groups
from runeskript.stores.memory import MemoryStore

Key = tuple[tuple[int, ...], int]


class CrashError(Exception):
    """The process is gone."""


class CrashStore(MemoryStore):
    """Counts commits; the one of number ``at`` (from 0) crashes, ``written`` or not."""

    def __init__(self, at: int = -1, *, written: bool = False) -> None:
        super().__init__(lambda: 1_700_000_000_000)
        self.at, self.written = at, written
        self.commits = 0
        self.durable: list[Event] = []

    async def commit(self, units: Any) -> Any:
        number, self.commits = self.commits, self.commits + 1
        if number == self.at and not self.written:
            raise CrashError
        result = await super().commit(units)
        self.durable += unfold_events([event for unit in units for event in unit.events])
        if number == self.at:
            raise CrashError
        return result

    def ended(self) -> set[Key]:
        return {(e.path, e.n) for e in self.durable if isinstance(e, CallDone | CallFailed)}


class World:
    """Handlers of each kind, and a list of what they were given."""

    def __init__(self) -> None:
        self.life = 0
        self.number = 0
        self.store: CrashStore | None = None
        #: (life, token path and n, handler, parameters)
        self.ran: list[tuple[int, Key, str, str]] = []
        #: Calls in no group that ran before the end before them was durable.
        self.early: list[Key] = []

        @handler("pure", pure=True)
        async def pure(params: Any, ctx: Any) -> Any:
            self.note(ctx.call, params)
            return self.result("pure", params)

        @handler("idem", idempotent=True)
        async def idem(params: Any, ctx: Any) -> Any:
            self.note(ctx.call, params)
            return self.result("idem", params)

        @handler("plain")
        async def plain(params: Any, ctx: Any) -> Any:
            self.note(ctx.call, params)
            return self.result("plain", params)

        self.registry = HandlerRegistry([pure, idem, plain])

    def result(self, name: str, params: Any) -> Any:
        if name == "pure":
            return sum(json.dumps(params, sort_keys=True).encode()) % 97
        self.number += 1
        return self.life * 1_000 + self.number

    def note(self, call: CallOut, params: Any) -> None:
        """A call runs; if it is in no group, all before it in its token is durable."""
        key = (call.path, call.n)
        if self.life == 1 and call.handler == "plain" and self.store is not None:
            before = {k for _, k, _, _ in self.ran if k[0] == call.path and k[1] < call.n}
            if not before <= self.store.ended():
                self.early.append(key)
        self.ran.append((self.life, key, call.handler, json.dumps(params, sort_keys=True)))


def compiled_for(
    world: World, steps: Sequence[Any], passes: Sequence[str] | None = None
) -> Compiled:
    start = {"a": 1, "b": 2, "c": 3}
    document = {"skript": "groups", "vars": start, "do": steps}
    return compile_text(json.dumps(document), "g.json", world.registry, Options(passes=passes))


async def live_once(world: World, compiled: Compiled, store: CrashStore) -> None:
    """The first life, until the crash if there is one."""
    world.life, world.store = 1, store
    async with Runtime(handlers=world.registry, discover_handlers=False, store=store) as rt:
        job = await rt.submit_job(compiled)
        try:
            await rt.result(job.id)
        except CrashError:
            assert store.at >= 0


def live_again(world: World, compiled: Compiled, durable: Sequence[Event]) -> None:
    """The second life, from what is durable."""
    world.life, world.store = 2, None
    program = load(compiled.blueprint)
    run = new_run(program)
    run.replaying = True
    run.inbox.extend(durable)
    ready = advance(program, run)
    run.replaying = False
    at = (durable[-1].at if durable else 0) + 3_600_000
    calls: dict[Key, CallOut] = {}
    while True:
        for effect in unfold_effects(ready.effects):
            if isinstance(effect, CallOut):
                calls[effect.path, effect.n] = effect
        over = {(e.path, e.n) for e in unfold_events(ready.events) if isinstance(e, CallDone)}
        calls = {key: call for key, call in calls.items() if key not in over}
        if ready.finished is not None or not calls:
            return
        call = calls[min(calls)]
        world.note(call, call.params)
        value = world.result(call.handler, call.params)
        done = CallDone(at, call.path, call.n, call.step, call.attempt, value)
        ready = advance(program, run, [done])


def check_lives(world: World) -> None:
    """What ran twice and was not to be told apart ran with the same parameters."""
    assert not world.early, f"{world.early} ran before the end before it was durable"
    first = {key: params for life, key, _, params in world.ran if life == 1}
    for life, key, name, params in world.ran:
        if life == 2 and key in first:
            assert params == first[key], f"{name} {key} ran with {first[key]}, then with {params}"


async def crash_everywhere(steps: Sequence[Any]) -> int:
    """Crash a document at each commit, before and after; how many there were."""
    world = World()
    compiled = compiled_for(world, steps)
    whole = CrashStore()
    await live_once(world, compiled, whole)
    for at in range(1, whole.commits):  # the first one is of Started
        for written in (False, True):
            world.ran.clear()
            store = CrashStore(at, written=written)
            await live_once(world, compiled, store)
            ended = [e for e in store.durable if type(e).__name__ == "Finished"]
            if not ended:
                live_again(world, compiled, store.durable)
            check_lives(world)
    return whole.commits


def call(name: str, into: str | None = None, **given: str) -> dict[str, Any]:
    step: dict[str, Any] = {"call": name, "with": given}
    return step if into is None else {**step, "into": into}


#: Name -> steps, commits with the pass (that of Started is one) and without.
CASES: dict[str, tuple[list[Any], int, int]] = {
    "a chain of pure calls": ([call("pure", "a", x="${a}") for _ in range(12)], 2, 13),
    "an idempotent call ends it": (
        [call("pure", "a", x="${a}"), call("idem", "b", x="${a}"), call("plain", "c", x="${b}")],
        3,
        4,
    ),
    "one that needs its result waits": (
        [call("pure", "a"), call("idem", "b", x="${a}"), call("idem", "c", x="${b}")],
        3,
        4,
    ),
    "one that does not need it goes on": (
        [call("idem", "a", x="${c}"), call("idem", "b", x="${c}"), call("idem", x="${c}")],
        2,
        4,
    ),
    "a copy of the result is the result": (
        [call("idem", "a"), {"set": {"b": "${a}"}}, call("idem", x="${b}")],
        3,
        3,
    ),
    "to read it may fail": (
        [call("idem", "a"), {"set": {"c": "${a + 1}"}}, call("idem", x="${b}")],
        3,
        3,
    ),
    "whether it is reached": (
        [call("idem", "a"), {"if": "a % 2 == 1", "then": [call("idem", x="${b}")]}],
        3,
        3,
    ),
    "the clock": ([call("pure", "a"), {"set": {"b": "${now()}"}}, call("idem", x="${b}")], 3, 3),
    "the clock in a parameter": ([call("pure", "a"), call("idem", x="${now()}")], 3, 3),
    "no flag": ([call("pure", "a"), call("plain", x="${a}"), call("pure", x="${a}")], 4, 4),
    "a loop": (
        [{"for": "i", "in": "range(9)", "do": [call("pure", "a", x="${a + i}")]}, call("plain")],
        3,
        11,
    ),
    "a log waits for the commit": ([call("pure", "a"), {"log": "${a}"}, call("pure")], 3, 3),
    "an undo": (
        [call("pure", "a"), {**call("idem", "b"), "undo": {"call": "plain"}}, call("pure")],
        4,
        4,
    ),
    "on_crash: fail": ([call("pure", "a"), {**call("idem", "b"), "on_crash": "fail"}], 3, 3),
    "an error that is handled": (
        [{"try": [call("pure", "a"), call("idem", x="${a}")], "catch": [{"do": [call("plain")]}]}],
        3,
        3,
    ),
    "pure calls under a catch": (
        [{"try": [call("pure", "a"), call("pure", "b", x="${a}")], "catch": [{"do": []}]}],
        2,
        3,
    ),
}


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a call takes on this machine, the commit waits for it."""
    monkeypatch.setattr(engine_groups, "HOLD", 60.0)


@pytest.mark.parametrize("name", CASES)
async def test_one_commit_holds_what_a_group_came_to(name: str) -> None:
    steps, expected, plain = CASES[name]
    journals = []
    for passes, commits in ((None, expected), ((), plain)):
        world, store = World(), CrashStore()
        await live_once(world, compiled_for(world, steps, passes), store)
        assert store.commits == commits
        journals.append([event[1:] for event in store.durable if not hasattr(event, "seed")])
    assert journals[0] == journals[1], "the journal holds the same, one completion after the other"


@pytest.mark.parametrize("name", CASES)
async def test_no_crash_can_tell(name: str) -> None:
    await crash_everywhere(CASES[name][0])


def draw(rng: random.Random, depth: int = 2) -> list[Any]:
    """Steps that make calls of all kinds of what others returned."""
    steps: list[Any] = []
    for _ in range(rng.randrange(2, 5)):
        one, two = rng.choice("abc"), rng.choice("abc")
        kind = rng.randrange(10 if depth else 7)
        if kind < 5:
            given = {"x": rng.choice([f"${{{two}}}", f"${{[{one}, {two}]}}", "${c}", "1"])}
            name = rng.choice(["pure", "pure", "idem", "idem", "plain"])
            steps.append(call(name, rng.choice([one, None]), **given))
        elif kind == 5:
            steps.append({"set": {one: rng.choice([f"${{{two}}}", f"${{{two} + 1}}", "${7}"])}})
        elif kind == 6:
            steps.append({"set": {one: "${timestamp(now()) % 1000}"}})
        elif kind == 7:
            then, other = draw(rng, depth - 1), draw(rng, depth - 1)
            steps.append({"if": f"{one} % 2 == 0", "then": then, "else": other})
        elif kind == 8:
            steps.append({"for": "i", "in": "range(2)", "do": draw(rng, depth - 1)})
        else:
            branches = {"x": [call("pure"), call("idem", x=f"${{{one}}}")], "y": [call("idem")]}
            steps.append({"parallel": branches})
    return steps


@pytest.mark.parametrize("seed", range(12))
async def test_no_crash_can_tell_in_random_skripts(seed: int) -> None:
    assert await crash_everywhere(draw(random.Random(seed))) > 1


def _break(monkeypatch: pytest.MonkeyPatch, which: Callable[[Any], bool]) -> None:
    def wrong(points: Any, handlers: Any) -> list[int]:
        return [at for at, point in enumerate(points) if point.kind == "call" and which(point)]

    # The package has a function of the module's name.
    monkeypatch.setattr(import_module("runeskript.compiler.passes.group_calls"), "grouped", wrong)
    monkeypatch.setattr(verify_groups, "grouped", wrong)


@pytest.mark.parametrize("name", ["an idempotent call ends it", "no flag"])
async def test_a_broken_rule_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All calls marked: one in no group runs too early."""
    _break(monkeypatch, lambda point: True)
    with pytest.raises(AssertionError, match="before the end before it was durable"):
        await crash_everywhere(CASES[name][0])


@pytest.mark.parametrize(
    "name",
    ["one that needs its result waits", "a copy of the result is the result",
     "the clock", "the clock in a parameter"],
)  # fmt: skip
async def test_a_rule_without_dependencies_is_found(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All pure and idempotent calls marked, whatever they depend on."""
    _break(monkeypatch, lambda point: point.pure or point.idempotent)
    with pytest.raises(AssertionError, match="then with"):
        await crash_everywhere(CASES[name][0])


async def test_the_commit_does_not_wait_for_a_slow_call() -> None:
    """It is made as soon as a call of the group suspends."""
    gate = asyncio.Event()
    world, store = World(), CrashStore()

    @handler("pure", pure=True)
    async def pure(params: Any, ctx: Any) -> Any:
        if params.get("slow"):
            await gate.wait()
        return 1

    registry = HandlerRegistry([pure])
    steps = [call("pure"), call("pure"), call("pure", slow="1"), call("pure")]
    world.registry = registry
    compiled = compiled_for(world, steps)
    async with Runtime(handlers=registry, discover_handlers=False, store=store) as rt:
        job = await rt.submit_job(compiled)
        for _ in range(50):
            await asyncio.sleep(0)
        assert [n for _, n in sorted(store.ended())] == [1, 2]
        gate.set()
        await rt.result(job.id)
    assert store.commits == 3


async def test_the_commit_waits_for_no_more_than_a_number_of_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine_groups, "HELD", 4)
    world, store = World(), CrashStore()
    await live_once(world, compiled_for(world, CASES["a chain of pure calls"][0]), store)
    assert store.commits == 4
