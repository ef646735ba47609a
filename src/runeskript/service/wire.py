"""How requests come over a connection, bounded: uvicorn bounds neither the size of a head nor the
time that a request takes to come, so anybody could fill the memory, or hold connections for ever.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Bytes of a head; a piece that is read at once (256 KB) may be over it.
HEAD: Final = 64 * 1024
#: Seconds from a connection, or the first byte of a request on it, to the last byte of the request.
COMING: Final = 60.0
#: Bytes that are gathered before they are sent.
MOST: Final = 64 * 1024
_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"connection: close\r\ncontent-length: 0\r\n\r\n"
)


class _Gathering:
    """A transport that sends what is written in one turn of the loop in one piece: the head of an
    answer and its body, mostly, for which uvicorn has two writes.
    """

    __slots__ = ("_loop", "_parts", "_size", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send it before the loop waits for anything."""
        if not self._parts:
            self._loop.call_soon(self.flush)
        self._parts.append(data)
        self._size += len(data)
        if self._size > MOST:  # the transport has to know, to say that it is enough
            self.flush()

    def flush(self) -> None:
        """Send what was written."""
        parts, self._parts, self._size = self._parts, [], 0
        if parts:
            self._transport.write(b"".join(parts))

    def close(self) -> None:
        """Send what was written, and close."""
        self.flush()
        self._transport.close()


class BoundedProtocol(HttpToolsProtocol):
    """HTTP/1.1 as uvicorn speaks it. A request that comes whole in one piece, as most do, costs
    nothing here.
    """

    _in_head = True
    #: Bytes that have come of a head, or of what stands behind a body, since there was any of it.
    _head = 0
    #: Whether no request is under way to here.
    _whole = True
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection is there."""
        gathering: Any = _Gathering(transport, self.loop)
        super().connection_made(gathering)
        self._timer = self.loop.call_later(COMING, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """A piece has come."""
        self._head += len(data)
        super().data_received(data)
        if self._whole:
            self._stop()
        elif self._timer is None and not self.transport.is_closing():
            self._timer = self.loop.call_later(COMING, self._too_slow)
        if self._head > HEAD and not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def shutdown(self) -> None:
        """The service closes: a request that is under way here has time to be answered, but none
        is waited for that has not come whole, unless it stands behind one on the connection.
        """
        super().shutdown()
        if not (self._whole or self._in_head or self.pipeline):
            self.transport.close()

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._whole, self._in_head = False, True

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of its head. What stands behind a body (trailers) is none, and nobody reads it:
        whoever looks at heads in front of the service does not see these (RFC 9110, 6.5.1).
        """
        if self._in_head:
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        """A piece of its body."""
        self._head = 0
        super().on_body(body)

    def on_headers_complete(self) -> None:
        """Its head is there."""
        self._in_head, self._head = False, 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """All of it is there."""
        self._whole = self._in_head = True
        self._head = 0
        super().on_message_complete()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        self.transport.close()
