"""Limits on calls: how many may run at once, or start within a time.

A call that is limited *takes* a slot of each of its limits, all or none, in the unit that lets it
out; it *frees* them in the unit that takes in its result. What gets none stands in line. The line
is fair: nobody overtakes an earlier call that waits for one of the same limits.
"""

from __future__ import annotations

from ..model.events import Path
from ..model.rows import NamedTuple


class Limit(NamedTuple):
    """A limit as one call sees it: at most ``size`` slots of ``name`` are taken.

    ``hold`` None: a slot is taken until it is freed (concurrency). Else it counts for ``hold`` ms
    from the moment it was taken, whatever becomes of the call (rate: ``size`` per ``hold``).
    """

    name: str
    size: int
    hold: int | None = None


class Take(NamedTuple):
    """Call ``n`` of the token needs a slot of each of these limits."""

    path: Path
    n: int
    limits: tuple[Limit, ...]
