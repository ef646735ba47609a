"""``http.get``, ``http.post``, ``http.put``, ``http.patch``, ``http.delete``, ``http.request``.

The result is ``{status, headers, body}``. ``headers`` has lower-case names; ``body`` is the parsed
value where the answer is JSON, a text where it is text, null where it is empty, and Base64 text
otherwise, with ``encoding: base64`` in the result. Any status from 400 on is an error of type
``http.STATUS``, retryable from 500 on and for 429.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ...model.values import Value
from ..handlers.context import HandlerContext
from ..handlers.decorator import Handler
from .common import BuiltIn, Resolver, Rule
from .guard import HostPolicy
from .http_params import ReadParams, RequestParams, WriteParams, seconds

_RESULT: Final[Value] = {
    "type": "object",
    "required": ["status", "headers", "body"],
    "properties": {
        "status": {"type": "integer"},
        "headers": {"type": "object", "additionalProperties": {"type": "string"}},
        "body": {},
        "encoding": {"type": "string"},
    },
    "additionalProperties": False,
}
_READ: Final = """\
`url` (http or https), `headers`, `query` (values are scalars or lists of them), `timeout` (in all,
30s), `follow_redirects` (true), `max_bytes` (of the answer's body, 10 MiB)."""
_WRITE: Final = f"""{_READ[:-1]}, and at most one of `body`
(objects and lists go out as JSON, text as it is), `json` (any value) and `text`."""
_KEY: Final = """The header
`Idempotency-Key` is set unless given, where the method is not idempotent by itself."""


def http_handlers(
    allow_hosts: Sequence[str] = (), resolver: Resolver | None = None, rule: Rule | None = None
) -> list[Handler]:
    """The handlers of one runtime; they share a pool of connections."""
    client = HttpClient(HostPolicy(allow_hosts), resolver, rule)

    def one(name: str, params: type, doc: str, *, idempotent: bool) -> Handler:
        verb = name.upper()

        async def send(given: ReadParams, ctx: HandlerContext) -> Value:
            method = given.method if isinstance(given, RequestParams) else verb
            return await client.request(method, given, ctx)

        return BuiltIn(
            f"http.{name}",
            send,
            params,
            doc,
            _RESULT,
            idempotent=idempotent,
            teardown=client.close,
        )

    return [
        one("get", ReadParams, f"GET a URL. {_READ}", idempotent=True),
        one("post", WriteParams, f"POST to a URL. {_WRITE} {_KEY}", idempotent=False),
        one("put", WriteParams, f"PUT to a URL. {_WRITE}", idempotent=True),
        one("patch", WriteParams, f"PATCH a URL. {_WRITE} {_KEY}", idempotent=False),
        one("delete", ReadParams, f"DELETE a URL. {_READ}", idempotent=True),
        one("request", RequestParams, f"Any `method` (GET). {_WRITE} {_KEY}", idempotent=False),
    ]


class HttpClient:
    """The connections of one runtime; opened when first used."""

    def __init__(self, policy: HostPolicy, resolver: Resolver | None, rule: Rule | None) -> None:
        self._policy = policy
        self._rule = rule
        self._resolver = resolver
        self._exchange: Any = None

    async def request(self, method: str, params: ReadParams, ctx: HandlerContext) -> Value:
        """Send a request, follow its redirects, and give the answer as a value."""
        if self._exchange is None:
            # aiohttp takes longer to import than most commands run.
            from .http_exchange import Exchange

            self._exchange = Exchange(self._policy, self._resolver)
        grants = None if self._rule is None else await self._rule(ctx.job_id)
        result: Value = await self._exchange.send(method, params, seconds(params), ctx, grants)
        return result

    async def close(self, resources: dict[str, Any]) -> None:
        """Close the connections; harmless where there are none."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            await exchange.close()
