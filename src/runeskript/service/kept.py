"""How long answers are kept for whoever asks again with the same idempotency key."""

from __future__ import annotations

from ..stores import Store
from .settings import KEPT


async def forget(store: Store, now: int) -> int:
    """Drop the records of requests that nobody will come again with; how many."""
    return await store.drop_records("requests", now - KEPT)
