"""Durations as Python code gives them: texts such as ``30s``, timedeltas, numbers of ms."""

from __future__ import annotations

from datetime import timedelta

from ...model.durations import parse_duration
from ...model.limits import DURATION_MS


def milliseconds(duration: str | int | timedelta) -> int:
    """Whole milliseconds of a duration text, a timedelta or a number of ms; ValueError else."""
    ms: int | None = None
    if isinstance(duration, timedelta):
        ms = duration // timedelta(milliseconds=1)
    elif isinstance(duration, str):
        try:
            ms = parse_duration(duration.strip())
        except ValueError as error:
            raise ValueError(f"{duration!r} is no duration: {error}") from None
    elif type(duration) is int:
        ms = duration
    if ms is None:
        raise ValueError(f"{duration!r} is no duration; write 500ms, 30s, 5m, 2h or 7d")
    if not 0 <= ms <= DURATION_MS:
        raise ValueError(f"{duration!r} is no duration between 0 and 100 years")
    return ms
