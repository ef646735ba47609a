"""Requests that are sent again, and streams that are taken up, on a wire that breaks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from client.live import Scripted, answer, streamed
from runeskript.client import AsyncClient, Client
from runeskript.client.sse import Event, Events
from runeskript.client.tries import Tries
from runeskript.errors import (
    ForbiddenError,
    JobNotFoundError,
    RateLimitedError,
    RuntimeOptionError,
    ServiceError,
    ServiceUnreachableError,
    UnauthorizedError,
)

HEALTH = answer(200, b'{"status": "ok"}')
RECEIVED = answer(200, b'{"outcome": "accepted"}')
BUSY = answer(503, b"{}", retry_after="7")


def problem(status: int, code: str, detail: str = "no", **headers: str) -> bytes:
    body = {"type": "/errors/x", "title": "t", "status": status, "code": code, "detail": detail}
    return answer(status, json.dumps(body).encode(), "application/problem+json", **headers)


class Told:
    """One call of a method against a script, by either client."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.slept: list[float] = []

    def __call__(
        self,
        script: Sequence[bytes | None],
        does: Callable[[Any], Any],
        token: str | None = "rune_a_b",
        attempts: int = 3,
    ) -> tuple[Any, Scripted]:
        with Scripted(script) as server:
            options: dict[str, Any] = {"env": {}, "attempts": attempts, "timeout": 10}
            if self.kind == "sync":
                with Client(server.url, token, sleep=self.slept.append, **options) as client:
                    found = does(client)
                    return (list(found) if hasattr(found, "__next__") else found), server
            return asyncio.run(self._awaited(server, token, options, does)), server

    async def _awaited(self, server: Scripted, token: Any, options: Any, does: Any) -> Any:
        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)

        async with AsyncClient(server.url, token, sleep=sleep, **options) as client:
            found = does(client)
            if hasattr(found, "__anext__"):
                return [one async for one in found]
            return await found


@pytest.fixture(params=["sync", "async"])
def told(request: pytest.FixtureRequest) -> Told:
    return Told(request.param)


def test_a_change_is_the_same_however_often_it_is_sent(told: Told) -> None:
    found, server = told([None, BUSY, RECEIVED], lambda client: client.signal("go", 1))
    assert found.outcome == "accepted"
    assert len({one.headers["idempotency-key"] for one in server.asked}) == 1
    assert len({one.body for one in server.asked}) == 1 and len(server.asked) == 3
    assert {one.headers["authorization"] for one in server.asked} == {"Bearer rune_a_b"}
    assert 0 < told.slept[0] <= 0.2 and told.slept[1] == 7
    _, other = told([RECEIVED], lambda client: client.signal("go", 1))
    assert other.asked[0].headers["idempotency-key"] != server.asked[0].headers["idempotency-key"]
    _, own = told([RECEIVED], lambda client: client.signal("go", 1, idempotency_key="mine"))
    assert own.asked[0].headers["idempotency-key"] == "mine"


def test_what_only_reads_has_no_key(told: Told) -> None:
    found, server = told([None, HEALTH], lambda client: client.healthz(), token=None)
    assert found.status == "ok"
    assert all("idempotency-key" not in one.headers for one in server.asked)
    assert all("authorization" not in one.headers for one in server.asked)


