"""How a service is told to behave; every bound of it in one place, each with its reason."""

from __future__ import annotations

from typing import Final

from ..model.records import record

#: Bytes of one body: a batch of 10,000 small jobs takes two million; reading JSON of this size
#: holds everybody else up for half a second at worst.
MAX_BODY: Final = 4 * 1024 * 1024
#: Requests a second of one caller, and how many may come at once. A batch counts by its jobs
#: (``rates.JOBS``): it is let in as one request, and the next waits for what it was more.
RATE: Final = 5_000
#: Streams of events that are open at once: each is a connection and a task.
STREAMS: Final = 1_000
#: Of these, those of one token: the others are for others.
STREAMS_EACH: Final = 250
#: Seconds after which a stream without events says that it lives.
HEARTBEAT: Final = 15.0
#: Seconds that whoever reads a stream may take for a piece of it.
SLOW: Final = 30.0
#: Milliseconds for which an answer is kept for whoever asks again with its idempotency key.
KEPT: Final = 24 * 3600 * 1000
#: Views of jobs that are made at once: each holds a journal, and is told in a thread.
VIEWS: Final = 4
#: Seconds that requests under way have to end when the service closes.
CLOSING: Final = 10


@record
class Settings:
    """``hosts``: names by which it may be called besides those of loopback. ``origins``: of pages
    that browsers may call it from. ``may_be_open``: whether it needs no token as long as there is
    none. ``rate``: requests a second of one caller; a batch is one for each 100 of its jobs that
    are begun. ``heartbeat``, ``slow``: seconds between two
    signs of life of a stream, and that a piece of one may take. ``works``: whether it runs jobs.
    """

    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    may_be_open: bool = True
    max_body: int = MAX_BODY
    rate: int = RATE
    streams: int = STREAMS
    streams_each: int = STREAMS_EACH
    heartbeat: float = HEARTBEAT
    slow: float = SLOW
    works: bool = True
