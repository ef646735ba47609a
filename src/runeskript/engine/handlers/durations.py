"""Durations as people write them: ``500ms``, ``30s``, ``5m``, ``2h``, ``7d``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from ...model.limits import DURATION_MS

_UNITS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_FORM: Final = re.compile(r"(\d{1,15})(?:\.(\d{1,9}))?(ms|s|m|h|d)", re.ASCII)


def milliseconds(duration: str | int | timedelta) -> int:
    """Whole milliseconds of a duration text, a timedelta or a number of ms; ValueError else."""
    if isinstance(duration, bool):
        raise ValueError(f"{duration!r} is no duration")
    if isinstance(duration, timedelta):
        ms = duration // timedelta(milliseconds=1)
    elif isinstance(duration, int):
        ms = duration
    elif isinstance(duration, str) and (found := _FORM.fullmatch(duration.strip())):
        whole, fraction, unit = found.groups()
        ms = int(whole) * _UNITS[unit]
        if fraction:
            ms += int(fraction) * _UNITS[unit] // 10 ** len(fraction)
    else:
        raise ValueError(f"{duration!r} is no duration; write 500ms, 30s, 5m, 2h or 7d")
    if not 0 <= ms <= DURATION_MS:
        raise ValueError(f"{duration!r} is no duration between 0 and 100 years")
    return ms
