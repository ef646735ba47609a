"""The formats of the JSON Schema subset: light checks, each linear in the text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from .instants import parse_instant

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:", re.ASCII)
_TIME: Final = re.compile(
    r"([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)


def _date_time(text: str) -> bool:
    return len(text) > 10 and parse_instant(text) is not None


def _date(text: str) -> bool:
    return len(text) == 10 and parse_instant(text) is not None


def _time(text: str) -> bool:
    return len(text) <= 40 and _TIME.fullmatch(text) is not None


def _uri(text: str) -> bool:
    """An absolute URI: a scheme, then characters that need no escape (RFC 3986, not parsed)."""
    match = _SCHEME.match(text)
    if match is None or len(text) > 8_000 or len(text) == match.end() or not text.isascii():
        return False
    return not any(c <= " " or c in '"<>\\^`{|}\x7f' for c in text)


def _email(text: str) -> bool:
    """One ``@`` with something on both sides and a dotted or plain host, no white space."""
    if len(text) > 320 or any(c.isspace() or c < " " for c in text):
        return False
    local, at, host = text.rpartition("@")
    return bool(at and local and "@" not in local and host) and not (
        host.startswith((".", "-")) or host.endswith((".", "-")) or ".." in host
    )


def _uuid(text: str) -> bool:
    return len(text) == 36 and _UUID.fullmatch(text) is not None


#: Name -> whether a text has the format.
FORMATS: Final[dict[str, Callable[[str], bool]]] = {
    "date-time": _date_time,
    "date": _date,
    "time": _time,
    "uri": _uri,
    "email": _email,
    "uuid": _uuid,
}
