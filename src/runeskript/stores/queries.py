"""What a store is asked for by people and services: filtered jobs, the feed, records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final, Literal

from ..model.events import Status
from ..model.records import record
from ..model.rows import NamedTuple
from ..model.values import Value
from .rows import JobKind, JobRow, match_key

#: Records that are no jobs, by table.
RecordTable = Literal["skripts", "machines", "schedules", "tokens", "audit", "requests"]
TABLES: Final[tuple[RecordTable, ...]] = (
    "skripts",
    "machines",
    "schedules",
    "tokens",
    "audit",
    "requests",
)


@record
class JobFilter:
    """Which jobs ``query`` lists; every field that is set must hold.

    Times are milliseconds since 1970, from (included) and before (excluded). ``data``: fields of
    the job's data (or, where it has none, its input) by dotted path, and what they must be equal
    to in the language; such a filter reads every job that the other fields let through.
    """

    status: Status | None = None
    skript: str | None = None
    key: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    tenant: str | None = None
    state: str | None = None
    kind: JobKind | None = None
    owner: str | None = None
    parent: str | None = None
    created_from: int | None = None
    created_before: int | None = None
    updated_from: int | None = None
    updated_before: int | None = None
    data: Mapping[str, Value] = field(default_factory=dict)

    def accepts(self, row: JobRow) -> bool:
        """Whether the row is among the wanted ones."""
        return (
            self.status in (None, row.status)
            and self.skript in (None, row.skript)
            and self.key in (None, row.key)
            and self.tenant in (None, row.tenant)
            and self.state in (None, row.state)
            and self.kind in (None, row.kind)
            and self.owner in (None, row.owner)
            and (self.parent is None or (row.parent is not None and row.parent.job == self.parent))
            and _within(row.created_at, self.created_from, self.created_before)
            and _within(row.updated_at, self.updated_from, self.updated_before)
            and all(row.labels.get(name) == value for name, value in self.labels.items())
            and self.accepts_data(row)
        )

    def accepts_data(self, row: JobRow) -> bool:
        """Whether the fields named in ``data`` are what they have to be."""
        source = row.input if row.data is None else row.data
        return all(_has(source, path, wanted) for path, wanted in self.data.items())


def _within(at: int, start: int | None, end: int | None) -> bool:
    return (start is None or at >= start) and (end is None or at < end)


def _has(value: Any, path: str, wanted: Value) -> bool:
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            return False
        value = value[name]
    return match_key(value) == match_key(wanted)


class Change(NamedTuple):
    """A place in the feed: a job, and its row as it is now (None: the job is gone)."""

    number: int
    job: str
    row: JobRow | None


class Put(NamedTuple):
    """A record to be written if its version is still ``version``: see ``Store.put_record``."""

    table: RecordTable
    name: str
    value: Value
    version: int
    blobs: tuple[str, ...] = ()


class Record(NamedTuple):
    """A named value with a version that rises by one with each put; ``at``: when it was put."""

    name: str
    version: int
    value: Value
    at: int = 0
    blobs: tuple[str, ...] = ()
