"""The ASGI application: one way that every request goes, from its head to its answer.

guards (Host, Origin) -> route -> who asks -> may they -> how often -> what with -> the endpoint ->
audit -> answer. Nothing of a request is looked at before what stands left of it is settled.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from ..errors import HostError, OriginError, RequestError, RuneskriptError, UnauthorizedError
from . import guards
from .access import HOOK, PUBLIC, Caller, authorise
from .answering import BODYLESS, Fields, Receive, Scope, Send, send_stream, send_whole
from .audit import MADE
from .call import Answer, Call
from .endpoints import ENDPOINTS
from .idempotency import once
from .matching import Matcher
from .problems import problem_of
from .reading import as_type, read_json, read_query, read_text, segments
from .routes import ANY, DOCUMENTS, Route
from .service import Service
from .types import Batch, DeployedView, Outcomes, Signal

#: Who sent what nobody has to be known for.
NOBODY: Final = Caller("", "", frozenset())
PROBLEM: Final = "application/problem+json"
#: Characters of a request's id that somebody else has given it.
REQUEST_ID: Final = 128
_log = logging.getLogger("runeskript.service")


class App:
    """The application of one service."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._matcher = Matcher()
        #: Requests under way, streams among them.
        self._active = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's scope, as ASGI 3 has it."""
        if scope["type"] == "http":
            headers, telemetry = _headers(scope["headers"]), self.service.telemetry
            self._active += 1
            try:
                if telemetry is None:
                    await self._request(scope, headers, receive, send)
                    return
                with telemetry.request(headers.get("traceparent", "")) as request:
                    route, answer = await self._request(scope, headers, receive, send)
                    name = "none" if route is None else route.name
                    request.answered(name, answer.status, measured=answer.stream is None)
            finally:
                self._active -= 1
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            kind = message["type"]
            try:
                if kind == "lifespan.startup":
                    await self.service.start()
                else:
                    await self.service.stop()
            except Exception as exc:
                _log.exception("the service could not be started or stopped")
                await send({"type": f"{kind}.failed", "message": str(exc)})
                return
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return

    # --- one request ----------------------------------------------------------------------------
    async def _request(
        self, scope: Scope, headers: dict[str, str], receive: Receive, send: Send
    ) -> tuple[Route | None, Answer]:
        service = self.service
        id_ = _request_id(headers, service)
        extra: Fields = ()
        route: Route | None = None
        caller: Caller | None = None
        call: Call | None = None
        params: dict[str, str] = {}
        try:
            extra = guards.check(scope, headers, service.settings)
            route, params = self._route(scope)
            caller = await self._caller(scope, headers, route)
            if route.scope != PUBLIC:  # who asks much is no reason to take it for dead
                service.rates.take(caller, _peer(scope))
            authorise(route, caller, params.get("topic"))
            who = caller or NOBODY
            call = Call(service, route, who, params, headers, id_, _root(scope), _peer(scope))
            await self._read(call, scope, receive)
            endpoint = ENDPOINTS[route.name]
            answer = await (once(call, endpoint) if route.changes else endpoint(call))
        except _PreflightError as exc:
            answer = exc.answer
        except Exception as exc:
            answer = _refusal(exc, scope, id_)
            if isinstance(exc, HostError | OriginError):
                route, params = self._meant(scope)
        noted = call is not None and call.note is not None and call.note.kept
        if route is not None and route.changes and not (noted and answer.status == MADE):
            await service.audit.note(
                caller,
                route=route.name,
                target=_target(call, params, answer),
                status=answer.status,
                peer=_peer(scope),
                request=id_,
                alone=self._active - service.changes.open <= 1,
            )
        bare = scope["method"] == "HEAD"
        if answer.stream is None or bare or answer.status in BODYLESS:
            await send_whole(answer, id_, extra, send, bare=bare)
        else:
            slow, ends = service.settings.slow, lambda: service.ends(caller)
            await send_stream(answer, answer.stream, id_, extra, receive, send, slow, ends)
        return route, answer

    async def _caller(
        self, scope: Scope, headers: Mapping[str, str], route: Route
    ) -> Caller | None:
        """Who asks; to what is for everybody nobody has to say. Raises UnauthorizedError, and
        RateLimitedError for who guesses.
        """
        if route.scope == PUBLIC:
            return None
        given = []
        if "authorization" in headers:
            given = [value for name, value in scope["headers"] if name.lower() == b"authorization"]
        query: bytes = scope["query_string"] if route.scope == HOOK else b""
        try:
            return await self.service.gate.caller(given, query)
        except UnauthorizedError:
            self.service.rates.take(None, _peer(scope))
            raise

    def _meant(self, scope: Scope) -> tuple[Route | None, dict[str, str]]:
        """The route of what was refused at the door, which the audit log is to name."""
        try:
            return self._route(scope)
        except (RequestError, _PreflightError):
            return None, {}

    def _route(self, scope: Scope) -> tuple[Route, dict[str, str]]:
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        method: str = scope["method"]
        root: str = scope.get("root_path", "")
        known = None if root else self._matcher.whole.get((method, raw))
        if known is not None:
            return known, {}
        parts = segments(raw.partition(b"?")[0], root)
        if method == "OPTIONS":
            raise _PreflightError(self._options(parts))
        return self._matcher.find(method, parts)

    def _options(self, parts: list[str] | None) -> Answer:
        """What there is at a path."""
        try:
            self._matcher.find("", parts)
        except RequestError as exc:
            if exc.status == 405:
                return Answer(status=204, headers=(("allow", ", ".join(exc.allow)),))
            raise
        raise AssertionError("no route has the method ''")

    async def _read(self, call: Call, scope: Scope, receive: Receive) -> None:
        """Query and body as the types of the route. Raises RequestError."""
        route = call.route
        call.asked = scope["query_string"]
        call.query = read_query(call.asked, route.query)
        if route.body is None:
            return
        raw = call.raw = await _body(call.headers, receive, self.service.settings.max_body)
        if route.body in DOCUMENTS and guards.is_yaml(call.headers):
            call.body = as_type({"document": read_text(raw)}, route.body)
            return
        if raw:
            guards.check_media(call.headers)
        if route.body is ANY:
            call.body = read_json(raw) if raw else None
        elif isinstance(route.body, type):
            call.body = as_type(read_json(raw) if raw else {}, route.body)
            if isinstance(call.body, Batch):
                self.service.rates.batch(call.caller, _peer(scope), len(call.body.jobs))


