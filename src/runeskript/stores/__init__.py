"""Stores: where jobs, journals and Blueprints live. One package per backend, opened by URL.

A backend's driver is imported only when its URL is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from ..errors import StoreError
from ..model.nearest import did_you_mean
from .base import Store
from .memory import MemoryStore

if TYPE_CHECKING:
    from ..model.payloads import PayloadCodec

__all__ = ["DEFAULT_FILE", "Store", "open_store", "sqlite_path"]

#: Where ``sqlite://`` without a path is, from the working directory.
DEFAULT_FILE: Final = ".rune/jobs.db"
_Now: TypeAlias = Callable[[], int]


def _memory(url: str, now: _Now, codec: PayloadCodec | None) -> Store:
    """``memory://`` with the optional query ``keep=JOBS`` (finished jobs that are kept)."""
    if url == "memory://":
        return MemoryStore(now)
    from urllib.parse import urlsplit  # rarely needed, and dear to import

    parts = urlsplit(url)
    if parts.netloc or parts.path.strip("/"):
        raise StoreError(f"{url}: a memory store has no place; write memory://", code="RUNE-7001")
    options = _options(url, parts.query, ("keep",))
    if "keep" not in options:
        return MemoryStore(now)
    text = options["keep"]
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) < 1:
        raise StoreError(f"{url}: keep is a number of jobs, at least 1", code="RUNE-7001")
    return MemoryStore(now, keep_jobs=int(text))


def _sqlite(url: str, now: _Now, codec: PayloadCodec | None) -> Store:
    """``sqlite:///PATH`` (``sqlite:////PATH`` from the root), with ``sync=full`` or ``normal``."""
    path, options = sqlite_path(url)
    sync = options.get("sync", "full")
    if sync not in ("full", "normal"):
        raise StoreError(f"{url}: sync is `full` or `normal`", code="RUNE-7001")
    from .sqlite import SqliteStore

    return SqliteStore(path, now, sync="full" if sync == "full" else "normal", codec=codec)


def sqlite_path(url: str) -> tuple[str, dict[str, str]]:
    """The path and the options of a ``sqlite:`` URL. Raises StoreError (RUNE-7001)."""
    if url == "sqlite://":
        return DEFAULT_FILE, {}  # what most runs have need not be parsed
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(url)
    wrong = parts.netloc or (parts.path and not parts.path.startswith("/")) or parts.fragment
    if wrong or parts.scheme != "sqlite":
        raise StoreError(f"{url}: write sqlite:///PATH", code="RUNE-7001")
    options = _options(url, parts.query, ("sync",))
    path = unquote(parts.path[1:]) or DEFAULT_FILE
    if "\0" in path:
        raise StoreError(f"{url!r}: this is no path", code="RUNE-7001")
    return path, options


def _options(url: str, query: str, known: tuple[str, ...]) -> dict[str, str]:
    from urllib.parse import parse_qs

    options = parse_qs(query, keep_blank_values=True)
    for name in options:
        if name not in known:
            hint = did_you_mean(name, known)
            text = f"{url}: unknown option {name!r}"
            raise StoreError(f"{text} ({hint})" if hint else text, code="RUNE-7001")
    return {name: values[-1] for name, values in options.items()}


#: URL scheme -> opener.
BACKENDS: Final[dict[str, Callable[[str, _Now, PayloadCodec | None], Store]]] = {
    "memory": _memory,
    "sqlite": _sqlite,
}


def open_store(url: str, now: _Now, codec: PayloadCodec | None = None) -> Store:
    """The store a URL names; ``now`` gives milliseconds since 1970.

    ``memory://`` keeps everything in the process. ``sqlite:///PATH`` is a file, made where it is
    missing; ``codec`` seals what is private in it. Raises StoreError (RUNE-7001) for an unknown
    scheme or option, and what the backend raises.
    """
    scheme = url.partition(":")[0]
    backend = BACKENDS.get(scheme)
    if backend is None or ":" not in url:
        hint = did_you_mean(scheme, BACKENDS)
        known = ", ".join(f"{name}://" for name in BACKENDS)
        message = f"{url!r} names no store; known: {known}"
        raise StoreError(f"{message} ({hint})" if hint else message, code="RUNE-7001")
    return backend(url, now, codec)
