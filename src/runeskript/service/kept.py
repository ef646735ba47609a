"""How long answers are kept for whoever asks again with the same idempotency key."""

from __future__ import annotations

from typing import Final

from ..stores import Store
from .settings import KEPT

#: Records that are read at once.
PAGE: Final = 500


async def forget(store: Store, now: int) -> int:
    """Drop the records of requests that nobody will come again with; how many."""
    dropped, after = 0, ""
    while page := await store.list_records("requests", "", after, PAGE):
        after = page[-1].name
        for record in page:
            if record.at < now - KEPT:
                dropped += await store.drop_record("requests", record.name, record.version)
    return dropped