def test_an_end_of_patience(told: Told) -> None:
    with pytest.raises(ServiceUnreachableError, match=r"127\.0\.0\.1"):
        told([None, None], lambda client: client.healthz(), attempts=2)
    limited = problem(429, "RUNE-6507", retry_after="1")
    with pytest.raises(RateLimitedError) as refused:
        told([limited, limited], lambda client: client.job("x"), attempts=2)
    assert refused.value.retry_after == 1
    # A service that wants to be left alone for an hour is.
    with pytest.raises(RateLimitedError):
        told([problem(429, "RUNE-6507", retry_after="3600")], lambda client: client.job("x"))


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (problem(401, "RUNE-6500"), UnauthorizedError),
        (problem(403, "RUNE-6501"), ForbiddenError),
        (problem(404, "RUNE-6003"), JobNotFoundError),
        (problem(404, "RUNE-9876"), ServiceError),
        (answer(302, b"", location="http://elsewhere/"), ServiceError),
        (answer(404, b"<html>", "text/html"), ServiceError),
        (answer(200, b"<html>", "text/html"), ServiceError),
        (answer(200, b'{"id": 1}'), ServiceError),
        (answer(500, b"{", "application/problem+json"), ServiceError),
        (b"SSH-2.0-x\r\n\r\n", ServiceUnreachableError),
    ],
)
def test_answers_that_are_no_success(told: Told, reply: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        told([reply], lambda client: client.job("x"), attempts=1)


def told_event(seq: int, kind: str = "call.done") -> bytes:
    data = {"seq": seq, "at": 0, "kind": kind, "step": None, "path": [], "data": {}}
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (seq, kind.encode(), json.dumps(data).encode())


END = b"event: job\ndata: {}\n\n"


def test_a_stream_that_breaks_goes_on_behind_its_last_event(told: Told) -> None:
    whole = [told_event(seq) for seq in range(6)]
    script = [
        streamed(b"retry: 1000\n\n" + whole[0] + whole[1] + whole[2][:25]),
        None,
        BUSY,
        streamed(b": alive\n\n" + whole[2] + whole[3][:-1]),
        streamed(whole[3] + b"id: 4\n", chunked=True),
        streamed(whole[4] + whole[5] + END),
    ]
    found, server = told(script, lambda client: client.job_events("j"), attempts=4)
    assert [one.seq for one in found] == [0, 1, 2, 3, 4, 5]
    assert [one.headers.get("last-event-id") for one in server.asked] == [
        None, "1", "1", "1", "2", "3",
    ]  # fmt: skip
    assert {one.headers["accept"] for one in server.asked} == {"text/event-stream"}


def test_a_stream_that_is_over_ends(told: Told) -> None:
    found, server = told([answer(204)], lambda client: client.job_events("j", 7))
    assert found == [] and server.asked[0].headers["last-event-id"] == "7"
    with pytest.raises(JobNotFoundError):
        told([problem(404, "RUNE-6003")], lambda client: client.job_events("j"))
    with pytest.raises(ServiceUnreachableError, match="again and again"):
        told([streamed(b"retry: 1\n\n")] * 2, lambda client: client.job_events("j"), attempts=2)


def test_a_feed_without_events_says_where_it_stands(told: Told) -> None:
    script = [streamed(b"id: 40\n: alive\n\n"), problem(409, "RUNE-7010")]
    with pytest.raises(Exception, match="no") as gone:
        told(script, lambda client: client.events("7"))
    assert getattr(gone.value, "code", "") == "RUNE-7010"


def test_pieces_of_any_size_are_the_same_events() -> None:
    text = b": x\nid: 1\nevent: a\ndata: {\ndata: }\n\r\nid: 2\n\ndata:y\r\n\r\n"
    wanted = [Event("1", "a", b"{\n}"), Event("2", "message", b"y")]
    for size in range(1, len(text) + 1):
        events = Events()
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        assert [one for piece in pieces for one in events.feed(piece)] == wanted
        assert events.id == "2"


def test_delays_grow_up_to_a_bound() -> None:
    tries = Tries(10, lambda: 1.0)
    delays = [tries.again() for _ in range(10)]
    assert delays == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0, 10.0, None]
    assert Tries(2, lambda: 0.0).again({"retry-after": "x"}) == 0.1


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize(
    ("server", "token", "options"),
    [
        (None, None, {}),
        ("localhost:8440", None, {}),
        ("ftp://localhost", None, {}),
        ("http://", None, {}),
        ("http://a:99999", None, {}),
        ("http://user:secret@a", None, {}),
        ("http://a/?b", None, {}),
        ("http://a", "two words", {}),
        ("http://a", "line\r\nx: y", {}),
        ("http://a", None, {"attempts": 0}),
        ("http://a", None, {"timeout": 0}),
    ],
)
def test_options_that_cannot_be(kind: Any, server: Any, token: Any, options: Any) -> None:
    with pytest.raises(RuntimeOptionError) as refused:
        kind(server, token, env={}, **options)
    assert "secret" not in refused.value.message


def test_the_environment_says_where_and_who(told: Told) -> None:
    with Scripted([HEALTH]) as server:
        env = {"RUNE_SERVER": server.url + "/", "RUNE_TOKEN": "rune_x"}
        with Client(env=env) as client:
            assert client.healthz().status == "ok"
        assert server.asked[0].headers["authorization"] == "Bearer rune_x"
        assert server.asked[0].line == "GET /healthz HTTP/1.1"
