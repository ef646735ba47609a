"""``Runtime.submit_many``: each item has its own outcome, the one that ``submit_job`` would have."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from runeskript.engine import submitting
from runeskript.engine.runtime import Runtime
from runeskript.engine.submissions import Receipt, Submission
from runeskript.errors import (
    CompileError,
    InputError,
    JobExistsError,
    RuntimeOptionError,
    StoreError,
    StoreTooLargeError,
    UnknownSkriptError,
)
from runeskript.model.limits import SUBMITS
from runeskript.stores.base import JobRow, OnConflict, Store, Submitted

Start = Callable[..., Awaitable[Runtime]]

ADD = """
skript: add
labels: {of: add}
input: {type: object, properties: {n: {type: integer}}, required: [n]}
do: [{return: "${input.n + 1}"}]
"""
DOUBLE = "skript: double\nversion: 2\ndo: [{return: '${input * 2}'}]\n"
WAIT = "skript: wait\ndo: [{listen: never}]\n"
GATE = "machine: gate\ninitial: a\nstates: {a: {}, b: {final: true}}\n"
GATE += "transitions: [{from: a, event: go, to: b}]\n"


def said(receipts: Sequence[Receipt]) -> list[Any]:
    return [one.outcome if one.error is None else type(one.error) for one in receipts]


async def test_each_has_an_outcome_of_its_own(runtime: Start, store: Store) -> None:
    rt = await runtime(store=store)
    await rt.deploy(DOUBLE)
    await rt.deploy(DOUBLE, tenant="acme")
    first = await rt.submit_job(ADD, {"n": 1}, key="old")
    assert await rt.result(first.id) == 2
    other = await rt.submit_job(ADD, {"n": 1}, tenant="acme")
    wrong: Any = 5
    receipts = await rt.submit_many(
        [
            Submission(ADD, {"n": 1}, key="k", labels={"a": "b"}, priority=3),
            Submission(ADD, {"n": "x"}),
            Submission("skript: [\n", None),
            Submission("nowhere.yaml"),
            Submission(deployed="double@2", input=4),
            Submission(deployed="double", input=5, tenant="acme"),
            Submission(deployed="double@3"),
            Submission(deployed="double@x"),
            Submission(deployed=wrong),
            Submission(DOUBLE, deployed="double"),
            Submission(input=5),
            wrong,
            Submission(ADD, {"n": 2}, key="k"),
            Submission(ADD, {"n": 2}, key="k", on_conflict="reject"),
            Submission(ADD, {"n": 2}, key="old", on_conflict="replace"),
            Submission(ADD, {"n": 2}, key="k", tenant="acme"),
            Submission(ADD, {"n": 2}, key=""),
            Submission(ADD, {"n": 2}, labels={"a": wrong}),
            Submission(ADD, {"n": 2}, labels=wrong),
            Submission(ADD, {"n": 2}, priority=1_000),
            Submission(ADD, {"n": 2}, tenant="A"),
            Submission(ADD, {"n": 2}, on_conflict=wrong),
            Submission(ADD, {"n": 2}, id=""),
            Submission(ADD, {"n": 2}, id=other.id),
            Submission(ADD, {"n": float("nan")}),
            Submission(GATE, {"n": 1}),
            Submission(GATE, 5),
            Submission(ADD, {"n": 7}, start=False),
            Submission(ADD, {"n": 8}, hold=True),
            Submission(input={"n": 9}, key="bare", labels={"a": "b"}),
            Submission(),
        ]
    )
    bad = RuntimeOptionError
    assert said(receipts) == [
        *("created", InputError, CompileError, bad),
        *("created", "created", UnknownSkriptError, bad, bad, bad, bad, bad),
        *("exists", JobExistsError, "replaced", "created"),
        *[bad] * 8,
        *(InputError, "created", InputError, *["created"] * 4),
    ]
    assert receipts[12].id == receipts[0].id
    assert [one.id is None for one in receipts] == [one.error is not None for one in receipts]
    for at, output in ((0, 2), (4, 8), (5, 10), (14, 3), (15, 3)):
        assert await rt.result(receipts[at].id or "") == output
    made = await rt.get_job(receipts[0].id or "")
    assert (made.key, made.labels, made.priority) == ("k", {"of": "add", "a": "b"}, 3)
    gate = await rt.get_job(receipts[25].id or "")
    assert (gate.kind, gate.state, gate.data) == ("machine", "a", {"n": 1})
    later, held = [await rt.get_job(receipts[at].id or "") for at in (27, 28)]
    assert (later.status, held.status) == ("Pending", "Pending")
    bare = await rt.get_job(receipts[29].id or "")
    assert (bare.kind, bare.status, bare.data, bare.key) == ("bare", "Pending", {"n": 9}, "bare")
    assert (await rt.create_job(key="bare")).id == bare.id
    nothing: Any = None
    with pytest.raises(RuntimeOptionError):
        await rt.submit_job(nothing)
    await rt.work(until_idle=True)
    assert [(await rt.get_job(one.id)).status for one in (later, held)] == ["Completed", "Pending"]
    assert await rt.submit_many([]) == []


async def test_an_id_makes_one_job(runtime: Start, store: Store) -> None:
    """Whoever asks again for what may have been done does so with the same ids."""
    rt = await runtime(store=store)
    options: list[Any] = ["return", "replace", "reject"] * 2
    items = [
        Submission(ADD, {"n": n}, id=f"mine-{n}", key=f"k{n}", on_conflict=options[n])
        for n in range(6)
    ]
    assert said(await rt.submit_many([*items, items[0]])) == ["created"] * 6 + ["exists"]
    assert [await rt.result(f"mine-{n}") for n in range(6)] == [1, 2, 3, 4, 5, 6]
    again = await rt.submit_many(items)
    assert said(again) == ["exists"] * 6
    assert [one.id for one in again] == [one.id for one in items]


@pytest.mark.parametrize("seed", range(3))
async def test_many_are_as_one_after_the_other(runtime: Start, tmp_path: Path, seed: int) -> None:
    draw = Random(seed)
    drawn: list[Any] = [
        Submission(
            draw.choice((ADD, ADD, DOUBLE, GATE)),
            draw.choice(({"n": n}, {"n": n}, n, None)),
            key=draw.choice((None, None, "a", "b")),
            labels=draw.choice((None, {"x": str(n)})),
            on_conflict=draw.choice(("return", "return", "reject")),
            start=draw.random() < 0.5,
            priority=draw.choice((0, 5)),
            tenant=draw.choice(("", "acme")),
            id=draw.choice((None, f"id-{n % 40}")),
        )
        for n in range(120)
    ]
    outcomes, jobs = [], []
    for many in (True, False):
        rt = await runtime(store=f"sqlite:///{tmp_path}/{many}.db?sync=normal")
        if many:
            receipts = await rt.submit_many(drawn)
        else:
            receipts = [one for item in drawn for one in await rt.submit_many([item])]
        assert {"created", "exists", "refused"} <= {one.outcome for one in receipts}
        outcomes.append(said(receipts))
        rows = [await rt.get_job(one.id) for one in receipts if one.id and one.outcome == "created"]
        jobs.append(
            [(row.key, row.labels, row.tenant, row.kind, row.input, row.priority) for row in rows]
        )
    assert outcomes[0] == outcomes[1]
    assert jobs[0] == jobs[1]


async def test_more_than_may_live_at_once(runtime: Start, store: Store) -> None:
    """The others wait for a place, and nobody for one that is held for nothing."""
    rt = await runtime(store=store, max_jobs=3)
    items = [Submission(ADD, {"n": n}, start=n % 4 > 0) for n in range(20)]
    receipts = await rt.submit_many(items)
    assert said(receipts) == ["created"] * 20
    await rt.work(until_idle=True)
    assert [await rt.result(one.id or "") for one in receipts] == list(range(1, 21))
    waiting = [(await rt.submit_job(WAIT)).id for _ in range(2)]
    task = asyncio.create_task(rt.submit_many([Submission(WAIT), Submission(WAIT)]))
    for _ in range(50):
        await asyncio.sleep(0)
    assert not task.done()
    await rt.cancel_job(waiting[0])
    assert said(await task) == ["created"] * 2


async def test_too_many_are_refused_at_once(runtime: Start, store: Store) -> None:
    rt = await runtime(store=store)
    with pytest.raises(RuntimeOptionError, match="10,000"):
        await rt.submit_many([Submission(ADD, {"n": 1})] * (SUBMITS + 1))
    assert await rt.list_jobs() == []


async def test_what_the_store_refuses(
    runtime: Start, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is too large harms no other; where the store fails the others are told so."""
    monkeypatch.setattr(submitting, "PORTION", 5)
    submit, asked = store.submit, list[int]()

    async def failing(rows: Sequence[JobRow], *args: Any, **more: Any) -> list[Submitted]:
        asked.append(len(rows))
        given: list[Any] = [row.input for row in rows]
        if {"n": 12} in given:
            raise StoreError("gone")
        if {"n": 2} in given:
            raise StoreTooLargeError("too large")
        return await submit(rows, *args, **more)

    monkeypatch.setattr(store, "submit", failing)
    rt = await runtime(store=store)
    receipts = await rt.submit_many([Submission(ADD, {"n": n}) for n in range(20)])
    expected: list[Any] = ["created"] * 10 + [StoreError] * 10
    expected[2] = StoreTooLargeError
    assert said(receipts) == expected
    # That one is tried again without its first slice.
    assert asked == [5, 1, 1, 1, 1, 1, 1, 5, 5]
    assert [await rt.result(one.id) for one in receipts[5:10] if one.id] == [6, 7, 8, 9, 10]
    assert rt._places._value == 10_000


