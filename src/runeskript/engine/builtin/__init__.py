"""The handlers that come with Runeskript: ``http.*`` and ``exec``."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..handlers.decorator import Handler
from .common import BuiltIn, Resolver, Rule
from .exec import exec_handler
from .http import http_handlers

__all__ = ["BuiltIn", "builtins"]


def builtins(
    *,
    allow_hosts: Sequence[str] = (),
    allow: Collection[str] = (),
    resolver: Resolver | None = None,
    rule: Rule | None = None,
) -> list[Handler]:
    """All built-in handlers, configured.

    ``allow_hosts``: hosts that ``http.*`` may reach although they are private (see
    ``builtin/guard.py``). ``allow``: what is off by default (``exec``). ``resolver``: name and
    port -> addresses, in place of the system's. ``rule``: what the document of a call may use.
    Raises ValueError for a bad pattern.
    """
    return [*http_handlers(allow_hosts, resolver, rule), exec_handler("exec" in allow)]
