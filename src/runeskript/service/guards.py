"""What a browser can be made to do, refused at the door: pure functions over a request's head.

A service on loopback can be reached by every page that its user looks at. Three things keep pages
out, also where no token is needed:

* **Host.** A page can let its own name resolve to 127.0.0.1 (DNS rebinding); then the request has
  that name as its ``Host``. It has to be a name of loopback, one that was allowed, or a literal
  address, which nobody can rebind.
* **Origin** and **Sec-Fetch-Site** (Fetch Metadata). What browsers send for another site is
  refused, but for origins that were allowed, each by its exact text. There is no wildcard, and
  there are no cookies, so nothing is sent along that a page does not have itself.
* **Content-Type.** A form or a text can be sent across sites without asking first; a body is JSON.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, Protocol

from ..errors import HostError, MediaTypeError, OriginError, RuntimeOptionError

#: Characters of a Host or an Origin: a name of DNS has 253.
MOST: Final = 300
_HOST: Final = re.compile(
    r"(?:\[(?P<six>[0-9a-f:.]+)\]|(?P<name>[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?\.?))"
    r"(?::(?P<port>[0-9]{1,5}))?",
    re.ASCII,
)
_ORIGIN: Final = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>[^/?#@\s]+)", re.ASCII)
_PORTS: Final = {"http": "80", "https": "443"}
#: Headers and methods that pages of an allowed origin may send, and what they may read.
METHODS: Final = "GET, HEAD, POST, PUT"
SENT: Final = (
    "authorization, content-type, idempotency-key, if-match, if-none-match, last-event-id, "
    "x-request-id"
)
READ: Final = "allow, etag, location, retry-after, www-authenticate, x-request-id"
#: Seconds for which a browser need not ask again.
PREFLIGHT_AGE: Final = "600"
_JSON: Final = re.compile(r"application/(?:[a-z0-9!#$&^_.+-]+\+)?json", re.ASCII)
_CHARSET: Final = re.compile(r'charset="?utf-?8"?', re.ASCII)

Headers = tuple[tuple[str, str], ...]


class Rules(Protocol):
    """What the door is told: names besides those of loopback, and origins of pages."""

    @property
    def hosts(self) -> Sequence[str]:
        """Names, addresses, ``*.DOMAIN``, each with ``:PORT`` if wanted; ``*`` is any."""

    @property
    def origins(self) -> Sequence[str]:
        """Exact origins: ``https://shop.example``."""


def check(scope: Mapping[str, Any], headers: Mapping[str, str], rules: Rules) -> Headers:
    """The headers that the answer has to have, whatever it is.

    ``headers``: by lower-case name; what came twice is joined by a comma. Raises HostError,
    OriginError.
    """
    host = headers.get("host", "")
    if not known_host(host, tuple(rules.hosts)):
        shown = repr(host[:MOST]) if host else "no name"
        raise HostError(f"the service is not called by {shown}; --name can allow it")
    origin = headers.get("origin")
    allowed = origin is not None and origin in rules.origins
    if not allowed:
        if origin is not None and not same_origin(origin, host):
            raise OriginError(f"pages of {origin[:MOST]!r} may not call; --origin can allow it")
        site = headers.get("sec-fetch-site", "none")
        if site not in ("none", "same-origin") and not _is_visit(scope, headers):
            raise OriginError(f"a browser sent this for another site ({site[:MOST]})")
    if not rules.origins:
        return ()
    if not allowed or origin is None:
        return (("vary", "origin"),)
    return _cors(scope, headers, origin)


def _is_visit(scope: Mapping[str, Any], headers: Mapping[str, str]) -> bool:
    """Whether somebody follows a link to here: the page it stands on reads nothing of it."""
    return (
        scope["method"] in ("GET", "HEAD")
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )


def _cors(scope: Mapping[str, Any], headers: Mapping[str, str], origin: str) -> Headers:
    found = [("access-control-allow-origin", origin), ("vary", "origin")]
    if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
        found += [
            ("access-control-allow-methods", METHODS),
            ("access-control-allow-headers", SENT),
            ("access-control-max-age", PREFLIGHT_AGE),
        ]
        if headers.get("access-control-request-private-network") == "true":
            found.append(("access-control-allow-private-network", "true"))
    else:
        found.append(("access-control-expose-headers", READ))
    return tuple(found)


