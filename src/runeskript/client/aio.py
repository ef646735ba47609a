"""The client for programs with an event loop, over aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
from yarl import URL

from .answers import LaterError, answer_of, exception_of, output_of
from .ask import Ask, Paged, Reply, Streamed
from .methods import Async, Methods
from .options import ATTEMPTS, ENDED, SILENCE, TIMEOUT, Connection
from .sse import Events
from .tries import AGAIN, Tries

T = TypeVar("T")
_BROKEN = (OSError, aiohttp.ClientError, TimeoutError)


class AsyncClient(Methods, Async):
    """The service's routes as methods, to be awaited. An async context manager."""

    def __init__(
        self,
        server: str | None = None,
        token: str | None = None,
        *,
        timeout: float = TIMEOUT,
        attempts: int = ATTEMPTS,
        env: Mapping[str, str] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        new_key: Callable[[], str] | None = None,
    ) -> None:
        """As :class:`~.sync.Client`."""
        self._to = Connection(server, token, timeout, attempts, env, new_key)
        self._sleep = sleep
        self._kept: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections that are kept."""
        kept, self._kept = self._kept, None
        if kept is not None:
            await kept.close()

    # --- requests -------------------------------------------------------------------------------
    async def ask(self, ask: Ask[T]) -> T:
        """The answer to a request.

        Raises what the service refuses it with, and ServiceUnreachableError.
        """
        body = ask.payload()
        headers = self._to.headers(ask, has_body=body is not None)
        limit = aiohttp.ClientTimeout(total=self._to.timeout + ask.waits)
        tries = Tries(self._to.attempts)
        while True:
            try:
                async with self._request(ask, headers, body, limit) as response:
                    reply = _reply(response, await response.read())
            except _BROKEN as exc:
                await self._wait(tries.again(), exc)
                continue
            if reply.status in AGAIN and reply.status not in ask.route.ok:
                delay = tries.again(reply.headers)
                if delay is not None:
                    await self._sleep(delay)
                    continue
            answer: T = answer_of(ask, reply)
            return answer

    async def pages(self, paged: Paged[Any, T]) -> AsyncIterator[T]:
        """Rows, page by page."""
        cursor = paged.start
        while True:
            page = await self.ask(paged.page(cursor))
            for row in paged.rows(page):
                yield row
            cursor = paged.following(page)
            if cursor is None:
                return

    async def stream(self, streamed: Streamed[T]) -> AsyncIterator[T]:
        """Events as they come; a stream that breaks is taken up behind the last one."""
        events = Events(streamed.after)
        begins = streamed.begins
        tries = Tries(self._to.attempts)
        while True:
            try:
                async for piece in self._pieces(streamed.ask, events.id):
                    found_here = list(events.feed(piece))
                    if events.alive:
                        for one in begins:
                            yield one
                        begins = ()
                        tries = Tries(self._to.attempts)
                    for event in found_here:
                        found = streamed.read(event.id, event.kind, event.data)
                        if found is not None:
                            yield found
                        if event.kind == streamed.ends:
                            return
                await self._wait(tries.again(), None)
            except _NoMoreError:
                return
            except LaterError as exc:
                await self._wait(tries.again(exc.reply.headers), None, exc.reply, streamed.ask)
            except _BROKEN as exc:
                await self._wait(tries.again(), exc)
            # What has come of an event that is not whole is told again from its beginning.
            events = Events(events.id)

    async def result(self, id: str) -> Any:  # noqa: A002 - it is one
        """The output of a job, once it has ended.

        Raises JobFailedError and JobCancelledError with its ``error``, JobNotFoundError.
        """
        job = await self.job(id)
        if job.status not in ENDED:
            async for _ in self.job_events(id, job.version - 1 if job.version else None):
                pass
            job = await self.job(id)
        return output_of(job)

    # --- connections ----------------------------------------------------------------------------
    async def _wait(
        self,
        delay: float | None,
        broken: BaseException | None,
        reply: Reply | None = None,
        ask: Ask[Any] | None = None,
    ) -> None:
        """Until the next attempt. Raises where there is none."""
        if delay is not None:
            await self._sleep(delay)
            return
        if reply is not None and ask is not None:
            raise exception_of(reply, ask) from broken
        raise self._to.unreachable(broken) from broken

    def _request(
        self,
        ask: Ask[Any],
        headers: Mapping[str, str],
        body: bytes | None,
        limit: aiohttp.ClientTimeout,
    ) -> Any:
        if self._kept is None:
            self._kept = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=True, trust_env=False
            )
        # Encoded already: a segment stays what it is.
        url = URL(f"{self._to.shown}{ask.target()}", encoded=True)
        return self._kept.request(
            ask.route.method, url, data=body, headers=headers, timeout=limit, allow_redirects=False
        )

    async def _pieces(self, ask: Ask[Any], after: str | None) -> AsyncIterator[bytes]:
        """What comes of a stream. Raises LaterError, _NoMoreError."""
        headers = self._to.headers(ask, has_body=False) | {"accept": "text/event-stream"}
        if after:
            headers["last-event-id"] = after
        limit = aiohttp.ClientTimeout(total=None, sock_connect=SILENCE, sock_read=SILENCE)
        async with self._request(ask, headers, None, limit) as response:
            if response.status == 200:
                async for piece in response.content.iter_any():
                    yield piece
                return
            reply = _reply(response, await response.read())
        if reply.status == 204:
            raise _NoMoreError
        if reply.status in AGAIN:
            raise LaterError(reply)
        raise exception_of(reply, ask)


class _NoMoreError(Exception):
    """The stream had ended before."""


def _reply(response: aiohttp.ClientResponse, body: bytes) -> Reply:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(response.status, headers, body)
