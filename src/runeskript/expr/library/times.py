"""Points in time and durations: RFC 3339 texts and milliseconds since 1970 UTC."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from ...model.limits import DURATION_MS
from ...model.values import type_name
from ..faults import fault
from ..instants import (
    EPOCH,
    FIRST_MS,
    LAST_MS,
    format_instant,
    no_instant,
    parse_instant,
    to_duration,
    to_instant,
)
from ..runtime import Context
from .table import Function, function, need_int

ROWS: dict[str, Function] = {}
_row = partial(function, ROWS, "Time")


@_row("now() -> text", effect="clock")
def now(c: Context) -> str:
    """The time as RFC 3339 in UTC with milliseconds: that of the latest event of the run, so it
    stands still between two waits or calls, and is the same in every replay."""
    return format_instant(c.now_ms)


def _moment(value: Any) -> tuple[datetime, int]:
    """(date and time with its offset, milliseconds of the second)."""
    if type(value) is int:
        seconds, rest = divmod(to_instant(value, _NO_CONTEXT), 1_000)
        return EPOCH + timedelta(seconds=seconds), rest
    if type(value) is not str:
        raise fault("instant", f"{type_name(value)} is no point in time")
    parsed = parse_instant(value)
    if parsed is None:
        raise no_instant()
    return parsed


_NO_CONTEXT = Context()


@_row(
    "date(time: text|int) -> text",
    ("date('2024-05-01T23:30:00-05:00')", "2024-05-01"),
    ("date(0)", "1970-01-01"),
)
def date(c: Context, time: Any) -> str:
    """The date of a point in time, in the offset it is written with; of a number in UTC."""
    moment, _ = _moment(time)
    return f"{moment.year:04}-{moment.month:02}-{moment.day:02}"


@_row(
    "parts(time: text|int) -> object",
    (
        "parts('2024-05-01T12:30:15.250Z')",
        {
            "year": 2024,
            "month": 5,
            "day": 1,
            "hour": 12,
            "minute": 30,
            "second": 15,
            "millisecond": 250,
            "weekday": 3,
            "yearday": 122,
            "offset": 0,
        },
    ),
)
def parts(c: Context, time: Any) -> dict[str, int]:
    """The parts of a point in time, in the offset it is written with (`offset`, in minutes);
    `weekday` is 1 for Monday to 7, `yearday` 1 for the first of January."""
    moment, rest = _moment(time)
    shift = moment.utcoffset() or timedelta()
    return {
        "year": moment.year,
        "month": moment.month,
        "day": moment.day,
        "hour": moment.hour,
        "minute": moment.minute,
        "second": moment.second,
        "millisecond": rest,
        "weekday": moment.isoweekday(),
        "yearday": (moment.replace(tzinfo=None) - datetime(moment.year, 1, 1)).days + 1,
        "offset": (shift.days * 86_400 + shift.seconds) // 60,
    }


@_row(
    "timestamp(time: text|int) -> int",
    ("timestamp('1970-01-01T00:00:01.5Z')", 1500),
    ("timestamp('1970-01-02')", 86400000),
)
def timestamp(c: Context, time: Any) -> int:
    """Milliseconds since 1970 UTC of an RFC 3339 text; a date alone is midnight UTC."""
    return to_instant(time, c)


@_row(
    "from_timestamp(ms: int) -> text",
    ("from_timestamp(1500)", "1970-01-01T00:00:01.500Z"),
)
def from_timestamp(c: Context, ms: Any) -> str:
    """The point in time that many milliseconds after 1970 UTC, as RFC 3339."""
    return format_instant(to_instant(need_int("from_timestamp", ms), c))


@_row(
    "add_time(time: text|int, duration: text|int) -> text",
    ("add_time('2024-02-28T23:00:00Z', '2h')", "2024-02-29T01:00:00.000Z"),
    ("add_time('2024-01-01', -1)", "2023-12-31T23:59:59.999Z"),
)
def add_time(c: Context, time: Any, duration: Any) -> str:
    """The point in time a duration (`'5m'`, or milliseconds, which may be negative) later, in
    UTC."""
    if type(duration) is int:
        if abs(duration) > DURATION_MS:
            raise fault("duration", f"a duration is at most {DURATION_MS} ms")
        shift = duration
    else:
        shift = to_duration(duration, c)
    result = to_instant(time, c) + shift
    if not FIRST_MS <= result <= LAST_MS:
        raise fault("instant", "the result is outside the years 1 to 9999")
    return format_instant(result)


@_row(
    "time_between(start: text|int, end: text|int) -> int",
    ("time_between('2024-01-01T00:00:00Z', '2024-01-01T00:00:01Z')", 1000),
)
def time_between(c: Context, start: Any, end: Any) -> int:
    """Milliseconds from `start` to `end`; negative where `end` is earlier."""
    return to_instant(end, c) - to_instant(start, c)


@_row(
    "duration(value: text|int) -> int",
    ("duration('1.5s')", 1500),
    ("duration('1h30m')", 5400000),
    ("duration(20)", 20),
)
def duration(c: Context, value: Any) -> int:
    """Milliseconds of a duration: `250ms`, `5s`, `10m`, `2h`, `3d`, or several in a row."""
    return to_duration(value, c)
