"""What ``/openapi.json`` says is what the service does: requests that fit it, and ones that do not,
with all of schemathesis' checks on. No 5xx, no answer that is not in it.

``RUNE_SCHEMATHESIS`` is the number of requests drawn for each operation besides those that stand
for each limit and each mistake; ``make fuzz`` gives many.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.python.asgi import HOST

from runeskript import Runtime, Telemetry
from runeskript.engine.clock import SystemClock
from runeskript.service import tokens
from runeskript.service.app import App
from runeskript.service.openapi import document
from runeskript.service.service import Service
from runeskript.service.settings import Settings
from runeskript.stores.memory import MemoryStore

EXAMPLES = int(os.environ.get("RUNE_SCHEMATHESIS", "3"))
#: From how many on it is no test any more, but a search.
MANY = 10
SCOPES = ("read", "operate", "deploy", "admin")
#: What a request that fits the table may be answered with: 422 for what no schema can say (a text
#: that is no skript, a cursor of another search), 412 for a revision.
FITS = ("2xx", "304", "401", "403", "404", "409", "412", "422", "503")
WAITS = "skript: waits\ndo:\n  - listen: go\n    into: got\n  - return: 1\n"
DOOR = """
machine: door
initial: open
states: {open: {}, shut: {}}
transitions:
  - {from: open, event: close, to: shut}
  - {from: shut, event: open, to: open}
"""
DRAWN = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES < MANY,
    database=None,
    suppress_health_check=list(HealthCheck),
)


class Running:
    """A service in memory that starts with its first request, in the loop that it comes in.

    ``scopes``: its store has a token with each of them; without any it is open.
    """

    def __init__(self, *scopes: str) -> None:
        store = MemoryStore(SystemClock().now_ms)
        self.tokens = {
            scope: asyncio.run(
                tokens.create(store, name=scope, tenant="", scopes=[scope], now=store.now())
            )
            for scope in scopes
        }
        telemetry = Telemetry(traces=False)
        runtime = Runtime(store=store, telemetry=telemetry, discover_handlers=False)
        given = Settings(hosts=(HOST,), rate=1_000_000)
        self.service = Service(runtime, given, telemetry)
        self.app = App(self.service)
        self.loop: asyncio.AbstractEventLoop | None = None
        #: What there is to ask for: a job of a skript, and one of a machine.
        self.jobs: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http", "the client is told by this that there is no lifespan"
        if self.loop is None:
            self.loop = asyncio.get_running_loop()
            await self.service.start()
            await self.fill()
        if scope["path"].endswith("/events"):
            await self.glance(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def glance(self, scope: Any, receive: Any, send: Any) -> None:
        """A look at a stream, which may have no end: whoever reads it leaves soon."""
        begun, ended = asyncio.Event(), False

        async def leave() -> Any:
            await begun.wait()
            for _ in range(20):
                await asyncio.sleep(0)
            return {"type": "http.disconnect"}

        async def see(message: Any) -> None:
            nonlocal ended
            begun.set()
            ended = message["type"] == "http.response.body" and not message.get("more_body")
            await send(message)

        await self.app(scope, leave, see)
        if not ended:
            await send({"type": "http.response.body", "body": b""})

    async def fill(self) -> None:
        headers = self.bearing("admin") if self.tokens else {}
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(
            transport=transport, base_url=f"http://{HOST}", headers=headers
        ) as client:
            for route, text in (("/skripts", WAITS), ("/machines", DOOR)):
                assert (await client.put(route, json={"document": text})).status_code == 201
                made = await client.post("/jobs", json={"document": text})
                assert made.status_code == 201, made.text
                self.jobs.append(made.json()["id"])

    def bearing(self, scope: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[scope]}"}

    def stop(self) -> None:
        if self.loop is not None:
            asyncio.run_coroutine_threadsafe(self.service.stop(), self.loop).result(30)


def schema_of(running: Running, scope: str | None = None) -> Any:
    """The table as schemathesis reads it. ``scope``: asked with a token that has it."""
    said = deepcopy(document())
    if scope is not None:
        for path in said["paths"].values():
            for operation in path.values():  # here a token is needed
                operation["security"] = [one for one in operation["security"] if one]
    checks = {"positive_data_acceptance": {"expected-statuses": [*FITS]}}
    given: dict[str, Any] = {"checks": checks}
    if scope is not None and EXAMPLES < MANY:
        given["phases"] = {"coverage": {"enabled": False}}  # that of the open service will do
    config = schemathesis.Config.from_dict(given)
    schema = schemathesis.openapi.from_dict(said, config=config)
    schema.app = running

    @schema.hook
    def map_path_parameters(context: Any, path_parameters: Any) -> Any:
        """Half of what is asked for is there."""
        for name, known in (("id", running.jobs), ("name", ["waits", "door"]), ("version", ["1"])):
            given = (path_parameters or {}).get(name)
            if isinstance(given, str) and known and len(given) % 2:
                path_parameters[name] = known[len(given) // 2 % len(known)]
        return path_parameters

    @schema.hook
    def map_body(context: Any, body: Any) -> Any:
        """And half of the documents are some."""
        text = body.get("document") if isinstance(body, dict) else None
        if isinstance(text, str) and len(text) % 2:
            body["document"] = (WAITS, DOOR)[len(text) // 2 % 2]
        return body

    return schema


OPEN = Running()
GUARDED = Running(*SCOPES)
schema = schema_of(OPEN)
of_read, of_operate, of_deploy, of_admin = (schema_of(GUARDED, scope) for scope in SCOPES)


@pytest.fixture(scope="module", autouse=True)
def stopped() -> Iterator[None]:
    yield
    OPEN.stop()
    GUARDED.stop()


@schema.parametrize()
@DRAWN
def test_an_open_service(case: Any) -> None:
    case.call_and_validate()


@of_read.parametrize()
@DRAWN
def test_with_a_token_that_may_read(case: Any) -> None:
    case.call_and_validate(headers=GUARDED.bearing("read"))


@of_operate.parametrize()
@DRAWN
def test_with_a_token_that_may_operate(case: Any) -> None:
    case.call_and_validate(headers=GUARDED.bearing("operate"))


@of_deploy.parametrize()
@DRAWN
def test_with_a_token_that_may_deploy(case: Any) -> None:
    case.call_and_validate(headers=GUARDED.bearing("deploy"))


@of_admin.parametrize()
@DRAWN
def test_with_a_token_that_may_do_everything(case: Any) -> None:
    case.call_and_validate(headers=GUARDED.bearing("admin"))
