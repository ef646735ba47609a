"""How many jobs a worker that finds thousands loads at once: as many as there is time for."""

from __future__ import annotations

from typing import Final

#: Jobs loaded at once to begin with, and at the most.
FIRST: Final = 8
MOST: Final = 64
#: Seconds that a load should take: all of it is one turn of the event loop.
SECONDS: Final = 0.01


def next_load(number: int, took: float) -> int:
    """How many jobs to load where the last load, of ``number``, took so many seconds.

    At least one, at most twice as many. A journal may hold megabytes, and nobody knows before.
    """
    room = number * 2 if took <= 0 else int(min(SECONDS / took, 2) * number)
    return min(max(room, 1), MOST)
