"""Ids of jobs and seeds of runs: the only randomness the engine adds.

Everything else that needs an id derives it from the job's (``model/ids.py``).
"""

from __future__ import annotations

import os
import time
from typing import Protocol


class Ids(Protocol):
    """Where a runtime takes fresh ids from."""

    def job_id(self) -> str:
        """An id no other job has."""

    def message_id(self) -> str:
        """An id for a message sent from outside a run."""

    def worker_id(self) -> str:
        """An id no other running worker has."""

    def seed(self) -> str:
        """128 bits as 32 hex digits."""


class SystemIds:
    """From the operating system's randomness. Job ids sort by time of creation (UUIDv7)."""

    __slots__ = ()

    def job_id(self) -> str:
        """A UUIDv7 (RFC 9562, section 5.7)."""
        noise = int.from_bytes(os.urandom(10), "big")
        high = _now_ms() << 16 | 0x7000 | noise >> 68
        digits = f"{high << 64 | 0b10 << 62 | noise & (1 << 62) - 1:032x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def message_id(self) -> str:
        """A UUIDv7."""
        return self.job_id()

    def worker_id(self) -> str:
        """A UUIDv7."""
        return self.job_id()

    def seed(self) -> str:
        """32 random hex digits."""
        return os.urandom(16).hex()


class SeededIds:
    """The same ids in the same order for the same seed: for tests and simulations."""

    __slots__ = ("_jobs", "_messages", "_random")

    def __init__(self, seed: int) -> None:
        from random import Random  # for tests alone, and dear to import

        self._random = Random(seed)  # noqa: S311 - reproducible on purpose
        self._jobs = 0
        self._messages = 0

    def job_id(self) -> str:
        """``job-1``, ``job-2`` ..."""
        self._jobs += 1
        return f"job-{self._jobs}"

    def message_id(self) -> str:
        """``message-1``, ``message-2`` ..."""
        self._messages += 1
        return f"message-{self._messages}"

    def worker_id(self) -> str:
        """Always ``worker``: there is one in a simulation."""
        return "worker"

    def seed(self) -> str:
        """32 hex digits of the generator."""
        return f"{self._random.getrandbits(128):032x}"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000 & (1 << 48) - 1
