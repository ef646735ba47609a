"""Jobs over HTTP: what is asked for happens, and what cannot be is said with a status."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import apsw
import pytest

from runeskript import handler
from runeskript.engine.runtime import Runtime
from runeskript.engine.submissions import Submission
from runeskript.engine.telemetry.telemetry import Telemetry
from runeskript.errors import StoreBusyError
from runeskript.service import tokens
from runeskript.service.kept import forget
from runeskript.service.settings import KEPT, Settings
from runeskript.stores.sqlite import SqliteStore
from serving import Client, served

HELLO = "skript: hello\ndo:\n  - return: \"${'hi ' + input.name}\"\n"
WAITS = 'skript: waits\ndo:\n  - listen: go\n    into: got\n  - return: "${got}"\n'


async def ended(client: Client, id_: str) -> dict[str, object]:
    async with client.stream(f"/jobs/{id_}/events") as stream:
        await stream.ended.wait()
        return stream.events()[-1].data


async def test_a_document_is_run() -> None:
    async with served() as client:
        made = await client.post("/jobs", {"document": HELLO, "data": {"name": "Ada"}})
        assert made.status == 201
        assert made.headers["location"] == f"/jobs/{made.json['id']}"
        job = await ended(client, made.json["id"])
        assert (job["status"], job["output"]) == ("Completed", "hi Ada")
        again = await client.get(made.headers["location"])
        assert again.json == job
        assert again.etag.startswith(f'"{job["version"]}-')


async def test_a_store_that_others_lock_is_not_ready(tmp_path: Path) -> None:
    path = str(tmp_path / "jobs.db")
    store = SqliteStore(path, lambda: 1, sync="normal", busy=0.01)
    async with served(store=store, settings=Settings(works=False)) as client:
        assert (await client.get("/readyz")).status == 200
        other = apsw.Connection(path)
        other.execute("BEGIN IMMEDIATE")
        refused = await asyncio.gather(*(client.post("/jobs", {"data": {}}) for _ in range(9)))
        assert {(one.status, one.json["code"]) for one in refused} == {(503, "RUNE-7003")}
        assert all(one.headers["retry-after"] for one in refused)
        ready = await client.get("/readyz")
        assert (ready.status, ready.json["detail"]) == (503, "the store is locked by others")
        assert (await client.get("/jobs")).status == 200
        other.execute("COMMIT")
        other.close()
        await client.app.service.audit.close()  # what it writes behind the answers
        assert (await client.get("/readyz")).status == 200
        assert (await client.post("/jobs", {"data": {}})).status == 201


async def test_a_document_may_be_json() -> None:
    async with served() as client:
        document = {"skript": "one", "do": [{"return": 1}]}
        made = await client.post("/jobs", {"document": document})
        assert (await ended(client, made.json["id"]))["output"] == 1


async def test_a_deployed_skript_is_run_by_name_and_version() -> None:
    async with served() as client:
        assert (await client.put("/skripts", {"document": HELLO})).status == 201
        assert (await client.put("/skripts", {"document": HELLO})).status == 200
        changed = HELLO.replace("hi ", "ho ")
        assert (await client.put("/skripts", {"document": changed})).json["version"] == 2
        for name, said, version in (("hello", "ho Ada", 2), ("hello@1", "hi Ada", 1)):
            made = await client.post("/jobs", {"skript": name, "data": {"name": "Ada"}})
            assert made.json["skript_version"] == version
            assert (await ended(client, made.json["id"]))["output"] == said
        assert (await client.post("/jobs", {"skript": "hello@3"})).status == 404
        assert (await client.post("/jobs", {"skript": "hello@x"})).status == 422


async def test_what_is_wrong_with_a_document_comes_with_its_places() -> None:
    async with served() as client:
        bad = "skript: x\ndo:\n  - retrun: 1\n"
        refused = await client.post("/jobs", {"document": bad})
        assert refused.status == 422
        assert refused.headers["content-type"] == "application/problem+json"
        (finding,) = refused.json["diagnostics"]
        assert (finding["code"], finding["line"], finding["column"]) == ("RUNE-1103", 3, 5)
        checked = await client.post("/check", {"document": bad})
        assert (checked.status, checked.json["ok"]) == (200, False)
        assert checked.json["diagnostics"] == [finding]


async def test_no_file_of_the_machine_is_read_for_a_document() -> None:
    async with served() as client:
        child = "skript: x\ndo:\n  - run: ./pyproject.toml\n"
        refused = await client.post("/jobs", {"document": child})
        assert refused.status == 422
        assert "RUNE-3030" in {one["code"] for one in refused.json["diagnostics"]}


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b'{"data": NaN, "document": "x"}', 400),
        (b'{"data": 1, "data": 2}', 400),
        (b'{"data": {"a": 1, "a": 1}}', 400),
        (b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
        (b'{"data": "\xff"}', 400),
        (b'{"skritp": "hello"}', 422),
        (b'{"document": 1}', 422),
        (b'{"document": "skript: a", "skript": "b"}', 422),
        (b"[]", 422),
        (b'{"key": ""}', 422),
        (b'{"labels": {"a": 1}}', 422),
        (b'{"priority": 101}', 422),
        (b'{"document": "\\ud800"}', 400),
        (b'{"skript": "\\udfff"}', 400),
        (b'{"\\ud800": 1}', 400),
        (b'{"data": ["\\uD83C\\udfb2", "\\ud83c"]}', 400),
        (b'{"skript": "\\ud83c\\udfb2"}', 404),
        (b'{"skript": "a\\u0000b"}', 404),
    ],
    ids=repr,
)
async def test_bodies_that_cannot_be(raw: bytes, status: int) -> None:
    async with served() as client:
        refused = await client.ask("POST", "/jobs", raw=raw)
        assert refused.status == status, refused.body
        assert refused.json["status"] == status


async def test_data_that_is_no_value() -> None:
    async with served() as client:
        for data in ('{"a": 123456789012345678901234567890}', "1e999"):
            raw = f'{{"document": {json.dumps(HELLO)}, "data": {data}}}'.encode()
            assert (await client.ask("POST", "/jobs", raw=raw)).status == 422, data


async def test_an_id_that_names_no_job_is_not_found_whatever_its_form() -> None:
    async with served() as client:
        for id_ in (
            "x",
            "..",
            "%2e%2e",
            "a%2fb",
            "%00",
            "'%20OR%201=1--",
            "a" * 5_000,
            "%f0%9f%8e%b2",
        ):
            for path in ("", "/why", "/history", "/events", "/export"):
                found = await client.get(f"/jobs/{id_}{path}")
                assert (found.status, found.json["code"]) == (404, "RUNE-6003"), id_
        assert (await client.get("/jobs/%ff")).status == 404
        assert (await client.get("/jobs/" + "a" * 10_000_000)).status == 404


async def test_paths_are_exact() -> None:
    async with served() as client:
        made = await client.post("/jobs", {"document": HELLO, "data": {"name": "Ada"}})
        id_ = made.json["id"]
        for path in ("/jobs/", "//jobs", "/Jobs", "/./jobs", "/jobs/x/../", f"/jobs/{id_}/",
                     f"/jobs/{id_}%2fwhy", f"/jobs//{id_}", ""):  # fmt: skip
            found = await client.get(path)
            assert found.status == 404, path
        refused = await client.ask("DELETE", f"/jobs/{id_}")
        assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
        assert (await client.ask("OPTIONS", "/jobs")).headers["allow"] == "GET, HEAD, OPTIONS, POST"
        head = await client.ask("HEAD", f"/jobs/{id_}")
        assert (head.status, head.body) == (200, b"")
        assert int(head.headers["content-length"]) > 100


async def test_the_same_key_is_the_same_job() -> None:
    async with served() as client:
        body = {"document": HELLO, "data": {"name": "Ada"}, "key": "k"}
        made = await client.post("/jobs", body)
        assert (await client.post("/jobs", body)).json["id"] == made.json["id"]
        refused = await client.post("/jobs", {**body, "on_conflict": "reject"})
        assert refused.status == 409


async def test_a_repeated_request_makes_one_job() -> None:
    async with served() as client:
        body = {"document": HELLO, "data": {"name": "Ada"}}
        made = await client.post("/jobs", body, idempotency_key="one")
        again = await client.post("/jobs", body, idempotency_key="one")
        assert again.json["id"] == made.json["id"]
        assert again.status == made.status
        assert again.headers["idempotency-replayed"] == "true"
        other = await client.post("/jobs", {**body, "data": {"name": "Bob"}}, idempotency_key="one")
        assert (other.status, other.json["code"]) == (422, "RUNE-6525")
        both = await asyncio.gather(
            *(client.post("/jobs", body, idempotency_key="two") for _ in range(5))
        )
        assert len({one.json["id"] for one in both}) == 1
        assert len((await client.get("/jobs")).json["jobs"]) == 2


async def test_an_unchanged_job_is_not_sent_again() -> None:
    async with served() as client:
        made = await client.post("/jobs", {"document": WAITS})
        async with client.stream(f"/jobs/{made.json['id']}/events") as stream:
            await stream.until(1)
        path = made.headers["location"]
        tag = (await client.get(path)).etag
        assert (await client.get(path, if_none_match=tag)).status == 304
        assert (await client.get(path, if_none_match=f'"x", W/{tag}')).status == 304
        assert (await client.get(path, if_none_match='"999"')).status == 200
        assert (await client.get(path, if_none_match="999")).status == 400
        signal = await client.post(f"{path}/signal", {"topic": "go", "data": 7})
        assert signal.json == {"outcome": "accepted"}
        assert (await ended(client, made.json["id"]))["output"] == 7
        assert (await client.get(path, if_none_match=tag)).status == 200


async def test_pause_resume_cancel() -> None:
    async with served() as client:
        made = await client.post("/jobs", {"document": WAITS})
        path = made.headers["location"]
        assert (await client.post(f"{path}/pause")).status == 202
        assert (await client.post(f"{path}/resume")).status == 202
        assert (await client.post(f"{path}/cancel", {"reason": "enough"})).status == 202
        job = await ended(client, made.json["id"])
        assert job["status"] == "Cancelled"
        assert (await client.post(f"{path}/retry")).status == 409
        assert (await client.post(f"{path}/cancel", {"grace": "never"})).status == 422


async def test_lists_are_paged_and_filtered() -> None:
    async with served() as client:
        ids = []
        for number in range(5):
            made = await client.post(
                "/jobs",
                {"document": HELLO, "data": {"name": "A", "n": number},
                 "labels": {"odd": str(number % 2)}},
            )  # fmt: skip
            ids.append(made.json["id"])
            await ended(client, made.json["id"])
        page = (await client.get("/jobs?limit=3")).json
        rest = (await client.get(f"/jobs?limit=3&cursor={page['next']}")).json
        assert [job["id"] for job in page["jobs"] + rest["jobs"]] == ids[::-1]
        assert rest["next"] is None
        odd = (await client.get("/jobs?label=odd%3D1")).json["jobs"]
        assert [job["id"] for job in odd] == [ids[3], ids[1]]
        (third,) = (await client.get("/jobs?data=n%3D3&status=Completed")).json["jobs"]
        assert third["id"] == ids[3]
        for query in ("status=Done", "limit=0", "limit=1001", "limit=x", "label=x", "data=n%3D",
                      "limit=1&limit=2", "nonsense=1", "data=n%3D{", "key=%ff"):  # fmt: skip
            assert (await client.get(f"/jobs?{query}")).status in (400, 422), query
        for text in ("' OR 1=1 --", "%", "_"):
            none = await client.get("/jobs?skript=" + "".join(f"%{ord(c):02x}" for c in text))
            assert none.json["jobs"] == []


async def test_changes_are_in_the_audit_log_before_they_are_answered() -> None:
    async with served() as client:
        made = await client.post("/jobs", {"document": WAITS}, x_request_id="mine")
        await client.post("/jobs", {"document": "x"})
        await client.get("/jobs")
        entries = (await client.get("/audit")).json["entries"]
        assert [(one["route"], one["status"]) for one in entries] == [
            ("jobs.submit", 201),
            ("jobs.submit", 422),
        ]
        assert entries[0]["target"] == made.json["id"]
        assert (entries[0]["request"], entries[0]["peer"]) == ("mine", "127.0.0.1")
        assert made.headers["x-request-id"] == "mine"


async def test_a_job_that_is_not_started_waits_for_run() -> None:
    async with served() as client:
        made = await client.post(
            "/jobs", {"document": HELLO, "data": {"name": "A"}, "start": False}
        )
        path = made.headers["location"]
        other = await client.post("/jobs", {"document": HELLO, "data": {"name": "B"}})
        await ended(client, other.json["id"])
        assert (await client.get(path)).json["status"] == "Pending"
        assert (await client.get(f"{path}/why")).json["kind"] == "paused"
        assert (await client.post(f"{path}/run")).status == 200
        assert (await ended(client, made.json["id"]))["output"] == "hi A"
        assert (await client.post(f"{path}/run")).json["status"] == "Completed"


async def test_graph_and_variables_of_a_job() -> None:
    async with served() as client:
        document = (
            "skript: two\ndo:\n  - set: {a: '${input}'}\n  - listen: go\n    into: got\n"
            "  - return: ${[a, got]}\n"
        )
        made = await client.post("/jobs", {"document": document, "data": 1})
        path = made.headers["location"]
        async with client.stream(f"{path}/events") as stream:
            await stream.until(1)
        assert (await client.get(f"{path}/variables")).json["variables"] == {"input": 1, "a": 1}
        graph = (await client.get(f"{path}/graph")).json
        (current,) = (node for node in graph["nodes"] if node["current"])
        assert (current["kind"], current["counts"]["waiting"]) == ("listen", 1)
        await client.post(f"{path}/signal", {"topic": "go", "data": 2})
        assert (await ended(client, made.json["id"]))["output"] == [1, 2]
        assert (await client.get(f"{path}/variables")).json["variables"] == {
            "input": 1,
            "a": 1,
            "got": 2,
        }
        assert (await client.get(f"{path}/variables?at=1")).json["variables"]["a"] == 1
        assert (await client.get(f"{path}/variables?at=99")).status == 422
        assert (await client.get(f"{path}/variables?at=x")).status == 422


async def test_cursors_of_other_lists_are_refused() -> None:
    async with served() as client:
        for _ in range(3):
            await client.post("/jobs", {"document": WAITS})
        cursor = (await client.get("/jobs?limit=1")).json["next"]
        assert (await client.get(f"/jobs?limit=1&cursor={cursor}")).status == 200
        for path in (f"/jobs?status=Failed&cursor={cursor}", "/jobs?cursor=1", "/jobs?cursor=%27"):
            assert (await client.get(path)).status == 422, path


async def test_metrics_count_requests_by_route() -> None:
    telemetry = Telemetry()
    async with served(telemetry=telemetry) as client:
        made = await client.post("/jobs", {"document": HELLO, "data": {"name": "Ada"}})
        await ended(client, made.json["id"])
        await client.get("/nowhere")
        found = await client.get("/metrics")
        assert found.headers["content-type"].startswith("text/plain")
        text = found.body.decode()
        assert 'runeskript_http_requests_total{route="jobs.submit",status="201"} 1.0' in text
        assert 'runeskript_http_requests_total{route="none",status="404"} 1.0' in text
        assert 'runeskript_jobs{status="Completed"} 1.0' in text
    async with served() as client:
        assert (await client.get("/metrics")).status == 404


async def test_a_bare_job_is_only_data() -> None:
    async with served() as client:
        made = await client.post("/jobs", {"data": {"seats": 2}, "key": "k"})
        assert (made.status, made.json["kind"], made.json["status"]) == (201, "bare", "Pending")
        assert (await client.post("/jobs", {"data": {"seats": 2}, "key": "k"})).status == 200
        assert (await client.post("/jobs", {"data": [1]})).status == 422
        path = made.headers["location"]
        moved = await client.put(f"{path}/state", {"event": "start", "data": {"seats": 3}})
        assert (moved.status, moved.json["status"]) == (200, "Running")
        assert moved.json["data"] == {"seats": 3}
        refused = await client.put(f"{path}/state", {"event": "start"})
        assert (refused.status, refused.json["state"]) == (409, "Running")
        assert "complete" in refused.json["allowed"]
        for part in ("why", "history", "graph", "export", "events"):
            assert (await client.get(f"{path}/{part}?x=1")).status in (400, 422), part


async def test_a_batch_has_an_outcome_for_each() -> None:
    async with served() as client:
        await client.put("/skripts", {"document": HELLO})
        jobs = [
            {"skript": "hello", "data": {"name": "A"}, "key": "a"},
            {"document": HELLO, "data": {"name": "B"}},
            {"document": "skript: x"},
            {"skript": "nobody"},
            {"data": {"only": 1}},
            {"skript": "hello", "document": HELLO},
            {"skript": "hello", "data": {"name": "A"}, "key": "a"},
            {"skript": "hello", "data": {"name": "A"}, "key": "a", "on_conflict": "reject"},
        ]
        told = (await client.post("/batch", {"jobs": jobs})).json["outcomes"]
        assert [(one["status"], one["outcome"]) for one in told] == [
            (201, "created"),
            (201, "created"),
            (422, "refused"),
            (404, "refused"),
            (201, "created"),
            (422, "refused"),
            (200, "exists"),
            (409, "refused"),
        ]
        assert told[2]["problem"]["diagnostics"][0]["code"] == "RUNE-1101"
        assert told[6]["id"] == told[0]["id"]
        assert (await ended(client, told[1]["id"]))["output"] == "hi B"
        assert (await client.post("/batch", {"jobs": []})).status == 422
        assert (await client.post("/batch", {"jobs": [{}] * 10_001})).status == 422
        again = [await client.post("/batch", {"jobs": jobs[:3]}, idempotency_key="k") for _ in "ab"]
        assert again[0].json == again[1].json


@pytest.mark.parametrize("path", ["/jobs", "/batch"])
async def test_a_crash_before_the_answer_was_kept_makes_nothing_twice(path: str) -> None:
    """The process dies when the job is there and the answer is not kept: whoever asks again with
    the key gets the job that was made."""
    job = {"document": HELLO, "data": {"name": "Ada"}}
    body = job if path == "/jobs" else {"jobs": [job, {"data": {"bare": True}}]}
    async with served() as client:
        store = client.app.service.store
        keep, left = store.put_record, [1]

        async def dies(table: Any, *args: Any) -> Any:
            if table == "requests":
                left[0] -= 1
                if left[0] < 0:
                    raise StoreBusyError("dead")
            return await keep(table, *args)

        store.put_record = dies  # type: ignore[method-assign]
        assert (await client.post(path, body, idempotency_key="k")).status == 503
        store.put_record = keep  # type: ignore[method-assign]
        jobs = (await client.get("/jobs")).json["jobs"]
        again = await client.post(path, body, idempotency_key="k")
        assert again.status in (200, 201)
        assert [one["id"] for one in (await client.get("/jobs")).json["jobs"]] == [
            one["id"] for one in jobs
        ]
        other = await client.post(path, {**body, "x": 1}, idempotency_key="k")
        assert other.status == 422


ORDER = """
machine: order
data: {type: object}
initial: draft
states: {draft: {}, placed: {}, paid: {final: true}}
transitions:
  - {event: place, from: draft, to: placed, guard: data.total > 0}
  - {event: pay, from: placed, to: paid, allow: [cashier]}
