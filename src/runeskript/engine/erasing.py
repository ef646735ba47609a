"""Erasing what jobs were given, did and gave: of them, and of the jobs that have copies of it."""

from __future__ import annotations

from typing import NamedTuple

from ..model.machine import FINAL
from ..stores.base import JobRow, Store
from ..stores.queries import JobFilter
from ..stores.retention import EraseOutcome
from .notices import notice_of

#: Jobs read at once.
PAGE = 500


class Erased(NamedTuple):
    """What became of one job. ``by``: of ``unfinished`` that job which has not ended."""

    job: str
    outcome: EraseOutcome
    by: str | None = None


async def erase_job(store: Store, id_: str, *, dry: bool = False) -> list[Erased]:
    """Erase the payloads of a job that has ended, of its children and of what told of its failure:
    of all of them or of none, unless one is asked to go on meanwhile. The job itself stands last.

    ``dry``: only say what would be done.
    """
    (row,) = await store.get([id_])
    if row is None:
        return [Erased(id_, "unknown")]
    rows = [row]
    for above in rows:  # grows while it is gone through
        rows += await _below(store, above)
    for one in rows:
        if one.status not in FINAL:
            return [Erased(id_, "unfinished", one.id)]
    ids = [one.id for one in reversed(rows)]
    if dry:
        return [Erased(one, "erased") for one in ids]
    outcomes = await store.erase(ids)
    return [Erased(one, outcome) for one, outcome in zip(ids, outcomes, strict=True)]


async def _below(store: Store, row: JobRow) -> list[JobRow]:
    """The jobs that have copies of what a job was given."""
    found: list[JobRow] = []
    cursor: str | None = None
    while True:
        rows, cursor = await store.query(JobFilter(parent=row.id), cursor, PAGE)
        found += rows
        if cursor is None:
            break
    notice = await notice_of(store, row)
    return found if notice is None else [*found, notice]
