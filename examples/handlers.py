"""The handlers of the small examples: an unsteady service, a travel agency, a bit of work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from runeskript import StepError, handler


@dataclass
class Unsteady:
    """``failures``: how many attempts fail before one works."""

    failures: int = 2


@handler("demo.unsteady", idempotent=True)
async def unsteady(params: Unsteady, ctx: Any) -> dict[str, Any]:
    """A service that refuses connections for the first few attempts."""
    if ctx.attempt <= params.failures:
        raise StepError("connect", f"attempt {ctx.attempt}: connection refused", retryable=True)
    return {"text": "at last", "attempt": ctx.attempt}


@dataclass
class Square:
    """A number."""

    n: int


@handler("demo.square", pure=True)
async def square(params: Square, ctx: Any) -> int:
    """The square of a number; every number that ends in 13 is unlucky."""
    if params.n % 100 == 13:
        raise StepError("demo.unlucky", f"{params.n} is an unlucky number")
    return params.n * params.n


@dataclass
class Booking:
    """What to book; ``available`` stands for the answer of the booking system."""

    what: str
    available: bool = True


@dataclass
class Cancellation:
    """The number of a booking."""

    booking: str


@handler("travel.book", idempotent=True)
async def book(params: Booking, ctx: Any) -> dict[str, str]:
    """Book something; the number is derived from the idempotency key, so booking twice is once."""
    if not params.available:
        raise StepError("travel.full", f"no {params.what} is left")
    return {"booking": f"{params.what}-{ctx.idempotency_key[:8]}"}


@handler("travel.cancel", idempotent=True)
async def cancel(params: Cancellation, ctx: Any) -> None:
    """Give a booking back."""
    ctx.log.info("gave back %s", params.booking)
