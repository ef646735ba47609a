"""The client for programs that wait, over the standard library's HTTP."""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

from .answers import LaterError, answer_of, exception_of, output_of
from .ask import Ask, Paged, Reply, Streamed
from .methods import Methods, Sync
from .options import ATTEMPTS, ENDED, SILENCE, TIMEOUT, Connection
from .sse import Events
from .tries import AGAIN, Tries

T = TypeVar("T")
_BROKEN = (OSError, http.client.HTTPException)


class Client(Methods, Sync):
    """The service's routes as methods. May be used by several threads; a context manager."""

    def __init__(
        self,
        server: str | None = None,
        token: str | None = None,
        *,
        timeout: float = TIMEOUT,
        attempts: int = ATTEMPTS,
        env: Mapping[str, str] | None = None,
        sleep: Callable[[float], None] | None = None,
        new_key: Callable[[], str] | None = None,
    ) -> None:
        """``server``: its URL, else that of ``RUNE_SERVER``; ``token``: else ``RUNE_TOKEN``.

        ``timeout``: seconds that an answer may take. ``attempts``: of one request, which is sent
        again where the connection breaks or the service says not now (429, 502, 503, 504).
        ``env``, ``sleep``, ``new_key`` (idempotency keys): for tests. Raises RuntimeOptionError.
        """
        self._to = Connection(server, token, timeout, attempts, env, new_key)
        self._sleep = sleep or time.sleep
        self._tls = ssl.create_default_context() if self._to.url.scheme == "https" else None
        self._lock = threading.Lock()
        self._idle: list[http.client.HTTPConnection] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are kept."""
        with self._lock:
            idle, self._idle = self._idle, []
        for one in idle:
            one.close()

    # --- requests -------------------------------------------------------------------------------
    def ask(self, ask: Ask[T]) -> T:
        """The answer to a request.

        Raises what the service refuses it with, and ServiceUnreachableError.
        """
        body = ask.payload()
        headers = self._to.headers(ask, has_body=body is not None)
        tries = Tries(self._to.attempts)
        while True:
            try:
                reply = self._send(ask, headers, body)
            except _BROKEN as exc:
                self._wait(tries.again(), exc)
                continue
            if reply.status in AGAIN and reply.status not in ask.route.ok:
                delay = tries.again(reply.headers)
                if delay is not None:
                    self._sleep(delay)
                    continue
            answer: T = answer_of(ask, reply)
            return answer

    def pages(self, paged: Paged[Any, T]) -> Iterator[T]:
        """Rows, page by page."""
        cursor = paged.start
        while True:
            page = self.ask(paged.page(cursor))
            yield from paged.rows(page)
            cursor = paged.following(page)
            if cursor is None:
                return

    def stream(self, streamed: Streamed[T]) -> Iterator[T]:
        """Events as they come; a stream that breaks is taken up behind the last one."""
        events = Events(streamed.after)
        begins = streamed.begins
        tries = Tries(self._to.attempts)
        while True:
            connection: http.client.HTTPConnection | None = None
            try:
                connection, response = self._open(streamed.ask, events.id)
                if response is None:
                    return
                while piece := response.read1(65_536):
                    found_here = list(events.feed(piece))
                    if events.alive:
                        yield from begins
                        begins = ()
                        tries = Tries(self._to.attempts)
                    for event in found_here:
                        found = streamed.read(event.id, event.kind, event.data)
                        if found is not None:
                            yield found
                        if event.kind == streamed.ends:
                            return
                self._wait(tries.again(), None)
            except LaterError as exc:
                self._wait(tries.again(exc.reply.headers), None, exc.reply, streamed.ask)
            except _BROKEN as exc:
                self._wait(tries.again(), exc)
            finally:
                if connection is not None:
                    connection.close()
            # What has come of an event that is not whole is told again from its beginning.
            events = Events(events.id)

    def result(self, id: str) -> Any:  # noqa: A002 - it is one
        """The output of a job, once it has ended.

        Raises JobFailedError and JobCancelledError with its ``error``, JobNotFoundError.
        """
        job = self.job(id)
        if job.status not in ENDED:
            for _ in self.job_events(id, job.version - 1 if job.version else None):
                pass
            job = self.job(id)
        return output_of(job)

    # --- connections ----------------------------------------------------------------------------
    def _wait(
        self,
        delay: float | None,
        broken: BaseException | None,
        reply: Reply | None = None,
        ask: Ask[Any] | None = None,
    ) -> None:
        """Until the next attempt. Raises where there is none."""
        if delay is not None:
            self._sleep(delay)
            return
        if reply is not None and ask is not None:
            raise exception_of(reply, ask) from broken
        raise self._to.unreachable(broken) from broken

    def _connect(self, timeout: float) -> http.client.HTTPConnection:
        host, port = self._to.url.hostname or "", self._to.url.port
        if self._tls is not None:
            return http.client.HTTPSConnection(host, port, timeout=timeout, context=self._tls)
        return http.client.HTTPConnection(host, port, timeout=timeout)

    def _send(self, ask: Ask[Any], headers: Mapping[str, str], body: bytes | None) -> Reply:
        if ask.waits:
            return self._exchange(
                self._connect(self._to.timeout + ask.waits), ask, headers, body, keep=False
            )
        with self._lock:
            kept = self._idle.pop() if self._idle else None
        if kept is not None:
            # The service may have closed it meanwhile, which costs no attempt.
            with suppress(*_BROKEN):
                return self._exchange(kept, ask, headers, body)
        return self._exchange(self._connect(self._to.timeout), ask, headers, body)

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        ask: Ask[Any],
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        keep: bool = True,
    ) -> Reply:
        done = False
        try:
            path = self._to.url.path + ask.target()
            connection.request(ask.route.method, path, body, dict(headers))
            response = connection.getresponse()
            reply = _reply(response, response.read())
            done = keep and not response.will_close
        finally:
            if not done:
                connection.close()
        if done:
            with self._lock:
                self._idle.append(connection)
        return reply

    def _open(
        self, ask: Ask[Any], after: str | None
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse | None]:
        """A stream that has begun; None where there is nothing more. Raises LaterError."""
        headers = self._to.headers(ask, has_body=False) | {"accept": "text/event-stream"}
        if after:
            headers["last-event-id"] = after
        connection = self._connect(SILENCE)
        try:
            connection.request("GET", self._to.url.path + ask.target(), None, headers)
            response = connection.getresponse()
            if response.status == 200:
                return connection, response
            reply = _reply(response, response.read())
        except BaseException:
            connection.close()
            raise
        connection.close()
        if reply.status == 204:
            return connection, None
        if reply.status in AGAIN:
            raise LaterError(reply)
        raise exception_of(reply, ask)


def _reply(response: http.client.HTTPResponse, body: bytes) -> Reply:
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Reply(response.status, headers, body)
