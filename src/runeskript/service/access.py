"""Who may do what: the one place where it is decided.

A route says which scope it is for; a caller has scopes. None implies another, so that a token can
be made which submits jobs and reads none; ``admin`` alone has them all. A token of a hook has a
scope of its own, ``hook:TOPIC``, and nothing else. What is not decided here (roles of a machine's
transitions, whose jobs exist) follows from the caller's ``roles`` and ``tenant``.
"""

from __future__ import annotations

import re
from typing import Final, Protocol

from ..errors import ForbiddenError, UnauthorizedError
from ..model.rows import NamedTuple

#: What a token may be given; a route is for one of them, for everybody (``public``), or for the
#: senders of a hook (``hook``).
SCOPES: Final = ("read", "operate", "deploy", "admin")
PUBLIC: Final = "public"
HOOK: Final = "hook"
#: A tenant's name; the empty text is the default tenant.
TENANT: Final = re.compile(r"([a-z0-9][a-z0-9_-]{0,63})?", re.ASCII)


class Route(Protocol):
    """What is looked at of a row of the table of routes."""

    @property
    def name(self) -> str:
        """Its identity: ``jobs.state``."""

    @property
    def scope(self) -> str:
        """One of ``SCOPES``, ``public`` or ``hook``."""

    @property
    def whole(self) -> bool:
        """Whether it tells of all tenants together, so that it is for the default one alone."""


class Caller(NamedTuple):
    """Who sent a request, as its token says.

    ``actor`` None: this process's own user, in a service that is open. ``token``: the public id of
    the token, None where there is none.
    """

    actor: str | None
    tenant: str
    scopes: frozenset[str]
    roles: tuple[str, ...] = ()
    token: str | None = None


#: Whoever reaches a service whose store has no token: the user of this machine.
OPEN: Final = Caller(None, "", frozenset(SCOPES))


def authorise(route: Route, caller: Caller | None, topic: str | None = None) -> None:
    """Let a caller use a route, or raise UnauthorizedError or ForbiddenError.

    ``caller`` None: nobody is known to be there. ``topic``: that of the hook which is called.
    What is not allowed by a rule is forbidden, a scope that nobody knows included.
    """
    if route.scope == PUBLIC:
        return
    if caller is None:
        raise UnauthorizedError("this needs a token: Authorization: Bearer rune_...")
    if route.whole and caller.tenant:
        raise ForbiddenError(f"`{route.name}` is of all tenants", route.name, route.scope)
    if "admin" in caller.scopes and route.scope in (*SCOPES, HOOK):
        return
    needed = route.scope
    if needed == HOOK:
        if topic is not None and f"{HOOK}:{topic}" in caller.scopes:
            return
    elif needed in SCOPES and needed in caller.scopes:
        return
    raise ForbiddenError(f"`{route.name}` is for the scope `{needed}`", route.name, needed)
