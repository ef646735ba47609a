"""Which of the things that can happen at the same time happens next, drawn from a seed."""

from __future__ import annotations

from collections.abc import Set
from random import Random

from ..model.events import CallDone, CallsDone, Event, Path
from ..model.limits import BATCH_EVENTS


def draw(queue: list[Event], calls: Set[tuple[Path, int]], random: Random) -> Event:
    """Take one event from a queue, or some calls of one fork as a batch, in any order.

    ``calls``: the path of a fork and the n of its branches' calls that may complete in batches.
    """
    event = queue.pop(random.randrange(len(queue)))
    key = _key(event)
    if not isinstance(event, CallDone) or key is None or key not in calls:
        return event
    # Call n of two branches may stand at two steps.
    others = [
        e for e in queue if isinstance(e, CallDone) and _key(e) == key and e.step == event.step
    ]
    number = random.randint(0, min(len(others), BATCH_EVENTS - 1))
    batch = [event, *random.sample(others, number)]
    gone = set(map(id, batch))
    queue[:] = [e for e in queue if id(e) not in gone]
    indexes = tuple([e.path[-1] for e in batch])
    return CallsDone(0, *key, event.step, indexes, [e.result for e in batch])


def _key(event: Event) -> tuple[Path, int] | None:
    """Which batches an event may be a part of."""
    if isinstance(event, CallDone) and event.attempt == 1 and event.path:
        return event.path[:-1], event.n
    return None
