"""The garbage collector: when it is paused, and what it need not look at.

Where hundreds of thousands of objects are made that live on, and no cycles, it walks them again and
again for nothing: half of the time of compiling a large text, a fifth of that of rebuilding
thousands of jobs (measured). Small texts never pause it.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

#: Characters of source text from which pausing pays.
LARGE: Final = 100_000
#: Objects made after which a process that lives long looks for those that nobody holds: 2 ms.
YOUNG: Final = 10_000
#: From how many characters it is paused.
_least: float = LARGE


@contextmanager
def paused_collector(size: int = LARGE) -> Iterator[None]:
    """Leave the collector off inside the block, if it was on; where a text of ``size`` characters
    is read there, only if that is large.
    """
    if size < _least or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def unpaused() -> Iterator[None]:
    """Have the collector left on inside the block: for measuring what compiling costs with it."""
    global _least  # noqa: PLW0603 - it is a switch of the process, as the collector's own is
    _least = float("inf")
    try:
        yield
    finally:
        _least = LARGE


def loaded_to_stay() -> None:
    """What a process that lives long has loaded by now, it keeps: the collector need not walk it
    again and again, which takes 30 ms each time, with all that is under way waiting. Nor has it to
    look at every tenth job: what jobs leave behind goes without it.
    """
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
