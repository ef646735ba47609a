"""The policy over HTTP: what it does not allow is 403, for documents that come and that are deployed."""

from __future__ import annotations

from typing import Any

from tests.engine.conftest import Lasting

from runeskript import Runtime, handler
from runeskript.engine import policy
from runeskript.errors import StepError
from runeskript.stores.memory import MemoryStore
from serving import served

POLICY = "[skripts.pay]\nhandlers = ['bank.pay']\n"
PAY = "skript: NAME\ndo:\n  - call: bank.pay\n"


@handler("bank.pay")
def pay(params: Any, ctx: Any) -> Any:
    return "paid"


async def test_what_is_not_allowed_is_forbidden() -> None:
    options: dict[str, Any] = {"handlers": [pay], "discover_handlers": False}
    async with served(policy=policy.read(POLICY), **options) as client:
        for name, path, method, status in (
            ("pay", "/jobs", "POST", 403),
            ("other", "/skripts", "PUT", 403),
            ("pay", "/skripts", "PUT", 201),
            ("pay", "/jobs", "POST", 201),
            ("pay2", "/jobs", "POST", 403),
        ):
            reply = await client.ask(method, path, {"document": PAY.replace("NAME", name)})
            assert reply.status == status, (name, path, reply)
            if status == 403:
                assert reply.json["code"] == "RUNE-6508"
                assert "`bank.pay`" in reply.json["detail"]
        assert (await client.post("/jobs", {"skript": "pay"})).status == 201
        assert (await client.post("/check", {"document": PAY.replace("NAME", "x")})).status == 200
        assert [one["skript"] for one in (await client.get("/jobs")).json["jobs"]] == ["pay", "pay"]


async def test_forks_and_retries_go_by_the_policy_of_whoever_is_asked() -> None:
    """The job was submitted to a process without one."""

    @handler("bank.pay")
    def closed(params: Any, ctx: Any) -> Any:
        raise StepError("bank.closed")

    store: Any = Lasting(MemoryStore(lambda: 1_000))
    options: dict[str, Any] = {"store": store, "discover_handlers": False}
    async with Runtime(handlers=[closed], **options) as runtime:
        id_ = (await runtime.run_job(PAY.replace("NAME", "other"))).id
    async with served(policy=policy.read(POLICY), handlers=[pay], **options) as client:
        for path, body in (("retry", None), ("fork", {"at": 1})):
            reply = await client.post(f"/jobs/{id_}/{path}", body)
            assert (reply.status, reply.json["code"]) == (403, "RUNE-6508"), reply
        (job,) = (await client.get("/jobs")).json["jobs"]
        assert job["status"] == "Failed"
    async with served(handlers=[pay], **options) as client:
        assert (await client.post(f"/jobs/{id_}/retry")).status == 202
