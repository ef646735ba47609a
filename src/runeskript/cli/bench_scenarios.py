"""What ``rune bench`` measures. A scenario times us and a floor in turns and pairs the results.

The floor is the least a program could do for the same work with nothing but Python, measured in
the same process minutes apart would lie; a pair is measured back to back, and the ratio reported
is the median of the pairs' ratios.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from ..errors import RuneskriptError

MIN_ROUNDS: Final = 9
#: Branches of the fan-out.
BRANCHES: Final = 20_000


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of results. Rates are units per second; ``ratio`` is ours over the floor's."""

    scenario: str
    unit: str
    rate: float
    floor: str
    floor_rate: float
    ratio: float
    n: int
    rounds: int
    rss_mb: float
    extra: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "scenario": self.scenario,
            "rate": round(self.rate, 1),
            "floor": self.floor,
            "floor_rate": round(self.floor_rate, 1),
            "ratio": round(self.ratio, 3),
            "rss_mb": round(self.rss_mb, 1),
            "unit": self.unit,
            "n": self.n,
            "rounds": self.rounds,
            **self.extra,
        }


@dataclass(frozen=True, slots=True)
class Scenario:
    """``measure(rounds)`` yields the scenario's figures."""

    summary: str
    measure: Callable[[int], Sequence[Figure]]


def peak_rss_mb(who: int = resource.RUSAGE_SELF) -> float:
    """The largest resident memory so far, in MB (2**20 bytes)."""
    peak = resource.getrusage(who).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def pair(
    scenario: str, unit: str, n: int, floor: str, ours: Sequence[float], floors: Sequence[float]
) -> Figure:
    """The figure of paired timings in seconds for ``n`` units of work each."""
    ratios = [theirs / mine for mine, theirs in zip(ours, floors, strict=True)]
    return Figure(
        scenario, unit, n / statistics.median(ours), floor, n / statistics.median(floors),
        statistics.median(ratios), n, len(ratios), peak_rss_mb(),
    )


async def alternate(
    rounds: int, ours: Callable[[], Awaitable[float]], floor: Callable[[], Awaitable[float]]
) -> tuple[list[float], list[float]]:
    """Seconds of each, one warm-up pair left out; who goes first changes from round to round."""
    timings: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds + 1):
        for which in (0, 1) if turn % 2 else (1, 0):
            gc.collect()
            seconds = await (ours if which == 0 else floor)()
            if turn:
                timings[which].append(seconds)
    return timings
