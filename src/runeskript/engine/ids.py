"""Ids of jobs and seeds of runs: the only randomness the engine adds.

Everything else that needs an id derives it from the job's (``model/ids.py``).
"""

from __future__ import annotations

import os
import time
from typing import Final, Protocol

#: Four random bits -> the variant's two, and two of them.
_VARIANT: Final = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
#: Hex digits of one id, and random bytes that are asked for at once: to ask the system takes longer
#: than all else of an id.
_DIGITS: Final = 32
_AT_ONCE: Final = 4_096
#: Random digits that nobody has been given; no two threads are given the same.
_stock: list[str] = []
if hasattr(os, "register_at_fork"):  # nor are two processes
    os.register_at_fork(after_in_child=_stock.clear)


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
        time, noise = f"{_now_ms():012x}", _noise()
        variant = _VARIANT[noise[3]]
        return f"{time[:8]}-{time[8:]}-7{noise[:3]}-{variant}{noise[4:7]}-{noise[8:20]}"

    def message_id(self) -> str:
        """A UUIDv7."""
        return self.job_id()

    def worker_id(self) -> str:
        """A UUIDv7."""
        return self.job_id()

    def seed(self) -> str:
        """32 random hex digits."""
        return _noise()


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


def _noise() -> str:
    """128 random bits as hex digits."""
    try:
        return _stock.pop()
    except IndexError:
        digits = os.urandom(_AT_ONCE).hex()
        _stock.extend(digits[at : at + _DIGITS] for at in range(_DIGITS, len(digits), _DIGITS))
        return digits[:_DIGITS]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000 & (1 << 48) - 1
