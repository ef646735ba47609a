"""Replay: the same journal gives the same run, or a typed error that names where it does not."""

from __future__ import annotations

from collections.abc import Sequence
from operator import is_

from ..errors import ReplayMismatchError
from ..model.batches import unfold_events, weight
from ..model.effects import Effect
from ..model.events import Event, Finished, Started, is_derived
from ..model.retries import standing
from ..model.run import Run
from .load import Program
from .vm import advance, new_run


def replay(program: Program, journal: Sequence[Event]) -> Run:
    """Rebuild a run from its journal; no effect leaves.

    Raises ReplayMismatchError where the journal was written by another program, an event finds
    nothing waiting for it, its step has another name, or the end differs.
    """
    return replay_onto(program, None, journal, [], rest=False)


def replay_onto(
    program: Program,
    run: Run | None,
    journal: Sequence[Event],
    effects: list[Effect],
    *,
    rest: bool,
    said: list[Event] | None = None,
) -> Run:
    """The same from where a run stands (None: from the start); what it asks for goes to
    ``effects``. ``rest``: it is moved on until all its tokens rest. ``said``: takes what a machine
    says behind the end of the journal.
    """
    journal = standing(journal)
    if run is None:
        if journal and not isinstance(journal[0], Started):
            raise ReplayMismatchError("the journal does not begin with Started")
        if journal and isinstance(journal[0], Started) and journal[0].blueprint != program.digest:
            raise ReplayMismatchError(
                f"the journal was written by Blueprint {journal[0].blueprint[:12]}, "
                f"not {program.digest[:12]}"
            )
        run = new_run(program)
    elif not journal:
        return run  # it stands where it has to, perhaps in the middle of a loop
    run.replaying = True
    inputs = [event for event in journal if not is_derived(event)]
    run.inbox.extend(inputs)
    applied: list[Event] = []
    ended = bool(journal) and isinstance(journal[-1], Finished)
    while True:
        ready = advance(program, run)
        applied.extend(ready.events)
        effects.extend(ready.effects)
        # Where the journal has no end the run may stand in the middle of a loop without one.
        if not ready.more or not (run.inbox or ended or rest):
            break
    _compare(applied, journal)
    if said is not None and run.machine is not None:
        known = sum(map(weight, journal))
        more = list(unfold_events(applied))[known:]
        said += [event for event in more if not isinstance(event, Finished)]
    run.replaying = False
    return run


def _compare(applied: Sequence[Event], journal: Sequence[Event]) -> None:
    """Whether they are equal, batches unfolded: where one is cut is not part of what happened."""
    if len(applied) == len(journal) and all(map(is_, applied, journal)):
        return  # what was put in was taken as it is, which is what mostly happens
    applied, journal = list(unfold_events(applied)), list(unfold_events(journal))
    for position, (ours, theirs) in enumerate(zip(applied, journal, strict=False)):
        if ours != theirs or type(ours) is not type(theirs):
            raise ReplayMismatchError(
                f"record {position}: the journal has {theirs!r}, replay gives {ours!r}"
            )
    if len(applied) < len(journal):
        raise ReplayMismatchError(
            f"record {len(applied)}: nothing was waiting for {journal[len(applied)]!r}"
        )
