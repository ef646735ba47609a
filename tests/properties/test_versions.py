"""Random events with conditions at machines and bare jobs: what a plain model says, on each store,
rebuilt from snapshots and journals; of those that are for one version one counts.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties.test_moved_jobs import TABLE, Kept, on_each_store
from properties.test_programs import examples
from runeskript import Runtime
from runeskript.engine import snapshots
from runeskript.engine.bare import replayed
from runeskript.engine.sending import EventFor
from runeskript.errors import TransitionRefusedError, VersionMismatchError
from runeskript.kernel import replay
from runeskript.model.events import Moved
from runeskript.stores import Store

MACHINE = """\
machine: lights
initial: red
data: {type: object}
states: {red: {}, green: {}, dark: {}}
transitions:
  - {from: red, event: next, to: green, guard: event.data.ok}
  - {from: red, event: next, to: dark}
  - {from: green, event: next, to: red, do: [{set: {data.n: "${data.n + 1}"}}]}
  - {from: green, event: fix, to: green, allow: smith}
  - {from: [red, green], event: cut, to: dark, allow: smith}
  - {from: dark, event: fix, to: red, allow: smith}
"""
#: (state, event) -> where it may lead, with who may and whether `ok` must be set.
LIGHTS: dict[tuple[str, str], list[tuple[str, bool, bool]]] = {
    ("red", "next"): [("green", False, True), ("dark", False, False)],
    ("green", "next"): [("red", False, False)],
    ("green", "fix"): [("green", True, False)],
    ("red", "cut"): [("dark", True, False)],
    ("green", "cut"): [("dark", True, False)],
    ("dark", "fix"): [("red", True, False)],
}
#: name, ok, whether a smith; the version: none, the present one, or so far from it; the state.
FIRED = st.tuples(
    st.sampled_from(["next", "next", "fix", "cut", "go"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, 0, 0, 0, -1, -2, 3]),
    st.sampled_from([None, None, "red", "green", "dark", "blue"]),
)


def leads(state: str, name: str, ok: bool, smith: bool, to: str | None) -> str | None:
    """Where an event leads, if anywhere."""
    for target, roles, guarded in LIGHTS.get((state, name), []):
        if to in (None, target) and (smith or not roles) and (ok or not guarded):
            return target
    return None


@pytest.fixture(autouse=True)
def _written_down_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "TAIL", 0)
    monkeypatch.setattr(snapshots, "TAIL_BYTES", 10**9)


@examples(30)
@given(st.lists(st.tuples(FIRED, st.booleans()), max_size=10))
def test_conditions_are_kept(events: list[Any]) -> None:
    """``again``: another process goes on with the job."""

    async def play(store: Store) -> None:
        runtime = Runtime(store=Kept(store))  # type: ignore[arg-type]
        await runtime.__aenter__()
        job = await runtime.submit_job(MACHINE, {"n": 0})
        state = (await runtime.send(job.id, "cut")).state
        version = (await runtime.get_job(job.id)).version
        for number, ((name, ok, smith, at, to), again) in enumerate(events):
            if again:
                await runtime.close()
                runtime = Runtime(store=Kept(store))  # type: ignore[arg-type]
                await runtime.__aenter__()
            expected = None if at is None else version + at
            fits = at in (None, 0)
            target = leads(state, name, ok, smith, to) if fits else None
            one = EventFor(
                job.id, name, {"ok": ok}, "ann", ["smith"] if smith else [], None, f"e{number}"
            )
            fired = EventFor(*(getattr(one, field) for field in _FIELDS), expected, to)
            (answer,) = await runtime.send_many([fired])
            if target is not None:
                assert (answer.error, answer.state) == (None, target)
                state = target
            elif not fits:
                assert isinstance(answer.error, VersionMismatchError)
            else:
                assert isinstance(answer.error, TransitionRefusedError)
                assert answer.error.state == state
            now = await runtime.get_job(job.id)
            assert now.state == state
            late = at is not None and at < 0  # for sure: it is not even written down
            assert (now.version == version) if late else (now.version > version)
            if isinstance(answer.error, VersionMismatchError):
                assert answer.error.version == now.version
            version = now.version
        (row,) = await store.get([job.id])
        assert row is not None
        journal = await store.journal(job.id, 0, 10_000)
        program = await runtime._skripts.program(row.blueprint)
        assert program is not None
        replay(program, journal)
        await runtime.close()

    on_each_store(play)


_FIELDS = ("job", "event", "data", "actor", "roles", "why", "id")


@examples(20)
@given(
    st.booleans(),
    st.lists(
        st.tuples(st.sampled_from(["next", "start", "suspend", "fix"]), st.booleans()),
        min_size=2,
        max_size=6,
    ),
)
def test_of_those_for_one_version_one_counts(bare: bool, sent: list[Any]) -> None:
    """Whoever is first, if it may; then nobody."""

    async def play(store: Store) -> None:
        async with Runtime(store=Kept(store)) as one, Runtime(store=Kept(store)) as two:  # type: ignore[arg-type]
            given_ = {"n": 0}
            job = await (one.create_job(given_) if bare else one.submit_job(MACHINE, given_))
            if not bare:
                await one.send(job.id, "cut")
                await one.send(job.id, "fix")
            before = await one.get_job(job.id)
            answers = await asyncio.gather(
                *(
                    runtime.send_many(
                        [
                            EventFor(
                                job.id, name, {"ok": True}, id=f"e{at}", if_version=before.version
                            )
                        ]
                    )
                    for at, ((name, other), runtime) in enumerate(
                        (one_sent, two if one_sent[1] else one) for one_sent in sent
                    )
                )
            )
            results = [answer for (answer,) in answers]
            journal = await store.journal(job.id, before.version, 1_000)
            moved = [event for event in journal if isinstance(event, Moved)]
            won = [answer.state for answer in results if answer.error is None]
            assert len(won) == len(moved) <= 1
            decided = [r for r in results if not isinstance(r.error, VersionMismatchError)]
            assert len(decided) == 1, "the first one is decided, and it alone"
            first = journal[0]
            names = TABLE["Pending"] if bare else {"next": "green"}
            assert len(won) == (getattr(first, "name", "") in names)
            if bare:
                (row,) = await store.get([job.id])
                assert row is not None
                whole = await store.journal(job.id, 0, 1_000)
                assert replayed(given_, whole).status == row.status

    on_each_store(play)
