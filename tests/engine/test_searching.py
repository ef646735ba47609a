"""Searching for jobs, page by page, on each store."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engine.conftest import ManualClock

from runeskript.engine.jobs import Job
from runeskript.engine.runtime import Runtime
from runeskript.engine.searching import cursor_of, job_filter, place_of
from runeskript.errors import InvalidCursorError, RuntimeOptionError
from runeskript.stores.base import Store
from runeskript.stores.queries import JobFilter

Start = Callable[..., Awaitable[Runtime]]

ECHO = "skript: echo\ndo:\n  - return: 1\n"
WAITS = "skript: waits\ndo:\n  - listen: go\n"
TICKET = """
machine: ticket
initial: open
data: {type: object}
states:
  open: {}
  closed: {final: true}
transitions:
  - {from: open, event: close, to: closed}
"""
#: Texts that would mean something to SQL, or to a path.
ODD = (
    "' OR '1'='1", "x'; DROP TABLE job; --", '"', "%", "_", "a%", "\\", "../..", "\0", "a\0b",
    "NULL", "1 UNION SELECT 1", "?", "?1", ":a", "$.n", "*", "ä\u202e", " ",
)  # fmt: skip


@pytest.fixture(name="store")
def store_(kept: Store) -> Store:
    return kept


async def filled(runtime: Start, store: Store, clock: ManualClock) -> tuple[Runtime, list[Job]]:
    """Jobs of several kinds, tenants and times, newest first."""
    rt = await runtime(store=store)
    made = []
    for n in range(4):
        for tenant in ("", "acme"):
            clock.pass_ms(1_000)
            labels = {"team": "shop" if n % 2 else "bank"}
            for doc in (ECHO, WAITS):
                given = {"n": n, "who": {"name": "Ada", "vip": n == 1}}
                submitted = await rt.submit_job(
                    doc, given, key=f"{doc[8:12]}-{n}", labels=labels, tenant=tenant
                )
                made.append(submitted.id)
            submitted = await rt.submit_job(TICKET, {"n": n}, tenant=tenant)
            made.append(submitted.id)
    await rt.work(until_idle=True)
    return rt, [await rt.get_job(one) for one in reversed(made)]


async def test_each_condition(runtime: Start, store: Store, clock: ManualClock) -> None:
    rt, jobs = await filled(runtime, store, clock)
    times = sorted(job.created_at for job in jobs)
    middle = times[len(times) // 2]
    wanted: list[tuple[dict[str, Any], Callable[[Job], bool]]] = [
        ({}, lambda job: True),
        ({"status": "Completed"}, lambda job: job.status == "Completed"),
        ({"state": "open"}, lambda job: job.state == "open"),
        ({"state": "Completed"}, lambda job: job.state == "Completed"),
        ({"skript": "waits"}, lambda job: job.skript == "waits"),
        ({"key": "echo-2"}, lambda job: job.key == "echo-2"),
        ({"label": {"team": "shop"}}, lambda job: job.labels.get("team") == "shop"),
        ({"kind": "machine"}, lambda job: job.kind == "machine"),
        ({"kind": "bare"}, lambda job: False),
        ({"tenant": "acme"}, lambda job: job.tenant == "acme"),
        ({"tenant": ""}, lambda job: job.tenant == ""),
        ({"created_from": middle}, lambda job: job.created_at >= middle),
        ({"created_before": middle}, lambda job: job.created_at < middle),
        ({"updated_from": middle}, lambda job: job.updated_at >= middle),
        ({"updated_before": middle}, lambda job: job.updated_at < middle),
        ({"data": {"n": 2}}, lambda job: (job.data or job.input)["n"] == 2),  # type: ignore[index, call-overload]
        ({"data": {"n": 2.0}}, lambda job: (job.data or job.input)["n"] == 2),  # type: ignore[index, call-overload]
        (
            {"data": {"who.vip": True, "who.name": "Ada"}, "skript": "echo", "tenant": "acme"},
            lambda job: (job.tenant, job.key) == ("acme", "echo-1"),
        ),
        ({"data": {"who.vip": 1}}, lambda job: False),
        ({"data": {"n.n": 1}}, lambda job: False),
    ]
    for given_, holds in wanted:
        page = await rt.find_jobs(**given_)
        assert page.jobs == tuple(job for job in jobs if holds(job)), given_
        assert page.cursor is None
    assert await rt.list_jobs(state="open") == [job for job in jobs if job.state == "open"]


async def test_pages_are_stable_under_new_jobs(
    runtime: Start, store: Store, clock: ManualClock
) -> None:
    rt, jobs = await filled(runtime, store, clock)
    for conditions in ({}, {"tenant": "acme"}, {"data": {"n": 2}}, {"label": {"team": "shop"}}):
        expected = [job.id for job in (await rt.find_jobs(**conditions)).jobs]
        found, cursor = [], None
        while True:
            page = await rt.find_jobs(**conditions, limit=2, cursor=cursor)
            found += [job.id for job in page.jobs]
            new = await rt.submit_job(TICKET, {"n": 2}, tenant="acme", labels={"team": "shop"})
            await rt.cancel_job(new.id)
            cursor = page.cursor
            if cursor is None:
                break
            assert len(page.jobs) == 2
        assert found == expected
    assert len(jobs) == 24


async def test_cursors_are_of_one_search(runtime: Start, store: Store, clock: ManualClock) -> None:
    rt, _ = await filled(runtime, store, clock)
    page = await rt.find_jobs(tenant="acme", limit=1)
    assert page.cursor is not None
    assert (await rt.find_jobs(tenant="acme", limit=5, cursor=page.cursor)).jobs
    bad: list[Any] = [
        *ODD, "", "1", "-1", page.cursor[:-1], page.cursor + "A", page.cursor + "=",
        page.cursor.swapcase(), "A" * len(page.cursor), "ä" * len(page.cursor), 7, b"x",
        base64.urlsafe_b64encode(b"\xff" * 24).decode(), "x" * 10_000_000,
    ]  # fmt: skip
    for cursor in bad:
        with pytest.raises(InvalidCursorError) as caught:
            await rt.find_jobs(tenant="acme", cursor=cursor)
        assert caught.value.code == "RUNE-6024"
    for others in ({}, {"tenant": ""}, {"tenant": "acme", "status": "Failed"}):
        with pytest.raises(InvalidCursorError):
            await rt.find_jobs(cursor=page.cursor, **others)  # type: ignore[arg-type]


async def test_what_looks_like_sql_is_a_text(
    runtime: Start, store: Store, clock: ManualClock
) -> None:
    rt, jobs = await filled(runtime, store, clock)
    for text in ODD:
        for field in ("state", "skript", "key"):
            assert (await rt.find_jobs(**{field: text})).jobs == ()
        assert (await rt.find_jobs(label={text: text})).jobs == ()
        assert (await rt.find_jobs(data={text: text})).jobs == ()
        assert (await rt.find_jobs(data={"n": text})).jobs == ()
    assert (await rt.find_jobs()).jobs == tuple(jobs)


@pytest.mark.parametrize(
    "bad",
    [
        {"status": "Done"},
        {"status": ["Failed"]},
        {"kind": "skripts"},
        {"tenant": "A"},
        {"tenant": "' OR 1=1"},
        {"skript": "\ud800"},
        {"skript": "x" * 513},
        {"skript": 1},
        {"label": "team"},
        {"label": {"team": 1}},
        {"data": ["n"]},
        {"data": {"n": b"x"}},
        {"data": {1: 1}},
        {"data": {"n": 2**64}},
        {"data": {str(n): n for n in range(101)}},
        {"created_from": "now"},
        {"created_from": True},
        {"created_before": -1},
        {"updated_from": 2**63},
        {"updated_before": 1.5},
        {"limit": 0},
        {"limit": 1_001},
        {"limit": True},
        {"limit": "10"},
    ],
)
async def test_what_is_no_condition(runtime: Start, bad: dict[str, Any]) -> None:
    rt = await runtime()
    with pytest.raises(RuntimeOptionError):
        await rt.find_jobs(**bad)


FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["Failed", "Completed"]),
        "state": st.text(max_size=3).filter(lambda text: text.isascii()),
        "tenant": st.sampled_from(["", "a", "b"]),
        "created_from": st.integers(0, 3),
        "label": st.dictionaries(st.sampled_from("ab"), st.sampled_from("cd"), max_size=2),
        "data": st.dictionaries(st.sampled_from("ab"), st.integers(0, 1), max_size=2),
    },
)


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(FILTERS, FILTERS, st.integers(0, 2**63 - 1))
def test_a_cursor_fits_its_filter_alone(one: Any, other: Any, place: int) -> None:
    wanted, others = job_filter(one), job_filter(other)
    cursor = cursor_of(wanted, str(place))
    assert place_of(wanted, cursor) == str(place)
    if wanted == others:
        assert place_of(others, cursor) == str(place)
    else:
        with pytest.raises(InvalidCursorError):
            place_of(others, cursor)


def test_a_place_that_no_store_has() -> None:
    with pytest.raises(InvalidCursorError):
        place_of(JobFilter(), cursor_of(JobFilter(), str(2**63)))
