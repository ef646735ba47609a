"""What a job was given, did and gave is erased, with its copies; that it was there stays known."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.engine.conftest import ManualClock

from runeskript.engine.erasing import erase_job
from runeskript.engine.forking import fork_job
from runeskript.engine.handlers import handler
from runeskript.engine.ids import SystemIds
from runeskript.engine.retrying import check_retry
from runeskript.engine.runtime import Runtime
from runeskript.errors import EraseError, JobNotFoundError, RetryError, StoreError
from runeskript.stores.base import Store
from runeskript.stores.queries import JobFilter
from runeskript.stores.sqlite import SqliteStore

Start = Callable[..., Awaitable[Runtime]]
NEEDLE = "needle-in-the-file"

DOC = """
skript: order
do:
  - call: work
    with: {what: "${input.secret}", big: "${join(['x' for i in range(30000)], input.secret)}"}
    into: got
  - run: part
    with: {secret: "${input.secret}"}
  - raise: {type: oh.no, message: "${got}", data: "${input.secret}"}
on_failure:
  call: work
  with: {what: "${error.message}"}
"""
PART = "skript: part\ndo:\n  - return: ${input.secret}\n"


@handler("work")
async def work(params: Any, ctx: Any) -> Any:
    return f"done {params['what']}"


@pytest.fixture(name="store")
def store_(kept: Store) -> Store:
    return kept


def in_files(folder: Path) -> bool:
    return any(NEEDLE.encode() in path.read_bytes() for path in folder.glob("jobs.db*"))


async def failed(rt: Runtime) -> str:
    await rt.deploy(PART)
    done = await rt.run_job(DOC, {"secret": NEEDLE})
    notice = await rt.notice(done.id)
    assert notice is not None
    await rt.result(notice.id)
    return done.id


async def test_with_its_child_and_what_told_of_its_failure(
    runtime: Start, store: Store, tmp_path: Path
) -> None:
    rt = await runtime(work, store=store)
    id_ = await failed(rt)
    assert in_files(tmp_path) == isinstance(store, SqliteStore)
    would = await erase_job(store, id_, dry=True)
    assert len(would) == 3
    assert (await rt.get_job(id_)).input == {"secret": NEEDLE}
    assert await erase_job(store, id_) == would
    assert would[-1] == (id_, "erased", None)
    rows, _ = await store.query(JobFilter(), None, 9)
    assert {row.skript for row in rows} == {"order", "part", "order.on_failure"}
    for row in rows:
        assert (row.reason, row.input, row.output) == ("erased", None, None)
    (row,) = await store.get([id_])
    assert row is not None
    assert row.error == {"code": "RUNE-5000", "type": "oh.no", "step": "/do/2", "attempts": 0}
    with pytest.raises(RetryError, match="was erased"):
        await check_retry(store, id_)
    with pytest.raises(StoreError) as caught:
        await fork_job(store, SystemIds(), id_, 1, {}, None, {})
    assert caught.value.code == "RUNE-7011"
    if isinstance(store, SqliteStore):
        assert await store.check() == []
        await store.compact()  # what went from child to parent was used up, and lay about
        assert not in_files(tmp_path)
        assert await store.check() == []


async def test_nothing_of_it_is_left_in_the_file(
    runtime: Start, store: Store, tmp_path: Path
) -> None:
    rt = await runtime(work, store=store)
    text = "skript: s\ndo:\n  - call: work\n    with: {what: '${input}'}\n  - return: ${input}\n"
    ids = [(await rt.run_job(text, NEEDLE + size)).id for size in ("", "x" * 3_000, "x" * 90_000)]
    for id_ in ids:
        assert in_files(tmp_path) == isinstance(store, SqliteStore)
        await erase_job(store, id_)
    if isinstance(store, SqliteStore):
        await store.compact()
    assert not in_files(tmp_path)


async def test_one_that_has_not_ended_is_left(runtime: Start, store: Store) -> None:
    rt = await runtime(work, store=store)
    job = await rt.submit_job("skript: w\ndo:\n  - listen: go\n", start=False)
    assert await erase_job(store, job.id) == [(job.id, "unfinished", job.id)]
    assert await erase_job(store, "nope") == [("nope", "unknown", None)]


async def test_the_runtime_erases_what_has_ended(runtime: Start, store: Store) -> None:
    rt = await runtime(work, store=store)
    id_ = await failed(rt)
    family = await rt.erase_job(id_, dry_run=True)
    assert len(family) == 3 and family[-1] == id_
    assert (await rt.get_job(id_)).input == {"secret": NEEDLE}
    assert await rt.erase_job(id_) == family
    for one in family:
        assert (await rt.get_job(one)).input is None
    with pytest.raises(JobNotFoundError, match="nope"):
        await rt.erase_job("nope")


async def test_the_runtime_refuses_what_has_not_ended(runtime: Start, store: Store) -> None:
    rt = await runtime(work, store=store)
    await rt.deploy("skript: part\ndo:\n  - listen: go\n")
    job = await rt.submit_job("skript: w\ndo:\n  - run: part\n    detach: false\n")
    waiting = await rt.submit_job("skript: w\ndo:\n  - listen: go\n", start=False)
    for id_ in (job.id, waiting.id):
        with pytest.raises(EraseError, match="has not ended") as caught:
            await rt.erase_job(id_)
        assert caught.value.code == "RUNE-6017"


async def test_a_worker_goes_on_beside_it(runtime: Start, store: Store, clock: ManualClock) -> None:
    """Who asks for a retry of what was erased is told so, and nobody stumbles over it."""
    rt = await runtime(work, store=store)
    id_ = await failed(rt)
    await erase_job(store, id_)
    await rt.work(until_idle=True)
    assert (await rt.run_job("skript: s\ndo:\n  - return: 1\n")).output == 1
    assert (await rt.get_job(id_)).status == "Failed"
