"""Which of the things that can happen at the same time happens next, drawn from a seed."""

from __future__ import annotations

from collections.abc import Set
from random import Random

from ..model.events import CallDone, CallsDone, Event, Path
from ..model.limits import BATCH_EVENTS


def draw(queue: list[Event], forks: Set[Path], random: Random) -> Event:
    """Take one event from a queue, or some calls of one FORKCALL as a batch, in any order.

    ``forks`` are the paths of those whose calls may complete in batches.
    """
    event = queue.pop(random.randrange(len(queue)))
    path = _fork(event)
    if not isinstance(event, CallDone) or path is None or path not in forks:
        return event
    others = [e for e in queue if isinstance(e, CallDone) and _fork(e) == path]
    number = random.randint(0, min(len(others), BATCH_EVENTS - 1))
    batch = [event, *random.sample(others, number)]
    gone = set(map(id, batch))
    queue[:] = [e for e in queue if id(e) not in gone]
    indexes = tuple([e.path[-1] for e in batch])
    return CallsDone(0, path, event.step, indexes, [e.result for e in batch])


def _fork(event: Event) -> Path | None:
    """The path of the fork that an event may be a branch's only call of."""
    if isinstance(event, CallDone) and event.n == event.attempt == 1:
        return event.path[:-1]
    return None
