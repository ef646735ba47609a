"""Forking a job: a journal that begins as another one, up to a position, and goes on by itself.

The prefix is copied, with the fork's own id in it, so calls, children and messages of the fork have
keys and ids of their own. A record behind it says where it comes from, gives the run a new seed
(``uuid()`` and ``random()`` differ from here on), and holds the variables that were patched: those
of the main flow; a branch that had begun keeps what it captured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import ForkError, ReplayMismatchError
from ..model.batches import unfold_events
from ..model.events import Event, Finished, Forked, Started
from ..model.nearest import did_you_mean
from ..model.retries import standing
from ..model.values import Value
from .load import Program
from .replay import replay


def plan_fork(
    program: Program,
    journal: Sequence[Event],
    position: int,
    identity: Mapping[str, Value],
    origin: str,
    at: int,
    seed: str,
    variables: Mapping[str, Value],
) -> list[Event]:
    """The journal of a fork behind the first ``position`` events of a whole journal.

    ``identity``: what of ``job`` is the fork's own, at least its id. Raises ForkError where there
    is no such position or variable, or where the run would not have come there as another job.
    """
    events = list(unfold_events(journal))
    _check_names(program, variables)
    if not 1 <= position <= len(events):
        raise ForkError(f"the journal has positions 1 to {len(events)}, not {position}")
    prefix = list(standing(events[:position]))
    start = prefix[0]
    if not isinstance(start, Started):
        raise ReplayMismatchError("the journal does not begin with Started")
    prefix[0] = start._replace(job={**start.job, **identity})
    forked = [*prefix, Forked(at, origin, position, seed, dict(variables))]
    if any(isinstance(event, Finished) for event in prefix):
        raise ForkError(f"the job has ended at position {position}; take an earlier one")
    try:
        run = replay(program, prefix)
    except ReplayMismatchError as exc:
        text = f"as another job it would not have come to position {position}: {exc.message}"
        raise ForkError(text) from exc
    if run.finished is not None:
        raise ForkError(f"the job is over at position {position}; take an earlier one")
    if run.ready:
        raise ForkError(f"the job is in the middle of a loop at position {position}")
    try:
        replay(program, forked)
    except ReplayMismatchError as exc:
        text = f"what follows from position {position} is not said there yet; take another one"
        raise ForkError(text) from exc
    return forked


def _check_names(program: Program, variables: Mapping[str, Value]) -> None:
    """Only what the compiled skript keeps can be patched."""
    slots = program.blueprint.debug.slot_names
    known = [name for name in (slots[0] if slots else ()) if name and not name.startswith("$")]
    for name in variables:
        if name not in known:
            hint = did_you_mean(name, known)
            text = f"the compiled skript keeps no variable `{name}` in its main flow"
            raise ForkError(f"{text}; {hint}" if hint else text)
