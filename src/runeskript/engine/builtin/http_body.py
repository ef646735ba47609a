"""The body of an answer as a value, within a bound."""

from __future__ import annotations

import base64
import codecs
import json
from typing import TYPE_CHECKING, Final, NoReturn

from ...errors import NotAValueError, StepError
from ...model.values import Value, normalise

if TYPE_CHECKING:
    import aiohttp

_PIECE: Final = 64 * 1024


async def read_body(
    response: aiohttp.ClientResponse, max_bytes: int, *, cut: bool
) -> dict[str, Value]:
    """``{body}``, and ``encoding`` for what is no text.

    More than ``max_bytes`` (after decompression) is ``http.too_large``; with ``cut`` the rest is
    left out instead and the body stays a text.
    """
    data = bytearray()
    whole = True
    async for piece in response.content.iter_chunked(_PIECE):
        data += piece
        if len(data) > max_bytes:
            if not cut:
                raise StepError(
                    "http.too_large",
                    f"the answer has more than {max_bytes} bytes; `max_bytes` bounds it",
                )
            del data[max_bytes:]
            whole = False
            break
    return as_value(bytes(data), response.content_type, response.charset, strict=whole and not cut)


def as_value(data: bytes, kind: str, charset: str | None, *, strict: bool) -> dict[str, Value]:
    """The body as JSON, text or Base64, by its content type.

    ``strict``: a body that says it is JSON and is none is ``http.body``; otherwise it is a text.
    """
    if not data:
        return {"body": None}
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return {"body": _parse(data)}
        except (ValueError, RecursionError, NotAValueError) as exc:
            if strict:
                text = exc.message if isinstance(exc, NotAValueError) else str(exc)
                raise StepError("http.body", f"the answer is no JSON value: {text}") from None
    elif not (kind.startswith("text/") or charset or kind in _TEXTS or kind.endswith("+xml")):
        return {"body": base64.b64encode(data).decode(), "encoding": "base64"}
    try:
        return {"body": data.decode(_codec(charset))}
    except (UnicodeDecodeError, LookupError):
        if strict:
            name = charset or "utf-8"
            raise StepError("http.body", f"the answer is no text in {name[:40]!r}") from None
        return {"body": data.decode("utf-8", "replace")}


_TEXTS: Final = frozenset(
    (
        "application/xml",
        "application/javascript",
        "application/x-www-form-urlencoded",
        "application/x-ndjson",
        "application/yaml",
    )
)


#: What a server may call for. Python has codecs that are quadratic or no character sets at all.
_CHARSETS: Final = frozenset(
    (
        "ascii",
        "big5",
        "cp1250",
        "cp1251",
        "cp1252",
        "euc_jp",
        "euc_kr",
        "gb18030",
        "gb2312",
        "gbk",
        "iso8859-1",
        "iso8859-2",
        "iso8859-5",
        "iso8859-15",
        "koi8-r",
        "koi8-u",
        "shift_jis",
        "utf-16",
        "utf-16-be",
        "utf-16-le",
        "utf-8",
    )
)


def _codec(charset: str | None) -> str:
    name = codecs.lookup(charset).name if charset else "utf-8"
    if name not in _CHARSETS:
        raise LookupError(name)
    return name


def _parse(data: bytes) -> Value:
    return normalise(json.loads(data, parse_constant=_refuse))


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
