"""When schedules are due, and which ticks get a job."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from runeskript.engine.ticks import LATE, MOST, Plan, Ticks, decide
from runeskript.model.cron import cron_problem
from runeskript.model.schedule import Schedule

HOUR = 3_600_000


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def due(schedule: Schedule, start: str, count: int) -> list[str]:
    found = islice(Ticks(schedule).after(ms(start)), count)
    return [datetime.fromtimestamp(t / 1000, UTC).strftime("%d %H:%M") for t in found]


@pytest.mark.parametrize(
    ("cron", "start", "wanted"),
    [
        # The clock goes from 02:00 to 03:00 on the 29th: 02:30 is due at 03:00.
        ("30 2 * * *", "2026-03-27T12:00", ["28 01:30", "29 01:00", "30 00:30", "31 00:30"]),
        # Two that fall together are one tick.
        ("0,30 2,3 * * *", "2026-03-28T12:00", ["29 01:00", "29 01:30", "30 00:00", "30 00:30"]),
        ("0 * * * *", "2026-03-28T23:30", ["29 00:00", "29 01:00", "29 02:00", "29 03:00"]),
        # It goes from 03:00 to 02:00 on the 25th: 02:30 is due the first time.
        ("30 2 * * *", "2026-10-24T12:00", ["25 00:30", "26 01:30", "27 01:30"]),
        ("30 2 * * *", "2026-10-25T00:45", ["26 01:30"]),
        ("0 * * * *", "2026-10-24T22:30", ["24 23:00", "25 00:00", "25 01:00", "25 02:00"]),
        ("*/30 2 * * *", "2026-10-24T22:30", ["25 00:00", "25 00:30", "25 01:00", "25 01:30"]),
    ],
)
def test_the_clock_is_put_forward_and_back(cron: str, start: str, wanted: list[str]) -> None:
    schedule = Schedule(cron, None, "Europe/Berlin")
    assert due(schedule, start, len(wanted)) == wanted


def test_every_counts_from_the_same_instant() -> None:
    ticks = Ticks(Schedule(None, 7 * 60_000))
    assert list(islice(ticks.after(0), 2)) == [420_000, 840_000]
    assert next(ticks.after(420_000)) == 840_000
    assert next(ticks.after(419_999)) == 420_000
    year = 366 * 24 * HOUR
    found = Ticks(Schedule(None, 1_000)).latest(0, year)
    assert found == list(range(year - (MOST - 1) * 1000, year + 1, 1000))


FIELDS = st.tuples(
    *(
        st.lists(
            st.one_of(
                st.just("*"),
                st.integers(low, high).map(str),
                st.integers(low, high).map(lambda n: f"{n}-{n}"),
                st.tuples(st.integers(low, high), st.integers(low, high)).map(
                    lambda pair: f"{min(pair)}-{max(pair)}"
                ),
                st.integers(0, high).map(lambda n: f"*/{n}"),
                st.sampled_from(("MON", "FEB", "7-8", "5/2", "", "-", "L", "1#2", "99")),
            ),
            min_size=1,
            max_size=3,
        ).map(",".join)
        for low, high in ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
    )
).map(" ".join)


@given(FIELDS)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_what_compiles_can_be_computed_and_is_due(cron: str) -> None:
    """The reader of the language and cronsim agree on what is let through."""
    if cron_problem(cron) is None:
        next(CronSim(cron, datetime(2026, 1, 1, tzinfo=UTC)))


@pytest.mark.parametrize(
    "cron",
    ["", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "*/0 * * * *",
     "5-1 * * * *", "0 0 30 2 *", "0 0 31 4,6 */2", "0 0 30 FEB *", "x * * * *", "* * * * MO",
     "1,,2 * * * *", "* * * * *" * 60, "\u0661 * * * *", "5/10 * * * *", "0 0 L * *", "-1 * * * *"],
)  # fmt: skip
def test_what_is_no_time(cron: str) -> None:
    assert cron_problem(cron) is not None


@pytest.mark.parametrize(
    "cron",
    ["* * * * *", "0 0 29 2 *", "0 0 30 2 1", "*/5 8-18/2 1,15 jan,mar-may MON-FRI", "0 0 * * 7"],
)
def test_what_is_one(cron: str) -> None:
    assert cron_problem(cron) is None
    assert next(Ticks(Schedule(cron, None)).after(0)) > 0


@given(
    st.sampled_from(("*/7 * * * *", "0 0 * * MON", "15 */5 1 * *", "0 3 29 2 *", "30 2 * * *")),
    st.sampled_from(("UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe")),
    st.integers(1_700_000_000, 1_800_000_000),
    st.integers(0, 90 * 24 * 3600),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_the_latest_are_the_last_of_all(cron: str, zone: str, start: int, seconds: int) -> None:
    ticks = Ticks(Schedule(cron, None, zone))
    after, until = start * 1000, (start + seconds) * 1000
    known = []
    for tick in ticks.after(after):
        if tick > until:
            break
        known.append(tick)
    assert ticks.latest(after, until) == known[-MOST:]
    assert known == sorted(set(known))


def test_a_clock_that_is_set_back_brings_nothing() -> None:
    for schedule in (Schedule(None, 1_000), Schedule("* * * * *", None, "Europe/Berlin")):
        assert Ticks(schedule).latest(ms("2026-01-02T00:00"), ms("2026-01-01T00:00")) == []


# --- which ticks get a job ------------------------------------------------------------------------
NOW = 100 * HOUR
#: Two that were missed, and one that is on time.
DUE = [NOW - 2 * HOUR, NOW - HOUR, NOW - 5]


def plan_of(missed: Any, overlap: Any, due: list[int], runs: bool, waiting: Any = ()) -> Any:
    schedule = Schedule(None, HOUR, None, missed, overlap)
    found = decide(schedule, Plan(0, tuple(waiting)), due, NOW, runs)
    return found.fire, list(found.plan.waiting), found.cancel


def test_missed_ticks() -> None:
    assert plan_of("skip", "queue", DUE, False) == (DUE[2], [], False)
    assert plan_of("skip", "queue", DUE[:2], False) == (None, [], False)
    assert plan_of("once", "queue", DUE, False) == (DUE[2], [], False)
    assert plan_of("once", "queue", DUE[:2], False) == (DUE[1], [], False)
    assert plan_of("all", "queue", DUE, False) == (DUE[0], DUE[1:], False)


def test_overlapping_ticks() -> None:
    one = DUE[2:]
    assert plan_of("skip", "skip", one, True) == (None, [], False)
    assert plan_of("skip", "queue", one, True) == (None, one, False)
    assert plan_of("skip", "cancel", one, True) == (None, one, True)
    assert plan_of("skip", "skip", one, False) == (one[0], [], False)
    assert plan_of("skip", "cancel", one, False) == (one[0], [], False)
    assert plan_of("skip", "queue", one, False, [7]) == (7, one, False)
    assert plan_of("skip", "queue", [], False, [7, 8]) == (7, [8], False)
    assert plan_of("skip", "cancel", [], True, [7]) == (None, [7], False)
    assert plan_of("skip", "cancel", one, True, [7]) == (None, one, True)
    assert plan_of("all", "skip", DUE, False) == (DUE[0], [], False)
    assert len(plan_of("skip", "queue", one, True, range(MOST))[1]) == MOST


@given(
    st.sampled_from(("skip", "once", "all")),
    st.sampled_from(("skip", "queue", "cancel")),
    st.lists(st.tuples(st.integers(0, 40_000), st.booleans()), max_size=30),
)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_each_tick_is_fired_once_or_left_out(
    missed: Any, overlap: Any, looks: list[tuple[int, bool]]
) -> None:
    """Whatever happens between two looks; and never two at once."""
    schedule = Schedule(None, 1_500, None, missed, overlap)
    ticks, plan, now, runs = Ticks(schedule), Plan(0), 0, False
    fired: list[int] = []
    for passed, ends in looks:
        now += passed
        runs = runs and not ends
        due = ticks.latest(plan.after, now)
        found = decide(schedule, plan, due, now, runs)
        assert not (found.cancel and not runs)
        if found.fire is not None:
            assert not runs
            assert missed != "skip" or overlap != "skip" or now - found.fire <= LATE
            fired.append(found.fire)
            runs = True
        plan = found.plan
    assert fired == sorted(set(fired))
    assert plan.fired == len(fired)
    assert plan.fired + plan.left_out + len(plan.waiting) == plan.after // 1_500
    assert overlap != "skip" or not plan.waiting