"""


async def test_one_of_two_concurrent_moves_wins() -> None:
    async with served() as client:
        made = await client.post("/jobs", {"document": ORDER, "data": {"total": 1}})
        path = f"{made.headers['location']}/state"
        async with client.stream(f"/jobs/{made.json['id']}/events") as stream:
            await stream.until(1)
        tag = (await client.get(made.headers["location"])).etag
        both = await asyncio.gather(
            client.put(path, {"event": "place"}, if_match=tag),
            client.put(path, {"state": "placed"}, if_match=tag),
        )
        assert sorted(one.status for one in both) == [200, 412]
        (won,) = (one for one in both if one.status == 200)
        (lost,) = (one for one in both if one.status == 412)
        assert won.etag.startswith(lost.etag.rstrip('"') + "-")
        assert lost.json["version"] == won.json["version"]
        assert (await client.put(path, {"event": "pay"}, if_match='"x"')).status == 412
        assert (await client.put(path, {"event": "pay"}, if_match="7")).status == 400
        paid = await client.put(path, {"event": "pay"}, if_match="*")
        assert (paid.status, paid.json["state"]) == (200, "paid")


async def test_moves_are_refused_and_forbidden() -> None:
    async with served() as client:
        store = client.app.service.store
        texts = {}
        for roles in ((), ("cashier",)):
            texts[roles] = await tokens.create(
                store, name="ada", scopes=["read", "operate"], roles=roles, now=store.now()
            )
        ada, cashier = client.as_(texts[()]), client.as_(texts["cashier",])
        made = await ada.post("/jobs", {"document": ORDER, "data": {"total": 0}})
        path = f"{made.headers['location']}/state"
        refused = await ada.put(path, {"event": "pay"})
        assert (refused.status, refused.json["allowed"]) == (409, ["place"])
        guarded = await ada.put(path, {"event": "place"})
        assert (guarded.status, guarded.json["code"]) == (409, "RUNE-6020")
        made = await ada.post("/jobs", {"document": ORDER, "data": {"total": 1}})
        path = f"{made.headers['location']}/state"
        assert (await ada.put(path, {"event": "place", "why": "asked"})).status == 200
        assert (await ada.put(path, {"event": "pay"})).status == 403
        assert (await ada.put(path, {"state": "paid"})).status in (403, 409)
        assert (await ada.put(path, {})).status == 422
        assert (await cashier.put(path, {"event": "pay"}, idempotency_key="k")).status == 200
        assert (await cashier.put(path, {"event": "pay"}, idempotency_key="k")).status == 200
        assert (await cashier.put(path, {"event": "pay"})).status == 409
        history = (await ada.get(f"{made.headers['location']}/history")).json["events"]
        sent = [one["data"] for one in history if one["kind"] == "event.sent"]
        assert [one["actor"]["id"] for one in sent] == ["ada"] * len(sent)
        assert sent[0]["why"] == "asked"


async def test_of_an_erased_job_nothing_is_told() -> None:
    async with served() as client:
        path = (await client.post("/jobs", {"document": WAITS})).headers["location"]
        await client.post(f"{path}/cancel")
        async with client.stream(f"{path}/events") as stream:
            await stream.ended.wait()
        assert (await client.post(f"{path}/erase")).status == 200
        for view in ("graph", "variables", "export", "history"):
            found = await client.get(f"{path}/{view}")
            assert (found.status, found.json["code"]) == (409, "RUNE-7011"), view


@pytest.mark.parametrize("key", ["", " a", "a\x80", "a\xa0", "\xe9", "x" * 256])
async def test_what_is_no_idempotency_key(key: str) -> None:
    async with served() as client:
        assert (await client.post("/jobs", {"data": 1}, idempotency_key=key)).status == 400


async def test_a_condition_on_data_is_json() -> None:
    async with served() as client:
        refused = await client.get("/jobs?data=a=x")
        assert refused.status == 422
        assert "`data`" in refused.json["detail"]


async def test_a_fork_is_made_once_for_a_key() -> None:
    async with served() as client:
        made = await client.post("/jobs", {"document": WAITS})
        path = made.headers["location"]
        async with client.stream(f"{path}/events") as stream:
            await stream.until(1)
        forks = await asyncio.gather(
            *(client.post(f"{path}/fork", {"at": 1}, idempotency_key="k") for _ in range(4))
        )
        assert [one.status for one in forks] == [201] * 4
        assert len({one.json["id"] for one in forks}) == 1
        held = await client.post(f"{path}/fork", {"at": 1, "start": False})
        assert (await client.get(f"{held.headers['location']}/why")).json["kind"] == "paused"
        assert (await client.post(f"{held.headers['location']}/run")).status == 200
        await client.post("/signals", {"topic": "go", "data": 1})
        assert (await ended(client, held.json["id"]))["output"] == 1


async def test_others_get_on_while_a_batch_is_compiled() -> None:
    async with served() as client:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        counting = asyncio.create_task(count())
        jobs = [{"document": f"skript: s{n}\ndo:\n  - return: {n}\n"} for n in range(100)]
        told = await client.post("/batch", {"jobs": jobs})
        counting.cancel()
        assert {one["status"] for one in told.json["outcomes"]} == {201}
        assert turns >= 3  # it had none before it was through


async def test_another_request_is_not_taken_for_one_that_is_forgotten() -> None:
    async with served() as client:
        store = client.app.service.store
        body = {"document": WAITS, "data": 1}
        made = await client.post("/jobs", body, idempotency_key="k")
        assert await forget(store, store.now() + KEPT + 1) == 1
        again = await client.post("/jobs", body, idempotency_key="k")
        assert (again.status, again.json["id"]) == (201, made.json["id"])
        assert await forget(store, store.now() + KEPT + 1) == 1
        other = await client.post("/jobs", {**body, "data": 2}, idempotency_key="k")
        assert other.json["id"] != made.json["id"]
        assert other.json["input"] == 2


@pytest.mark.parametrize("store", ["memory:", "sqlite:///{}/jobs.db"])
async def test_what_is_no_event_changes_the_tag_too(store: str, tmp_path: Path) -> None:
    async with served(store=store.format(tmp_path)) as client:
        made = await client.post("/jobs", {"document": WAITS})
        path = made.headers["location"]
        async with client.stream(f"{path}/events") as stream:
            await stream.until(1)
        before = await client.get(path)
        again = await client.get(path)
        assert (again.etag, again.json) == (before.etag, before.json)
        assert (await client.get(path, if_none_match=before.etag)).status == 304
        await client.post(f"{path}/pause")
        async with client.stream("/events") as stream:
            while (await client.get(path)).json["status"] != "Suspended":
                await asyncio.sleep(0)
        assert (await client.get(path)).json["version"] == before.json["version"]
        changed = await client.get(path, if_none_match=before.etag)
        assert (changed.status, changed.json["status"]) == (200, "Suspended")


async def test_pages_are_bounded_in_bytes() -> None:
    async with served() as client:
        text = "x" * 500_000
        for number in range(60):
            await client.post("/jobs", {"data": {"n": number, "text": text}})
        seen, cursor = [], ""
        while cursor is not None:
            page = await client.get(f"/jobs?limit=1000{cursor and '&cursor=' + cursor}")
            assert len(page.body) < 30_000_000
            seen += [job["data"]["n"] for job in page.json["jobs"]]
            cursor = page.json["next"]
        assert seen == list(range(60))[::-1]


async def test_a_service_that_runs_nothing_leaves_jobs_to_workers(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/jobs.db"
    async with served(store=url, settings=Settings(works=False)) as client:
        ids = []
        for body in ({"document": HELLO, "data": {"name": "A"}},
                     {"document": HELLO, "data": {"name": "B"}, "start": False}):  # fmt: skip
            ids.append((await client.post("/jobs", body)).json["id"])
        told = await client.post("/batch", {"jobs": [{"document": HELLO, "data": {"name": "C"}}]})
        ids.append(told.json["outcomes"][0]["id"])
        await client.post(f"/jobs/{ids[1]}/run")
        for id_ in ids:
            assert (await client.get(f"/jobs/{id_}")).json["status"] == "Pending"
        bare = await client.post("/jobs", {"data": {}})
        moved = await client.put(f"{bare.headers['location']}/state", {"event": "start"})
        assert (moved.status, moved.json["status"]) == (200, "Running")
        async with Runtime(store=url) as worker:
            await worker.work(until_idle=True)
        for id_ in ids:
            assert (await client.get(f"/jobs/{id_}")).json["status"] == "Completed"


async def test_probes_are_answered_whoever_asks_much() -> None:
    async with served(settings=Settings(rate=1)) as client:
        statuses = {(await client.get("/jobs")).status for _ in range(5)}
        assert statuses == {200, 429}
        assert {(await client.get("/healthz")).status for _ in range(5)} == {200}


async def test_an_id_of_any_form_fits_a_header() -> None:
    async with served() as client:
        runtime = client.app.service.runtime
        (receipt,) = await runtime.submit_many(
            [Submission(HELLO, {"name": "A"}, key="k", id="за\nказ")]
        )
        assert receipt.error is None, receipt
        again = await client.post("/jobs", {"document": HELLO, "data": {"name": "A"}, "key": "k"})
        assert again.headers["location"] == "/jobs/%D0%B7%D0%B0%0A%D0%BA%D0%B0%D0%B7"
        assert (await client.get(f"{again.headers['location']}/export")).status == 200


async def test_what_waits_is_not_the_last_word_of_its_key() -> None:
    async with served(settings=Settings(works=False)) as client:
        made = await client.post("/jobs", {"document": ORDER, "data": {"total": 1}})
        path = f"{made.headers['location']}/state"
        body = {"event": "place", "wait": 0}
        waits = await client.put(path, body, idempotency_key="k")
        assert (waits.status, waits.json["state"]) == (202, "draft")
        runtime = client.app.service.runtime
        runtime._recovery.runs = True
        async with client.stream(f"/jobs/{made.json['id']}/events") as stream:
            await runtime.resume_job(made.json["id"])
            while "transition.done" not in [event.kind for event in stream.events()][2:]:
                await asyncio.sleep(0)
        done = await client.put(path, body, idempotency_key="k")
        assert (done.status, done.json["state"]) == (200, "placed")
        history = (await client.get(f"{made.headers['location']}/history")).json["events"]
        assert [one["kind"] for one in history].count("event.sent") == 1


async def test_a_retry_that_comes_again_is_carried_out_once() -> None:
    calls = 0

    @handler("my.failing")
    async def failing(params: Any, ctx: Any) -> Any:
        nonlocal calls
        calls += 1
        raise ValueError("no")

    async with served(handlers=[failing]) as client:
        store = client.app.service.store
        document = "skript: f\ndo:\n  - call: my.failing\n"
        path = (await client.post("/jobs", {"document": document})).headers["location"]
        for times in (1, 2, 2):
            async with client.stream(f"{path}/events") as stream:
                await stream.ended.wait()
            assert calls == times
            await forget(store, store.now() + KEPT + 1)  # as if it had never been answered
            told = await client.post(f"{path}/retry", idempotency_key="r")
            assert told.status == 202


async def test_a_signal_that_comes_again_is_received_once() -> None:
    document = "skript: w\ndo:\n  - listen: go\n  - listen: go\n"
    async with served() as client:
        store = client.app.service.store
        path = (await client.post("/jobs", {"document": document})).headers["location"]
        async with client.stream(f"{path}/events") as stream:
            await stream.until(1)
        for outcome in ("accepted", "duplicate"):
            for where in ("/signals", f"{path}/signal", "/hooks/else"):
                body = {"n": 1} if where == "/hooks/else" else {"topic": "other"}
                if where == "/signals":
                    body = {"topic": "go"}
                told = await client.post(where, body, idempotency_key="k")
                assert told.json["outcome"] == outcome
            await forget(store, store.now() + KEPT + 1)  # as if it had never been answered
