"""What the world outside saw: kept apart from engine and stores, so that it can judge them."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

from ...model.batches import unfold_events
from ...model.events import CallDone, Event, Path, Retried
from ...model.values import Value
from ...stores.base import Unit


class Finding(NamedTuple):
    """Something that must not be: ``lost``, ``duplicated``, ``changed``, ``stuck``,
    ``unexplained`` (it waits for what cannot come), ``defect``."""

    kind: str
    text: str


class Begun(NamedTuple):
    """A handler was called."""

    worker: str
    handler: str
    attempt: int
    params: dict[str, Value]
    #: How often its job had been retried.
    retried: int = 0


class Acted(NamedTuple):
    """A handler did its work without an error."""

    worker: str
    handler: str
    job: str
    step: str
    path: Path
    n: int
    attempt: int


class Ledger:
    """Calls as the handlers saw them, and promises as those who were given them remember."""

    def __init__(self) -> None:
        #: Idempotency key -> every time that a handler was called with it.
        self.begun: dict[str, list[Begun]] = defaultdict(list)
        #: Idempotency key -> every time that a handler did its work for it.
        self.acted: dict[str, list[Acted]] = defaultdict(list)
        #: Ids of the jobs whose submission was acknowledged.
        self.submitted: dict[str, None] = {}
        #: Job -> position in its journal -> the event that a store said was durable.
        self.durable: dict[str, dict[int, Event]] = defaultdict(dict)
        #: Calls with a result that was written, (job, path, n).
        self.results: set[tuple[str, Path, int]] = set()
        #: Token of an attempt that was left to somebody outside -> the answers that were accepted.
        self.left: dict[str, list[Value]] = defaultdict(list)
        #: Job -> the events that were written and count, without what a retry took back.
        self.standing: dict[str, list[Event]] = defaultdict(list)
        #: Job -> how many events were written; where from that is known.
        self.length: dict[str, int] = {}
        #: Jobs that somebody asked to be retried, and how often each was.
        self.retried: dict[str, int] = {}
        #: Job, and how often it was retried -> its end, as it was first seen from outside.
        self.ends: dict[tuple[str, int], tuple[Any, ...]] = {}
        self.findings: list[Finding] = []

    def find(self, kind: str, text: str) -> None:
        """Something that must not be."""
        finding = Finding(kind, text)
        if finding not in self.findings:
            self.findings.append(finding)

    def written(self, unit: Unit) -> None:
        """A store has applied a unit."""
        standing = self.standing[unit.job]
        known = self.length.get(unit.job, 0)
        for position, event in enumerate(unfold_events(unit.events), unit.first):
            if isinstance(event, CallDone):
                self.results.add((unit.job, event.path, event.n))
            if position < known:
                continue  # it was written before, and the reply was lost
            if isinstance(event, Retried):
                self._taken_back(unit.job, standing[len(standing) - event.back :])
                del standing[len(standing) - event.back :]
            standing.append(event)
            self.length[unit.job] = position + 1

    def _taken_back(self, job: str, events: list[Event]) -> None:
        """A retry has taken these back: the calls are made anew where the run comes to them."""
        self.retried[job] = self.retried.get(job, 0) + 1
        for event in events:
            if isinstance(event, CallDone):
                self.results.discard((job, event.path, event.n))

    def ended(self, job: str, seen: tuple[Any, ...]) -> tuple[Any, ...]:
        """How a job ended, as it was seen first since its last retry."""
        return self.ends.setdefault((job, self.retried.get(job, 0)), seen)

    def promised(self, unit: Unit) -> None:
        """Somebody was told that a unit is durable."""
        known = self.durable[unit.job]
        for position, event in enumerate(unfold_events(unit.events), unit.first):
            before = known.setdefault(position, event)
            if before != event:
                text = f"job {unit.job}: event {position} was {before}, and is {event}"
                self.find("changed", text)
