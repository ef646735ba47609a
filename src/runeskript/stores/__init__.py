"""Stores: where jobs, journals and Blueprints live. One module per backend, opened by URL.

A backend's driver is imported only when its URL is asked for.
"""

from __future__ import annotations

from collections.abc import Callable

from ..errors import StoreError
from ..model.nearest import did_you_mean
from .base import Store
from .memory import MemoryStore

__all__ = ["Store", "open_store"]


def _memory(url: str, now: Callable[[], int]) -> Store:
    """``memory://`` with the optional query ``keep=JOBS`` (finished jobs that are kept)."""
    if url == "memory://":
        return MemoryStore(now)
    from urllib.parse import parse_qs, urlsplit  # rarely needed, and dear to import

    parts = urlsplit(url)
    if parts.netloc or parts.path.strip("/"):
        raise StoreError(f"{url}: a memory store has no place; write memory://", code="RUNE-7001")
    options = parse_qs(parts.query, keep_blank_values=True)
    unknown = options.keys() - {"keep"}
    if unknown:
        raise StoreError(f"{url}: unknown option {sorted(unknown)[0]!r}", code="RUNE-7001")
    if "keep" not in options:
        return MemoryStore(now)
    text = options["keep"][-1]
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) < 1:
        raise StoreError(f"{url}: keep is a number of jobs, at least 1", code="RUNE-7001")
    return MemoryStore(now, keep_jobs=int(text))


#: URL scheme -> opener.
BACKENDS: dict[str, Callable[[str, Callable[[], int]], Store]] = {"memory": _memory}


def open_store(url: str, now: Callable[[], int]) -> Store:
    """The store a URL names (``memory://``); ``now`` gives milliseconds since 1970.

    Raises StoreError (RUNE-7001) for an unknown scheme or option.
    """
    scheme = url.partition(":")[0]
    backend = BACKENDS.get(scheme)
    if backend is None or ":" not in url:
        hint = did_you_mean(scheme, BACKENDS)
        known = ", ".join(f"{name}://" for name in BACKENDS)
        message = f"{url!r} names no store; known: {known}"
        raise StoreError(f"{message} ({hint})" if hint else message, code="RUNE-7001")
    return backend(url, now)
