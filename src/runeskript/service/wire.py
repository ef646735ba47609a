"""How requests come over a connection, bounded, and how whole answers leave it.

uvicorn bounds neither the size of a head nor the time that a request takes to come, so anybody
could fill the memory, or hold connections for ever. And an answer costs it a quarter of all
else of a short request: two writes, two searches in each header field, and a timer. An answer that
is whole when it is sent leaves here in one piece, and a connection has one timer for all it waits
for; whatever is out of the ordinary goes uvicorn's way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, MutableMapping
from functools import partial
from typing import Any, Final, TypeAlias

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

#: Bytes of a head; a piece that is read at once (256 KB) may be over it.
HEAD: Final = 64 * 1024
#: Seconds from a connection, or the first byte of a request on it, to the last byte of the request.
COMING: Final = 60.0
_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"connection: close\r\ncontent-length: 0\r\n\r\n"
)
#: What no value of a header field may contain (RFC 9110, 5.5).
_BARRED: Final = bytes({*range(32), 127} - {9})
_line: Final = b": ".join
Message: TypeAlias = MutableMapping[str, Any]


class _Answering:
    """What an application sends to one request. Where the length of the answer stands last in its
    head, the head waits for the body; if that is whole, both leave in one piece.
    """

    __slots__ = ("_cycle", "_head")

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._head: Message | None = None

    async def send(self, message: Message) -> None:
        """Take a part of the answer, as ASGI has it."""
        head, cycle = self._head, self._cycle
        if head is None:
            fields = message.get("headers")
            if fields and fields[-1][0] == b"content-length" and not cycle.response_started:
                self._head = message
                return
        else:
            self._head = None
            if self._whole(head, message):
                return
            await cycle.send(head)  # type: ignore[arg-type]
        await cycle.send(message)  # type: ignore[arg-type]

    def _whole(self, head: Message, message: Message) -> bool:
        """Send both, if there is nothing about them that has to be looked at more closely."""
        cycle = self._cycle
        fields = head["headers"]
        body = message.get("body", b"")
        if (
            cycle.disconnected
            or cycle.flow.write_paused
            or not cycle.keep_alive
            or message.get("more_body", False)
            or fields[-1][1] != b"%d" % len(body)  # as of HEAD
        ):
            return False
        lines = [*map(_line, cycle.default_headers), *map(_line, fields)]
        text = b"".join(lines)
        if len(text.translate(None, _BARRED)) != len(text):
            return False
        lines += (b"", body)
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        cycle.transport.write(STATUS_LINE[head["status"]] + b"\r\n".join(lines))
        cycle.message_event.set()
        cycle.on_response()
        return True


def _answered(
    cycle: RequestResponseCycle, app: Any, scope: Any, receive: Any, _: Any
) -> Awaitable[None]:
    """Have an application answer a request that uvicorn would have answered."""
    answered: Awaitable[None] = app(scope, receive, _Answering(cycle).send)
    return answered


class BoundedProtocol(HttpToolsProtocol):
    """HTTP/1.1 as uvicorn speaks it. A request that comes whole in one piece, as most do, costs
    nothing here.
    """

    _in_head = True
    #: Bytes that have come of a head, or of what stands behind a body, since there was any of it.
    _head = 0
    #: Whether no request is under way to here.
    _whole = True
    #: When what is waited for has to be there, by the loop's clock; None: nothing is waited for.
    _until: float | None = None
    #: Looks whether it is there, maybe too early, and then again: mostly it is there soon, and a
    #: timer for each request costs more than one that is seldom right.
    _timer: asyncio.TimerHandle | None = None

    # --- the connection -------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection is there."""
        super().connection_made(transport)
        self._expect(COMING)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """A piece has come."""
        self._head += len(data)
        super().data_received(data)
        if self._whole and self._head <= HEAD:
            return
        if self.transport.is_closing():
            return
        if self._until is None:
            self._expect(COMING)
        if self._head > HEAD:
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def shutdown(self) -> None:
        """The service closes: a request that is under way here has time to be answered, but none
        is waited for that has not come whole, unless it stands behind one on the connection.
        """
        super().shutdown()
        if not (self._whole or self._in_head or self.pipeline):
            self.transport.close()

    # --- a request ------------------------------------------------------------------------------
    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._whole, self._in_head, self._until = False, True, None

    def on_body(self, body: bytes) -> None:
        """A piece of its body."""
        self._head = 0
        super().on_body(body)

    def on_headers_complete(self) -> None:
        """Its head is there. What stands behind a body (trailers) belongs to no request, so that
        nobody reads it: whoever looks at heads in front of the service does not see these
        (RFC 9110, 6.5.1).
        """
        self._in_head, self._head = False, 0
        super().on_headers_complete()
        self.headers = []

    def on_message_complete(self) -> None:
        """All of it is there."""
        self._whole = self._in_head = True
        self._head, self._until = 0, None
        super().on_message_complete()
        if self.cycle is not None and self.cycle.response_complete:  # it was answered before
            self._expect(self.timeout_keep_alive)

    # --- its answer -----------------------------------------------------------------------------
    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        super()._start_asgi_task(cycle, partial(_answered, cycle, app))

    def on_response_complete(self) -> None:
        """Go on with what has come behind the request, or wait for what may."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._whole:
            self._expect(self.timeout_keep_alive)

    # --- waiting --------------------------------------------------------------------------------
    def _expect(self, seconds: float) -> None:
        """Close the connection unless more has come by then."""
        self._until = until = self.loop.time() + seconds
        if self._timer is not None and self._timer.when() > until:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self.loop.call_at(until, self._look)

    def _answers(self) -> bool:
        """Whether an answer is under way."""
        return self.cycle is not None and not self.cycle.response_complete

    def _look(self) -> None:
        """Whether what is waited for has come in time."""
        self._timer = None
        if self._until is None:
            return
        if self.loop.time() < self._until:
            self._timer = self.loop.call_at(self._until, self._look)
        elif self.pipeline or (self._in_head and self._answers()):
            self._expect(COMING)  # what stands behind an answer is not read meanwhile
        else:
            self.transport.close()
