"""Skripts and machines over HTTP: deployed, listed, compared, checked."""

from __future__ import annotations

from serving import served

ONE = "skript: one\ndo:\n  - return: 1\n"
ORDER = """
machine: order
data: {type: object}
initial: draft
states: {draft: {}, paid: {final: true}}
transitions: [{event: pay, from: draft, to: paid}]
"""


async def test_versions_and_what_differs() -> None:
    async with served() as client:
        assert (await client.get("/skripts")).json == {"deployed": [], "next": None}
        await client.put("/skripts", {"document": ONE})
        changed = ONE.replace("1", "2")
        second = await client.put("/skripts", {"document": changed})
        assert (second.status, second.json["version"]) == (201, 2)
        versions = (await client.get("/skripts/one")).json["deployed"]
        assert [one["version"] for one in versions] == [1, 2]
        assert (await client.get("/skripts/one/2")).json == {**versions[1], "source": changed}
        diff = (await client.get("/skripts/one/diff?from=1&to=2")).json
        assert [one["change"] for one in diff["differences"]] == ["changed"]
        assert (await client.get("/skripts?limit=1")).json["next"] is not None
        for path in ("/skripts/two", "/skripts/one/3", "/skripts/one/x", "/machines/one",
                     "/machines/one/1", "/skripts/one/diff?from=1&to=3", "/skripts/..%2fone",
                     "/skripts/%00", "/machines/one/diff?from=1&to=2"):  # fmt: skip
            assert (await client.get(path)).status == 404, path
        assert (await client.get("/skripts/one/diff?from=1")).status == 422
        assert (await client.get("/skripts?cursor=%27;--")).status == 200


async def test_machines_are_kept_apart() -> None:
    async with served() as client:
        assert (await client.put("/skripts", {"document": ORDER})).status == 422
        assert (await client.put("/machines", {"document": ONE})).status == 422
        assert (await client.put("/machines", {"document": ORDER})).status == 201
        assert (await client.get("/skripts")).json["deployed"] == []
        (machine,) = (await client.get("/machines")).json["deployed"]
        assert (machine["name"], machine["kind"]) == ("order", "machine")
        made = await client.post("/jobs", {"machine": "order", "data": {"total": 3}})
        assert made.status == 201, made.body
        assert (await client.post("/jobs", {"machine": "one"})).status == 404
        clash = ORDER.replace("machine: order", "machine: one")
        assert (await client.put("/skripts", {"document": ONE})).status == 201
        assert (await client.put("/machines", {"document": clash})).status == 409
        assert (await client.get("/skripts/one")).status == 200
        infinite = b'{"document": {"skript": "x", "do": [{"return": 1e999}]}}'
        assert (await client.ask("POST", "/jobs", raw=infinite)).status == 422


async def test_a_version_is_one_content() -> None:
    async with served() as client:
        fixed = "skript: one\nversion: 7\ndo:\n  - return: 1\n"
        assert (await client.put("/skripts", {"document": fixed})).status == 201
        other = await client.put("/skripts", {"document": fixed.replace("return: 1", "return: 2")})
        assert (other.status, other.json["code"]) == (409, "RUNE-6007")


async def test_a_document_may_be_the_body() -> None:
    async with served() as client:
        yaml = {"content_type": "application/yaml"}
        assert (await client.ask("PUT", "/skripts", raw=ONE.encode(), **yaml)).status == 201
        checked = await client.ask("POST", "/check", raw=b"skript: x", **yaml)
        assert (checked.status, checked.json["ok"]) == (200, False)
        assert (await client.ask("PUT", "/skripts", raw=b"\xff", **yaml)).status == 400
        assert (await client.ask("POST", "/jobs", raw=ONE.encode(), **yaml)).status == 415
        plain = await client.ask("PUT", "/skripts", raw=ONE.encode(), content_type="text/plain")
        assert plain.status == 415
