"""Budgets of callers: each its own, filled again with time, in bounded memory."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runeskript.errors import RateLimitedError, RuntimeOptionError
from runeskript.service.access import OPEN, Caller
from runeskript.service.rates import Buckets, Rates
from serving import served


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_then_as_often_as_the_rate() -> None:
    clock = Clock()
    buckets = Buckets(10, 5, clock)
    assert [buckets.take("a") for _ in range(5)] == [0.0] * 5
    assert buckets.take("a") == pytest.approx(0.1)
    assert buckets.take("b") == 0.0  # another one's is its own
    clock.now += 0.1
    assert buckets.take("a") == 0.0
    assert buckets.take("a") > 0
    clock.now += 3_600
    assert sum(buckets.take("a") == 0.0 for _ in range(20)) == 5


def test_what_is_refused_costs_nothing() -> None:
    clock = Clock()
    buckets = Buckets(1, 1, clock)
    assert buckets.take("a") == 0.0
    for _ in range(100):
        assert buckets.take("a") == pytest.approx(1.0)
    clock.now += 1.0
    assert buckets.take("a") == 0.0


def test_many_at_once_are_owed() -> None:
    clock = Clock()
    buckets = Buckets(10, 5, clock)
    assert buckets.take("a", 50) == 0.0
    assert buckets.take("a") == pytest.approx(4.6)
    clock.now += 4.6
    assert buckets.take("a") == 0.0


def test_memory_is_bounded() -> None:
    clock = Clock()
    buckets = Buckets(1, 10, clock, most=100)
    for i in range(10_000):
        buckets.take(str(i))
    assert len(buckets) <= 100
    clock.now += 100
    for _ in range(200):
        clock.now += 1
        buckets.take("one")
    assert len(buckets) == 1  # the others are full again


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 20),
    st.integers(1, 20),
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 30)), max_size=80),
)
def test_as_a_bucket_that_is_counted(rate: int, burst: int, asked: list[tuple[str, int]]) -> None:
    clock = Clock()
    buckets = Buckets(rate, burst, clock)
    level = dict.fromkeys("abc", float(burst))
    for key, tenths in asked:
        clock.now += tenths / 10
        for one in level:
            level[one] = min(burst, level[one] + rate * tenths / 10)
        if abs(level[key] - 1) < 1e-6:
            level[key] = 1.0
        expected = level[key] >= 1
        assert (buckets.take(key) == 0.0) is expected
        level[key] -= expected


def test_callers_are_told_when_to_come_again() -> None:
    clock = Clock()
    rates = Rates(2, 2, clock)
    one, two = (Caller("x", "", frozenset(), (), id_) for id_ in ("1", "2"))
    for _ in range(2):
        rates.take(one, "10.0.0.1")
    with pytest.raises(RateLimitedError) as caught:
        rates.take(one, "10.0.0.2")  # by its token, wherever it comes from
    assert caught.value.retry_after == 1
    rates.take(two, "10.0.0.1")
    for _ in range(2):
        rates.take(OPEN, "127.0.0.1")
    with pytest.raises(RateLimitedError):
        rates.take(OPEN, "127.0.0.1")
    rates.take(OPEN, "127.0.0.2")
    slow = Rates(0.1, 1, clock)
    slow.take(None, "p")
    with pytest.raises(RateLimitedError) as caught:
        slow.take(None, "p")
    assert caught.value.retry_after == 10


def test_a_batch_counts_by_its_jobs() -> None:
    """It is let in as one request, and the next waits for what it was more."""
    clock = Clock()
    rates = Rates(10, 10, clock)
    one, two = (Caller("x", "", frozenset(), (), id_) for id_ in ("1", "2"))
    for jobs in (1, 100):  # one request, which was counted
        rates.batch(one, "p", jobs)
    for _ in range(10):
        rates.take(one, "p")
    rates.batch(one, "p", 301)  # three more
    for passed in (0.0, 0.3):
        clock.now += passed
        with pytest.raises(RateLimitedError):
            rates.take(one, "p")
    rates.take(two, "p")
    clock.now += 0.11
    rates.take(one, "p")


async def test_a_large_batch_is_owed_for() -> None:
    clock = Clock()
    async with served() as client:
        client.app.service.rates = Rates(10, 10, clock)
        body = {"jobs": [{"data": {}}] * 1_001}  # eleven requests: one more than come at once
        made = await client.post("/batch", body)
        assert {one["status"] for one in made.json["outcomes"]} == {201}
        refused = await client.post("/batch", {"jobs": [{"data": {}}]})
        assert (refused.status, refused.json["code"]) == (429, "RUNE-6507")
        assert refused.headers["retry-after"] == "1"
        clock.now += 0.2
        assert (await client.get("/jobs?limit=1")).status == 200
        assert (await client.get("/jobs?limit=1")).status == 429


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (1, 0), (float("nan"), 1)])
def test_what_is_no_rate(rate: float, burst: int) -> None:
    with pytest.raises(RuntimeOptionError):
        Buckets(rate, burst)
