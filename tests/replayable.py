"""A service that answers the same requests in the same way, each time it is made.

It is in memory and on a loop without threads: time passes only where all that is left to do waits
for it, and ids are counted. What a request sets off has come to rest when its answer is handed on,
so what the next one meets does not depend on how fast this machine is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from copy import deepcopy
from typing import Any, Self, TypeVar

from schemathesis.python.asgi import HOST

from runeskript import Runtime, Telemetry
from runeskript.engine.clock import LONGEST_SLEEP
from runeskript.engine.handlers import HandlerContext, handler
from runeskript.engine.ids import SeededIds
from runeskript.service import tokens
from runeskript.service.app import App
from runeskript.service.service import Service
from runeskript.service.settings import Settings
from runeskript.stores.memory import MemoryStore
from runeskript.testing.cluster.loop import SteppedLoop, VirtualClock, VirtualTime
from runeskript.testing.cluster.stage import virtual
from serving import Client, Reply

_T = TypeVar("_T")
#: Steps after which what a request sets off is taken to go in circles.
STEPS = 200_000


@handler("leave", mode="async")
async def leave(params: Any, ctx: HandlerContext) -> Any:
    """A call whose end somebody else will tell."""
    return ctx.pending()


class Kept(MemoryStore):
    """A store that a service leaves open when it stops: a copy of it is another one's."""

    async def close(self) -> None:
        """Stay open."""


class Replayable:
    """A service that runs. ``scopes``: its store has a token with each of them; without any it is
    open.
    """

    def __init__(self, *scopes: str) -> None:
        self.scopes = scopes
        self.time = VirtualTime()
        self.store = Kept(self.time.now_ms)
        self.ids = SeededIds(1)
        self.tokens: dict[str, str] = {}
        #: How many services its store has had before.
        self.copies = 0

    def __enter__(self) -> Self:
        self._around = ExitStack()
        self._around.enter_context(virtual(self.time))
        self.loop = SteppedLoop(self.time)  # type: ignore[abstract]
        telemetry = Telemetry(traces=False)
        runtime = Runtime(
            store=self.store,
            handlers=[leave],
            telemetry=telemetry,
            discover_handlers=False,
            clock=VirtualClock(self.time, self.loop, LONGEST_SLEEP),
            ids=self.ids,
        )
        self.service = Service(runtime, Settings(hosts=(HOST,), rate=1_000_000), telemetry)
        self.service.ids, self.service.name = self.ids, "service"
        self.service.audit._process = f"{self.copies:08x}"
        self.app = App(self.service)
        for scope in self.scopes:
            if scope not in self.tokens:
                made = tokens.create(
                    self.store, name=scope, tenant="", scopes=[scope], now=self.store.now()
                )
                self.tokens[scope] = self.do(made)
        self.do(self.service.start())
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self.do(self.service.stop())
        finally:
            self.loop.bury()
            self._around.close()
        assert not self.loop.raised, self.loop.raised

    def copy(self) -> Replayable:
        """Another one, which begins where this one has stopped."""
        other = Replayable(*self.scopes)
        other.tokens, other.copies = self.tokens, self.copies + 1
        other.time, other.store, other.ids = deepcopy((self.time, self.store, self.ids))
        return other

    def bearing(self, scope: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[scope]}"}

    # --- requests -------------------------------------------------------------------------------
    def ask(self, method: str, path: str, body: Any = None, scope: str = "admin") -> Reply:
        """A request with a token, if it is one to have some."""
        headers = self.bearing(scope) if self.scopes else {}
        headers["Content-Type"] = "application/json"
        data = b"" if body is None else json.dumps(body).encode()
        return self.answer(Client(self.app).scope(method, path, headers), data)

    def answer(self, scope: Any, body: bytes) -> Reply:
        """What it answers; of a stream, what it has to say for now."""
        sent = iter([body])
        gone = self.loop.create_future()
        streams = False
        head: dict[str, Any] = {}
        parts: list[bytes] = []

        async def receive() -> dict[str, Any]:
            for data in sent:
                return {"type": "http.request", "body": data, "more_body": False}
            await gone
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            nonlocal streams
            if message["type"] == "http.response.start":
                head.update(message)
            else:
                parts.append(message.get("body", b""))
                streams = message.get("more_body", False)

        def leave() -> bool:
            if streams and not gone.done():
                gone.set_result(None)
                return True
            return False

        self.do(self.app(scope, receive, send), leave)
        self.time.now += 0.001
        headers = {name.decode(): value.decode("latin-1") for name, value in head["headers"]}
        return Reply(head["status"], headers, b"".join(parts))

    # --- the loop -------------------------------------------------------------------------------
    def do(self, work: Coroutine[Any, Any, _T], waits: Callable[[], bool] | None = None) -> _T:
        """The end of it, and of all that can happen by then. ``waits``: what is to be told that
        nothing is left to do now; whether it has done something about it.
        """
        task = self.loop.create_task(work)
        while not task.done():
            self._rest()
            due = self.loop.due()
            if task.done() or (waits is not None and waits()):
                continue
            assert due is not None, "it waits for what will never come"
            self.time.now = max(self.time.now, due)
        self._rest()
        return task.result()

    def _rest(self) -> None:
        """Do what can be done without time that passes."""
        for _ in range(STEPS):
            due = self.loop.due()
            if due is None or due > self.time.now:
                return
            self.loop.step()
        raise AssertionError("it goes in circles")


class Present:
    """The ASGI application of whichever service is asked at present."""

    def __init__(self) -> None:
        self.service: Replayable | None = None
        #: What services were asked, and what they answered.
        self.told: list[tuple[Any, bytes, Reply]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http", "the client is told by this that there is no lifespan"
        assert self.service is not None
        body = (await receive()).get("body", b"")
        found = self.service.answer(scope, body)
        self.told.append((scope, body, found))
        head = [(name.encode(), value.encode("latin-1")) for name, value in found.headers.items()]
        await send({"type": "http.response.start", "status": found.status, "headers": head})
        await send({"type": "http.response.body", "body": found.body})
