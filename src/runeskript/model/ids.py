"""Ids derived from (job, token path, n): equal in every replay, so creating twice is harmless."""

from __future__ import annotations

from hashlib import blake2b


def derive(kind: str, job: str, path: tuple[int, ...], n: int) -> str:
    """32 hex digits; ``kind`` keeps calls, messages and children apart."""
    text = f"{kind}\x00{job}\x00{','.join(map(str, path))}\x00{n}"
    return blake2b(text.encode(), digest_size=16, person=b"runeskript").hexdigest()


def idempotency_key(job: str, path: tuple[int, ...], n: int) -> str:
    """The key of a call: the same for its retries, timeouts, crashes and operators' retries."""
    return derive("call", job, path, n)
