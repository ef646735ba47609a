"""``rune jobs watch``: a line whenever a job changes, from the store's feed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from ..model.machine import FINAL
from ..stores import Store
from ..stores.base import JobRow
from ..stores.queries import JobFilter

#: Changes read at once, and seconds after which the store is looked at without a sign.
PAGE: Final = 500
LOOK: Final = 0.5


async def watch(
    store: Store, ids: Collection[str], wanted: JobFilter, tell: Callable[[JobRow], None]
) -> None:
    """Tell what jobs become: those with ``ids`` as they are and until all have ended, else those
    that the filter accepts, from now on, until somebody stops it.
    """
    cursor, mark = await _end(store), 0
    waiting = set(ids)
    for row in await store.get(list(ids)):
        if row is not None:
            tell(row)
            waiting -= {row.id} if row.status in FINAL else set()
    while waiting or not ids:
        mark = await store.wait(mark, LOOK)
        changes, cursor = await store.changes(cursor, PAGE)
        for change in changes:
            row = change.row
            if row is None:
                waiting.discard(change.job)
            elif row.id in waiting or (not ids and wanted.accepts(row)):
                tell(row)
                if row.status in FINAL:
                    waiting.discard(row.id)


async def _end(store: Store) -> int:
    """The place behind all that the feed holds now."""
    cursor = 0
    while True:
        changes, cursor = await store.changes(cursor, PAGE)
        if len(changes) < PAGE:
            return cursor
