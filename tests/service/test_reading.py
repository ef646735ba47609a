"""What a request is taken for: what JSON and ``/openapi.json`` say it is."""

from __future__ import annotations

import pytest

from runeskript.model import durations, limits
from runeskript.service.links import Link, links
from runeskript.service.openapi import document, headers
from runeskript.service.routes import BY_NAME, ROUTES
from serving import served

HELLO = "skript: hello\ndo:\n  - return: ${input}\n"


async def test_a_whole_number_may_be_written_with_a_point() -> None:
    """To JSON, 3.0 is an integer; what is the caller's own stays what it is."""
    body = b'{"skript": "hello", "priority": 3.0, "data": [3.0, 3]}'
    async with served() as client:
        assert (await client.put("/skripts", {"document": HELLO})).status == 201
        for path, raw in (("/jobs", body), ("/batch", b'{"jobs": [%s]}' % body)):
            made = (await client.ask("POST", path, raw=raw)).json
            id_ = made["outcomes"][0]["id"] if path == "/batch" else made["id"]
            found = await client.get(f"/jobs/{id_}")
            assert found.json["priority"] == 3
            assert b'"input":[3.0,3]' in found.body
        refused = await client.ask("POST", "/jobs", raw=body.replace(b"3.0", b"3.5"))
        assert refused.status == 422
        assert "Expected `int`, got `float` - at `$.priority`" in refused.json["detail"]
        grace = await client.ask("POST", f"/jobs/{id_}/cancel", raw=b'{"grace": 1e3}')
        assert grace.status == 202


def test_a_duration_is_what_it_is_anywhere() -> None:
    text, number = document()["components"]["schemas"]["Move"]["properties"]["wait"]["anyOf"]
    assert text["pattern"] == f"^{durations.PATTERN}$"
    assert number["maximum"] == limits.DURATION_MS


@pytest.mark.parametrize("query", ["label=a%3D", "label=%3Da", "data=a%3D"])
async def test_a_pair_has_two_parts(query: str) -> None:
    async with served() as client:
        refused = await client.get(f"/jobs?{query}")
        assert (refused.status, refused.json["code"]) == (422, "RUNE-6520")
        assert (await client.get("/jobs?label=a%3D%0A")).status == 200


def _names(place: str, name: str) -> set[str]:
    """What a route takes in a place, by the document."""
    route = BY_NAME[name]
    said = document()["paths"][route.path][route.method.lower()]
    return {one["name"] for one in said["parameters"] if one["in"] == place}


@pytest.mark.parametrize(
    ("source", "link"),
    [(route.name, link) for route in ROUTES for link in links(route)],
    ids=lambda one: one.to if isinstance(one, Link) else one,
)
def test_links_lead_to_what_there_is(source: str, link: Link) -> None:
    target = BY_NAME[link.to]
    for taken, expression in link.takes.items():
        place, _, name = taken.partition(".")
        assert name in _names(place, link.to)
        if expression.startswith("$request."):
            _, place, name = expression.split(".", 2)
            assert name in _names(place, source)
    for name in target.parameters:
        assert f"path.{name}" in link.takes, "it could not be followed"
    schemas = document()["components"]["schemas"]
    fields = schemas[target.body.__name__]["properties"] if isinstance(target.body, type) else ()
    assert {*(link.body or ())} <= {*fields}


def test_a_job_leads_to_all_that_can_be_done_with_it() -> None:
    led = {link.to for link in links(BY_NAME["jobs.submit"])}
    assert led == {route.name for route in ROUTES if "{id}" in route.path}
    assert "If-Match" in headers(BY_NAME["jobs.move"])
