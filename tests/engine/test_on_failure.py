"""What a skript does when a job of it has failed: once the end is durable, so is that."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from tests.engine.conftest import Lasting, ManualClock
from tests.engine.test_recovery import Mortal
from tests.support import compile_yaml

from runeskript.engine import notices
from runeskript.engine.handlers import handler
from runeskript.engine.ids import SystemIds
from runeskript.engine.notices import notice_id
from runeskript.engine.runtime import Runtime
from runeskript.errors import (
    CompileError,
    DamagedError,
    JobFailedError,
    StepError,
    StoreError,
)
from runeskript.model.blueprint_codec import decode, digest, encode
from runeskript.stores.base import JobRow, Store
from runeskript.stores.queries import JobFilter
from runeskript.testing import Simulation

Start = Callable[..., Awaitable[Runtime]]

pytestmark = pytest.mark.usefixtures("time_passes")

ORDER = """
skript: order
env: [HOOK]
labels: {team: shop}
input: {type: object, properties: {n: {type: integer}}, required: [n]}
functions:
  tagged(kind): "'[' + kind + ']'"
do:
  - call: work
    with: {n: "${input.n}"}
  - raise: {type: order.stuck, message: "no ${input.n}", data: {n: "${input.n}"}}
    if: input.n > 2
on_failure:
  id: page
  call: pager
  with:
    what: "${tagged(error.type)} ${error.message}"
    error: ${error}
    n: ${input.n + error.data.n}
    job: ${job}
    hook: ${env.HOOK}
  retry: {max: 3, backoff: 1ms..2ms}
"""


@pytest.fixture(name="store")
def store_(kept: Store) -> Store:
    return kept


class Pager:
    """What was told, by idempotency key; ``fails`` times it does not answer."""

    def __init__(self, fails: int = 0) -> None:
        self.fails = fails
        self.told: dict[str, list[Any]] = {}

    def handlers(self) -> list[Any]:
        @handler("pager")
        async def pager(params: Any, ctx: Any) -> Any:
            self.told.setdefault(ctx.idempotency_key, []).append(params)
            if self.fails:
                self.fails -= 1
                raise StepError("connect", "nobody answers")

        @handler("work")
        async def work(params: Any, ctx: Any) -> Any:
            return params

        return [pager, work]


async def rows_of(store: Store) -> dict[str, JobRow]:
    rows, _ = await store.query(JobFilter(), None, 50)
    return {row.skript: row for row in rows}


async def test_it_sees_the_error_and_the_job_that_failed(runtime: Start, store: Store) -> None:
    pager = Pager(fails=2)
    rt = await runtime(*pager.handlers(), store=store, env={"HOOK": "x"}, ids=SystemIds())
    done = await rt.run_job(ORDER, {"n": 3}, key="k", labels={"who": "me"})
    assert done.status == "Failed"
    notice = await rt.notice(done.id)
    assert notice is not None
    assert await rt.result(notice.id) is None
    ((key, calls),) = pager.told.items()
    assert calls == [calls[0]] * 3
    assert calls[0] == {
        "what": "[order.stuck] no 3",
        "error": done.error,
        "n": 6,
        "job": {
            "id": done.id,
            "key": "k",
            "created_at": done.created_at,
            "labels": {"team": "shop", "who": "me"},
        },
        "hook": "x",
    }
    assert done.error is not None
    assert (done.error["step"], done.error["line"]) == ("/do/1", 11)
    row = (await rows_of(store))["order.on_failure"]
    assert (row.id, row.key, row.labels["who"]) == (notice.id, None, "me")
    assert key


async def test_who_does_not_fail_tells_nobody(runtime: Start, store: Store) -> None:
    pager = Pager()
    rt = await runtime(*pager.handlers(), store=store)
    assert (await rt.run_job(ORDER, {"n": 1})).ok
    job = await rt.submit_job(ORDER, {"n": 9}, start=False)
    await rt.cancel_job(job.id)
    await rt.work(until_idle=True)
    assert (await rt.get_job(job.id)).status == "Cancelled"
    assert await rt.notice(job.id) is None
    assert pager.told == {}
    assert set(await rows_of(store)) == {"order"}


async def test_one_that_fails_harms_nothing_and_is_seen(runtime: Start, store: Store) -> None:
    pager = Pager(fails=99)
    rt = await runtime(*pager.handlers(), store=store)
    done = await rt.run_job(ORDER, {"n": 3})
    notice = await rt.notice(done.id)
    assert notice is not None
    with pytest.raises(JobFailedError, match="nobody answers"):
        await rt.result(notice.id)
    assert (await rt.get_job(done.id)).error == done.error
    failed = (await rows_of(store))["order.on_failure"]
    assert failed.error is not None
    assert (failed.error["step"], failed.error["attempts"]) == ("page", 3)
    assert (await rt.run_job(ORDER, {"n": 1})).ok


async def test_a_job_that_fails_again_tells_so_again(runtime: Start, store: Store) -> None:
    pager = Pager()

    @handler("work")
    async def work(params: Any, ctx: Any) -> Any:
        raise ValueError("bad")

    doc = "skript: s\ndo:\n  - call: work\non_failure:\n  call: pager\n"
    rt = await runtime(pager.handlers()[0], work, store=store)
    done = await rt.run_job(doc)
    first = await rt.notice(done.id)
    assert first is not None
    await rt.result(first.id)
    await rt.retry_job(done.id)
    await rt.work(until_idle=True)
    second = await rt.notice(done.id)
    assert second is not None
    assert second.id != first.id
    assert len(pager.told) == 2


async def test_a_message_can_tell_it(runtime: Start, store: Store) -> None:
    doc = """
