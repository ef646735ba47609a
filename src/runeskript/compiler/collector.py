"""Pausing the garbage collector while a large tree is built.

Building makes hundreds of thousands of objects and no cycles; the collector walks them again and
again for nothing, which was measured at half of all the time. Small texts never pause it.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: Characters of source text from which pausing pays.
LARGE = 100_000
#: From how many it is paused.
_least: float = LARGE


@contextmanager
def paused_collector(size: int) -> Iterator[None]:
    """Leave the collector off inside the block, if ``size`` is large and it was on."""
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
    """Pause for no text inside the block: for measuring what compiling costs with the collector."""
    global _least  # noqa: PLW0603 - it is a switch of the process, as the collector's own is
    _least = float("inf")
    try:
        yield
    finally:
        _least = LARGE
