"""http.* against a real server on loopback."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from runeskript.engine.runtime import Runtime

Start = Callable[..., Awaitable[Runtime]]

NEVER = web.AppKey("never", asyncio.Event)


async def echo(request: web.Request) -> web.Response:
    return web.json_response(
        {
            "method": request.method,
            "query": [[k, v] for k, v in request.query.items()],
            "headers": {k.lower(): v for k, v in request.headers.items()},
            "body": (await request.read()).decode(),
        }
    )


async def answer(request: web.Request) -> web.Response:
    kind = request.match_info["kind"]
    table: dict[str, Callable[[], web.Response]] = {
        "text": lambda: web.Response(text="grüße", charset="utf-8"),
        "latin": lambda: web.Response(
            body="grüße".encode("latin-1"), headers={"Content-Type": "text/plain; charset=latin-1"}
        ),
        "binary": lambda: web.Response(body=b"\x00\xff"),
        "empty": lambda: web.Response(status=204),
        "nan": lambda: web.Response(text="[NaN]", content_type="application/json"),
        "huge": lambda: web.Response(text=str(2**70), content_type="application/json"),
        "deep": lambda: web.Response(text="[" * 300 + "]" * 300, content_type="application/json"),
        "deeper": lambda: web.Response(text="[" * 100_000, content_type="application/json"),
        "problem": lambda: web.Response(
            status=422, text='{"title": "no"}', content_type="application/problem+json"
        ),
        "error": lambda: web.Response(status=503, text="busy", reason="Busy"),
        "slow-down": lambda: web.Response(status=429, headers={"Retry-After": "3"}),
        "missing": lambda: web.Response(status=404, text="<p>no</p>", content_type="text/html"),
        "bad-charset": lambda: web.Response(
            body=b"x", headers={"Content-Type": "text/plain; charset=no"}
        ),
        "big": lambda: web.Response(body=b"x" * 5000),
        "bomb": lambda: web.Response(
            body=gzip.compress(b"x" * 5_000_000), headers={"Content-Encoding": "gzip"}
        ),
        "twice": lambda: web.Response(headers=[("X-A", "1"), ("X-A", "2")]),  # type: ignore[arg-type]
    }
    return table[kind]()


async def redirect(request: web.Request) -> web.Response:
    status = int(request.match_info["status"])
    return web.Response(status=status, headers={"Location": request.query["to"]})


async def circle(request: web.Request) -> web.Response:
    return web.Response(status=302, headers={"Location": "/circle"})


async def hang(request: web.Request) -> web.Response:
    await request.app[NEVER].wait()
    return web.Response()


async def drop(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


@pytest.fixture
async def server() -> AsyncIterator[str]:
    app = web.Application()
    app[NEVER] = asyncio.Event()
    app.router.add_route("*", "/echo", echo)
    app.router.add_get("/answer/{kind}", answer)
    app.router.add_route("*", "/redirect/{status}", redirect)
    app.router.add_get("/circle", circle)
    app.router.add_get("/hang", hang)
    app.router.add_get("/drop", drop)
    server = TestServer(app)
    await server.start_server()
    try:
        yield str(server.make_url("")).rstrip("/")
    finally:
        app[NEVER].set()
        await server.close()


def doc(handler: str, params: dict[str, Any]) -> str:
    return json.dumps(
        {
            "skript": "web",
            "do": [
                {"call": handler, "with": params, "into": "r"},
                {"return": "${r}"},
            ],
        }
    )


LOOPBACK = {"allow_hosts": ["127.0.0.1"]}


async def ask(rt: Runtime, handler: str, **params: Any) -> Any:
    return (await rt.run_job(doc(handler, params))).unwrap()


async def error(rt: Runtime, handler: str, **params: Any) -> Any:
    result = await rt.run_job(doc(handler, params))
    assert result.error is not None, result.output
    return result.error


async def test_get(runtime: Start, server: str) -> None:
    rt = await runtime(**LOOPBACK)
    result = await ask(
        rt,
        "http.get",
        url=f"{server}/echo?a=1",
        query={"b": [2, "x y"], "c": True, "d": None},
        headers={"X-Number": 5},
    )
    assert list(result) == ["status", "headers", "body"]
    assert result["status"] == 200
    assert result["headers"]["content-type"].startswith("application/json")
    body = result["body"]
    assert body["method"] == "GET"
    assert body["query"] == [["a", "1"], ["b", "2"], ["b", "x y"], ["c", "true"], ["d", ""]]
    assert body["headers"]["x-number"] == "5"
    assert body["headers"]["user-agent"] == "runeskript"
    assert "idempotency-key" not in body["headers"]


@pytest.mark.parametrize(
    ("handler", "key"),
    [("http.post", True), ("http.patch", True), ("http.put", False), ("http.delete", False)],
)
async def test_methods_and_idempotency_key(
    runtime: Start, server: str, handler: str, key: bool
) -> None:
    rt = await runtime(**LOOPBACK)
    body = (await ask(rt, handler, url=f"{server}/echo"))["body"]
    assert body["method"] == handler[5:].upper()
    assert ("idempotency-key" in body["headers"]) is key
    if key:
        assert len(body["headers"]["idempotency-key"]) == 32
        own = await ask(rt, handler, url=f"{server}/echo", headers={"idempotency-key": "mine"})
        assert own["body"]["headers"]["idempotency-key"] == "mine"


@pytest.mark.parametrize(
    ("params", "sent", "kind"),
    [
        ({"body": {"a": [1]}}, '{"a":[1]}', "application/json"),
        ({"body": "plain"}, "plain", "text/plain; charset=utf-8"),
        ({"body": None}, "", None),
        ({"json": "text"}, '"text"', "application/json"),
        ({"json": None}, "null", "application/json"),
        ({"text": "ü"}, "ü", "text/plain; charset=utf-8"),
        ({"text": "a=b", "headers": {"Content-Type": "x/y"}}, "a=b", "x/y"),
    ],
)
async def test_bodies(
    runtime: Start, server: str, params: dict[str, Any], sent: str, kind: str | None
) -> None:
    rt = await runtime(**LOOPBACK)
    body = (await ask(rt, "http.post", url=f"{server}/echo", **params))["body"]
    assert body["body"] == sent
    if kind is not None:
        assert body["headers"]["content-type"] == kind


async def test_request(runtime: Start, server: str) -> None:
    rt = await runtime(**LOOPBACK)
    result = await ask(rt, "http.request", method="options", url=f"{server}/echo")
    assert result["body"]["method"] == "OPTIONS"
    head = await ask(rt, "http.request", method="HEAD", url=f"{server}/echo")
    assert (head["status"], head["body"]) == (200, None)
    assert (await error(rt, "http.request", method="NO GET", url=f"{server}/echo"))["type"] == (
        "params"
    )


@pytest.mark.parametrize(
    ("kind", "body"),
    [("text", "grüße"), ("latin", "grüße"), ("empty", None), ("binary", "AP8=")],
)
async def test_answers(runtime: Start, server: str, kind: str, body: Any) -> None:
    rt = await runtime(**LOOPBACK)
    result = await ask(rt, "http.get", url=f"{server}/answer/{kind}")
    assert result["body"] == body
    assert result.get("encoding") == ("base64" if kind == "binary" else None)


async def test_repeated_headers_are_joined(runtime: Start, server: str) -> None:
    rt = await runtime(**LOOPBACK)
    result = await ask(rt, "http.get", url=f"{server}/answer/twice")
    assert result["headers"]["x-a"] == "1, 2"


@pytest.mark.parametrize(
    ("kind", "type_", "says"),
    [
        ("nan", "http.body", "NaN"),
        ("huge", "http.body", "64 bits"),
        ("deep", "http.body", "no JSON value"),
        ("deeper", "http.body", "no JSON value"),
        ("bad-charset", "http.body", "no text"),
        ("big", "http.too_large", "1000 bytes"),
        ("bomb", "http.too_large", "1000 bytes"),
        ("error", "http.503", "503 Busy"),
        ("slow-down", "http.429", "429"),
        ("missing", "http.404", "404"),
        ("problem", "http.422", "422"),
    ],
)
async def test_bad_answers(runtime: Start, server: str, kind: str, type_: str, says: str) -> None:
    rt = await runtime(**LOOPBACK)
    most = 200_000 if kind == "deeper" else 1000
    found = await error(rt, "http.get", url=f"{server}/answer/{kind}", max_bytes=most)
    assert found["type"] == type_
    assert says in found["message"]


async def test_data_of_an_error(runtime: Start, server: str) -> None:
    rt = await runtime(**LOOPBACK)
    problem = await error(rt, "http.get", url=f"{server}/answer/problem")
    assert problem["data"]["status"] == 422
    assert problem["data"]["body"] == {"title": "no"}
    missing = await error(rt, "http.get", url=f"{server}/answer/missing?secret=1")
    assert missing["data"]["body"] == "<p>no</p>"
    assert "secret" not in missing["message"]


async def test_timeout(runtime: Start, server: str) -> None:
    rt = await runtime(**LOOPBACK)
    found = await error(rt, "http.get", url=f"{server}/hang", timeout="20ms")
    assert found["type"] == "timeout"


async def test_connection_that_breaks_or_never_was(runtime: Start, server: str) -> None:
    rt = await runtime(**LOOPBACK)
    assert (await error(rt, "http.get", url=f"{server}/drop"))["type"] == "connect"
    assert (await error(rt, "http.get", url="http://127.0.0.1:1/"))["type"] == "connect"


async def test_bad_parameters(runtime: Start, server: str) -> None:
    rt = await runtime(**LOOPBACK)
    for params in (
        {"url": "ftp://127.0.0.1/"},
        {"url": "not a url"},
        {"url": "http://"},
        {"url": f"{server}/echo", "timeout": "soon"},
        {"url": f"{server}/echo", "timeout": 0},
        {"url": f"{server}/echo", "max_bytes": 0},
        {"url": f"{server}/echo", "headers": {"a\nb": "c"}},
        {"url": "http://127.0.0.1:99999/"},
    ):
        assert (await error(rt, "http.get", **params))["type"] == "params", params
    both = await error(rt, "http.post", url=f"{server}/echo", body=1, json=2)
    assert both["message"] == "`body` and `json` cannot both be given"


async def test_redirects(runtime: Start, server: str) -> None:
    rt = await runtime(**LOOPBACK)
    for status, method, after in (
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "PUT", "GET"),
        (307, "POST", "POST"),
        (308, "PUT", "PUT"),
    ):
        result = await ask(
            rt,
            "http.request",
            method=method,
            url=f"{server}/redirect/{status}",
            query={"to": "/echo"},
            body={"x": 1},
            headers={"Authorization": "Bearer t"},
        )
        assert result["body"]["method"] == after
        assert result["body"]["body"] == ("" if after == "GET" else '{"x":1}')
        assert result["body"]["headers"]["authorization"] == "Bearer t"
    kept = await ask(
        rt, "http.get", url=f"{server}/redirect/302", query={"to": "/echo"}, follow_redirects=False
    )
    assert (kept["status"], kept["headers"]["location"]) == (302, "/echo")


async def test_redirects_in_a_circle_and_to_nowhere(runtime: Start, server: str) -> None:
    rt = await runtime(**LOOPBACK)
    found = await error(rt, "http.get", url=f"{server}/circle")
    assert (found["type"], found["code"]) == ("http.redirect", "RUNE-5034")
    assert "more than 10" in found["message"]
    for to in ("file:///etc/passwd", "http://", "http://[x"):
        lost = await error(rt, "http.get", url=f"{server}/redirect/302", query={"to": to})
        assert lost["type"] == "http.redirect"


async def test_credentials_stay_with_their_origin(runtime: Start, server: str) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    rt = await runtime(allow_hosts=["127.0.0.1"], resolver=resolve)
    port = server.rpartition(":")[2]
    result = await ask(
        rt,
        "http.post",
        url=f"{server}/redirect/307",
        query={"to": f"http://other.example:{port}/echo"},
        headers={"Authorization": "Bearer t", "Cookie": "a=b", "X-Other": "stays"},
    )
    headers = result["body"]["headers"]
    assert "authorization" not in headers
    assert "cookie" not in headers
    assert "idempotency-key" not in headers
    assert headers["x-other"] == "stays"


# --- the guard ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "0x7f000001",
        "017700000001",
        "127.1",
        "0.0.0.0",
        "169.254.169.254",
        "10.0.0.1",
        "[fd00:ec2::254]",
        "[::]",
        "[64:ff9b::7f00:1]",
    ],
)
async def test_addresses_in_the_url_are_denied(runtime: Start, server: str, host: str) -> None:
    rt = await runtime()
    port = server.rpartition(":")[2]
    found = await error(rt, "http.get", url=f"http://{host}:{port}/echo", timeout="5s")
    assert found["type"] == "http.denied"
    assert found["code"] == "RUNE-5031"


async def test_localhost_by_the_real_resolver_is_denied(runtime: Start, server: str) -> None:
    rt = await runtime()
    port = server.rpartition(":")[2]
    found = await error(rt, "http.get", url=f"http://localhost:{port}/echo")
    assert found["type"] == "http.denied"


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "::1", "::ffff:169.254.169.254"])
async def test_a_name_that_resolves_to_a_private_address(runtime: Start, address: str) -> None:
    asked: list[tuple[str, int]] = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return [address]

    rt = await runtime(resolver=resolve)
    found = await error(rt, "http.get", url="http://evil.example/")
    assert found["type"] == "http.denied"
    assert "evil.example" in found["message"]
    assert asked == [("evil.example", 80)]


async def test_of_mixed_addresses_only_the_allowed_are_used(runtime: Start, server: str) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["10.0.0.1", "127.0.0.1"]

    rt = await runtime(resolver=resolve, allow_hosts=["127.0.0.0/8"])
    port = server.rpartition(":")[2]
    assert (await ask(rt, "http.get", url=f"http://mixed.example:{port}/echo"))["status"] == 200


async def test_what_was_checked_is_what_is_connected_to(runtime: Start, server: str) -> None:
    """DNS rebinding: the second answer would be another one; it is never asked for."""
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])

    async def resolve(host: str, port: int) -> list[str]:
        return next(answers)

    rt = await runtime(resolver=resolve, allow_hosts=["127.0.0.1"])
    port = server.rpartition(":")[2]
    assert (await ask(rt, "http.get", url=f"http://rebind.example:{port}/echo"))["status"] == 200
    assert next(answers) == ["10.0.0.1"]


async def test_a_redirect_to_a_private_address(runtime: Start, server: str) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    port = server.rpartition(":")[2]
    rt = await runtime(resolver=resolve, allow_hosts=[f"front.example:{port}"])
    url = f"http://front.example:{port}/redirect/302"
    assert (await ask(rt, "http.get", url=url, query={"to": "/echo"}))["status"] == 200
    for to in (
        f"http://127.0.0.1:{port}/echo",
        f"http://back.example:{port}/echo",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "http://2130706433/",
    ):
        assert (await error(rt, "http.get", url=url, query={"to": to}))["type"] == "http.denied"


async def test_a_name_without_an_address(runtime: Start) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    rt = await runtime(resolver=resolve)
    found = await error(rt, "http.get", url="http://nowhere.example/")
    assert (found["type"], found["code"]) == ("connect", "RUNE-5035")


async def test_secrets_never_show(runtime: Start, server: str) -> None:
    rt = await runtime(secrets={"token": "s3cr3t/t0ken+"}, **LOOPBACK)
    result = await ask(
        rt,
        "http.get",
        url=f"{server}/echo",
        query={"t": "${secrets.token}"},
        headers={"Authorization": "Bearer ${secrets.token}"},
    )
    assert "s3cr3t" not in json.dumps(result)
    assert result["body"]["headers"]["authorization"] == "Bearer ***"
    found = await error(
        rt, "http.get", url="http://127.0.0.1:1/${secrets.token}?t=${secrets.token}"
    )
    assert "s3cr3t" not in json.dumps(found)
    records = [r async for r in rt.events((await rt.list_jobs(status="Failed"))[0].id)]
    assert "s3cr3t" not in repr(records)
