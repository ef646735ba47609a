"""The policy over HTTP: what it does not allow is 403, for documents that come and that are deployed."""

from __future__ import annotations

from typing import Any

from runeskript import handler
from runeskript.engine import policy
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
