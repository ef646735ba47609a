"""What a simulation sets up around the engine, and takes away again."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...engine import arrivals, driver, groups, skripts, snapshots
from ...engine.executors import tasks
from . import programs
from .loop import VirtualTime


@contextmanager
def virtual(time: VirtualTime) -> Iterator[None]:
    """The engine's interval clocks show virtual time, and it writes runs down often."""
    from ...stores.sqlite import database, wal

    places: list[tuple[Any, str, Any]] = [
        (module, "monotonic", time.monotonic) for module in (arrivals, driver, groups, tasks)
    ]
    places += [(database, "perf_counter", time.monotonic), (wal, "CHECKPOINT_PAGES", 1 << 60)]
    places += [(skripts, "load", programs.load), (skripts, "blueprint_codec", programs)]
    places += [(snapshots, "TAIL", 3), (snapshots, "TAIL_BYTES", 10**9)]
    before = [(module, name, getattr(module, name)) for module, name, _ in places]
    for module, name, value in places:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


@contextmanager
def quiet() -> Iterator[None]:
    """What the engine logs of the failures is no news to anybody."""
    log = logging.getLogger("runeskript")
    before = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(before)
