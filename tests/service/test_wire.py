"""Bytes on a connection, as clients and attackers write them, to a server that listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from socket import IPPROTO_TCP, TCP_NODELAY
from typing import Any

import pytest
from uvicorn.server import ServerState

from runeskript.engine.clock import SystemClock
from runeskript.engine.runtime import Runtime
from runeskript.service import server, tokens, wire
from runeskript.service.server import bound, serve
from runeskript.service.service import Service
from runeskript.service.wire import BoundedProtocol
from runeskript.stores.memory import MemoryStore

HOST = b"Host: localhost\r\n"
JSON = b"Content-Type: application/json\r\n"


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[int, bytes]]:
    """A server on loopback: its port, and the header with a token that may read."""
    store = MemoryStore(SystemClock().now_ms)
    text = await tokens.create(store, name="x", scopes=["read"], now=store.now())
    service = Service(Runtime(store=store, discover_handlers=False))
    ready = asyncio.Event()
    with bound("127.0.0.1", 0) as socket:
        task = asyncio.create_task(serve(service, socket, ready.set))
        await ready.wait()
        try:
            yield socket.getsockname()[1], b"Authorization: Bearer %s\r\n" % text.encode()
        finally:
            service.on_failure()
            await task


async def exchange(port: int, data: bytes) -> bytes:
    """What is answered until the connection is closed, or a whole answer is there."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        return head + await reader.readexactly(int(length or b"0"))
    finally:
        writer.close()


def get(path: bytes, *more: bytes) -> bytes:
    return b"GET %s HTTP/1.1\r\n%s\r\n" % (path, b"".join(more))


