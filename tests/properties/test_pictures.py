"""The picture of a job says of each step what its journal says, in every store."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties.machines import machines
from properties.programs import EVERYTHING, handlers, programs
from properties.test_machines import TOLD, Forgetful, played
from properties.test_machines import compiled as machine_of
from properties.test_programs import FUZZ, compiled, examples
from properties.test_retried_runs import Operated, answering, documents
from properties.test_retried_runs import compiled as retried_of
from runeskript.engine.handlers.registry import HandlerRegistry
from runeskript.engine.pictures import JobGraph, job_graph
from runeskript.engine.resources import Resources
from runeskript.engine.skripts import Skripts
from runeskript.engine.variables import variables_at
from runeskript.kernel import Program
from runeskript.kernel.stepping import Stepper, variables_of
from runeskript.model import blueprint_codec
from runeskript.model.batches import unfold_events
from runeskript.model.events import CallDone, CallFailed, ChildDone, Event, Finished, Moved
from runeskript.model.retries import standing
from runeskript.stores import Store, open_store
from runeskript.stores.base import JobRow
from runeskript.testing import Simulation

pytestmark = pytest.mark.timeout(300 * FUZZ)
STORES = ("memory", "sqlite")


@asynccontextmanager
async def opened(kind: str) -> AsyncIterator[Store]:
    """A store of this kind, empty."""
    with TemporaryDirectory() as folder:
        url = "memory://" if kind == "memory" else f"sqlite:///{folder}/jobs.db?sync=normal"
        store = open_store(url, lambda: 1_700_000_000_000)
        yield store
        await store.close()


async def stored(store: Store, code: Program, journal: Sequence[Event], **row: Any) -> str:
    """A job with this journal; its id."""
    await store.put_blob(code.digest, blueprint_codec.encode(code.blueprint))
    bp = code.blueprint
    job = JobRow("j", None, {}, bp.name, None, code.digest, bp.ast_hash, None, 0, 0, **row)
    await store.submit([job], "reject", {"j": journal})
    return "j"


def skripts(store: Store) -> Skripts:
    return Skripts(store, HandlerRegistry(), Resources())


async def picture(kind: str, code: Program, journal: Sequence[Event], **row: Any) -> JobGraph:
    async with opened(kind) as store:
        return await job_graph(store, skripts(store), await stored(store, code, journal, **row))


def check(code: Program, journal: Sequence[Event], calls: Counter[str] | None = None) -> JobGraph:
    """The numbers of a picture are those of the journal, and add up."""
    graph, other = (asyncio.run(picture(kind, code, journal)) for kind in STORES)
    assert graph == other
    counts = {node.id: node.counts for node in graph.nodes}
    assert len(counts) == len(graph.nodes)
    for edge in graph.edges:
        assert edge.source in counts and edge.target in counts
    assert all(node.parent is None or node.parent in counts for node in graph.nodes)
    events = list(unfold_events(standing(journal)))
    done: Counter[str] = Counter()
    broke: Counter[str] = Counter()
    for event in events:
        if isinstance(event, CallDone):
            done[event.step] += 1
        elif isinstance(event, CallFailed):
            broke[event.step] += 1
        elif isinstance(event, ChildDone):
            (done if event.status == "Completed" else broke)[event.step] += 1
    ended = bool(events) and isinstance(events[-1], Finished)
    verbs = {node.id: node.kind for node in graph.nodes}
    for step, one in counts.items():
        numbers = [getattr(one, name) for name in one.__match_args__[:8]]
        assert min(numbers) >= 0, (step, one)
        if ended:
            assert one.pending == one.running == one.waiting == one.retrying == 0, (step, one)
        if verbs[step] in ("call", "run", "step"):
            assert one.done == done[step], (step, one)
            assert one.failed + one.retries == broke[step], (step, one)
        if calls is not None and verbs[step] == "call":
            begun = one.done + one.failed + one.cancelled + one.running + one.retrying
            assert begun + one.waiting == calls[step], (step, one)
    assert set(done) | set(broke) <= set(counts)
    return graph


def begun(sim: Simulation) -> Counter[str]:
    """The calls that a simulation has seen, each once."""
    return Counter(step for _, _, step in {(one.path, one.n, one.step) for one in sim.calls})


@examples(40)
@given(programs(), st.integers(0, 60), st.booleans())
def test_the_numbers_are_those_of_the_journal(
    program: dict[str, Any], steps: int, cancel: bool
) -> None:
    code = compiled(program)
    sim = Simulation(code, handlers(EVERYTHING))
    for _ in range(steps):
        if sim.finished is None:
            sim.step()
    if sim.finished is None:
        check(code, sim.journal)
        if cancel:
            sim.cancel()
    sim.run(20_000)
    check(code, sim.journal, begun(sim))


@examples(20)
@given(
    documents(), st.lists(st.sampled_from(["boom", "at", "late", "again"]), min_size=1), st.data()
)
def test_what_a_retry_takes_back_does_not_count(
    program: dict[str, Any], moods: list[str], data: Any
) -> None:
    code = retried_of(program)
    sim = Operated(code, answering(moods), shuffle=data.draw(st.integers(0, 9)))
    sim.run_on()
    check(code, sim.journal)


@examples(20)
@given(machines(), st.integers(0, 4), TOLD, st.booleans())
def test_each_transition_is_counted(
    machine: dict[str, Any], start: int, told: Any, cancel: bool
) -> None:
    code = machine_of(machine)
    sim, _ = played(code, start, told, cancel=cancel, kind=Forgetful)
    graph = check(code, sim.journal)
    stepper = Stepper(code, sim.journal)
    for position in (*range(len(stepper) + 1), 1, len(stepper)):
        stepper.seek(position)  # what the machine says of itself, one by one
    assert stepper.run.finished == sim.finished
    taken = Counter(
        (f"/states/{e.source}", e.event, f"/states/{e.to}")
        for e in sim.journal
        if isinstance(e, Moved) and e.source
    )
    ways = {
        (one.source, one.label, one.target): one.taken
        for one in graph.edges
        if one.kind == "transition"
    }
    assert {way: number for way, number in ways.items() if number} == taken


@examples(20)
@given(programs(), st.data())
def test_variables_are_those_of_a_replay(program: dict[str, Any], data: Any) -> None:
    code = compiled(program)
    sim = Simulation(code, handlers(EVERYTHING))
    sim.run(data.draw(st.sampled_from([5, 20, 20_000])))
    stepper = Stepper(code, sim.journal)
    at = data.draw(st.integers(0, len(stepper)))
    stepper.seek(at)

    async def seen(kind: str) -> Any:
        async with opened(kind) as store:
            id_ = await stored(store, code, sim.journal)
            return await variables_at(store, skripts(store), id_, at)

    found = [asyncio.run(seen(kind)) for kind in STORES]
    assert found[0] == found[1]
    root = stepper.run.root
    assert found[0].variables == ({} if root is None else variables_of(code, root))
    branches = [one for one in stepper.standing() if one.path]
    assert list(found[0].branches) == branches[:100]
    assert found[0].more == max(len(branches) - 100, 0)
