"""An exported job is one file: replayed forward and back without handlers, refused where damaged."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from tests.engine.conftest import ManualClock

from runeskript.engine.exporting import export_job
from runeskript.engine.handlers import handler
from runeskript.engine.runtime import Runtime
from runeskript.errors import (
    DamagedError,
    ExportError,
    FormatVersionError,
    JobNotFoundError,
    ReplayMismatchError,
    RuneskriptError,
)
from runeskript.kernel import load
from runeskript.kernel.stepping import Stepper
from runeskript.model.batches import unfold_events
from runeskript.model.events import CallDone, CancelRequested
from runeskript.model.exports import MAGIC, decode_export, encode_export
from runeskript.model.limits import PAYLOAD_BYTES
from runeskript.stores.base import Store
from runeskript.stores.sqlite import SqliteStore

Start = Callable[..., Awaitable[Runtime]]

ORDER = """
skript: order
input: {type: object}
do:
  - call: say
    with: {what: "${input.name}"}
    into: first
  - for: i
    in: range(3)
    parallel: true
    collect: all
    do:
      - call: say
        with: {what: "n${i}"}
        into: r
      - yield: r
  - wait: 5s
  - call: say
    with: {what: last}
    into: last
  - return: ["${first}", "${all}", "${last}"]
"""


@handler("say")
async def say(params: Any, ctx: Any) -> Any:
    return params["what"] * (PAYLOAD_BYTES if params["what"] == "last" else 1)


@pytest.fixture(params=["memory", "sqlite"])
async def exported(
    request: pytest.FixtureRequest, runtime: Start, clock: ManualClock, tmp_path: Path
) -> bytes:
    """The file of a job that has ended."""
    store: Any = "memory://"
    if request.param == "sqlite":
        store = SqliteStore(str(tmp_path / "jobs.db"), clock.now_ms, sync="normal")
    rt = await runtime(say, store=store)
    job = await rt.submit_job(ORDER, {"name": "Ada"}, key="k")
    result = asyncio.ensure_future(rt.result(job.id))
    while not result.done():
        await asyncio.sleep(0)
        clock.pass_ms(1_000)
    return await rt.export_job(job.id)


@pytest.mark.usefixtures("forks")
async def test_it_is_stepped_through_forward_and_back(exported: bytes) -> None:
    job, blueprint, events = decode_export(exported)
    assert (job["skript"], job["key"], job["status"]) == ("order", "k", "Completed")
    assert job["input"] == {"name": "Ada"}
    stepper = Stepper(load(blueprint), events)
    # Started, a call, three branches, a timer, a call, the end
    assert len(stepper) == 8
    seen = []
    for position in range(len(stepper) + 1):
        stepper.seek(position)
        assert stepper.position == position
        seen.append(stepper.standing())
    assert seen[0] == seen[-1] == []
    assert [(one.path, one.step, one.state) for one in seen[1]] == [((), "/do/0", "calls")]
    given = {"input": {"name": "Ada"}}
    assert seen[2][0].variables == {**given, "first": "Ada"}
    assert seen[2][0].state == "waits for its branches"
    under_way = [sum(t.state == "calls" for t in seen[n]) + seen[n][0].branches for n in (2, 3, 4)]
    assert under_way == [3, 2, 1]
    assert seen[5][0].variables == {**given, "first": "Ada", "all": ["n0", "n1", "n2"]}
    assert (seen[5][0].step, seen[5][0].state) == ("/do/2", "waits")
    assert stepper.run.finished is not None
    assert stepper.run.finished.output == job["output"]
    for position in (7, 2, 5, 0, 8, 1):
        stepper.seek(position)
        assert stepper.standing() == seen[position]
    stepper.seek(99)
    assert stepper.position == 8
    stepper.seek(-1)
    assert stepper.position == 0


async def test_a_job_in_the_middle_is_exported(runtime: Start, clock: ManualClock) -> None:
    rt = await runtime(say)
    job = await rt.submit_job(ORDER, {"name": "Ada"})
    while not rt._running().lives[job.id].timers:
        await asyncio.sleep(0)
    found = decode_export(await rt.export_job(job.id))
    stepper = Stepper(load(found.blueprint), found.events)
    stepper.seek(99)
    assert stepper.position == 5
    assert stepper.standing()[0].state == "waits"
    with pytest.raises(JobNotFoundError):
        await rt.export_job("none")


async def test_a_cancel_in_a_loop_is_stepped_over(runtime: Start) -> None:
    rt = await runtime()
    doc = "skript: l\nvars: {n: 0}\ndo:\n  - while: true\n    do:\n      - set: {n: '${1 - n}'}\n"
    job = await rt.submit_job(doc)
    for _ in range(5):
        await asyncio.sleep(0)
    await rt.cancel_job(job.id)
    while not (await rt.get_job(job.id)).ended:
        await asyncio.sleep(0)
    found = decode_export(await rt.export_job(job.id))
    (cancel,) = [one for one in found.events if isinstance(one, CancelRequested)]
    assert cancel.stop is not None
    stepper = Stepper(load(found.blueprint), found.events)
    for position in (1, 2, 3, 1, 3):
        stepper.seek(position)
        assert len(stepper.standing()) == (position == 1)
    assert stepper.run.finished is not None
    assert stepper.run.finished.status == "Cancelled"


# --- damage -----------------------------------------------------------------------------------
async def test_no_cut_and_no_flipped_bit_gets_through(exported: bytes) -> None:
    for end in [*range(0, 200), *range(200, len(exported), 997)]:
        with pytest.raises((DamagedError, ExportError)):
            decode_export(exported[:end])
    with pytest.raises(DamagedError, match="more behind its end"):
        decode_export(exported + b"\0")
    for at in [*range(0, 200), *range(200, len(exported), 997)]:
        changed = bytearray(exported)
        changed[at] ^= 1 << at % 8
        with pytest.raises((DamagedError, ExportError, FormatVersionError)):
            decode_export(bytes(changed))


def _again(data: bytes, change: Callable[[list[bytes]], None]) -> bytes:
    """The file with other sections and the right checksum: what only a forger makes."""
    body, parts, at = data[49:], [], 0
    while at < len(body):
        (size,) = struct.unpack_from(">Q", body, at + 4)
        parts.append(body[at : at + 12 + size])
        at += 12 + size
    change(parts)
    body = b"".join(parts)
    return struct.pack(">8sBQ32s", MAGIC, 1, len(body), sha256(body).digest()) + body


def _reverse(parts: list[bytes]) -> None:
    parts[:2] = [parts[0], parts[0]]


def _unknown(parts: list[bytes]) -> None:
    parts.append(struct.pack(">4sQ", b"MORE", 0))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda parts: parts.pop(), None),
        (lambda parts: parts.pop(0), "lacks its job"),
        (lambda parts: parts.pop(1), "lacks"),
        (_reverse, "does not belong there"),
        (_unknown, "does not belong there"),
        (lambda parts: parts.append(b"SEGM\0"), "ends within a section"),
        (lambda parts: parts.append(struct.pack(">4sQ", b"SEGM", 9)), "ends within a section"),
        (lambda parts: parts.append(parts[-1]), "does not follow"),
        (lambda parts: parts.pop(2), "blob .* is missing"),
        (lambda parts: parts.__setitem__(0, struct.pack(">4sQ", b"JOB ", 1) + b"\x05"), "no id"),
    ],
)
async def test_forged_sections(exported: bytes, change: Any, says: str | None) -> None:
    forged = _again(exported, change)
    if says is None:  # all but the end is there, and nothing of it is wrong
        assert decode_export(forged).events == []
    else:
        with pytest.raises(DamagedError, match=says):
            decode_export(forged)


async def test_a_journal_that_is_not_its_own(exported: bytes) -> None:
    _, blueprint, events = decode_export(exported)
    program = load(blueprint)
    flat = list(unfold_events(events))
    for bad in (
        flat[1:],
        flat[:1] + flat[2:],
        [*flat[:1], flat[1]._replace(step="/do/9"), *flat[2:]],
        [*flat[:1], flat[1]._replace(path=(3, 4)), *flat[2:]],
        [*flat[:-1], flat[-1]._replace(output=5)],
    ):
        stepper = Stepper(program, bad)
        with pytest.raises(ReplayMismatchError):
            stepper.seek(len(stepper))
        assert stepper.position == 0
    assert isinstance(flat[1], CallDone)


async def test_an_export_without_its_blueprint(runtime: Start) -> None:
    rt = await runtime(say)
    job = await rt.submit_job("skript: s\ndo:\n  - return: 1\n")
    await rt.result(job.id)

    class Lossy:
        def __getattr__(self, name: str) -> Any:
            return getattr(rt._store, name)

        async def get_blob(self, digest: str) -> None:
            return None

    lossy: Store = Lossy()  # type: ignore[assignment]
    with pytest.raises(RuneskriptError, match="is not in the store"):
        await export_job(lossy, job.id)


def test_nothing_that_is_an_export() -> None:
    for data in (b"", b"skript: x\n", b"RUNEBP\0\0", b"\0" * 100):
        with pytest.raises(ExportError):
            decode_export(data)


def test_a_job_that_has_not_begun() -> None:
    import runeskript
    from runeskript.model import blueprint_codec

    blueprint = runeskript.compile("skript: s\ndo:\n  - return: 1\n").blueprint
    data = encode_export({"id": "j"}, blueprint_codec.encode(blueprint), [])
    found = decode_export(data)
    assert (found.job, found.events) == ({"id": "j"}, [])
    stepper = Stepper(load(found.blueprint), found.events)
    stepper.seek(1)
    assert (stepper.position, stepper.standing()) == (0, [])
