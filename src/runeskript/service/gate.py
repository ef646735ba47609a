"""The gate: from the headers of a request to its caller, and through ``authorise``.

A store that holds no token belongs to whoever can reach the service, which then listens on loopback
only. As soon as it holds one, every request needs one, from this process or another: a store never
becomes open again, for revoked and expired tokens stay records.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ..errors import UnauthorizedError
from ..stores.base import Store
from . import tokens
from .access import OPEN, Caller

#: Bytes of an Authorization header that are looked at; a token has 86 characters.
MOST: Final = 256


class Gate:
    """Finds out who calls. ``may_be_open`` False: a token is needed even where there is none, as
    for a service that others than this machine's user can reach.
    """

    def __init__(self, store: Store, *, may_be_open: bool = True) -> None:
        self._store = store
        self._closed = not may_be_open

    async def is_open(self) -> bool:
        """Whether requests need no token now."""
        if not self._closed:
            self._closed = await tokens.any_token(self._store)
        return not self._closed

    async def caller(self, authorization: Iterable[bytes | str]) -> Caller | None:
        """Who sent a request with these Authorization headers (all of them); None: no token was
        sent, and one is needed.

        Raises UnauthorizedError for a token that lets nobody in, also where none is needed, and
        for headers that are none; StoreError.
        """
        given = list(authorization)
        if not given:
            return OPEN if await self.is_open() else None
        text = _bearer(given)
        token = await tokens.check(self._store, text, self._store.now())
        if token is None:
            raise UnauthorizedError("the token is unknown, expired or revoked")
        return token.caller()


def _bearer(given: list[bytes | str]) -> str:
    """The token of ``Authorization: Bearer TOKEN`` (RFC 6750). Raises UnauthorizedError."""
    if len(given) == 1 and len(given[0]) <= MOST:
        header = given[0]
        text = header.decode("latin-1") if isinstance(header, bytes) else header
        scheme, _, token = text.partition(" ")
        if scheme.lower() == "bearer":
            return token.strip(" ")
    raise UnauthorizedError("write one header: Authorization: Bearer rune_...")
