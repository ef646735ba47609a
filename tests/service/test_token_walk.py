"""The token walk: every route with every kind of token, and with what tries to get around them.

What was answered is the page docs/reference/access.md; it has to be what the table of routes says.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from runeskript.engine.clock import SystemClock
from runeskript.service import tokens
from runeskript.service.access import HOOK, PUBLIC, SCOPES
from runeskript.service.openapi import statuses
from runeskript.service.rates import Rates
from runeskript.service.routes import ROUTES, STREAM, Route
from runeskript.service.settings import Settings
from runeskript.stores.memory import MemoryStore
from runeskript.stores.queries import TABLES, JobFilter
from serving import Client, Reply, served
from support import check_golden

PAGE: Final = Path(__file__).parents[2] / "docs" / "reference" / "access.md"
#: Stands in everything of the shop that another tenant must never see.
MARK: Final = "mark-of-the-shop"
WAITS: Final = "skript: NAME\nlabels: {m: MARK}\ndo:\n  - listen: go\n"
DOOR: Final = (
    "machine: NAME\ninitial: shut\nstates: {shut: {}, open: {final: true}}\n"
    "transitions:\n  - {from: shut, event: push, to: open}\n"
)
#: Those that let nobody in, and all.
DENIED: Final = ("no token", "expired", "revoked", "wrong secret", "unknown", "cut", "damaged")
KINDS: Final = (*DENIED, *SCOPES, "hook", "another hook", "other tenant's")


class World(NamedTuple):
    """A service with two tenants, and a client for each kind of token."""

    client: Client
    store: MemoryStore
    job: str
    clients: dict[str, Client]

    def path(self, route: Route) -> str:
        """The route's path, about what is the shop's."""
        name = "door-of-shop" if route.path.startswith("/machines") else "waits-of-shop"
        path = route.path.replace("{id}", self.job).replace("{topic}", "parcels")
        path = path.replace("{version}", "1").replace("{code}", "RUNE-6521")
        return path.replace("{name}", name) + _QUERIES.get(route.name, "")


_QUERIES: Final = {"skripts.diff": "?from=1&to=1", "machines.diff": "?from=1&to=1"}


def _text(text: str, name: str, mark: str) -> str:
    whose = "of-shop" if mark == MARK else mark
    return text.replace("NAME", f"{name}-{whose}").replace("MARK", mark)


@asynccontextmanager
async def world(**settings: Any) -> AsyncIterator[World]:
    """It has been running for a while."""
    store = MemoryStore(SystemClock().now_ms)
    now = store.now()
    async with served(store=store, settings=Settings(**settings)) as client:
        made = {}
        for tenant, mark in (("shop", MARK), ("rival", "theirs")):
            for scope in SCOPES:
                text = await tokens.create(store, name=f"{mark}-{scope}", tenant=tenant,
                                           scopes=[scope], now=now)  # fmt: skip
                made[tenant, scope] = client.as_(text)
            admin = made[tenant, "admin"]
            assert (
                await admin.put("/skripts", {"document": _text(WAITS, "waits", mark)})
            ).status == 201
            assert (
                await admin.put("/machines", {"document": _text(DOOR, "door", mark)})
            ).status == 201
            job = {"document": _text(WAITS, "waits", mark), "key": f"key-{mark}", "data": mark}
            id_ = made[tenant, "job"] = (await admin.post("/jobs", job)).json["id"]
            while (await store.load(id_)).row.status != "Running":  # type: ignore[union-attr]
                await asyncio.sleep(0)
        shop: dict[str, Any] = {"name": "x", "tenant": "shop", "now": now - 1_000}
        whole = await tokens.create(store, **shop, scopes=["admin"])
        expired = await tokens.create(store, **shop, scopes=["admin"], expires_at=now)
        revoked = await tokens.create(store, **shop, scopes=["admin"])
        await tokens.revoke(store, revoked, now)
        damaged = await tokens.create(store, **shop, scopes=["admin"])
        await store.put_record("tokens", damaged.split("_")[1], {"scopes": ["admin"]}, 1)
        hook = await tokens.create(store, **shop, hook="parcels")
        other = await tokens.create(store, **shop, hook="letters")
        clients = {
            "no token": client,
            "expired": client.as_(expired),
            "revoked": client.as_(revoked),
            "wrong secret": client.as_(whole[:-64] + revoked[-64:]),
            "unknown": client.as_(f"rune_{'0' * 16}_{whole[-64:]}"),
            "cut": client.as_(whole[:-1]),
            "damaged": client.as_(damaged),
            **{scope: made["shop", scope] for scope in SCOPES},
            "hook": client.as_(hook),
            "another hook": client.as_(other),
            "other tenant's": made["rival", "admin"],
        }
        yield World(client, store, made["shop", "job"], clients)


def body_of(route: Route, job: str) -> Any:
    """A body that the route takes."""
    bodies: dict[str, Any] = {
        "jobs.submit": {"document": _text(WAITS, "new", "new")},
        "jobs.move": {"event": "cancel", "wait": 0},
        "jobs.fork": {"at": 1},
        "jobs.signal": {"topic": "t"},
        "jobs.complete": {"token": "x"},
        "batch": {"jobs": [{"document": _text(WAITS, "new", "new")}]},
        "signals": {"topic": "t"},
        "skripts.deploy": {"document": _text(WAITS, "new", "new")},
        "machines.deploy": {"document": _text(DOOR, "new", "new")},
        "check": {"document": _text(WAITS, "new", "new")},
    }
    return bodies.get(route.name)


async def ask(client: Client, route: Route, path: str, body: Any, **headers: str) -> Reply:
    """One request; of a stream its beginning."""
    if route.answer != STREAM:
        return await client.ask(route.method, path, body, **headers)
    async with client.stream(path, **headers) as stream:
        if stream.status == 200:
            return Reply(stream.status, stream.headers, stream.text)
        await stream.ended.wait()
        return Reply(stream.status, stream.headers, stream.text)


async def walk(here: World, route: Route, kind: str) -> Reply:
    """A route with a kind of token, about what is the shop's."""
    return await ask(here.clients[kind], route, here.path(route), body_of(route, here.job))


