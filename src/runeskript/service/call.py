"""One request on its way to an endpoint, and what the endpoint answers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from ..engine.submissions import Note
from ..errors import RequestError
from .access import Caller
from .routes import Route

if TYPE_CHECKING:
    from .service import Service

JSON: Final = "application/json"
#: Characters of an idempotency key.
KEY: Final = 255
#: What it may be made of.
KEYS: Final = "^[!-~]([ -~]*[!-~])?$"
_KEY: Final = re.compile(KEYS)


class Call:
    """What an endpoint is given: who asks, for what, and with what, checked and typed."""

    __slots__ = (
        "asked",
        "body",
        "caller",
        "headers",
        "id",
        "note",
        "params",
        "peer",
        "query",
        "raw",
        "root",
        "route",
        "service",
    )

    def __init__(
        self,
        service: Service,
        route: Route,
        caller: Caller,
        params: Mapping[str, str],
        headers: Mapping[str, str],
        id_: str,
        root: str = "",
        peer: str = "",
    ) -> None:
        self.service = service
        self.route = route
        self.caller = caller
        #: Names in braces of the path, decoded.
        self.params = params
        #: By lower-case name.
        self.headers = headers
        #: That of the request, which logs and audit have, too.
        self.id = id_
        #: Where the application is mounted, as a part of a URL: it stands before paths of ours.
        self.root = root
        #: The address it comes from.
        self.peer = peer
        #: Its entry in the audit log, where the endpoint has that written with the change.
        self.note: Note | None = None
        self.query: Any = None
        self.body: Any = None
        #: Its query and its body, as they came.
        self.asked = self.raw = b""

    @property
    def key(self) -> str | None:
        """Its idempotency key. Raises RequestError."""
        text = self.headers.get("idempotency-key")
        if text is not None and (len(text) > KEY or _KEY.fullmatch(text) is None):
            raise RequestError(f"an idempotency key is a text of 1 to {KEY} ASCII characters")
        return text

    def derived(self, what: str) -> str | None:
        """An id that the same request leads to again, if it has an idempotency key; of another
        caller, route, target or request it is another one.
        """
        return None if self.key is None else self._hashed(what, self.fingerprint())

    def named(self) -> str | None:
        """What the record of its idempotency key is called, whatever it asks for."""
        return None if self.key is None else self._hashed("request")

    def _hashed(self, *more: str) -> str:
        who = (self.caller.tenant, self.caller.token or "", self.caller.actor or "")
        parts = (*who, self.route.name, *self.params.values(), self.key or "", *more)
        hashed = hashlib.sha256("\0".join(f"{len(part)}:{part}" for part in parts).encode())
        return hashed.hexdigest()[:32]

    def fingerprint(self) -> str:
        """What two requests have in common that ask for the same."""
        return hashlib.sha256(b"%s\n%s" % (self.asked, self.raw)).hexdigest()


class Answer:
    """What an endpoint answers: ``body`` is encoded as JSON, or the bytes it is; or a ``stream``,
    which comes piece by piece.
    """

    __slots__ = ("body", "headers", "media", "status", "stream")

    def __init__(
        self,
        body: Any = None,
        status: int = 200,
        headers: tuple[tuple[str, str], ...] = (),
        media: str = JSON,
        stream: AsyncIterator[bytes] | None = None,
    ) -> None:
        self.body = body
        self.status = status
        self.headers = headers
        self.media = media
        self.stream = stream
