"""The tables of the reference page are what the code tells."""

from __future__ import annotations

import re
from pathlib import Path

import runeskript.engine
from runeskript import Runtime
from runeskript.engine.telemetry.records import JOURNALED, TRANSIENT, journaled
from runeskript.engine.watch import GRACES, KINDS
from telemetry.watched import HANDLERS

SEEN = """
skript: seen
do:
  - log: hello
  - call: t.told
  - wait: 1ms
  - try:
      - call: t.bad
        retry: {max: 2, backoff: 1ms}
    catch:
      - do: []
  - try:
      - listen: never
        key: 1
        timeout: 1ms
    catch:
      - do: []
  - run: kid
  - parallel:
      a:
        - wait: 1h
      b:
        - log: first
    join: any
"""


def test_every_journaled_kind_is_in_the_table() -> None:
    assert set(JOURNALED) == {*KINDS.values(), *GRACES.values()}
    fields = {kind: names for kind, names, _ in journaled()}
    assert fields["call.failed"] == ("n", "attempt", "error")
    assert fields["cancel.overdue"] == fields["timer.fired"] == ("m", "stop")


def test_every_transient_kind_that_the_engine_names_is_in_the_table() -> None:
    told = set()
    for path in Path(runeskript.engine.__file__).parent.glob("*.py"):
        text = path.read_text("utf-8")
        told |= set(re.findall(r'"(step\.[a-z]+)"', text))
        told |= set(re.findall(r'\.tell\(\s*"([a-z.]+)"', text))
    assert told == {one.kind for one in TRANSIENT}


async def test_transient_records_have_the_fields_of_the_table() -> None:
    from runeskript import handler

    @handler("t.told")
    async def told(params: dict, ctx) -> None:
        ctx.progress(1, 2, "half")

    rows = {one.kind: one for one in TRANSIENT}
    seen: dict[str, set[str]] = {}
    async with Runtime(handlers=[*HANDLERS, told], discover_handlers=False) as runtime:
        await runtime.deploy("skript: kid\ndo:\n  - log: there\n")
        job = await runtime.submit_job(SEEN)
        async for record in runtime.events(job.id):
            if not record.journaled:
                row = rows[record.kind]
                assert set(row.always) <= set(record.data) <= {*row.always, *row.some}, record
                seen.setdefault(record.kind, set()).update(record.data)
        assert (await runtime.get_job(job.id)).status == "Completed"
    assert set(seen) == set(rows)