def declared(route: Route, kind: str) -> str:
    """What the table of routes says of a kind of token."""
    if route.scope == PUBLIC:
        return "yes"
    if kind in DENIED:
        return "401"
    if route.whole:
        return "403"
    if kind == "other tenant's":
        return "404" if {"id", "name"} & set(route.parameters) else "its own"
    if kind in SCOPES:
        return "yes" if kind in (route.scope, "admin") else "403"
    return "yes" if kind == "hook" and route.scope == HOOK else "403"


def answered(route: Route, kind: str, reply: Reply) -> str:
    """What it was."""
    if reply.status == 401:
        assert reply.json["code"] == "RUNE-6500"
        assert reply.headers["www-authenticate"].startswith("Bearer")
        return "401"
    code = reply.json["code"] if "problem" in reply.headers.get("content-type", "") else ""
    if reply.status == 403 and code == "RUNE-6501":
        return "403"
    if kind == "other tenant's" and route.scope != PUBLIC:
        return "404" if reply.status == 404 else "its own"
    return "yes"


async def state_of(store: MemoryStore) -> Any:
    """All that is in the store but the audit log, in short."""
    rows, _ = await store.query(JobFilter(), None, 1_000)
    records = [
        (table, one.name, one.version)
        for table in TABLES
        if table != "audit"
        for one in await store.list_records(table)
    ]
    return [(row.id, row.seq, row.status) for row in rows], records


async def test_every_route_with_every_kind_of_token() -> None:
    found: dict[tuple[str, str], str] = {}
    async with world() as here:
        before = await state_of(here.store)
        for kind in KINDS:
            for route in ROUTES:
                if declared(route, kind) not in ("401", "403", "404"):
                    continue
                reply = await walk(here, route, kind)
                found[route.name, kind] = answered(route, kind, reply)
                assert MARK not in reply.body.decode(), (route.name, kind)
        assert await state_of(here.store) == before, "what is refused changes nothing"
    for kind in KINDS:
        async with world() as shared:
            for route in ROUTES:
                if declared(route, kind) in ("401", "403", "404"):
                    continue
                if route.changes:  # each from the same beginning
                    async with world() as fresh:
                        reply = await walk(fresh, route, kind)
                else:
                    reply = await walk(shared, route, kind)
                found[route.name, kind] = answered(route, kind, reply)
                assert reply.status in statuses(route), (route.name, kind, reply)
                if kind == "other tenant's":
                    assert MARK not in reply.body.decode(), route.name
    for route in ROUTES:
        for kind in KINDS:
            assert found[route.name, kind] == declared(route, kind), (route.name, kind)
    check_golden(PAGE, page(found))


