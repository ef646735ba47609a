"""What the service refuses over HTTP, and what a client of it meets."""

from __future__ import annotations

from .base import RuneskriptError


class UnauthorizedError(RuneskriptError):
    """Nobody is known to be the caller: there is no token, or it is unknown, expired or revoked."""

    code = "RUNE-6500"


class ForbiddenError(RuneskriptError):
    """The caller is known, and may not use the route; ``scope``: what it is for."""

    code = "RUNE-6501"

    def __init__(self, message: str, route: str = "", scope: str = "") -> None:
        super().__init__(message)
        self.route = route
        self.scope = scope


class TokenError(RuneskriptError):
    """A token cannot be made like this."""

    code = "RUNE-6502"


class TokenNotFoundError(RuneskriptError):
    """No token has this id."""

    code = "RUNE-6503"


class HostError(RuneskriptError):
    """A request calls the service by a name that is none of its own."""

    code = "RUNE-6504"


class OriginError(RuneskriptError):
    """A browser sent a request for a page of another site."""

    code = "RUNE-6505"


class MediaTypeError(RuneskriptError):
    """The body of a request is not said to be JSON."""

    code = "RUNE-6506"


class RateLimitedError(RuneskriptError):
    """A caller asks more often than it may; ``retry_after``: in how many seconds it may again."""

    code = "RUNE-6507"

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(f"{message}; again in {retry_after} s")
        self.retry_after = retry_after


class NotAllowedError(RuneskriptError):
    """A document names what the policy does not allow it. ``skript``: its name; ``kind``:
    ``handlers``, ``secrets`` or ``env``; ``names``: those it may not use.
    """

    code = "RUNE-6508"

    def __init__(self, skript: str, kind: str, names: tuple[str, ...]) -> None:
        shown = ", ".join(f"`{name}`" for name in names[:10])
        more = f" and {len(names) - 10} more" if len(names) > 10 else ""
        super().__init__(f"{skript} may not use these {kind}: {shown}{more}")
        self.skript = skript
        self.kind = kind
        self.names = names


class RequestError(RuneskriptError):
    """A request that the service does not take. ``status``: that of HTTP; ``allow``: the methods
    there are in place of the one that was asked for.
    """

    code = "RUNE-6520"

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        code: str | None = None,
        hint: str | None = None,
        allow: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message, code=code)
        self.status = status
        self.hint = hint
        self.allow = allow


class ServiceError(RuneskriptError):
    """A client of the service got an answer that no service gives; ``status``: that of HTTP."""

    code = "RUNE-6540"

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class ServiceUnreachableError(ServiceError):
    """A client cannot reach the service, or lost it, and may ask again."""

    code = "RUNE-6541"
