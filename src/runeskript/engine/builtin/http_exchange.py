"""One HTTP exchange over aiohttp: guarded connections, redirects, typed errors.

Imported when the first request is sent.
"""

from __future__ import annotations

import asyncio
import re
import socket
from typing import Final

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from ...errors import StepError
from ...model.values import Value, is_text
from ..handlers.context import HandlerContext
from ..policy import Grants
from .common import Resolver
from .guard import AddressDeniedError, HostPolicy, literal
from .http_body import read_body
from .http_params import ReadParams, WriteParams

#: Redirects of one request.
REDIRECTS: Final = 10
#: Connections of one runtime in all.
CONNECTIONS: Final = 100
#: Bytes of an error answer's body that the error's data keeps.
ERROR_BODY: Final = 64 * 1024

_METHOD: Final = re.compile(r"[A-Z][A-Z-]{0,19}", re.ASCII)
#: Methods that mean the same when repeated (RFC 9110, section 9.2.2).
_IDEMPOTENT: Final = frozenset(("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"))
_REDIRECT: Final = frozenset((301, 302, 303, 307, 308))
#: Not sent on to another origin.
_PRIVATE: Final = frozenset(("authorization", "cookie", "proxy-authorization", "idempotency-key"))


class GuardedResolver(AbstractResolver):
    """Resolves a name, and gives only the addresses that may be connected to."""

    def __init__(self, policy: HostPolicy, resolver: Resolver | None) -> None:
        self._policy = policy
        self._resolver = resolver or _system

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The allowed addresses; AddressDeniedError where there are only others."""
        found: list[ResolveResult] = []
        denied: AddressDeniedError | None = None
        for text in await self._resolver(host, port):
            address = literal(text)
            if address is None:
                continue
            try:
                self._policy.check(host, port, address)
            except AddressDeniedError as exc:
                denied = exc
                continue
            kind = socket.AF_INET if address.version == 4 else socket.AF_INET6
            if family in (socket.AF_UNSPEC, kind):
                found.append(
                    ResolveResult(
                        hostname=host,
                        host=str(address),
                        port=port,
                        family=kind,
                        proto=0,
                        flags=socket.AI_NUMERICHOST,
                    )
                )
        if found:
            return found
        raise denied or OSError(f"{host} has no address")

    async def close(self) -> None:
        """Nothing is held open."""


async def _system(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(info[4][0]) for info in infos]


class Exchange:
    """A session: one pool of guarded connections, no cookies, no proxies."""

    def __init__(self, policy: HostPolicy, resolver: Resolver | None) -> None:
        self._policy = policy
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=GuardedResolver(policy, resolver),
                limit=CONNECTIONS,
                use_dns_cache=False,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "runeskript"},
            trust_env=False,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def send(
        self,
        method: str,
        params: ReadParams,
        seconds: float,
        ctx: HandlerContext,
        grants: Grants | None = None,
    ) -> Value:
        """Send, follow, read. ``grants``: the hosts it may reach, None: all that are public or
        allowed. Raises StepError for everything that goes wrong.
        """
        method = method.upper()
        if not _METHOD.fullmatch(method):
            raise StepError("params", f"{method[:20]!r} is no HTTP method")
        url = _url(params)
        headers = {name: _text(value) for name, value in params.headers.items()}
        if method not in _IDEMPOTENT and "idempotency-key" not in map(str.lower, headers):
            headers["Idempotency-Key"] = ctx.idempotency_key
        if ctx.traceparent is not None and "traceparent" not in map(str.lower, headers):
            headers["traceparent"] = ctx.traceparent
        try:
            async with asyncio.timeout(seconds):
                return await self._follow(method, url, headers, params, grants)
        except TimeoutError:
            text = f"{method} {_shown(url)}: no answer within {seconds:g} s"
            raise StepError("timeout", text, retryable=True) from None

    async def _follow(
        self,
        method: str,
        url: URL,
        headers: dict[str, str],
        params: ReadParams,
        grants: Grants | None,
    ) -> Value:
        body = _body(params, headers)
        for _ in range(REDIRECTS + 1):
            self._check(url, grants)
            response = await self._once(method, url, headers, body)
            async with response:
                target = response.headers.get("Location")
                if not (params.follow_redirects and response.status in _REDIRECT and target):
                    return await _answer(response, method, url, params.max_bytes)
                method, body = _after_redirect(method, body, response.status)
                url, headers = _redirected(url, target, headers, keep_body=body is not None)
        raise StepError("http.redirect", f"more than {REDIRECTS} redirects, last to {_shown(url)}")

    def _check(self, url: URL, grants: Grants | None) -> None:
        """Whether the document may go there. Addresses written in the URL never come to the
        resolver, so they are checked here.
        """
        address = literal(url.host or "")
        if grants is not None:
            name = (url.raw_host or "") if address is None else str(address)
            if not grants.reaches(name, url.port or 0):
                text = f"the policy does not let this skript reach {name}"
                raise StepError("http.denied", text)
        if address is None:
            return
        try:
            self._policy.check(url.host or "", url.port or 0, address)
        except AddressDeniedError as exc:
            raise StepError("http.denied", str(exc)) from None

    async def _once(
        self, method: str, url: URL, headers: dict[str, str], body: bytes | None
    ) -> aiohttp.ClientResponse:
        try:
            return await self._session.request(
                method,
                url,
                headers=headers,
                data=body,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=None),
            )
        except (aiohttp.ClientError, OSError, ValueError, TypeError) as exc:
            raise _failure(exc, f"{method} {_shown(url)}") from None


def _url(params: ReadParams) -> URL:
    try:
        url = URL(params.url)
        if params.query:
            pairs = [
                (name, _text(item))
                for name, value in params.query.items()
                for item in (value if isinstance(value, list) else [value])
            ]
            url = url.extend_query(pairs)
    except (ValueError, TypeError) as exc:
        raise StepError("params", f"`url` is no URL: {exc}") from None
    return _checked(url, "params")


def _checked(url: URL, type_: str) -> URL:
    if url.scheme not in ("http", "https") or not url.host:
        raise StepError(type_, f"{_shown(url)} is no http or https URL with a host")
    return url


def _text(value: object) -> str:
    """A header or query value as text: as in the language, null is empty."""
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _body(params: ReadParams, headers: dict[str, str]) -> bytes | None:
    """The bytes to send; sets the content type unless given."""
    if not isinstance(params, WriteParams):
        return None
    given = [n for n in ("body", "json", "text") if getattr(params, n) is not msgspec.UNSET]
    if len(given) > 1:
        raise StepError("params", f"`{given[0]}` and `{given[1]}` cannot both be given")
    if not given:
        return None
    value = getattr(params, given[0])
    plain = given[0] != "json" and isinstance(value, str)
    if given[0] == "body" and value is None:
        return None
    kind = "text/plain; charset=utf-8" if plain else "application/json"
    if "content-type" not in map(str.lower, headers):
        headers["Content-Type"] = kind
    return value.encode() if plain else msgspec.json.encode(value)


def _after_redirect(method: str, body: bytes | None, status: int) -> tuple[str, bytes | None]:
    """What the next request is (RFC 9110, section 15.4; POST becomes GET as browsers do it)."""
    if (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST"):
        return "GET", None
    return method, body


def _redirected(
    url: URL, target: str, headers: dict[str, str], *, keep_body: bool
) -> tuple[URL, dict[str, str]]:
    try:
        found = _checked(url.join(URL(target)), "http.redirect")
    except ValueError:
        raise StepError("http.redirect", f"{_shown(url)} redirects to no URL") from None
    dropped = frozenset(() if keep_body else ("content-type", "content-length"))
    if found.origin() != url.origin():
        dropped |= _PRIVATE
    return found, {n: v for n, v in headers.items() if n.lower() not in dropped}


async def _answer(response: aiohttp.ClientResponse, method: str, url: URL, max_bytes: int) -> Value:
    status = response.status
    failed = status >= 400
    try:
        body = await read_body(response, ERROR_BODY if failed else max_bytes, cut=failed)
    except (aiohttp.ClientError, OSError) as exc:
        raise _failure(exc, f"{method} {_shown(url)}") from None
    headers: dict[str, Value] = {}
    for name, value in response.headers.items():
        if not is_text(value):
            # Bytes that are no UTF-8 are Latin-1, as RFC 9110 (5.5) has it of old.
            value = value.encode("utf-8", "surrogateescape").decode("latin-1")
        known = headers.get(name.lower())
        headers[name.lower()] = value if known is None else f"{known}, {value}"
    result: dict[str, Value] = {"status": status, "headers": headers, **body}
    if failed:
        text = f"{method} {_shown(url)}: {status} {response.reason or ''}".rstrip()
        retryable = status >= 500 or status == 429
        raise StepError(f"http.{status}", text, data=result, retryable=retryable)
    return result


def _failure(exc: Exception, what: str) -> StepError:
    """The typed error of a request that got no answer."""
    inner = exc.os_error if isinstance(exc, aiohttp.ClientConnectorError) else exc
    if isinstance(inner, AddressDeniedError):
        return StepError("http.denied", str(inner))
    if isinstance(exc, aiohttp.InvalidURL | ValueError | TypeError):
        return StepError("params", f"{what}: {exc}")
    if isinstance(exc, aiohttp.ClientSSLError):
        return StepError("connect.tls", f"{what}: no secure connection: {exc}")
    reason = str(inner) or type(exc).__name__
    return StepError("connect", f"{what}: {reason}", retryable=True)


def _shown(url: URL) -> str:
    """A URL for messages, without user, password, query and fragment."""
    return str(url.with_user(None).with_query(None).with_fragment(None)) if url.host else "the URL"