def page(found: dict[tuple[str, str], str]) -> str:
    """The answers as a page."""
    columns = {
        "no token": "no token",
        "expired, revoked, wrong": "expired",
        **{scope: scope for scope in SCOPES},
        "hook": "hook",
        "another hook": "another hook",
        "other tenant's admin": "other tenant's",
    }
    lines = [
        "<!-- Written by tests/service/test_token_walk.py (RUNE_UPDATE=1), from what was answered. -->",
        "",
        "# Who may do what over HTTP",
        "",
        "Every route of `rune serve`, asked with every kind of token; each column but the first two is a token",
        "with that one scope. *yes*: it may; what is answered then is another matter (there may be no such job).",
        "*401*: it needs a token that is valid (`RUNE-6500`). *403*: the token has not the scope (`RUNE-6501`).",
        "*404*: what is another tenant's is not there. *its own*: it may, and finds what its own tenant has.",
        "",
        "| route | | " + " | ".join(columns) + " |",
        "|---|---|" + "---|" * len(columns),
    ]
    for route in ROUTES:
        cells = " | ".join(found[route.name, kind] for kind in columns.values())
        lines.append(f"| `{route.method} {route.path}` | {route.scope} | {cells} |")
    lines += [
        "",
        "`OPTIONS` of a path needs no token and says which methods it has; `HEAD` needs what `GET` needs. Paths are",
        "exact: a path that is written in another way (a slash more, another case, `..`) is none. A store that has",
        "no token at all is open to whoever reaches the service on this machine, with all scopes. These tokens are",
        "of a tenant with a name; `GET /metrics`, which counts the jobs of all tenants, is for the default one.",
    ]
    return "\n".join(lines)


# --- getting around it ------------------------------------------------------------------------
def tricks(path: str) -> Iterator[str]:
    """Other ways to write a path, and ways that begin with one that is public."""
    head, _, last = path.rpartition("/")
    yield from (
        f"/{path}", f"{path}/", f"{path}//", f"{path}/.", f"/.{path}", f"/x/..{path}", f"{path}/..",
        f"{path}/../{last}", f"/healthz/..{path}", f"/healthz{path}", f"/healthz/%2e%2e{path}",
        f"/healthz/..%2f{path[1:]}", f"/healthz%2f..{path}", f"/readyz/../..{path}", f"{path}%00",
        f"{path}%2f", f"{path}%20", f"{path};a=b", f"{path};/healthz", f"{path}\\",
        f"{path}%3f", f"{path}%23", f"{path}.json", f"\\{path[1:]}", path.upper(), path.swapcase(),
        f"{head}%2f{last}", f"{head}/%2e/{last}", f"{head}//{last}", f"{head}/{last}\u0000",
        f"http://localhost{path}", f"*{path}", path[1:], f"{path}?token=x", f"{path}?_method=GET",
        "/" + "".join(f"%{ord(c):02x}" for c in path[1:]),
    )  # fmt: skip


@pytest.mark.parametrize("route", [r for r in ROUTES if r.scope != PUBLIC], ids=lambda r: r.name)
async def test_no_other_way_to_write_a_path_gets_in(route: Route) -> None:
    weak = next(scope for scope in SCOPES if scope not in (route.scope, "admin"))
    async with world() as here:
        before = await state_of(here.store)
        path, body = here.path(route).partition("?")[0], body_of(route, here.job)
        for trick in tricks(path):
            for kind in ("no token", "revoked", weak, "hook" if route.scope != HOOK else "read"):
                reply = await ask(here.clients[kind], route, trick, body)
                assert 400 <= reply.status < 500, (trick, kind, reply)
                assert MARK not in reply.body.decode(), (trick, kind)
        assert await state_of(here.store) == before


@pytest.mark.parametrize("route", [r for r in ROUTES if r.scope != PUBLIC], ids=lambda r: r.name)
async def test_no_header_and_no_method_gets_in(route: Route) -> None:
    weak = next(scope for scope in SCOPES if scope not in (route.scope, "admin"))
    async with world() as here:
        before = await state_of(here.store)
        path, body = here.path(route), body_of(route, here.job)
        for headers in (
            {"x_http_method_override": "OPTIONS"}, {"x_http_method": "OPTIONS"},
            {"x_method_override": "HEAD"}, {"x_original_url": "/healthz"},
            {"x_rewrite_url": "/healthz"}, {"x_forwarded_for": "127.0.0.1"},
            {"x_forwarded_prefix": "/healthz"}, {"forwarded": "for=127.0.0.1"},
            {"cookie": "token=x"}, {"x_api_key": "x"}, {"x_tenant": "shop"},
            {"authorization": ""}, {"authorization": "Basic cm9vdDo="},
            {"sec_fetch_site": "same-origin"}, {"origin": "http://localhost"},
        ):  # fmt: skip
            reply = await ask(here.client, route, path, body, **headers)
            assert reply.status == 401, (headers, reply)
        for kind, status in (("no token", 401), (weak, 403)):
            client = here.clients[kind]
            for method in ("HEAD", "GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT",
                           "get", "OPTIONS ", "PROPFIND", "X" * 1_000, ""):  # fmt: skip
                reply = await client.ask(method, path, body)
                if kind == weak and _another(route, method, weak):
                    continue  # the same path, another route
                assert reply.status in (401, 403, 404, 405), (kind, method, reply)
                if method == "HEAD" and route.method == "GET":
                    assert (reply.status, reply.body) == (status, b"")
                assert MARK not in reply.body.decode(), (kind, method)
            reply = await client.ask("OPTIONS", path)
            assert (reply.status, reply.body) == (204, b"")
        assert (await state_of(here.store))[0] == before[0]


