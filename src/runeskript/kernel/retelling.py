"""A journal told once more, stretch by stretch, with what the run asked for in between.

For whoever wants to know what a run did: events say what came in, effects what went out, and only
the run itself connects them. Nothing leaves. A stretch holds the events of one millisecond, at most
``STRETCH`` of them, so that little is held at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ..errors import ReplayMismatchError, RuneskriptError
from ..model.batches import unfold_events
from ..model.effects import Effect
from ..model.events import Event, Finished, is_derived
from ..model.rows import NamedTuple
from ..model.run import Run
from .load import Program
from .vm import advance

#: Events of one stretch, where none of them belongs into the middle of a loop.
STRETCH: Final = 500


class Stretch(NamedTuple):
    """Events that came in, and what the run asked for behind them."""

    events: list[Event]
    effects: list[Effect]


def retell(program: Program, run: Run, journal: Sequence[Event]) -> Iterator[Stretch]:
    """The stretches of a journal that begins where ``run`` stands, which then stands at its end.

    The journal holds what counts (``model/retries.standing``). That it fits is not looked into;
    raises ReplayMismatchError where the kernel cannot take it.
    """
    run.replaying = True
    ended = bool(journal) and isinstance(journal[-1], Finished)
    try:
        for events in _stretches(journal):
            last = events[-1] is journal[-1]
            run.inbox.extend(event for event in events if not is_derived(event))
            effects: list[Effect] = []
            while True:
                ready = advance(program, run)
                effects.extend(ready.effects)
                # A run whose journal has no end may stand in the middle of a loop without one.
                if not ready.more or not (run.inbox or (ended and last)):
                    break
            yield Stretch(events, effects)
        if ended and run.finished is None:
            raise ReplayMismatchError("the journal ends, and the run does not")
    except RuneskriptError:
        raise
    except Exception as exc:  # a journal that nobody vouches for can hold what no kernel wrote
        raise ReplayMismatchError(
            f"the journal does not fit its Blueprint: {type(exc).__name__}: {exc}"[:500]
        ) from exc
    finally:
        run.replaying = False


def _stretches(journal: Iterable[Event]) -> Iterator[list[Event]]:
    found: list[Event] = []
    for event in unfold_events(journal):
        inside = getattr(event, "stop", None) is not None
        if found and not inside and (event.at != found[0].at or len(found) >= STRETCH):
            yield found
            found = []
        found.append(event)
    if found:
        yield found
