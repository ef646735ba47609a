"""The gate: from the headers of a request to its caller, and through ``authorise``.

A store that holds no token belongs to whoever can reach the service, which then listens on loopback
only. As soon as it holds one, every request needs one, from this process or another: a store never
becomes open again, for revoked and expired tokens stay records.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl

from ..errors import UnauthorizedError
from ..stores.base import Store
from . import tokens
from .access import OPEN, Caller

#: Bytes of an Authorization header that are looked at; a token has 86 characters.
MOST: Final = 256
#: Characters of a query that are looked at for a token.
LONGEST: Final = 8_192


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

    async def caller(
        self, authorization: Iterable[bytes | str], query: bytes = b""
    ) -> Caller | None:
        """Who sent a request with these Authorization headers (all of them); None: no token was
        sent, and one is needed. ``query``: that of a hook, whose sender may not be able to set
        headers: ``token=rune_...``, which is taken of tokens of hooks alone, for URLs are logged.

        Raises UnauthorizedError for a token that lets nobody in, also where none is needed, and
        for headers that are none; StoreError.
        """
        given = list(authorization)
        in_url = not given and b"token=" in query
        if not given and not in_url:
            return OPEN if await self.is_open() else None
        text = _in_query(query) if in_url else _bearer(given)
        token = await tokens.check(self._store, text, self._store.now())
        if token is None or (in_url and token.hook is None):
            raise UnauthorizedError("the token is unknown, expired or revoked")
        return token.caller()

    async def still(self, caller: Caller) -> bool:
        """Whether a caller who was let in would be let in now. Raises StoreError."""
        if caller.token is None:
            return await self.is_open()
        return await tokens.is_valid(self._store, caller.token, self._store.now())


def _in_query(query: bytes) -> str:
    """The token of a URL, which names one. Raises UnauthorizedError."""
    pairs = parse_qsl(query.decode("latin-1")[:LONGEST], keep_blank_values=True)
    found = [value for name, value in pairs if name == "token"]
    if len(found) != 1:
        raise UnauthorizedError("one token, in a header: Authorization: Bearer rune_...")
    return found[0]


def _bearer(given: list[bytes | str]) -> str:
    """The token of ``Authorization: Bearer TOKEN`` (RFC 6750). Raises UnauthorizedError."""
    if len(given) == 1 and len(given[0]) <= MOST:
        header = given[0]
        text = header.decode("latin-1") if isinstance(header, bytes) else header
        scheme, _, token = text.partition(" ")
        if scheme.lower() == "bearer":
            return token.strip(" ")
    raise UnauthorizedError("write one header: Authorization: Bearer rune_...")