def _another(route: Route, method: str, scope: str) -> bool:
    """Whether the path has another route of this method, which is for the scope."""
    wanted = "GET" if method == "HEAD" else method
    same = (one for one in ROUTES if (one.path, one.method) == (route.path, wanted))
    return any(one.scope == scope for one in same)


async def test_what_a_stream_shows_is_the_tenants_own() -> None:
    async with world() as here:
        rival, shop = here.clients["other tenant's"], here.clients["admin"]
        async with rival.stream("/events") as theirs, shop.stream("/events") as ours:
            await shop.post("/jobs", {"document": _text(WAITS, "more", MARK), "data": MARK})
            await rival.post("/jobs", {"document": _text(WAITS, "more", "theirs")})
            assert {one.data["tenant"] for one in await ours.until(2)} == {"shop"}
            assert {one.data["tenant"] for one in await theirs.until(2)} == {"rival"}
            assert MARK not in theirs.text.decode()


@pytest.mark.parametrize("path", ["/events", "/jobs/JOB/events"])
async def test_a_stream_ends_when_its_token_does(path: str) -> None:
    async with world(heartbeat=0.01) as here:
        path = path.replace("JOB", here.job)
        made = await tokens.create(
            here.store, name="x", tenant="shop", scopes=["read"], now=here.store.now()
        )
        async with (
            here.client.as_(made).stream(path) as revoked,
            here.clients["read"].stream(path) as stays,
        ):
            await revoked.until(1)
            await tokens.revoke(here.store, made, here.store.now())
            await revoked.over.wait()
            assert not stays.over.is_set()


async def test_a_stream_of_an_open_service_ends_when_it_closes() -> None:
    store = MemoryStore(SystemClock().now_ms)
    async with served(store=store, settings=Settings(heartbeat=0.01)) as client:
        async with client.stream("/events") as stream:
            assert stream.status == 200
            await tokens.create(store, name="x", scopes=["read"], now=store.now())
            await stream.over.wait()
        assert (await client.get("/jobs")).status == 401


async def test_a_hook_may_have_its_token_in_its_url() -> None:
    async with world() as here:
        shop = {
            name: one.headers.get("authorization", "")[7:] for name, one in here.clients.items()
        }
        ask = here.client.post
        assert (await ask(f"/hooks/parcels?token={shop['hook']}", {"x": 1})).status == 202
        for token in ("", "x", shop["admin"], shop["operate"], shop["revoked"], shop["read"],
                      shop["hook"][:-1], f"{shop['hook']}&token={shop['hook']}"):  # fmt: skip
            reply = await ask(f"/hooks/parcels?token={token}", {"x": 1})
            assert reply.status == 401, token
        assert (await ask(f"/hooks/letters?token={shop['hook']}", {"x": 1})).status == 403
        for path in (f"/jobs/{here.job}", "/jobs", "/signals", "/events"):
            reply = await here.client.get(f"{path}?token={shop['hook']}")
            assert reply.status in (401, 405), path
        header = {"authorization": f"Bearer {shop['hook']}"}
        assert (await ask("/hooks/parcels?token=x", {"x": 1}, **header)).status == 202


async def test_who_guesses_is_told_to_wait() -> None:
    async with world() as here:
        here.client.app.service.rates = Rates(50, clock=lambda: 0.0)
        seen = [(await here.clients["unknown"].get("/jobs")).status for _ in range(60)]
        assert seen == [401] * 50 + [429] * 10
        reply = await here.clients["wrong secret"].get("/jobs")
        assert (reply.status, reply.json["code"]) == (429, "RUNE-6507")
        assert int(reply.headers["retry-after"]) >= 1
        assert (await here.clients["read"].get("/jobs")).status == 200


