"""Durations and points in time as the language writes them (``5m``, RFC 3339)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from ..errors import StepError
from ..model.durations import UNITS
from ..model.limits import DURATION_MS
from ..model.values import type_name
from .faults import fault
from .runtime import Context

_DURATION: Final = re.compile(r"([0-9]{1,15})(\.[0-9]{1,9})?[ ]?(ms|s|m|h|d)", re.ASCII)

#: RFC 3339 section 5.6; the T may be a space, a date alone is midnight UTC.
_INSTANT: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?([Zz]|[+-][0-9]{2}:[0-9]{2}))?",
    re.ASCII,
)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: 0001-01-01 and 9999-12-31 in ms since 1970.
FIRST_MS: Final = -62_135_596_800_000
LAST_MS: Final = 253_402_300_799_999


def parse_duration(text: str) -> int | None:
    """Milliseconds of ``250ms``, ``1.5s``, ``5m``, ``2h``, ``3d``; None where it is none.

    Fractions of a millisecond are cut off. The sum of several parts (``1h30m``) is read too.
    """
    total = 0
    at = 0
    while at < len(text):
        match = _DURATION.match(text, at)
        if match is None:
            return None
        whole, fraction, unit = match.groups()
        total += int(whole) * UNITS[unit]
        if fraction:
            total += int(fraction[1:]) * UNITS[unit] // 10 ** (len(fraction) - 1)
        at = match.end()
    return total if text else None


def to_duration(value: Any, c: Context) -> int:
    """A duration in ms from its text or from a whole number of ms; typed error ``duration``."""
    if type(value) is str and len(value) <= 100:
        parsed = parse_duration(value.strip())
        if parsed is None:
            raise fault("duration", "no duration; it has a unit: 250ms, 5s, 10m, 2h, 3d")
    elif type(value) is int:
        parsed = value
    elif type(value) is str:
        raise fault("duration", "a text of that length is no duration")
    else:
        raise fault("duration", f"{type_name(value)} is no duration")
    if not 0 <= parsed <= DURATION_MS:
        raise fault("duration", f"a duration is from 0 to {DURATION_MS} ms")
    return parsed


def parse_instant(text: str) -> tuple[datetime, int] | None:
    """(local date and time with its offset, ms of the second) of an RFC 3339 text, or None.

    A leap second (``:60``) counts as the second after.
    """
    match = _INSTANT.fullmatch(text) if len(text) <= 64 else None
    if match is None:
        return None
    year, month, day = int(match[1]), int(match[2]), int(match[3])
    try:
        if match[4] is None:
            return datetime(year, month, day, tzinfo=UTC), 0
        second = int(match[6])
        zone = _zone(match[8])
        if zone is None or second > 60:
            return None
        moment = datetime(year, month, day, int(match[4]), int(match[5]), min(second, 59),
                          tzinfo=zone)  # fmt: skip
        if second == 60:
            moment += timedelta(seconds=1)
    except (ValueError, OverflowError):
        return None
    return moment, int((match[7] or "0").ljust(3, "0")[:3])


def _zone(text: str) -> timezone | None:
    if text in "Zz":
        return UTC
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 23 or minutes > 59:
        return None
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def to_ms(moment: datetime, milliseconds: int) -> int:
    """Milliseconds since 1970 UTC."""
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000 + milliseconds


def no_instant() -> StepError:
    """``instant``: a text that is no point in time."""
    return fault("instant", "no point in time; it is written as 2024-05-01T12:30:00Z (RFC 3339)")


def to_instant(value: Any, c: Context) -> int:
    """Milliseconds since 1970 from an RFC 3339 text or a whole number of ms; error ``instant``."""
    if type(value) is int:
        if not FIRST_MS <= value <= LAST_MS:
            raise no_instant()
        return value
    if type(value) is not str:
        raise fault("instant", f"{type_name(value)} is no point in time")
    parsed = parse_instant(value)
    if parsed is None:
        raise no_instant()
    return to_ms(*parsed)


def format_instant(ms: int) -> str:
    """RFC 3339 in UTC with milliseconds: ``2024-05-01T12:30:00.000Z``."""
    seconds, rest = divmod(ms, 1_000)
    moment = EPOCH + timedelta(seconds=seconds)
    return (
        f"{moment.year:04}-{moment.month:02}-{moment.day:02}"
        f"T{moment.hour:02}:{moment.minute:02}:{moment.second:02}.{rest:03}Z"
    )
