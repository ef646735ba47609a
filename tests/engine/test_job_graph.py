"""The picture of a job: what it runs, and where it stands, for every kind of job."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.engine.conftest import Lasting, ManualClock

from runeskript.compiler.frontends.builder import Skript
from runeskript.engine.handlers import handler
from runeskript.engine.pictures import GraphNode, JobGraph
from runeskript.engine.runtime import Runtime
from runeskript.errors import JobFailedError, JobNotFoundError, StoreError
from runeskript.stores.base import Store
from runeskript.stores.retention import Policy

Start = Callable[..., Awaitable[Runtime]]


@handler("work")
async def work(params: dict[str, Any], ctx: Any) -> Any:
    if params.get("fails"):
        raise RuntimeError("no")
    return params


@handler("later")
async def later(params: dict[str, Any], ctx: Any) -> Any:
    return ctx.pending()


def node(graph: JobGraph, id_: str) -> GraphNode:
    (found,) = [one for one in graph.nodes if one.id == id_]
    return found


def numbers(graph: JobGraph, id_: str) -> dict[str, int]:
    """The numbers of a node that are not 0."""
    counts = node(graph, id_).counts
    return {n: getattr(counts, n) for n in counts.__match_args__[:8] if getattr(counts, n)}


WAITS = """
skript: waits
do:
  - id: many
    for: x
    in: range(10)
    parallel: 4
    do:
      - id: outside
        call: later
  - id: done
    call: work
"""


async def test_a_fork_is_one_node_with_numbers(
    runtime: Start, store: Store, settle: Callable[[], Awaitable[None]]
) -> None:
    rt = await runtime(work, later, store=store)
    job = await rt.submit_job(WAITS)
    await settle()
    graph = await rt.job_graph(job.id)
    assert numbers(graph, "many") == {"pending": 6, "running": 4}
    assert numbers(graph, "outside") == {"waiting": 4}
    assert node(graph, "outside").parent == "many"
    assert node(graph, "outside").current and not node(graph, "done").current
    assert (graph.status, graph.first, graph.kind) == ("Running", 0, "skript")
    json.dumps(graph.shown())
    await rt.cancel_job(job.id)
    await settle()
    graph = await rt.job_graph(job.id)
    assert graph.status == "Cancelled"
    assert numbers(graph, "outside") == {"cancelled": 4}
    assert numbers(graph, "many") == {} and numbers(graph, "done") == {}


LISTENS = """
skript: listens
do:
  - parallel:
      a: [{id: a, listen: one}]
      b: [{id: b, listen: two, timeout: 1s}]
      c: [{id: c, wait: 2s}]
      d: [{id: d, call: work, with: {fails: true}, retry: {on: [handler], max: 2, backoff: 10s}}]
    join: 1
"""


async def test_waits_are_told_apart(
    runtime: Start,
    store: Store,
    clock: ManualClock,
    settle: Callable[[], Awaitable[None]],
) -> None:
    rt = await runtime(work, store=store)
    job = await rt.submit_job(LISTENS)
    await settle()
    graph = await rt.job_graph(job.id)
    assert [numbers(graph, one) for one in "abc"] == [{"waiting": 1}] * 3
    assert numbers(graph, "d") == {"retrying": 1, "retries": 1}
    clock.pass_ms(1_000)
    await settle()
    assert numbers(await rt.job_graph(job.id), "b") == {"failed": 1}
    clock.pass_ms(1_000)
    await rt.result(job.id)
    graph = await rt.job_graph(job.id)
    assert [numbers(graph, one) for one in "abcd"] == [
        {"cancelled": 1},
        {"failed": 1},
        {"done": 1},
        {"cancelled": 1, "retries": 1},
    ]
    assert node(graph, "c").counts.first == clock.ms - 2_000
    assert node(graph, "c").counts.last == clock.ms
    assert graph.failed_at is None


async def test_where_it_failed(runtime: Start, store: Store) -> None:
    rt = await runtime(work, store=store)
    job = await rt.submit_job(
        "skript: s\ndo:\n  - {id: bad, set: {a: '${1 // input.n}'}}", {"n": 0}
    )
    with pytest.raises(JobFailedError):
        await rt.result(job.id)
    assert (await rt.job_graph(job.id)).failed_at == "bad"
    with pytest.raises(JobNotFoundError):
        await rt.job_graph("nobody")


async def test_one_that_was_built_has_the_steps_of_its_code(runtime: Start, store: Store) -> None:
    rt = await runtime(work, store=store)
    built = Skript("built")
    with built.for_("x", in_="range(3)", parallel=True):
        built.call("work", id="one")
    job = await rt.submit_job(built.document())
    await rt.result(job.id)
    graph = await rt.job_graph(job.id)
    assert node(graph, "one").label == "call work"
    assert numbers(graph, "one") == {"done": 3}
    assert {(one.kind, one.source, one.target) for one in graph.edges} >= {
        ("branch", "/do/0", "one"),
    }


MACHINE = """
machine: order
initial: draft
states:
  draft: {}
  paid: {do: [{id: ship, call: later}]}
  shipped: {final: true}