async def test_messages_and_names_stay_with_their_tenant() -> None:
    async with world() as here:
        rival, shop = here.clients["other tenant's"], here.clients["admin"]
        for send in (("/signals", {"topic": "go"}), ("/hooks/go", {"x": 1})):
            assert (await rival.post(*send)).status in (200, 202)
        assert (await shop.get(f"/jobs/{here.job}")).json["status"] == "Running"
        name = "waits-of-shop"
        for asked in (name, f"shop/{name}", f"shop/{name}@1", f"../shop/{name}"):
            reply = await rival.post("/jobs", {"skript": asked})
            assert (reply.status, reply.json["code"]) == (404, "RUNE-6006"), asked
        # The same name, key and document are another's, and nothing of theirs.
        taken = {"document": _text(WAITS, "waits", MARK), "key": f"key-{MARK}"}
        reply = await rival.post("/jobs", taken)
        assert (reply.status, reply.json["tenant"]) == (201, "rival")
        assert reply.json["id"] != here.job
        assert (await shop.post("/signals", {"topic": "go"})).status == 200
        async with shop.stream(f"/jobs/{here.job}/events") as stream:
            await stream.ended.wait()
        assert (await shop.get(f"/jobs/{here.job}")).json["status"] == "Completed"


async def test_what_was_refused_and_done_is_in_the_log_of_its_tenant() -> None:
    async with world() as here:
        shop = here.clients["admin"]
        await here.clients["read"].post(f"/jobs/{here.job}/cancel", {})
        await here.clients["operate"].post(f"/jobs/{here.job}/pause")
        await here.clients["other tenant's"].post(f"/jobs/{here.job}/cancel", {})
        found = (await shop.get("/audit")).json["entries"]
        shown = [(one["actor"], one["route"], one["target"], one["status"]) for one in found[-2:]]
        assert shown == [
            (f"{MARK}-read", "jobs.cancel", here.job, 403),
            (f"{MARK}-operate", "jobs.pause", here.job, 202),
        ]
        await shop.put("/skripts", {"document": _text(WAITS, "late", "x")})
        last = (await shop.get("/audit")).json["entries"][-1]
        assert (last["route"], last["target"], last["status"]) == (
            "skripts.deploy",
            "late-x@1",
            201,
        )
        await shop.post("/signals", {"topic": "parcels"})
        jobs = [{"document": _text(WAITS, "late", "x"), "start": False}, {"skript": "nothing"}]
        await shop.post("/batch", {"jobs": jobs})
        *_, one, two = (await shop.get("/audit")).json["entries"]
        assert (one["target"], two["target"]) == ("parcels", "1 of 2 jobs")
        theirs = (await here.clients["other tenant's"].get("/audit")).body.decode()
        assert MARK not in theirs.replace(here.job, "")
        assert json.loads(theirs)["entries"][-1]["status"] == 404


async def test_what_was_refused_at_the_door_is_in_the_log_of_the_default_tenant() -> None:
    async with world() as here:
        text = await tokens.create(here.store, name="root", scopes=["admin"], now=here.store.now())
        path = f"/jobs/{here.job}/cancel"
        admin = here.clients["admin"]
        assert (await admin.post(path, {}, origin="https://evil.example")).status == 403
        assert (await admin.post(path, {}, host="evil.example")).status == 421
        assert (await admin.get("/jobs", host="evil.example")).status == 421
        assert (await admin.post("/nothing", {}, host="evil.example")).status == 421
        found = (await here.client.as_(text).get("/audit")).json["entries"]
        assert [(one["target"], one["status"], one["actor"]) for one in found] == [
            (here.job, 403, None), (here.job, 421, None),
        ]  # fmt: skip


async def test_one_token_leaves_streams_for_others() -> None:
    async with world(streams_each=2) as here:
        mine, others = here.clients["read"], here.clients["admin"]
        async with mine.stream("/events") as one, mine.stream(f"/jobs/{here.job}/events") as two:
            await one.until(1)
            await two.until(1)
            reply = await mine.get("/events")
            assert (reply.status, reply.json["code"]) == (429, "RUNE-6507")
            assert reply.headers["retry-after"] == "5"
            assert (await mine.get("/jobs")).status == 200
            async with others.stream("/events") as theirs:
                assert theirs.status == 200
        async with mine.stream("/events") as again:
            assert again.status == 200
