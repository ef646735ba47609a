"""A service in this process, and a client that writes requests as they are, tricks included."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from runeskript.engine.runtime import Runtime
from runeskript.service.app import App
from runeskript.service.service import Service
from runeskript.service.settings import Settings


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def etag(self) -> str:
        return self.headers["etag"]


class Client:
    """``path`` is sent as it is written, percent signs and all."""

    def __init__(self, app: App, headers: Mapping[str, str] | None = None) -> None:
        self.app = app
        self.headers = {"host": "localhost", **(headers or {})}

    def as_(self, token: str) -> Client:
        return Client(self.app, {**self.headers, "authorization": f"Bearer {token}"})

    def scope(self, method: str, path: str, headers: Mapping[str, str]) -> dict[str, Any]:
        raw, _, query = path.encode("utf-8", "surrogateescape").partition(b"?")
        given = {**self.headers, **headers}
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": raw.decode("utf-8", "replace"),
            "raw_path": raw,
            "query_string": query,
            "root_path": "",
            "headers": [
                (k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in given.items()
            ],
            "client": ("127.0.0.1", 50_000),
            "server": ("127.0.0.1", 8440),
        }

    async def ask(
        self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, **headers: str
    ) -> Reply:
        """One request; ``headers``: with underscores for dashes."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        data = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        if data and "content-type" not in named:
            named["content-type"] = "application/json"
        sent = False

        async def receive() -> dict[str, Any]:
            nonlocal sent
            if sent:
                await asyncio.Event().wait()
            sent = True
            return {"type": "http.request", "body": data, "more_body": False}

        status, found, parts = 0, {}, []

        async def send(message: Any) -> None:
            nonlocal status, found
            if message["type"] == "http.response.start":
                status = message["status"]
                found = {k.decode(): v.decode("latin-1") for k, v in message["headers"]}
            else:
                parts.append(message.get("body", b""))

        await self.app(self.scope(method, path, named), receive, send)
        return Reply(status, found, b"".join(parts))

    async def get(self, path: str, **headers: str) -> Reply:
        return await self.ask("GET", path, **headers)

    async def post(self, path: str, body: Any = None, **headers: str) -> Reply:
        return await self.ask("POST", path, body, **headers)

    async def put(self, path: str, body: Any = None, **headers: str) -> Reply:
        return await self.ask("PUT", path, body, **headers)

    @asynccontextmanager
    async def stream(self, path: str, **headers: str) -> AsyncIterator[Stream]:
        """A stream of events, which is dropped at the end."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        stream = Stream()
        task = asyncio.create_task(
            self.app(self.scope("GET", path, named), stream.receive, stream.send)
        )
        task.add_done_callback(lambda _: stream.over.set())
        try:
            await stream.started.wait()
            yield stream
        finally:
            stream.gone.set()
            await task


class Event(NamedTuple):
    id: str | None
    kind: str
    data: Any


class Stream:
    """What came of a stream so far. ``taken``: it takes no more while this is not set."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.gone = asyncio.Event()
        self.ended = asyncio.Event()
        #: Whether the service has done with it, ended or not.
        self.over = asyncio.Event()
        self.takes = asyncio.Event()
        self.takes.set()
        self.status = 0
        self.headers: dict[str, str] = {}
        self.text = b""
        self._more = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {k.decode(): v.decode("latin-1") for k, v in message["headers"]}
            self.started.set()
            return
        await self.takes.wait()
        self.text += message.get("body", b"")
        if not message.get("more_body", False):
            self.ended.set()
        self._more.set()

    def events(self) -> list[Event]:
        """All whole events so far, comments left out."""
        found = []
        for block in self.text.decode().split("\n\n")[:-1]:
            fields = dict(line.split(": ", 1) for line in block.splitlines() if line[:1] != ":")
            if "data" in fields:
                found.append(Event(fields.get("id"), fields["event"], json.loads(fields["data"])))
        return found

    async def ready(self) -> None:
        """Until it says where it stands."""
        while b"\nid: " not in self.text:
            self._more.clear()
            await self._more.wait()

    async def until(self, number: int) -> list[Event]:
        """The events once there are so many."""
        while len(found := self.events()) < number:
            self._more.clear()
            assert not self.ended.is_set(), f"it ended with {len(found)} events"
            await self._more.wait()
        return found


@asynccontextmanager
async def served(
    *, store: Any = "memory://", settings: Settings | None = None, **options: Any
) -> AsyncIterator[Client]:
    """A service that runs, and a client of it that says no more than it is told to."""
    service = Service(Runtime(store=store, **options), settings, options.get("telemetry"))
    await service.start()
    try:
        yield Client(App(service))
    finally:
        await service.stop()