async def test_runs_of_one_option_are_written_in_one_go(
    runtime: Start, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit, asked = store.submit, list[tuple[int, OnConflict]]()

    async def counted(
        rows: Sequence[JobRow], on_conflict: OnConflict, *args: Any, **more: Any
    ) -> list[Submitted]:
        asked.append((len(rows), on_conflict))
        return await submit(rows, on_conflict, *args, **more)

    monkeypatch.setattr(store, "submit", counted)
    rt = await runtime(store=store)
    options: list[Any] = ["return", "reject", "replace", "replace", "return"]
    await rt.submit_many([Submission(ADD, {"n": 1}, on_conflict=one) for one in options])
    assert asked == [(2, "return"), (2, "replace"), (1, "return")]


async def test_a_job_says_the_version_that_it_was_named_by(runtime: Start, store: Store) -> None:
    """The document has none of its own; of two versions with one content each is itself."""
    one, two = (f"skript: s\ndo: [{{return: {n}}}]\n" for n in (1, 2))
    caller = "skript: caller\ndo: [{run: s, detach: true}, {run: s@1, into: x}]\n"
    rt = await runtime(store=store)
    for text, number in ((one, 1), (two, 2), (one, 3), (DOUBLE, 2), (caller, 1)):
        assert (await rt.deploy(text)).version == number
    names = ("s@1", "s@3", "s", "s@2", "double", "s@1")
    receipts = await rt.submit_many([Submission(deployed=name, input=1) for name in names])
    jobs = [await rt.get_job(str(receipt.id)) for receipt in receipts]
    assert [job.skript_version for job in jobs] == [1, 3, 3, 2, 2, 1]
    assert [await rt.result(job.id) for job in jobs] == [1, 1, 1, 2, 2, 1]
    assert (await rt.submit_job(one)).skript_version is None
    whole = await rt.run_job(caller)
    parts = (await rt.find_jobs(skript="s", limit=2)).jobs
    assert whole.status == "Completed"
    assert sorted(str(job.skript_version) for job in parts) == ["1", "3"]


async def test_what_is_submitted_at_the_same_time_shares_a_commit(
    runtime: Start, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is told its own outcome; who is cancelled while he waits has submitted his job."""
    submit, asked = store.submit, list[int]()

    async def counted(rows: Sequence[JobRow], *args: Any, **more: Any) -> list[Submitted]:
        asked.append(len(rows))
        await asyncio.sleep(0)
        if {"n": 13} in [row.input for row in rows]:
            raise StoreError("gone")
        return await submit(rows, *args, **more)

    monkeypatch.setattr(store, "submit", counted)
    rt = await runtime(store=store, max_jobs=20)
    items = [Submission(ADD, {"n": n}, id=f"j{n}") for n in range(10)]
    items += [Submission(ADD, {"n": "x"}), items[3], Submission(input={"n": 1}, key="k")]
    tasks = [asyncio.create_task(rt.submit(item)) for item in items]
    for _ in range(3):
        await asyncio.sleep(0)
    tasks[4].cancel()
    told = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) if isinstance(one, BaseException) else one.outcome for one in told] == [
        *["created"] * 4, asyncio.CancelledError, *["created"] * 5, InputError, "exists", "created"
    ]  # fmt: skip
    assert asked == [12]
    assert [await rt.result(f"j{n}") for n in range(10)] == list(range(1, 11))
    more = [rt.submit(Submission(ADD, {"n": n})) for n in (12, 13)]
    both = await asyncio.gather(*more, return_exceptions=True)
    assert [type(one) for one in both] == [StoreError] * 2
    last = await rt.submit(Submission(ADD, {"n": 14}))
    assert (last.outcome, await rt.result(last.row.id)) == ("created", 15)
    waiting = [await rt.submit(Submission(WAIT)) for _ in range(3)]
    assert rt._places._value == 20 - len(waiting)
