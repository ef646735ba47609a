"""Parameters of the ``http.*`` handlers."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ...errors import StepError
from .common import time_limit

#: Bytes of an answer's body where ``max_bytes`` does not say otherwise, and the most it may say.
MAX_BYTES: Final = 10 * 1024 * 1024
MOST_BYTES: Final = 256 * 1024 * 1024
TIMEOUT: Final = "30s"

#: Parameters and query values that have a plain text form.
_Scalar = str | int | float | bool | None


class ReadParams(msgspec.Struct, kw_only=True):
    """Parameters of http.get and http.delete."""

    url: str
    headers: dict[str, _Scalar] = {}
    query: dict[str, _Scalar | list[_Scalar]] = {}
    timeout: str | int = TIMEOUT
    follow_redirects: bool = True
    max_bytes: int = MAX_BYTES


class WriteParams(ReadParams, kw_only=True):
    """Parameters of http.post, http.put and http.patch: at most one of body, json and text."""

    body: Any = msgspec.UNSET
    json: Any = msgspec.UNSET
    text: str | msgspec.UnsetType = msgspec.UNSET


class RequestParams(WriteParams, kw_only=True):
    """Parameters of http.request."""

    method: str = "GET"


def seconds(params: ReadParams) -> float:
    """The checked time limit; also checks ``max_bytes``. Raises StepError (``params``)."""
    if not 0 < params.max_bytes <= MOST_BYTES:
        raise StepError("params", f"`max_bytes` is 1 to {MOST_BYTES}")
    return time_limit(params.timeout)