# --- names --------------------------------------------------------------------------------------
def known_host(host: str, allowed: tuple[str, ...]) -> bool:
    """Whether a ``Host`` header is one that the service may be called by."""
    return len(host) <= MOST and _known(host, allowed)


@lru_cache(maxsize=256)
def _known(host: str, allowed: tuple[str, ...]) -> bool:
    parts = _parts(host)
    if parts is None:
        return False
    name, port, is_address = parts
    if name == "localhost" or is_address:
        return True
    return any(_fits(name, port, one) for one in allowed)


def _parts(host: str) -> tuple[str, str | None, bool] | None:
    """Name, port, and whether the name is a literal address; None for what is no host."""
    found = _HOST.fullmatch(host.lower()) if len(host) <= MOST else None
    if found is None:
        return None
    port = found["port"]
    if port is not None and not 0 < int(port) < 65_536:
        return None
    name = found["six"] or found["name"].removesuffix(".")
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return None if found["six"] else (name, port, False)
    # "Any address" is this machine, too, and what pages use that are kept from 127.0.0.1.
    return None if address.is_unspecified else (name, port, True)


def _fits(name: str, port: str | None, pattern: str) -> bool:
    if pattern == "*":
        return True
    wanted, colon, only = pattern.lower().rpartition(":")
    if not colon:
        wanted, only = pattern.lower(), ""
    if only and only != port:
        return False
    return name.endswith(wanted[1:]) if wanted.startswith("*.") else name == wanted.rstrip(".")


def same_origin(origin: str, host: str) -> bool:
    """Whether a page's origin is the service itself, by the ``Host`` it was called by. The scheme
    may differ: TLS may end before the service.
    """
    found = _ORIGIN.fullmatch(origin.lower()) if len(origin) <= MOST else None
    if found is None or found["scheme"] not in _PORTS:
        return False
    theirs, ours = _parts(found["host"]), _parts(host)
    if theirs is None or ours is None or theirs[0] != ours[0]:
        return False
    usual = _PORTS[found["scheme"]]
    return (theirs[1] or usual) == (ours[1] or usual)


# --- bodies -------------------------------------------------------------------------------------
def check_media(headers: Mapping[str, str]) -> None:
    """Raise MediaTypeError unless the body is said to be JSON, in UTF-8."""
    given = headers.get("content-type", "")
    if not _is_json(given[:MOST]):
        said = repr(given[:MOST]) if given else "nothing"
        raise MediaTypeError(f"Content-Type says {said}; it has to be application/json, in UTF-8")


@lru_cache(maxsize=64)
def _is_json(given: str) -> bool:
    kind, _, rest = given.lower().partition(";")
    words = (word.strip() for word in rest.split(";"))
    return _JSON.fullmatch(kind.strip()) is not None and all(
        _CHARSET.fullmatch(word) is not None for word in words if word.startswith("charset")
    )


def is_yaml(headers: Mapping[str, str]) -> bool:
    """Whether the body is said to be YAML, which no page can send without asking first either."""
    kind = headers.get("content-type", "")[:MOST].lower().partition(";")[0].strip()
    return kind in ("application/yaml", "application/x-yaml")


# --- what is allowed ----------------------------------------------------------------------------
def hosts(given: Sequence[str]) -> tuple[str, ...]:
    """What ``--name`` says, checked. Raises RuntimeOptionError."""
    for text in given:
        plain = text.removeprefix("*.")
        if text != "*" and _parts(plain) is None:
            raise RuntimeOptionError(
                f"{text[:MOST]!r} is no host: write NAME, NAME:PORT or *.DOMAIN"
            )
    return tuple(given)


def origins(given: Sequence[str]) -> tuple[str, ...]:
    """What ``--origin`` says, checked and as browsers write it. Raises RuntimeOptionError."""
    found = []
    for text in given:
        parts = _ORIGIN.fullmatch(text.lower()) if len(text) <= MOST else None
        host = None if parts is None else _parts(parts["host"])
        if parts is None or host is None:
            raise RuntimeOptionError(
                f"{text[:MOST]!r} is no origin: write https://NAME or https://NAME:PORT, each by "
                "itself, for there is no wildcard"
            )
        scheme, port = parts["scheme"], host[1]
        bare = parts["host"].removesuffix(f":{port}") if port else parts["host"]
        shown = port is not None and _PORTS.get(scheme) != port
        found.append(f"{scheme}://{bare}:{port}" if shown else f"{scheme}://{bare}")
    return tuple(found)