transitions:
  - {from: draft, event: pay, to: paid, allow: [clerk]}
  - {from: paid, event: done, to: shipped}
  - {from: paid, event: back, to: draft}
"""


async def test_a_machine_has_states_and_transitions(
    runtime: Start, store: Store, settle: Callable[[], Awaitable[None]]
) -> None:
    rt = await runtime(work, later, store=store)
    job = await rt.submit_job(MACHINE)
    await rt.send(job.id, "pay", actor="ann", roles=["clerk"])
    await rt.send(job.id, "back")
    await rt.send(job.id, "pay")
    await settle()
    graph = await rt.job_graph(job.id)
    assert [one.id for one in graph.nodes if one.current] == ["/states/paid", "ship"]
    assert numbers(graph, "/states/paid") == {"done": 2}
    assert numbers(graph, "ship") == {"waiting": 1, "cancelled": 1}
    assert node(graph, "ship").parent == "/states/paid"
    taken = {(one.label, one.roles): one.taken for one in graph.edges if one.kind == "transition"}
    assert taken == {("pay", ("clerk",)): 2, ("done", None): 0, ("back", None): 1}


PRUNED = """
skript: long
do:
  - {id: each, for: x, in: "range(100)", do: [{id: one, call: work}]}
  - {id: last, listen: end}
"""


async def test_what_was_pruned_is_not_counted(
    runtime: Start,
    kept: Store,
    clock: ManualClock,
    settle: Callable[[], Awaitable[None]],
) -> None:
    store = Lasting(kept)
    rt = await runtime(work, store=store)
    job = await rt.submit_job(PRUNED)
    await settle(500)
    before = await rt.job_graph(job.id)
    assert numbers(before, "one") == {"done": 100}
    pruned = await store.prune(Policy(journals=True))
    assert pruned.events
    after = await rt.job_graph(job.id)
    assert 0 < after.first <= after.events == before.events
    assert numbers(after, "last") == {"waiting": 1}
    assert node(after, "one").counts.done < 100
    assert (await rt.job_variables(job.id)).position == before.events
    with pytest.raises(StoreError) as info:
        await rt.job_variables(job.id, 0)
    assert info.value.code == "RUNE-7011"
    await rt.signal("end")
    await rt.result(job.id)


async def test_a_bare_job_is_its_statuses(runtime: Start, store: Store) -> None:
    rt = await runtime(store=store)
    job = await rt.create_job({"n": 1})
    await rt.send(job.id, "start", {"m": 2})
    await rt.send(job.id, "complete", {"n": None})
    graph = await rt.job_graph(job.id)
    taken = {(one.source, one.label): one.taken for one in graph.edges if one.taken}
    assert taken == {("/states/Pending", "start"): 1, ("/states/Running", "complete"): 1}
    assert [one.id for one in graph.nodes if one.current] == ["/states/Completed"]
    seen = [await rt.job_variables(job.id, at) for at in range(graph.events + 1)]
    assert [one.variables["data"] for one in (seen[0], seen[2], seen[-1])] == [
        {"n": 1},
        {"n": 1, "m": 2},
        {"m": 2},
    ]
    assert [one.ended for one in (seen[0], seen[2], seen[-1])] == [False, False, True]
