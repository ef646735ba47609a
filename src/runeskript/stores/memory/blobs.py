"""Blobs of a memory store: bytes by hash, and what they are needed with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class Blobs:
    """Bytes by hash."""

    def __init__(self) -> None:
        self._data: dict[str, bytes] = {}
        self._uses: dict[str, set[str]] = {}
        self._put_at: dict[str, int] = {}

    def put(self, digest: str, data: bytes, uses: Sequence[str], now: int) -> None:
        """Keep bytes; what they need is added to what they were known to need."""
        self._data.setdefault(digest, data)
        self._uses.setdefault(digest, set()).update(uses)
        self._put_at[digest] = now

    def get(self, digest: str) -> bytes | None:
        """The bytes of a blob, or None."""
        return self._data.get(digest)

    def forget_unused(self, roots: Iterable[str], before: int) -> int:
        """Forget what no root needs, directly or by way of others, if it was put ``before``."""
        needed: set[str] = set()
        waiting = list(roots)
        while waiting:
            digest = waiting.pop()
            if digest not in needed:
                needed.add(digest)
                waiting.extend(self._uses.get(digest, ()))
        young = [digest for digest, at in self._put_at.items() if at >= before]
        gone = self._data.keys() - needed - set(young)
        for digest in gone:
            del self._data[digest], self._uses[digest], self._put_at[digest]
        return len(gone)
