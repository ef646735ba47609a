"""The optimizer: one pass per file, their order in ``PASSES``. Each rewrites the core form.

A pass may change what a run costs, never what it does: events are equal with and without it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from .. import core
from .join_pure import join_pure

#: (name, function), in the order in which they run.
PASSES: Final[tuple[tuple[str, Callable[[core.Program], None]], ...]] = (("join_pure", join_pure),)


def optimize(program: core.Program) -> None:
    """Run every pass."""
    for _, run in PASSES:
        run(program)
