"""Durations as they are written: a number and a unit, such as ``200ms``, ``1.5s`` or ``72h``."""

from __future__ import annotations

import re
from typing import Final

from .limits import DURATION_MS

#: Milliseconds of each unit.
UNITS: Final[dict[str, int]] = {
    "ms": 1,
    "s": 1_000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
}
PATTERN: Final = r"[0-9]{1,15}(\.[0-9]{1,6})?(ms|s|m|h|d)"
_DURATION: Final = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,6}))?(ms|s|m|h|d)\Z")


def parse_duration(text: str) -> int | None:
    """Milliseconds, None where the text is no duration. Exact: no float is involved.

    Raises ValueError for one that is longer than ``limits.DURATION_MS`` or no whole number of
    milliseconds.
    """
    found = _DURATION.match(text)
    if found is None:
        return None
    whole, fraction, unit = found.group(1), found.group(2) or "", found.group(3)
    scaled = int(whole + fraction) * UNITS[unit]
    parts = int("1" + "0" * len(fraction))
    value, rest = divmod(scaled, parts)
    if rest:
        raise ValueError("no whole number of milliseconds")
    if value > DURATION_MS:
        raise ValueError("longer than 100 years")
    return value


def show_duration(ms: int) -> str:
    """Milliseconds in the largest unit that divides them."""
    for unit, size in reversed(UNITS.items()):
        if ms and ms % size == 0:
            return f"{ms // size}{unit}"
    return f"{ms}ms"
