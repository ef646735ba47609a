"""Where the service is, who asks, and how patiently: what both clients are told."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from ..errors import RuntimeOptionError, ServiceUnreachableError
from .ask import Ask

#: Where the service and the token are looked for that nobody has named.
SERVER: Final = "RUNE_SERVER"
TOKEN: Final = "RUNE_TOKEN"  # noqa: S105 - a name
#: Seconds that an answer may take; attempts of one request.
TIMEOUT: Final = 30.0
ATTEMPTS: Final = 5
#: Seconds without a byte after which a stream is taken up anew; the service says more often that it
#: lives.
SILENCE: Final = 45.0
#: Statuses of jobs that have ended.
ENDED: Final = frozenset(("Completed", "Failed", "Cancelled"))


class Connection:
    """What every request has in common."""

    def __init__(
        self,
        server: str | None,
        token: str | None,
        timeout: float,
        attempts: int,
        env: Mapping[str, str] | None,
        new_key: Callable[[], str] | None,
    ) -> None:
        """Raises RuntimeOptionError."""
        known = os.environ if env is None else env
        self.url = _url(known.get(SERVER, "") if server is None else server)
        self.token = _token(known.get(TOKEN) if token is None else token)
        if type(attempts) is not int or attempts < 1:
            raise RuntimeOptionError("attempts is a number, at least 1")
        if not timeout > 0:
            raise RuntimeOptionError("timeout is a number of seconds over 0")
        self.timeout = timeout
        self.attempts = attempts
        self.new_key = new_key or (lambda: uuid.uuid4().hex)

    @property
    def shown(self) -> str:
        """The service, for messages: nothing that a URL may hold besides its place."""
        return f"{self.url.scheme}://{self.url.netloc}{self.url.path}"

    def unreachable(self, broken: BaseException | None) -> ServiceUnreachableError:
        """What is raised when there is no attempt left."""
        if broken is None:
            why = "its stream ends again and again"
        else:
            why = str(broken) or type(broken).__name__
        return ServiceUnreachableError(f"{self.shown} cannot be reached: {why}")

    def headers(self, ask: Ask[Any], *, has_body: bool) -> dict[str, str]:
        """The head of a request. A change has an idempotency key, the same for all its attempts."""
        found = {"accept": ask.accepts, "user-agent": "runeskript-client", **ask.headers}
        if self.token is not None:
            found["authorization"] = f"Bearer {self.token}"
        if has_body:
            found["content-type"] = "application/json"
        if ask.route.changes:
            key = ask.key if ask.key is not None else self.new_key()
            if not key.isascii() or not key.isprintable() or not key:
                raise RuntimeOptionError("an idempotency key is a text of printable ASCII")
            found["idempotency-key"] = key
        return found


def _url(text: str) -> SplitResult:
    if not text:
        raise RuntimeOptionError(f"no service is named: give its URL, or set {SERVER}")
    try:
        found = urlsplit(text.rstrip("/"))
        port = found.port
    except ValueError as exc:
        raise RuntimeOptionError(f"{text}: {exc}") from None
    if found.scheme not in ("http", "https") or not found.hostname or port == 0:
        raise RuntimeOptionError(f"{text}: a service has a URL such as http://127.0.0.1:8765")
    if found.username or found.password or found.query or found.fragment:
        raise RuntimeOptionError(
            "the URL of a service ends with its path; a token is not part of it"
        )
    return found


def _token(text: str | None) -> str | None:
    if not text:
        return None
    if not text.isascii() or not text.isprintable() or " " in text:
        raise RuntimeOptionError("the token is none: it holds what no token does")
    return text