skript: s
do:
  - raise: {type: oh.no}
on_failure:
  emit: failed
  key: job.key
  with: ${error.type}
  keep: 1h
"""
    rt = await runtime(store=store)
    done = await rt.run_job(doc, key="k")
    notice = await rt.notice(done.id)
    assert notice is not None
    await rt.result(notice.id)
    heard = "skript: h\ndo:\n  - listen: failed\n    key: \"'k'\"\n    into: m\n  - return: ${m}\n"
    assert (await rt.run_job(heard)).output == "oh.no"


async def test_a_step_that_is_skipped_tells_nothing(runtime: Start, store: Store) -> None:
    pager = Pager()
    doc = ORDER.replace("  id: page\n", "  id: page\n  if: error.type != 'order.stuck'\n")
    rt = await runtime(*pager.handlers(), store=store)
    done = await rt.run_job(doc, {"n": 3})
    notice = await rt.notice(done.id)
    assert notice is not None
    await rt.result(notice.id)
    assert pager.told == {}


async def test_another_worker_may_have_to_tell(runtime: Start, store: Store) -> None:
    """One that has the handler: the one that ran the job has not."""
    pager = Pager()
    pages, work = pager.handlers()
    first = await runtime(pages, work, store=store)
    job = await first.submit_job(ORDER, {"n": 3}, start=False)
    poor = await runtime(work, store=store, ids=SystemIds())
    with suppress(JobFailedError):
        await poor.result(job.id)
    assert (await poor.get_job(job.id)).status == "Failed"
    waiting = await poor.notice(job.id)
    assert waiting is not None
    assert (waiting.status, pager.told) == ("Pending", {})
    with pytest.raises(CompileError):
        await poor.submit_job(ORDER, {"n": 3})
    await first.work(until_idle=True)
    assert (await first.get_job(waiting.id)).status == "Completed"
    assert len(pager.told) == 1


class Damaged(Lasting):
    """A store in which the Blueprints of some digests cannot be read any more."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.bad: set[str] = set()

    async def get_blob(self, digest: str) -> bytes | None:
        if digest in self.bad:
            raise DamagedError(f"{digest}: its checksum is wrong")
        return await self.inner.get_blob(digest)


BRIEF = "skript: s\ndo:\n  - call: work\n  - raise: {type: oh.no}\non_failure:\n  call: pager\n"
WAITS = "skript: w\ndo:\n  - listen: go\n  - call: work\n"


