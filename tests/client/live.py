"""A service on a socket in a thread, and a server that answers as it is told to."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from runeskript.engine.runtime import Runtime
from runeskript.service.server import bound, serve
from runeskript.service.service import Service
from runeskript.service.settings import Settings


class Live(NamedTuple):
    url: str
    service: Service


@contextmanager
def live(
    store: Any = "memory://", settings: Settings | None = None, **options: Any
) -> Iterator[Live]:
    """A service that can be reached; it ends with the block."""
    listening = bound("127.0.0.1", 0)
    ready = threading.Event()
    service = Service(Runtime(store=store, **options), settings)
    loop = asyncio.new_event_loop()
    task = loop.create_task(serve(service, listening, ready.set))
    thread = threading.Thread(target=_run, args=(loop, task))
    thread.start()
    try:
        assert ready.wait(30)
        yield Live(f"http://127.0.0.1:{listening.getsockname()[1]}", service)
    finally:
        loop.call_soon_threadsafe(service.on_failure)
        thread.join(30)
        listening.close()
        assert not thread.is_alive()


def _run(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    asyncio.set_event_loop(loop)
    loop.run_until_complete(task)
    loop.close()


class Asked(NamedTuple):
    line: str
    headers: dict[str, str]
    body: bytes


class Scripted:
    """Answers connection after connection with the next bytes of its script, then closes it.

    None: the connection is closed without a word.
    """

    def __init__(self, script: Sequence[bytes | None]) -> None:
        self.script = list(script)
        self.asked: list[Asked] = []
        self._listening = bound("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._answer)

    def __enter__(self) -> Scripted:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()
        with socket.socket() as last:  # wakes who accepts
            last.connect_ex(("127.0.0.1", int(self.url.rpartition(":")[2])))
        self._thread.join(30)

    def _answer(self) -> None:
        for answer in self.script:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as file:
                head = list(iter(file.readline, b"\r\n"))
                if not head or not head[0]:
                    return
                line = head[0].decode().strip()
                pairs = (one.decode("latin-1").strip().split(": ", 1) for one in head[1:])
                headers = {name.lower(): value for name, value in pairs}
                body = file.read(int(headers.get("content-length", "0")))
                self.asked.append(Asked(line, headers, body))
                if answer is not None:
                    connection.sendall(answer)
        self._listening.close()


def answer(status: int, body: bytes = b"", kind: str = "application/json", **headers: str) -> bytes:
    """A whole answer."""
    named = {"content-type": kind, "content-length": str(len(body)), "connection": "close"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + body


def streamed(body: bytes, *, chunked: bool = False) -> bytes:
    """The beginning of a stream, which ends where the connection does."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    if chunked:
        return head + b"transfer-encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(body), body)
    return head + b"connection: close\r\n\r\n" + body
