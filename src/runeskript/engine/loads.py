"""How many jobs a worker that finds thousands loads at once: as many as there is time for."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

#: Jobs loaded at once to begin with, and at the most.
FIRST: Final = 8
MOST: Final = 64
#: Objects made after which a process that lives long looks for those that nobody holds: 2 ms.
YOUNG: Final = 10_000
#: Seconds that a load should take: all of it is one turn of the event loop.
SECONDS: Final = 0.01


def next_load(number: int, took: float) -> int:
    """How many jobs to load where the last load, of ``number``, took so many seconds.

    At least one, at most twice as many. A journal may hold megabytes, and nobody knows before.
    """
    room = number * 2 if took <= 0 else int(min(SECONDS / took, 2) * number)
    return min(max(room, 1), MOST)


@contextmanager
def collector_waits() -> Iterator[None]:
    """Keep the garbage collector from walking, again and again, what is made here and lives on (a
    fifth of the time of rebuilding thousands of jobs, measured).
    """
    pause = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if pause:
            gc.enable()


def loaded_to_stay() -> None:
    """What a process that lives long has loaded by now, it keeps: the collector need not walk it
    again and again, which takes 30 ms each time, with all that is under way waiting. Nor has it to
    look at every tenth job: what jobs leave behind goes without it.
    """
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