async def test_what_cannot_be_read_tells_nobody_and_harms_no_other(
    runtime: Start, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """The job fails as it would without, and a worker goes on with the others."""
    pager, damaged = Pager(), Damaged(store)
    first = await runtime(*pager.handlers(), store=damaged)
    job = await first.submit_job(BRIEF, start=False)
    other = await first.submit_job(WAITS, start=False)
    data = await store.get_blob((await rows_of(store))["s"].blueprint)
    assert data is not None
    what = decode(data).on_failure
    assert what is not None
    await first.close()
    damaged.bad.add(what)
    second: Any = await runtime(*pager.handlers(), store=damaged, ids=SystemIds())
    await second.work(until_idle=True)
    row = (await rows_of(store))["s"]
    assert row.error is not None
    assert (row.status, row.error["type"]) == ("Failed", "oh.no")
    assert await second.notice(job.id) is None
    await second.signal("go")
    await second.work(until_idle=True)
    assert (await second.get_job(other.id)).status == "Completed"
    assert f"job {job.id}: its on_failure, Blueprint {what}, cannot be read" in caplog.text
    assert "could not be prepared" not in caplog.text
    assert pager.told == {}


async def test_a_defect_there_drops_that_job_only(
    runtime: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def decide(*_: Any) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(notices, "decide_notice", decide)
    rt = await runtime(*Pager().handlers(), store="memory://")
    other = await rt.submit_job(WAITS)
    job = await rt.submit_job(BRIEF)
    with pytest.raises(StoreError, match=rf"{job.id} was dropped: ZeroDivisionError: a defect"):
        await rt.result(job.id)
    await rt.signal("go")
    assert await rt.result(other.id) is None


@pytest.mark.parametrize("when", ["before", "after"])
async def test_it_survives_a_death_at_every_write(
    kept: Store, clock: ManualClock, when: str
) -> None:
    """The end of the job and what follows it are durable together; it is told at least once, and
    always under the same key.
    """
    pager = Pager(fails=1)

    async def live(number: int | None, key: str) -> int:
        store: Any = Mortal(kept, number, when)
        async with Runtime(
            handlers=pager.handlers(),
            store=store,
            clock=clock,
            ids=SystemIds(),
            discover_handlers=False,
            env={},
        ) as rt:
            with suppress(StoreError):
                await rt.submit_job(ORDER, {"n": 3}, key=key, start=number is not None)
                await rt.work(until_idle=True)
        writes: int = store.writes
        return writes

    writes = await live(10_000, "first")
    assert writes > 4
    for number in range(writes):
        pager.fails = 1
        await live(number, f"job {number}")
        await live(None, f"job {number}")
    rows, _ = await kept.query(JobFilter(), None, 100)
    jobs = [row for row in rows if row.skript == "order"]
    notices = {row.id for row in rows if row.skript == "order.on_failure"}
    assert len(jobs) == writes + 1
    assert notices == {notice_id(row.id, row.seq - 1) for row in jobs}
    assert {row.status for row in rows if row.id in notices} == {"Completed"}
    told = {calls[0]["job"]["id"]: key for key, calls in pager.told.items()}
    assert len(told) == len(pager.told) == len(jobs)
    for calls in pager.told.values():
        assert calls == [calls[0]] * len(calls)


async def test_children_tell_for_themselves(runtime: Start, store: Store) -> None:
    pager = Pager()
    rt = await runtime(*pager.handlers(), store=store)
    await rt.deploy(ORDER)
    doc = """
skript: above
do:
  - try:
      - run: order
        with: {n: 5}
    catch:
      - do:
          - log: caught
"""
    assert (await rt.run_job(doc)).ok
    await rt.work(until_idle=True)
    ((told,),) = pager.told.values()
    assert told["what"] == "[order.stuck] no 5"


def test_only_what_has_it_is_of_the_newer_format() -> None:
    plain = "skript: order\ndo:\n  - call: work\n"
    old = compile_yaml(plain, "work")
    new = compile_yaml(plain + "on_failure:\n  call: work\n", "work")
    assert [encode(one.blueprint)[7] for one in (old, new)] == [1, 2]
    assert digest(decode(encode(new.blueprint))) == digest(new.blueprint)
    assert old.blueprint.ast_hash != new.blueprint.ast_hash
    assert new.blueprint.on_failure in new.children
    assert Simulation(new.blueprint, {"work": lambda params: 1}).run().status == "Completed"


def test_a_name_that_is_as_long_as_a_name_may_be() -> None:
    name = "a" * 128
    made = compile_yaml(f"skript: {name}\ndo:\n  - call: work\non_failure:\n  call: work\n", "work")
    (child,) = made.children.values()
    assert child.name.endswith("a.on_failure")
