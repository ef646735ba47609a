"""A call with an undo that is cancelled under way: whether it succeeded is still found out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from runeskript import Runtime, StepError, handler
from runeskript.model.events import CallDone, CallFailed
from support import simulation

SKRIPT = """
skript: order
do:
  - parallel:
      charge:
        - call: charge
          into: receipt
          undo: {call: refund, with: {id: "${receipt}"}}
      stock:
        - call: reserve
"""


def test_success_that_arrives_behind_the_failure_is_undone() -> None:
    refunds: list[Any] = []

    def refuse(params: Any) -> Any:
        raise StepError("stock.out")

    sim = simulation(
        SKRIPT,
        {"charge": lambda p: 42, "reserve": refuse, "refund": lambda p: refunds.append(p["id"])},
    )
    done = next(e for e in sim.queue if isinstance(e, CallDone))
    failed = next(e for e in sim.queue if isinstance(e, CallFailed))
    sim.queue[:] = [failed, done]
    outcome = sim.run()
    assert outcome.status == "Failed" and outcome.error is not None
    assert outcome.error["type"] == "stock.out"
    assert refunds == [42]


@pytest.mark.parametrize("honours", [True, False], ids=["honours", "ignores"])
async def test_in_the_engine_the_end_of_the_call_is_awaited(honours: bool) -> None:
    begun, seen = asyncio.Event(), []

    @handler("charge", mode="async")
    async def charge(params: dict[str, Any], ctx: Any) -> int:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            if honours:
                raise
        return 7

    @handler("refund", mode="async")
    async def refund(params: dict[str, Any], ctx: Any) -> None:
        seen.append(f"refund {params['id']}")

    @handler("reserve", mode="async")
    async def reserve(params: dict[str, Any], ctx: Any) -> None:
        await begun.wait()
        raise StepError("stock.out")

    async with Runtime(handlers=[charge, refund, reserve]) as runtime:
        result = await runtime.run_job(SKRIPT)
    assert result.error is not None and result.error["type"] == "stock.out"
    assert seen == (["cancelled"] if honours else ["cancelled", "refund 7"])


async def test_what_completed_is_undone_and_what_never_began_is_not_waited_for() -> None:
    order: list[str] = []
    text = """
skript: many
do:
  - for: i
    in: range(6)
    parallel: true
    do:
      - call: slot
        with: {i: "${i}"}
        undo: {call: undone, with: {i: "${i}"}}
"""

    @handler("slot", mode="async", limit=1)
    async def slot(params: dict[str, Any], ctx: Any) -> None:
        await asyncio.sleep(0)
        if params["i"] == 1:
            raise StepError("stop")
        order.append(f"slot {params['i']}")

    @handler("undone", mode="async")
    async def undone(params: dict[str, Any], ctx: Any) -> None:
        order.append(f"undone {params['i']}")

    async with Runtime(handlers=[slot, undone]) as runtime:
        result = await asyncio.wait_for(runtime.run_job(text), 20)
    assert result.error is not None and result.error["type"] == "stop"
    ran = {line.removeprefix("slot ") for line in order if line.startswith("slot")}
    undone_ = [line.removeprefix("undone ") for line in order if line.startswith("undone")]
    assert "0" in ran and sorted(undone_) == sorted(ran)
