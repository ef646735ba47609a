"""When jobs of a skript are due: what a document and its Blueprint say of that."""

from __future__ import annotations

from typing import Literal

from .records import record


@record
class Schedule:
    """At the times of ``cron`` in ``timezone`` (UTC where None), or at every multiple of ``every``
    milliseconds since 1970. One of both is None.

    ``missed``: what becomes of ticks at which no worker ran. ``overlap``: what becomes of one at
    which the job of the one before has not ended.
    """

    cron: str | None
    every: int | None
    timezone: str | None = None
    missed: Literal["skip", "once", "all"] = "skip"
    overlap: Literal["skip", "queue", "cancel"] = "skip"