async def test_what_is_answered_to_odd_requests() -> None:
    async with listening() as (port, auth):
        for data, status in (
            (get(b"/jobs", HOST, auth), 200),
            (get(b"/jobs", HOST), 401),
            (get(b"/jobs", auth), 421),  # no Host
            (get(b"/jobs", HOST, b"Host: evil.example\r\n", auth), 421),
            (get(b"/jobs", b"Host: evil.example\r\n", auth), 421),
            (get(b"/jobs", HOST, auth, auth), 401),
            (get(b"/jobs", HOST, auth, b"Origin: https://evil.example\r\n"), 403),
            (get(b"http://evil.example/jobs", b"Host: evil.example\r\n", auth), 421),
            (get(b"/healthz/../jobs", HOST), 404),
            (get(b"//localhost/jobs", HOST), 404),
            (get(b"/healthz#/jobs", HOST), 200),  # what stands behind # is no part of a path
            (get(b"/jobs\0", HOST, auth), 400),
            (get(b"/jobs\xff", HOST, auth), 400),
            (get(b"/jobs", HOST, b"Authorization: Bearer\r\n x\r\n"), 400),  # folded
            (b"GET /jobs HTTP/1.0\r\n" + auth + b"\r\n", 421),
            (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", 404),
            (b"CONNECT localhost:1 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),  # TLS
            (b"POST /check HTTP/1.1\r\n" + HOST + auth + b"Content-Length: -1\r\n\r\n", 400),
            (b"POST /check HTTP/1.1\r\n" + HOST + auth + JSON + b"Content-Length: 2\r\n"
             b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
            (b"POST /check HTTP/1.1\r\n" + HOST + auth + JSON
             + b"Content-Length: 99999999999999999999\r\n\r\n", 400),
            (b"POST /check HTTP/1.1\r\n" + HOST + auth + JSON
             + b"Content-Length: 99999999999999\r\n\r\n", 413),
            (b"POST /check HTTP/1.1\r\n" + HOST + auth + b"Content-Length: 2\r\n\r\n{}", 415),
        ):  # fmt: skip
            found = await exchange(port, data)
            assert found.startswith(b"HTTP/1.1 %d " % status), (data[:80], found)


@pytest.mark.parametrize("first", [b"", get(b"/events", HOST, b"TOKEN")], ids=["alone", "behind"])
async def test_half_a_body_does_not_hold_up_the_end(
    first: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sends it is told by the end of the connection; what came whole before is answered."""
    monkeypatch.setattr(server, "CLOSING", 1_000_000)
    monkeypatch.setattr(wire, "COMING", 1_000_000)
    async with listening() as (port, auth):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        half = b"Content-Length: 9\r\nExpect: 100-continue\r\n\r\n{"
        first = first.replace(b"TOKEN", auth)
        writer.write(first + b"POST /check HTTP/1.1\r\n" + HOST + auth + JSON + half)
        status = b"200" if first else b"100"
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 %s " % status)
    rest = await reader.read()
    assert b"0\r\n\r\n" in rest if first else rest == b""
    writer.close()


async def test_two_requests_on_one_connection_are_each_asked_who_they_are() -> None:
    async with listening() as (port, auth):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(get(b"/jobs", HOST, auth) + get(b"/jobs", HOST))
        for status in (b"200", b"401"):
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.split(b" ", 2)[1] == status
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
        writer.close()


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"])
async def test_a_head_without_end_is_not_kept(end: bytes) -> None:
    async with listening() as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /jobs HTTP/1.1\r\n" + HOST + b"X-Long: ")
        try:
            for _ in range(64):
                writer.write(b"a" * 64 * 1024)
                await writer.drain()
            writer.write(end)
            found = await reader.read()
        except ConnectionError:
            found = b"HTTP/1.1 431"  # it was faster to close than we to read
        assert found.startswith(b"HTTP/1.1 431")
        writer.close()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GET /jobs HT",
        b"GET /jobs HTTP/1.1\r\nHost: localhost\r\n",
        b"POST /check HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{",
        get(b"/healthz", HOST) + b"GET /jo",
    ],
)
async def test_a_request_that_does_not_come_is_dropped(
    data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "COMING", 0.05)
    async with listening() as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        with suppress(ConnectionError):
            await reader.read()  # until it is closed
        writer.close()


async def test_a_stream_is_no_request_that_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[BoundedProtocol] = []
    connection_made = BoundedProtocol.connection_made

    def noted(self: BoundedProtocol, transport: asyncio.Transport) -> None:
        connection_made(self, transport)
        assert self._until is not None
        made.append(self)

    monkeypatch.setattr(BoundedProtocol, "connection_made", noted)
    async with listening() as (port, auth):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(get(b"/events", HOST, auth))
        await reader.readuntil(b"retry: 1000")
        assert [one._until for one in made] == [None]
        writer.close()


async def test_no_answer_waits_for_an_acknowledgement() -> None:
    """Nagle's algorithm is off on what is accepted: head and body are sent one after the other."""
    accepted: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    class Noting(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            accepted.set_result(transport.get_extra_info("socket"))

    with bound("127.0.0.1", 0) as ours:
        server = await asyncio.get_running_loop().create_server(Noting, sock=ours)
        port = ours.getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        found = await accepted
        assert found.getsockopt(IPPROTO_TCP, TCP_NODELAY)
        writer.close()
        server.close()


class Line(asyncio.Transport):
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def resume_reading(self) -> None:
        pass

    def pause_reading(self) -> None:
        pass


class Hours:
    """A loop whose time is told."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.now = 1_000.0
        self.timers: list[tuple[float, Any, asyncio.TimerHandle]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, call: Any) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, call, (), self.loop)
        self.timers.append((when, call, handle))
        return handle

    def create_task(self, work: Any) -> asyncio.Task[Any]:
        return self.loop.create_task(work)

    def go(self, seconds: float) -> None:
        """Time passes, and what is due then is called."""
        self.now += seconds
        due = [one for one in self.timers if one[0] <= self.now]
        self.timers = [one for one in self.timers if one[0] > self.now]
        for _, call, handle in due:
            if not handle.cancelled():
                call()


def connected(app: Any) -> tuple[BoundedProtocol, Line, Hours]:
    """A connection to an application, its other end, and the clock."""
    config = server.configured(app)
    config.load()
    state = ServerState()
    state.default_headers = [(b"date", b"today")]
    hours: Any = Hours()
    protocol = BoundedProtocol(config, state, {}, hours)
    line = Line()
    protocol.connection_made(line)
    return protocol, line, hours


def answers(*messages: dict[str, Any], fields: Any = ((b"content-length", b"2"),)) -> Any:
    """An application that sends this, and what it met."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(fields)})
        for message in messages:
            await send({"type": "http.response.body", **message})

    return app


async def settled(protocol: BoundedProtocol) -> None:
    """Wait until what was asked is answered."""
    while protocol.tasks:
        await asyncio.sleep(0)


OK = b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-length: 2\r\n\r\nok"


async def test_a_whole_answer_leaves_in_one_piece() -> None:
    protocol, line, _ = connected(answers({"body": b"ok"}))
    protocol.data_received(get(b"/", HOST) + get(b"/", HOST))
    await settled(protocol)
    assert line.written == [OK, OK]
    assert not line.closed
    assert protocol.server_state.total_requests == 2


@pytest.mark.parametrize(
    ("app", "request_", "found", "closed"),
    [
        (answers({"body": b"o", "more_body": True}, {"body": b"k"}), get(b"/", HOST), OK, False),
        (
            answers({"body": b"ok"}, fields=((b"x", b"1\r\ny: 2"), (b"content-length", b"2"))),
            get(b"/", HOST),
            b"",
            True,
        ),
        (answers({"body": b"longer"}), get(b"/", HOST), OK[:-2], True),
        (
            answers(),  # no body at all
            get(b"/", HOST),
            b"HTTP/1.1 500 Internal Server Error\r\ndate: today\r\n"
            b"content-type: text/plain; charset=utf-8\r\ncontent-length: 21\r\n"
            b"connection: close\r\n\r\nInternal Server Error",
            True,
        ),
        (
            answers({"body": b"ok"}),
            get(b"/", HOST, b"Connection: close\r\n"),
            OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"),
            True,
        ),
        (answers({"body": b""}), get(b"/", HOST).replace(b"GET", b"HEAD"), OK[:-2], False),
        (
            answers({"body": b"ok"}, fields=((b"x", b"y"),)),
            get(b"/", HOST),
            b"HTTP/1.1 200 OK\r\ndate: today\r\nx: y\r\ntransfer-encoding: chunked\r\n\r\n"
            b"2\r\nok\r\n0\r\n\r\n",
            False,
        ),
    ],
)
async def test_what_is_out_of_the_ordinary_is_as_uvicorn_has_it(
    app: Any, request_: bytes, found: bytes, closed: bool
) -> None:
    protocol, line, _ = connected(app)
    protocol.data_received(request_)
    await settled(protocol)
    assert (b"".join(line.written), line.closed) == (found, closed)


async def test_an_answer_waits_until_the_other_side_reads() -> None:
    protocol, line, _ = connected(answers({"body": b"ok"}))
    protocol.pause_writing()
    protocol.data_received(get(b"/", HOST))
    for _ in range(10):
        await asyncio.sleep(0)
    assert line.written == []
    protocol.resume_writing()
    await settled(protocol)
    assert b"".join(line.written) == OK


async def test_whoever_is_gone_is_sent_nothing() -> None:
    protocol, line, _ = connected(answers({"body": b"ok"}))
    protocol.data_received(get(b"/", HOST))
    protocol.connection_lost(None)
    await settled(protocol)
    assert line.written == []


async def test_a_connection_has_one_timer() -> None:
    protocol, line, hours = connected(answers({"body": b"ok"}))
    for _ in range(50):
        hours.go(1)
        protocol.data_received(get(b"/", HOST))
        await settled(protocol)
    assert len(hours.timers) <= 2  # that of the beginning was cancelled
    hours.go(server.IDLE - 1)
    assert not line.closed
    hours.go(1)
    assert line.closed


@pytest.mark.parametrize("data", [b"\r\n", b"\r\n" * 100])
async def test_blank_lines_are_no_request(data: bytes) -> None:
    """They may stand in front of one (RFC 9112, 2.2), and hold no connection."""
    protocol, line, hours = connected(answers({"body": b"ok"}))
    protocol.data_received(data)
    hours.go(wire.COMING)
    assert line.closed
    protocol, line, hours = connected(answers({"body": b"ok"}))
    protocol.data_received(get(b"/", HOST))
    await settled(protocol)
    for _ in range(server.IDLE):
        assert not line.closed
        protocol.data_received(data)
        hours.go(1)
    assert line.closed


async def test_a_request_has_its_time_from_its_first_byte() -> None:
    protocol, line, hours = connected(answers({"body": b"ok"}))
    protocol.data_received(get(b"/", HOST))
    await settled(protocol)
    hours.go(server.IDLE - 1)
    protocol.data_received(b"GET /")
    for _ in range(int(wire.COMING) - 1):
        hours.go(1)
        protocol.data_received(b"a")
        assert not line.closed
    hours.go(1)
    assert line.closed


async def test_a_request_that_is_being_answered_is_not_waited_for() -> None:
    held = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await held.wait()
        await answers({"body": b"ok"})(scope, receive, send)

    protocol, line, hours = connected(app)
    protocol.data_received(get(b"/", HOST))
    hours.go(1_000_000)
    assert not line.closed
    held.set()
    await settled(protocol)
    assert line.written == [OK]


async def test_what_stands_behind_a_body_is_no_part_of_the_head() -> None:
    async with listening() as (port, auth):
        body = b'{"document": "skript: x"}'
        chunked = b"Transfer-Encoding: chunked\r\n"
        whole = b"%x\r\n%s\r\n0\r\n" % (len(body), body)
        for head, trailer, status in (
            (HOST + JSON + auth, b"", 200),
            (HOST + JSON, auth, 401),
            (JSON + auth, HOST, 421),
            (HOST + auth, JSON, 415),
        ):
            request = b"POST /check HTTP/1.1\r\n" + head + chunked + b"\r\n" + whole
            found = await exchange(port, request + trailer + b"\r\n")
            assert found.startswith(b"HTTP/1.1 %d " % status), (trailer, found)


@pytest.mark.parametrize("field", [b"X-%d: " + b"a" * 1000 + b"\r\n", b"a" * 1000])
async def test_what_stands_behind_a_body_is_bounded(field: bytes) -> None:
    async with listening() as (port, auth):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = HOST + JSON + auth + b"Transfer-Encoding: chunked\r\n\r\n"
        writer.write(b"POST /check HTTP/1.1\r\n" + head + b"2\r\n{}\r\n0\r\n")
        with suppress(ConnectionError):
            for number in range(2_000):
                writer.write(field % number if b"%d" in field else field)
                await writer.drain()
            while await reader.read(65_536):
                pass
        writer.close()


async def test_what_was_answered_before_it_had_come_is_waited_for_no_more() -> None:
    protocol, line, hours = connected(answers({"body": b"ok"}))
    protocol.data_received(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\n")
    await settled(protocol)
    assert line.written == [OK]
    protocol.data_received(b"{}")
    hours.go(server.IDLE - 1)
    assert not line.closed
    hours.go(1)
    assert line.closed


@pytest.mark.parametrize("behind", [b"GE", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"])
async def test_half_a_request_behind_an_answer_does_not_end_it(behind: bytes) -> None:
    held = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await held.wait()
        await answers({"body": b"ok"})(scope, receive, send)

    protocol, line, hours = connected(app)
    protocol.data_received(get(b"/", HOST) + behind)
    for _ in range(5):
        hours.go(wire.COMING)
    assert not line.closed
    held.set()
    await settled(protocol)
    assert line.written[0] == OK
    hours.go(wire.COMING)
    hours.go(wire.COMING)
    assert line.closed
