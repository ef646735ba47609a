"""What goes into a simulation, and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...compiler.pipeline import Compiled
from ...model.values import Value
from .ledger import Finding


@dataclass(frozen=True, slots=True)
class Job:
    """A job to be submitted: a compiled skript and its input."""

    skript: Compiled
    input: Value = None


@dataclass(slots=True)
class Report:
    """What became of one simulation. ``trace``: everything that happened, if it was asked for."""

    seed: int
    findings: list[Finding]
    jobs: int
    calls: int
    deaths: int
    #: Virtual seconds, and steps of event loops.
    seconds: float
    steps: int
    statuses: dict[str, int]
    trace: list[str] = field(default_factory=list)
