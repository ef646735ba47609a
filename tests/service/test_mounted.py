"""A service that is a part of another application says where it is."""

from __future__ import annotations

import httpx
from starlette.applications import Starlette
from starlette.routing import Mount

from serving import Client, served

HOME = "/rune%20s"


async def asked(client: Client, method: str, path: str, body: object = None) -> httpx.Response:
    """By way of the application that it is mounted in."""
    outer = Starlette(routes=[Mount("/rune s", app=client.app)])
    transport = httpx.ASGITransport(outer)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as browser:
        return await browser.request(method, path, json=body)


async def test_paths_lead_through_where_it_is_mounted() -> None:
    async with served() as client:
        made = await asked(client, "POST", f"{HOME}/jobs", {"data": {}})
        assert made.status_code == 201
        place = made.headers["location"]
        assert place == f"{HOME}/jobs/{made.json()['id']}"
        assert (await asked(client, "GET", place)).json()["id"] == made.json()["id"]
        lost = await asked(client, "GET", f"{HOME}/jobs/none")
        page = lost.json()["type"]
        assert page == f"{HOME}/errors/{lost.json()['code']}"
        assert (await asked(client, "GET", page)).text.startswith("# RUNE-6003")
        many = await asked(client, "POST", f"{HOME}/batch", {"jobs": [{}, {"document": ""}]})
        types = [one["problem"]["type"] for one in many.json()["outcomes"]]
        assert types == [f"{HOME}/errors/RUNE-6520", f"{HOME}/errors/RUNE-1000"]
        said = (await asked(client, "GET", f"{HOME}/openapi.json")).json()
        assert said["servers"] == [{"url": HOME}]


async def test_without_a_place_of_its_own_it_says_none() -> None:
    async with served() as client:
        made = await client.post("/jobs", {"data": {}})
        assert made.headers["location"] == f"/jobs/{made.json['id']}"
        assert "servers" not in (await client.get("/openapi.json")).json
