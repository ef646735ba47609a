"""A failed job goes on from its failed step, or says why it cannot."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.engine.conftest import ManualClock

from runeskript.engine.handlers import handler
from runeskript.engine.runtime import Runtime
from runeskript.errors import JobFailedError, JobNotFoundError, ReplayMismatchError, RetryError
from runeskript.kernel import load, replay
from runeskript.kernel.stepping import Stepper
from runeskript.model.events import Finished, Retried, Started
from runeskript.model.exports import decode_export
from runeskript.model.journal import from_record
from runeskript.model.retries import standing
from runeskript.stores.base import Command, Store

Start = Callable[..., Awaitable[Runtime]]


@pytest.fixture(name="store")
def store_(kept: Store) -> Store:
    return kept


class Shaky:
    """A handler that fails as often as it is told to, and notes who called it with which key."""

    def __init__(self) -> None:
        self.fails: dict[str, int] = {}
        self.calls: list[tuple[str, str, int]] = []

    @property
    def what(self) -> list[str]:
        return [one[0] for one in self.calls]

    def handler(self) -> Any:
        @handler("shaky")
        async def shaky(params: Any, ctx: Any) -> Any:
            what = params["what"]
            self.calls.append((what, ctx.idempotency_key, ctx.attempt))
            if self.fails.get(what, 0) > 0:
                self.fails[what] -= 1
                raise RuntimeError(f"{what} is shaky")
            return what

        return shaky


CHAIN = """
skript: chain
do:
  - call: shaky
    with: {what: one}
    into: one
  - call: shaky
    with: {what: "two ${uuid()}"}
    into: two
    retry: {max: 2, on: [handler]}
  - call: shaky
    with: {what: three}
    into: three
  - return: ["${one}", "${three}"]
"""


async def failed(rt: Runtime, doc: str, **more: Any) -> str:
    job = await rt.submit_job(doc, **more)
    with pytest.raises(JobFailedError):
        await rt.result(job.id)
    return job.id


async def test_the_failed_call_is_made_again(runtime: Start, store: Store) -> None:
    shaky = Shaky()
    shaky.fails["three"] = 2
    rt = await runtime(shaky.handler(), store=store)
    job = await failed(rt, CHAIN)
    assert (await rt.retry_job(job)).status in ("Running", "Failed")
    with pytest.raises(JobFailedError, match="three is shaky"):
        await rt.result(job)
    await rt.retry_job(job)
    assert await rt.result(job) == ["one", "three"]
    row = await rt.get_job(job)
    assert (row.status, row.error) == ("Completed", None)
    assert [one[:3] for one in shaky.what] == ["one", "two", "thr", "thr", "thr"]
    assert len({key for what, key, _ in shaky.calls if what == "three"}) == 1
    events = await store.journal(job, 0, 100)
    kinds = [type(event).__name__ for event in events]
    calls = ["Started", "CallDone", "CallDone"]
    assert kinds == [*calls, *["CallFailed", "Finished", "Retried"] * 2, "CallDone", "Finished"]
    assert [type(one).__name__ for one in standing(events)] == [
        *calls,
        "Retried",
        "Retried",
        "CallDone",
        "Finished",
    ]
    data = await store.get_blob((await _row(store, job)).blueprint)
    assert data is not None
    exported = decode_export(await rt.export_job(job))
    program = load(exported.blueprint)
    assert replay(program, events).finished == events[-1]
    stepper = Stepper(program, exported.events)
    shown = []
    for position in range(len(stepper) + 1):
        stepper.seek(position)
        shown.append(len(stepper.standing()))
    assert shown == [0, 1, 1, 1, 0, 0, 1, 0, 0, 1, 0, 0]


async def _row(store: Store, id_: str) -> Any:
    (row,) = await store.get([id_])
    return row


async def test_all_attempts_are_there_again(
    runtime: Start, store: Store, clock: ManualClock
) -> None:
    doc = "skript: s\ndo:\n  - call: shaky\n    with: {what: x, id: '${uuid()}'}\n"
    doc += "    retry: {max: 2, on: [handler], backoff: 1ms}\n"
    shaky = Shaky()
    shaky.fails["x"] = 3
    rt = await runtime(shaky.handler(), store=store)
    job = await rt.submit_job(doc)

    async def ended() -> None:
        while not (await rt.get_job(job.id)).ended:
            await asyncio.sleep(0)
            clock.pass_ms(1)

    await ended()
    await rt.retry_job(job.id)
    while (await rt.get_job(job.id)).status == "Failed":
        await asyncio.sleep(0)
    await ended()
    assert (await rt.get_job(job.id)).status == "Completed"
    assert [attempt for _, _, attempt in shaky.calls] == [1, 2, 3, 4]


async def test_another_worker_goes_on(runtime: Start, store: Store) -> None:
    shaky = Shaky()
    shaky.fails["three"] = 1
    rt = await runtime(shaky.handler(), store=store)
    job = await failed(rt, CHAIN)
    assert await store.post([Command(job, "retry")]) == ["accepted"]
    await rt.work(until_idle=True)
    assert await rt.result(job) == ["one", "three"]


FORK = """
skript: fork
do:
  - for: i
    in: range(4)
    parallel: true
    collect: all
    do:
      - call: shaky
        with: {what: "n${i}"}
        into: r
      - yield: r
  - return: ${all}
