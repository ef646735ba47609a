"""A small load tool for HTTP on loopback, a process of its own: its cost is not what is measured.

``python -m runeskript.cli.bench_load`` reads orders from its standard input, one JSON object a
line, and writes what came of each. An order names the port, the request as it goes over the wire,
how often it is sent, and over how many connections, which are kept open: each of them sends its
next request when the answer to the last one is there.
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import sys
from collections import Counter
from time import perf_counter
from typing import Any, Final

_LENGTH: Final = b"content-length:"
#: Seconds that one order may take.
PATIENCE: Final = 300.0


class Connection(asyncio.Protocol):
    """One connection that is kept open."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._transport: Any = None
        self._data = b""
        #: Bytes that the answer under way still takes; None: its head is not there yet.
        self._left: int | None = None
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self._transport = transport
        self._order.ready(self)

    def ask(self) -> None:
        """Send the next request, or close."""
        if self._order.next():
            self._began = perf_counter()
            self._transport.write(self._order.request)
        else:
            self._transport.close()
            self._order.over()

    def data_received(self, data: bytes) -> None:
        """A piece of an answer."""
        if self._left is None:
            self._data += data
            head, end, rest = self._data.partition(b"\r\n\r\n")
            if not end:
                return
            self._data = b""
            self._order.statuses[int(head[9:12])] += 1
            at = head.lower().find(_LENGTH) + len(_LENGTH)
            self._left = int(head[at:].partition(b"\r\n")[0]) - len(rest)
        else:
            self._left -= len(data)
        if self._left <= 0:
            self._left = None
            self._order.waits.append(perf_counter() - self._began)
            self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        """It was closed."""
        self._order.lost(exc)


class Order:
    """What is to be sent, and what came of it."""

    def __init__(self, request: bytes, count: int, connections: int) -> None:
        self.request = request
        self.waits: list[float] = []
        self.statuses: Counter[int] = Counter()
        self._left = count
        self._connections = connections
        self._ready: list[Connection] = []
        self._open = connections
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._began = 0.0

    def ready(self, connection: Connection) -> None:
        """A connection is there; with the last of them it begins."""
        self._ready.append(connection)
        if len(self._ready) == self._connections:
            self._began = perf_counter()
            for one in self._ready:
                one.ask()

    def next(self) -> bool:
        """Whether there is one more to be sent."""
        self._left -= 1
        return self._left >= 0

    def over(self) -> None:
        """A connection has nothing left to send."""
        self._open -= 1
        if not self._open and not self._done.done():
            self._done.set_result(None)

    def lost(self, exc: Exception | None) -> None:
        """A connection is gone; if that is too early, nothing can be said of the rest."""
        if self._open and not self._done.done() and self._left >= 0:
            self._done.set_exception(exc or ConnectionError("the server closed a connection"))

    async def carried_out(self, port: int) -> dict[str, Any]:
        """Send all of it."""
        loop = asyncio.get_running_loop()
        gc.collect()
        for _ in range(self._connections):
            await loop.create_connection(lambda: Connection(self), "127.0.0.1", port)
        async with asyncio.timeout(PATIENCE):
            await self._done
        seconds = perf_counter() - self._began
        cuts = statistics.quantiles(self.waits, n=100)
        return {
            "seconds": seconds,
            "p50_ms": cuts[49] * 1000,
            "p99_ms": cuts[98] * 1000,
            "statuses": dict(self.statuses),
        }


def main() -> None:
    """Carry out orders until there are no more."""
    for line in sys.stdin:
        order = json.loads(line)

        async def one(order: dict[str, Any]) -> dict[str, Any]:
            request = order["request"].encode("latin-1")
            what = Order(request, order["count"], order["connections"])
            return await what.carried_out(order["port"])

        sys.stdout.write(json.dumps(asyncio.run(one(order))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