class _PreflightError(Exception):
    """The answer is known before anybody is asked."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer


# --- the head of a request ------------------------------------------------------------------------
def _headers(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by lower-case name. One that comes twice is both, as HTTP has it, but for those that
    say who asks and where: of these there may be one.
    """
    found: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        if key in found:
            text = f"{found[key]}, {text}"
        found[key] = text
    return found


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _root(scope: Scope) -> str:
    """Where the application is mounted, as a part of a URL."""
    root: str = scope.get("root_path") or ""
    return root and quote(root)


def _target(call: Call | None, params: Mapping[str, str], answer: Answer) -> str:
    """What a request was about: what its path names, what it has made, the topic of a message."""
    for value in params.values():
        return value
    if call is not None and isinstance(call.body, Signal):
        return call.body.topic
    if isinstance(answer.body, Outcomes):
        made = sum(one.outcome == "created" for one in answer.body.outcomes)
        return f"{made:,} of {len(answer.body.outcomes):,} jobs"
    if isinstance(answer.body, DeployedView):
        return f"{answer.body.name}@{answer.body.version}"
    return dict(answer.headers).get("location", "").rpartition("/")[2]


def _request_id(headers: Mapping[str, str], service: Service) -> str:
    given = headers.get("x-request-id", "")
    if 0 < len(given) <= REQUEST_ID and given.isascii() and given.isprintable():
        return given
    return f"{service.name}-{next(service.requests):x}"


async def _body(headers: Mapping[str, str], receive: Receive, most: int) -> bytes:
    """The body of a request. Raises RequestError where it is too large or does not come whole."""
    length = headers.get("content-length", "")
    if length.isdigit() and (len(length) > 18 or int(length) > most):
        raise _too_large(most)
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RequestError("the body did not come whole")
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > most:
            raise _too_large(most)
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large(most: int) -> RequestError:
    return RequestError(f"the body has more than {most:,} bytes", status=413, code="RUNE-6523")


# --- refusals -------------------------------------------------------------------------------------
def _refusal(error: Exception, scope: Scope, id_: str) -> Answer:
    """An exception as an answer; what is a defect is logged, whole, and told in one word."""
    problem = problem_of(error, scope["path"][:REQUEST_ID], _root(scope))
    if problem.status >= 500 and not (isinstance(error, RuneskriptError) and problem.status == 503):
        _log.error("request %s failed", id_, exc_info=error)
    extra: list[tuple[str, str]] = []
    if problem.status == 401:
        extra.append(("www-authenticate", 'Bearer realm="runeskript"'))
    if problem.status in (429, 503):
        extra.append(("retry-after", str(getattr(error, "retry_after", 1))))
    if isinstance(error, RequestError) and error.allow:
        extra.append(("allow", ", ".join(error.allow)))
    if problem.version is not None:
        extra.append(("etag", f'"{problem.version}"'))
    return Answer(problem, problem.status, tuple(extra), PROBLEM)