"""


@pytest.mark.usefixtures("forks")
async def test_a_branch_of_a_fork(runtime: Start, store: Store) -> None:
    shaky = Shaky()
    shaky.fails["n2"] = 1
    rt = await runtime(shaky.handler(), store=store)
    job = await failed(rt, FORK)
    first = shaky.what.copy()
    await rt.retry_job(job)
    assert await rt.result(job) == ["n0", "n1", "n2", "n3"]
    assert "n2" in shaky.what[len(first) :]
    for what in ("n0", "n1"):
        assert shaky.what.count(what) == 1
    assert len({key for what, key, _ in shaky.calls if what == "n2"}) == 1


async def test_it_is_not_taken_for_interrupted(runtime: Start, store: Store) -> None:
    """``on_crash: fail`` is about calls that may have had their effect; this one ended."""
    shaky = Shaky()
    shaky.fails["x"] = 1
    rt = await runtime(shaky.handler(), store=store)
    doc = "skript: s\ndo:\n  - call: shaky\n    with: {what: x}\n    on_crash: fail\n    into: r\n"
    job = await failed(rt, doc + "  - return: ${r}\n")
    await rt.retry_job(job)
    assert await rt.result(job) == "x"


PART = "skript: part\ndo:\n  - call: shaky\n    with: {what: x}\n    into: r\n  - return: ${r}\n"
WHOLE = "skript: whole\ndo:\n  - run: part\n    into: r\n  - return: ${r}\n"


async def test_a_child_job_is_begun_anew(runtime: Start, store: Store) -> None:
    shaky = Shaky()
    shaky.fails["x"] = 1
    rt = await runtime(shaky.handler(), store=store)
    await rt.deploy(PART)
    job = await failed(rt, WHOLE)
    (child,) = await rt.list_jobs(skript="part")
    with pytest.raises(RetryError, match=f"a part of job {job}"):
        await rt.retry_job(child.id)
    await rt.retry_job(job)
    assert await rt.result(job) == "x"
    assert len(await rt.list_jobs(skript="part")) == 2


# --- what is refused ----------------------------------------------------------------------------
UNDONE = """
skript: undone
do:
  - call: shaky
    with: {what: one}
    undo: {call: shaky, with: {what: undo}}
  - call: shaky
    with: {what: two}
"""
SAYS_UNDONE = """
skript: undone
do:
  - call: shaky
    with: {what: one}
    undo: {emit: t}
  - call: shaky
    with: {what: two}
"""
CAUGHT = """
skript: caught
do:
  - for: i
    in: [1, 0]
    do:
      - try:
          - call: shaky
            id: mine
            with: {what: "${if(i == 1, 'two', 5 // i)}"}
        catch:
          - when: error.type == 'handler.RuntimeError'
            do:
              - set: {x: 1}
"""


@pytest.mark.parametrize(
    ("doc", "says"),
    [
        (UNDONE, "undos have run.*fork"),
        (SAYS_UNDONE, "undos have run.*fork"),
        ("skript: s\ndo:\n  - raise: {type: a.b, message: no}\n", "no call of the step.*fork"),
    ],
)
async def test_what_is_refused(runtime: Start, store: Store, doc: str, says: str) -> None:
    shaky = Shaky()
    shaky.fails["two"] = 1
    rt = await runtime(shaky.handler(), store=store)
    job = await failed(rt, doc)
    seq = (await _row(store, job)).seq
    with pytest.raises(RetryError, match=says):
        await rt.retry_job(job)
    row = await _row(store, job)
    assert (row.status, row.seq) == ("Failed", seq)
    # Who asks the store itself comes no further.
    assert await store.post([Command(job, "retry")]) == ["accepted"]
    await rt.work(until_idle=True)
    row = await _row(store, job)
    assert (row.status, row.seq, row.owner, row.due) == ("Failed", seq, None, None)
    loaded = await store.load(job)
    assert loaded is not None
    assert loaded.inbox == []


async def test_only_what_has_failed(runtime: Start, store: Store) -> None:
    rt = await runtime(store=store)
    job = await rt.submit_job("skript: s\ndo:\n  - return: 1\n")
    await rt.result(job.id)
    with pytest.raises(RetryError, match="is Completed"):
        await rt.retry_job(job.id)
    with pytest.raises(JobNotFoundError):
        await rt.retry_job("none")


CLEANS = """
skript: cleans
do:
  - try:
      - call: shaky
        with: {what: one}
      - call: shaky
        with: {what: two}
      - emit: told
        key: 1
        keep: 1h
        with: {what: two}
      - for: i
        in: [1, 2]
        parallel: true
        do:
          - call: shaky
            with: {what: "each ${i}"}
    finally:
      - emit: told
        key: 1
        keep: 1h
        with: {what: clean}
      - call: shaky
        with: {what: clean}
      - for: i
        in: [1, 2]
        parallel: true
        do:
          - call: shaky
            with: {what: "clean ${i}"}
