"""What ``rune jobs`` sends to jobs, as it was written on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple


class Event(NamedTuple):
    """An event for a job's machine. ``seconds``: how long to wait for what becomes of it;
    ``version``: only if the job still has it.
    """

    job: str
    name: str
    data: Any
    actor: str | None
    roles: Sequence[str]
    why: str | None
    id: str
    seconds: float
    version: int | None


class End(NamedTuple):
    """The end of a pending call: its result, or (``type`` is one) the error it fails with."""

    token: str
    type: str | None
    message: str
    data: Any


class Note(NamedTuple):
    """A message to listeners of a tenant. ``keep``: a duration; ``job``: only to those of one."""

    id: str
    topic: str
    key: Any
    data: Any
    keep: str
    job: str | None
    tenant: str | None = None
