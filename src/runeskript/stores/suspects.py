"""Which of the jobs that may have crashed their workers are claimed: few at once, and which first.

A job is *suspect* that was claimed ``SUSPECT`` times in a row without a new event (in a store, its
``claims``): it may be what crashes whoever claims it, or only be claimed together with that.
"""

from __future__ import annotations

from .rows import CLAIMS, SUSPECT


def room(suspects: int, claims: int, held: int) -> int:
    """How many more jobs that were claimed ``claims`` times in vain a worker may have, that has
    ``held`` suspects and may have ``suspects`` of them.

    The fewer, the nearer to being parked: each time a sixteenth, so that whoever is claimed for the
    last time is alone. Never none because of that. Any number where nothing is left but to park.
    """
    if claims >= CLAIMS:
        return 1 << 62
    most = max(suspects >> 4 * (claims - SUSPECT), 1) if suspects else 0
    return max(most - held, 0)


def newest_first(claims: int) -> bool:
    """Whether of those claimed so often the newest come first: once the ones, once the others, so
    that the jobs which are claimed together with the one that crashes are not always the same.
    """
    return claims % 2 == 1