"""


async def test_no_key_means_two_things(runtime: Start, store: Store) -> None:
    """What a `finally` did behind the failure has used up numbers; so with each further retry."""
    shaky = Shaky()
    shaky.fails["one"] = 2
    rt = await runtime(shaky.handler(), store=store)
    job = await failed(rt, CLEANS)
    await rt.retry_job(job)
    with pytest.raises(JobFailedError):
        await rt.result(job)
    await rt.retry_job(job)
    await rt.result(job)
    meaning: dict[str, set[str]] = {}
    for what, key, _ in shaky.calls:
        meaning.setdefault(key, set()).add(what)
    assert all(len(found) == 1 for found in meaning.values())
    assert len({key for what, key, _ in shaky.calls if what == "one"}) == 1
    assert shaky.what.count("clean") == shaky.what.count("clean 2") == 3
    heard = "skript: h\ndo:\n" + "".join(
        f"  - listen: told\n    key: 1\n    into: m{n}\n" for n in range(4)
    )
    done = await rt.run_job(heard + '  - return: ["${m0}", "${m1}", "${m2}", "${m3}"]\n')
    heard_of = sorted(one["what"] for one in done.unwrap())
    assert heard_of == ["clean", "clean", "clean", "two"]
    (row,) = await store.get([job])
    assert row is not None
    journal = await store.journal(job, 0, 1_000)
    exported = decode_export(await rt.export_job(job))
    assert replay(load(exported.blueprint), journal).finished == journal[-1]
    floors = [event.floor for event in journal if isinstance(event, Retried)]
    assert floors == [1 << 40, 2 << 40]


DRAWS = """
skript: draws
do:
  - try:
      - call: shaky
        with: {what: one}
      - call: shaky
        with: {what: "two ${uuid()}"}
    finally:
      - call: shaky
        with: {what: "clean ${uuid()}"}
"""


async def test_nothing_is_drawn_twice(runtime: Start, store: Store) -> None:
    """What a `finally` drew that was taken back has left, so it is nobody else's any more."""
    shaky = Shaky()
    shaky.fails["one"] = 2
    rt = await runtime(shaky.handler(), store=store)
    job = await failed(rt, DRAWS)
    await rt.retry_job(job)
    with pytest.raises(JobFailedError):
        await rt.result(job)
    await rt.retry_job(job)
    await rt.result(job)
    drawn = [what.split()[1] for what in shaky.what if " " in what]
    assert [what.split()[0] for what in shaky.what] == ["one", "clean"] * 2 + [
        "one",
        "two",
        "clean",
    ]
    assert len(set(drawn)) == len(drawn) == 4


LATER = """
skript: later
do:
  - for: i
    in: [0, 1, 2]
    parallel: 2
    do:
      - try:
          - call: slow
            with: {what: "${i}", at: "${timestamp(now())}"}
        finally:
          - wait: 1s
%s"""


@pytest.mark.usefixtures("forks")
@pytest.mark.parametrize("more", ["", "      - call: slow\n        with: {what: next}\n"])
async def test_a_branch_that_began_behind_the_failure(
    runtime: Start, store: Store, clock: ManualClock, more: str
) -> None:
    """The first branch fails, and takes its time; the third one begins meanwhile. It begins again
    behind the retry, at another time: so that is another call.
    """
    seen: dict[str, list[Any]] = {}
    fails = [True]

    @handler("slow")
    async def slow(params: Any, ctx: Any) -> None:
        seen.setdefault(ctx.idempotency_key, []).append(params)
        if params["what"] == "0" and fails and fails.pop():
            raise RuntimeError("no")

    rt = await runtime(slow, store=store)
    doc = LATER % more
    job = await rt.submit_job(doc.replace('"${i}"', '"${str(i)}"'))

    async def ended() -> None:
        while not (await rt.get_job(job.id)).ended:
            await asyncio.sleep(0)
            clock.pass_ms(200)

    await ended()
    assert (await rt.get_job(job.id)).status == "Failed"
    clock.pass_ms(5_000)
    await rt.retry_job(job.id)
    while (await rt.get_job(job.id)).status == "Failed":
        await asyncio.sleep(0)
    await ended()
    assert (await rt.get_job(job.id)).status == "Completed"
    third = [given for each in seen.values() for given in each if given["what"] == "2"]
    assert len(third) >= 1
    for each in seen.values():
        whats = [one["what"] for one in each]
        assert len(set(whats)) == 1
        assert whats[0] == "0" or len({one.get("at") for one in each}) == 1


def test_records_of_before_skip_no_numbers() -> None:
    assert from_record([10, 11, [1], 2, "/do/0", 3, 4]) == Retried(11, (1,), 2, "/do/0", 3, 4)


def test_a_record_that_takes_back_too_much() -> None:
    start = Started(1, "b", {}, None, {}, "00" * 16)
    end = Finished(2, "Failed", None, {})
    assert standing([start, end]) == [start, end]
    for back in (-1, 3):
        with pytest.raises(ReplayMismatchError):
            standing([start, end, Retried(3, (), 1, "s", 1, back)])
