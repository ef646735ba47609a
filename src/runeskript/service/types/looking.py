"""Jobs as they are, what is asked about them, and their journals."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from msgspec import field

from .base import Count, Limit, Millis, Pair, Request, Text, View

Status: TypeAlias = Literal["Pending", "Running", "Suspended", "Completed", "Failed", "Cancelled"]
Kind: TypeAlias = Literal["skript", "machine", "bare", "call", "chunk"]


class JobView(View):
    """A job as it is now. ``version``: its revision, which is also its ETag; ``skript_version``:
    that of what it runs, its own or, where the job was submitted by its name, the one it is
    deployed as. ``state``: that of its machine; equal to ``status`` where it has none. ``owner``:
    the worker that has it; ``due``: when the next may take it; ``parent``: the job that it is a
    part of; ``queue``, ``blueprint``, ``handlers``: what a worker needs to run it.
    """

    id: str
    key: str | None
    tenant: str
    labels: dict[str, str]
    kind: Kind
    skript: str
    skript_version: int | None
    status: Status
    state: str
    reason: str | None
    priority: int
    input: Any
    data: Any
    output: Any
    error: dict[str, Any] | None
    created_at: int
    updated_at: int
    version: int
    owner: str | None
    due: int | None
    parent: str | None
    queue: str
    blueprint: str
    handlers: list[str]


class JobPage(View):
    """Jobs, newest first; ``next``: the ``cursor`` of the page behind it, null: there is none."""

    jobs: list[JobView]
    next: str | None


class JobsQuery(Request):
    """Which jobs; every condition that is given must hold. ``label``: ``NAME=TEXT``. ``data``: a
    field by dotted path, and the JSON it must equal (``customer.id=7``). ``*_before`` is excluded.
    ``after``: a job to begin behind, in place of a cursor.
    """

    status: Status | None = None
    state: Text | None = None
    skript: Text | None = None
    kind: Kind | None = None
    key: Text | None = None
    label: list[Pair] = field(default_factory=list)
    data: list[Pair] = field(default_factory=list)
    created_from: Millis | None = None
    created_before: Millis | None = None
    updated_from: Millis | None = None
    updated_before: Millis | None = None
    limit: Limit = 100
    cursor: Text | None = None
    after: Text | None = None


class EventView(View):
    """One record of a job's journal; ``seq`` counts from 0. ``path``: the token."""

    seq: int
    at: int
    kind: str
    step: str | None
    path: list[int]
    data: dict[str, Any]


class History(View):
    """Events of a journal; ``next``: the ``from`` of the page behind it, null: that was all."""

    events: list[EventView]
    next: int | None


class HistoryQuery(Request, rename={"start": "from"}):
    """Which part of a journal: at most ``limit`` events from position ``from`` on."""

    start: Count = 0
    limit: Limit = 100


class Why(View):
    """The one thing that a job waits for. ``until``: the lease of its worker ``owner``."""

    kind: str
    text: str
    since: int | None
    due: int | None
    owner: str | None
    until: int | None
    detail: dict[str, Any]


class VariablesQuery(Request):
    """``at``: behind the first ``at`` events of the journal; as it is now where it is left out."""

    at: Count | None = None
