"""How ``rune bench`` measures: us and a floor in turns, and the median of the paired ratios.

The floor is the least a program could do for the same work with nothing but Python. Measurements
minutes apart would compare two states of the machine, so each pair is measured back to back.
"""

from __future__ import annotations

import gc
import resource
import statistics
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of results: a rate, or a ``cost`` of which less is better.

    Rates are units per second, costs are in the unit. ``ratio`` is the median of the pairs' ratios,
    ``least`` the smallest; above 1 is better than the floor.
    """

    scenario: str
    unit: str
    rate: float
    floor: str
    floor_rate: float
    ratio: float
    least: float
    n: int
    rounds: int
    rss_mb: float
    cost: bool = False
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
            "ratio_min": round(self.least, 3),
            **self.extra,
        }


@dataclass(frozen=True, slots=True)
class Scenario:
    """``measure(rounds)`` gives the scenario's figures."""

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
        scenario,
        unit,
        n / statistics.median(ours),
        floor,
        n / statistics.median(floors),
        statistics.median(ratios),
        min(ratios),
        n,
        len(ratios),
        peak_rss_mb(),
    )


async def alternate(
    rounds: int,
    ours: Callable[[], Awaitable[float]],
    floor: Callable[[], Awaitable[float]],
    *,
    warm: bool = True,
) -> tuple[list[float], list[float]]:
    """Seconds of each, one warm-up pair left out unless what is measured is a start; who goes first
    changes from round to round.
    """
    timings: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds + warm):
        for which in (0, 1) if turn % 2 else (1, 0):
            gc.collect()
            seconds = await (ours if which == 0 else floor)()
            if turn or not warm:
                timings[which].append(seconds)
    return timings
