"""What of a journal still stands where an operator's retry took its end back.

A journal is never rewritten: a retry adds a record that says how many of those before it do not
count any more. The run goes on as if they had never been.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import ReplayMismatchError
from .batches import unfold_events
from .events import Event, Retried


def standing(events: Sequence[Event]) -> Sequence[Event]:
    """The events that count; where a retry is among them, batches are unfolded.

    Raises ReplayMismatchError where a retry takes back more than there is.
    """
    if Retried not in map(type, events):
        return events
    found: list[Event] = []
    for event in unfold_events(events):
        if type(event) is Retried:
            if not 0 <= event.back <= len(found):
                raise ReplayMismatchError(f"a retry takes back {event.back} of {len(found)} events")
            del found[len(found) - event.back :]
            event = event._replace(back=0)
        found.append(event)
    return found
