"""The service itself: whether it lives, and what was done with it."""

from __future__ import annotations

from typing import Literal

from .base import Limit, Request, Text, View


class AuditEntry(View):
    """One change, or one that was refused. ``left_out``: how many refused ones were not noted since
    the entry before, in a flood of them.
    """

    at: int
    actor: str | None
    token: str | None
    route: str
    target: str
    status: int
    peer: str
    request: str
    left_out: int


class AuditPage(View):
    """Changes, newest last; ``next``: the ``cursor`` of the page behind it."""

    entries: list[AuditEntry]
    next: str | None


class AuditQuery(Request):
    """A page of the audit log."""

    limit: Limit = 100
    cursor: Text | None = None


class Health(View):
    """Whether the process lives (``/healthz``) and can take work (``/readyz``)."""

    status: Literal["ok", "unavailable"]
    detail: str = ""
