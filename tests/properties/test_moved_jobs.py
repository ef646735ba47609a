"""Random events by random actors at bare jobs: they do what a plain model says, on each store, and
whenever the process dies.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.engine.test_recovery import Mortal

from properties.test_programs import examples
from runeskript import Runtime
from runeskript.engine.bare import replayed
from runeskript.errors import StoreError, TransitionRefusedError
from runeskript.model.events import Moved, Refused, Sent
from runeskript.stores import Store, open_store

#: The default machine, written down once more.
TABLE = {
    "Pending": {
        "start": "Running",
        "suspend": "Suspended",
        "fail": "Failed",
        "cancel": "Cancelled",
    },
    "Running": {
        "suspend": "Suspended",
        "complete": "Completed",
        "fail": "Failed",
        "cancel": "Cancelled",
    },
    "Suspended": {"resume": "Running", "fail": "Failed", "cancel": "Cancelled"},
    "Failed": {"retry": "Running"},
    "Completed": {},
    "Cancelled": {},
}
NAMES = st.sampled_from(
    ["start", "suspend", "resume", "complete", "fail", "retry", "cancel", "go", "done"]
)
DATA = st.one_of(
    st.none(), st.dictionaries(st.sampled_from("ab"), st.one_of(st.none(), st.integers(0, 3)))
)
SENT = st.tuples(NAMES, DATA, st.sampled_from([None, "ada", "bob"]))


class Model:
    """A bare job, as plain as can be."""

    def __init__(self) -> None:
        self.status = "Pending"
        self.data: dict[str, Any] = {"a": 0}
        self.said: list[tuple[Any, ...]] = []

    def send(self, name: str, data: dict[str, Any] | None, actor: str | None) -> bool:
        """Whether the event moves it."""
        if self.status in ("Completed", "Cancelled"):
            return False  # nobody takes it any more
        to = TABLE[self.status].get(name)
        if to is None and self.status == "Failed" and name != "retry":
            self.said.append(("refused", self.status, name, actor or "system"))
            return False
        if to is None:
            self.said.append(("refused", self.status, name, actor or "system"))
            return False
        self.said.append(("moved", self.status, to, name, actor or "system"))
        self.status = to
        for key, value in (data or {}).items():
            if value is None:
                self.data.pop(key, None)
            else:
                self.data[key] = value
        return True


def said(events: list[Any]) -> list[tuple[Any, ...]]:
    """What a journal says of events."""
    found: list[tuple[Any, ...]] = []
    for one in events:
        if isinstance(one, Moved):
            found.append(("moved", one.source, one.to, one.event, one.actor["id"]))
        elif isinstance(one, Refused):
            found.append(("refused", one.state, one.event, one.actor["id"]))
    return found


async def check(store: Store, id_: str, model: Model) -> None:
    (row,) = await store.get([id_])
    assert row is not None
    assert (row.status, row.state, row.data) == (model.status, model.status, model.data)
    assert row.output == (model.data if model.status == "Completed" else None)
    assert (row.error is None) == (model.status not in ("Failed", "Cancelled"))
    events = await store.journal(id_, 0, 10_000)
    assert said(events) == model.said
    assert len([one for one in events if isinstance(one, Sent)]) == len(model.said)
    assert row.seq == len(events)
    stands = replayed({"a": 0}, events)
    assert (stands.status, stands.data, stands.error) == (row.status, row.data, row.error)


def on_each_store(play: Callable[[Store], Any]) -> None:
    """Memory, and a file."""

    async def both() -> None:
        store = open_store("memory://", lambda: 1)
        await play(store)
        await store.close()
        with tempfile.TemporaryDirectory() as folder:
            store = open_store(f"sqlite:///{Path(folder) / 'jobs.db'}", lambda: 1)
            await play(store)
            await store.close()

    asyncio.run(both())


class Kept(Mortal):
    """A store that its runtime does not close."""


@examples(40)
@given(st.lists(SENT, max_size=12))
def test_bare_jobs_do_what_the_model_says(events: list[Any]) -> None:
    async def play(store: Store) -> None:
        model = Model()
        async with Runtime(store=Kept(store)) as runtime:  # type: ignore[arg-type]
            job = await runtime.create_job({"a": 0})
            for name, data, actor in events:
                before = await runtime.get_job(job.id)
                moves = model.send(name, data, actor)
                try:
                    after = await runtime.send(job.id, name, data, actor=actor)
                    assert moves
                    assert after.version > before.version
                except TransitionRefusedError as refused:
                    assert not moves
                    if before.status not in ("Completed", "Cancelled"):
                        assert refused.allowed == tuple(TABLE[before.status])
                await check(store, job.id, model)

    on_each_store(play)


@examples(40)
@given(
    st.lists(SENT, max_size=8),
    st.integers(0, 40),
    st.sampled_from(["before", "after"]),
)
def test_a_bare_job_outlives_its_process(events: list[Any], number: int, when: str) -> None:
    """Whoever comes next decides on what was posted; nothing is decided twice."""

    async def play(store: Store) -> None:
        job = None
        sent: list[tuple[str, Any, str | None]] = []
        with suppress(StoreError):
            async with Runtime(store=Mortal(store, number, when)) as runtime:  # type: ignore[arg-type]
                job = await runtime.create_job({"a": 0})
                for at, (name, data, actor) in enumerate(events):
                    sent.append((name, data, actor))
                    with suppress(TransitionRefusedError):
                        await runtime.send(job.id, name, data, actor=actor, event_id=f"e{at}")
        if job is None:
            return
        async with Runtime(store=Kept(store), lease="1h") as runtime:  # type: ignore[arg-type]
            (row,) = await store.get([job.id])
            assert row is not None
            if row.owner is not None:  # its lease ends
                await store.release(row.owner)
            for at, (name, data, actor) in enumerate(sent):  # clients ask again
                with suppress(TransitionRefusedError):
                    await runtime.send(job.id, name, data, actor=actor, event_id=f"e{at}")
        model = Model()
        for name, data, actor in sent:
            model.send(name, data, actor)
        await check(store, job.id, model)

    on_each_store(play)
