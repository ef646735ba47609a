"""Making jobs: new ones, copies, and many at once."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, field

from .base import Count, Labels, Priority, Request, Text, View
from .problems import Problem

#: Submits of one batch.
BATCH_MAX: Final = 10_000


class Submit(Request):
    """A job to be: of a deployed skript (``skript``) or machine (``machine``), ``NAME`` or
    ``NAME@VERSION``; of a document that comes with it; or of ``data`` alone, which others move.

    ``start`` false: it waits until ``POST /jobs/{id}/run``.
    """

    skript: Text | None = None
    machine: Text | None = None
    document: str | dict[str, Any] | None = None
    data: Any = None
    key: Text | None = None
    labels: Labels = field(default_factory=dict)
    start: bool = True
    priority: Priority = 0
    on_conflict: Literal["return", "reject", "replace"] = "return"


class Fork(Request):
    """A copy of a job that goes on from behind the first ``at`` events of its journal."""

    at: Count
    variables: dict[str, Any] = field(default_factory=dict)
    key: Text | None = None
    labels: Labels = field(default_factory=dict)
    start: bool = True


class Batch(Request):
    """Jobs to be, each with an outcome of its own."""

    jobs: Annotated[list[Submit], Meta(min_length=1, max_length=BATCH_MAX)]


class Outcome(View, omit_defaults=True):
    """What became of one submit: ``id`` of the job, or the ``problem``."""

    status: int
    outcome: Literal["created", "exists", "replaced", "refused"]
    id: str | None = None
    problem: Problem | None = None


class Outcomes(View):
    """One for each submit, in their order."""

    outcomes: list[Outcome]
