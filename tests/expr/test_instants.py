"""Durations and points in time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runeskript.errors import StepError
from runeskript.expr.instants import (
    FIRST_MS,
    LAST_MS,
    format_instant,
    parse_duration,
    to_duration,
    to_instant,
)
from runeskript.expr.runtime import Context
from runeskript.model.limits import DURATION_MS

C = Context()


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("250ms", 250), ("5s", 5_000), ("1.5s", 1_500), ("10m", 600_000), ("2h", 7_200_000),
        ("3d", 259_200_000), ("1h30m", 5_400_000), ("0s", 0), ("0.0004s", 0), ("1 s", 1_000),
        ("2d12h30m5s1ms", 217_805_001), ("", None), ("5", None), ("s", None), ("-5s", None),
        ("5 minutes", None), ("1e3s", None), ("5S", None), ("1m 30s", None), ("٣s", None), (".5s", None),
        ("5s\n", None), ("1_000s", None),
    ],
)  # fmt: skip
def test_durations(text: str, ms: int | None) -> None:
    assert parse_duration(text) == ms


@pytest.mark.parametrize(
    "value", ["", "x", -1, DURATION_MS + 1, "36501d", 1.5, None, True, [], "9" * 99]
)
def test_what_is_no_duration(value: object) -> None:
    with pytest.raises(StepError) as caught:
        to_duration(value, C)
    assert caught.value.type == "duration" and caught.value.code == "RUNE-5007"


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01T00:00:00Z", 0), ("1970-01-01t00:00:00z", 0), ("1970-01-01 00:00:00Z", 0),
        ("1970-01-01", 0), ("1970-01-01T01:00:00+01:00", 0), ("1969-12-31T23:59:59.999Z", -1),
        ("2024-02-29T12:30:15.1239Z", 1_709_209_815_123), ("2016-12-31T23:59:60Z", 1_483_228_800_000),
        ("0001-01-01T00:00:00Z", FIRST_MS), ("9999-12-31T23:59:59.999Z", LAST_MS),
        ("0001-01-01T00:00:00+23:59", FIRST_MS - 86_340_000),
    ],
)  # fmt: skip
def test_instants(text: str, ms: int) -> None:
    assert to_instant(text, C) == ms


@pytest.mark.parametrize(
    "value",
    [
        "", "x", "2024-02-30", "2024-1-1", "2024-01-01T00:00:00", "2024-01-01T24:00:00Z",
        "2024-01-01T00:00:61Z", "2024-01-01T00:00Z", "2024-01-01T00:00:00+24:00",
        "2024-01-01T00:00:00+0100", "0000-01-01", "9999-12-31T23:59:60Z", "2024-01-01Z", None, True, 1.5,
        LAST_MS + 1, FIRST_MS - 1, "２０２４-01-01",
    ],
)  # fmt: skip
def test_what_is_no_instant(value: object) -> None:
    with pytest.raises(StepError) as caught:
        to_instant(value, C)
    assert caught.value.type == "instant" and caught.value.code == "RUNE-5008"


@given(st.integers(FIRST_MS, LAST_MS))
def test_what_is_written_is_read_back(ms: int) -> None:
    text = format_instant(ms)
    assert to_instant(text, C) == ms
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    assert datetime.fromisoformat(text.replace("Z", "+00:00")) == moment
