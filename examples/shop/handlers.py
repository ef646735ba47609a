"""The handlers of the order example: payments and inventory of the shop service.

SHOP_URL names the service (see service.py); the default is where it listens when started by hand.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import Any

from runeskript import StepError, handler

DEFAULT_URL = "http://127.0.0.1:8080"


@dataclass
class Charge:
    """``amount`` in euros; ``key`` makes charging twice charge once."""

    amount: float
    key: str


@dataclass
class Refund:
    """The id of a charge."""

    id: str


@dataclass
class Reservation:
    """What to set aside: a list of {sku, qty}."""

    items: list[dict[str, Any]]


def _client(resources: dict[str, Any]) -> Any:
    """One HTTP session for all calls of a runtime, opened by the first."""
    import aiohttp  # a third of a second that runs without these handlers should not pay

    if "shop" not in resources:
        resources["shop"] = aiohttp.ClientSession(
            os.environ.get("SHOP_URL", DEFAULT_URL), timeout=aiohttp.ClientTimeout(total=10)
        )
        resources["shop.voids"] = set()
    return resources["shop"]


async def _close(resources: dict[str, Any]) -> None:
    """Finish what was begun when handlers were cancelled, then close the session."""
    await asyncio.gather(*resources.pop("shop.voids", ()), return_exceptions=True)
    if "shop" in resources:
        await resources.pop("shop").close()


async def _post(resources: dict[str, Any], path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The service's answer; what it refuses is a typed error of the step."""
    import aiohttp

    try:
        async with _client(resources).post(path, json=body) as answer:
            data: dict[str, Any] = await answer.json()
    except (aiohttp.ClientConnectionError, TimeoutError) as error:
        raise StepError("connect", f"the shop cannot be reached: {error}", retryable=True) from None
    if answer.status == 402:
        raise StepError("payments.declined", "the card was declined", data=data)
    if answer.status == 409:
        raise StepError("inventory.short", f"{data['sku']}: {data['left']} left", data=data)
    if answer.status >= 400:
        raise StepError(f"http.{answer.status}", str(data.get("error")), data=data)
    return data


@handler("payments.charge", idempotent=True, teardown=_close)
async def charge(params: Charge, ctx: Any) -> dict[str, Any]:
    """Charge the customer's card."""
    try:
        return await _post(ctx.resources, "/charges", {"amount": params.amount, "key": params.key})
    except asyncio.CancelledError:
        # Nobody will see this charge's result, so nobody would undo it; it may have gone through.
        void = _post(ctx.resources, "/refunds", {"key": params.key})
        ctx.resources["shop.voids"].add(asyncio.ensure_future(void))
        raise


@handler("payments.refund", idempotent=True)
async def refund(params: Refund, ctx: Any) -> dict[str, Any]:
    """Give the money of a charge back."""
    return await _post(ctx.resources, "/refunds", {"id": params.id})


@handler("inventory.reserve", idempotent=True)
async def reserve(params: Reservation, ctx: Any) -> dict[str, Any]:
    """Set the items aside; the idempotency key makes reserving twice reserve once."""
    body = {"items": params.items, "key": ctx.idempotency_key}
    return await _post(ctx.resources, "/reservations", body)
