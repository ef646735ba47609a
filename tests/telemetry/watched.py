"""Handlers that the tests of telemetry call. Mode ``process`` needs them in a module."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from runeskript import HandlerContext, StepError, handler

OWN = logging.getLogger("somebody.else")


@handler("t.noop")
async def noop(params: dict[str, Any], ctx: HandlerContext) -> None:
    pass


@handler("t.plain", mode="thread")
def plain(params: dict[str, Any], ctx: HandlerContext) -> dict[str, Any]:
    OWN.warning("in a thread")
    return _seen(ctx)


@handler("t.slow")
async def slow(params: dict[str, Any], ctx: HandlerContext) -> dict[str, Any]:
    await asyncio.sleep(0)
    OWN.warning("after a pause")
    await asyncio.gather(_inner(), asyncio.to_thread(OWN.warning, "elsewhere"))
    ctx.log.info("by the context's own")
    return _seen(ctx)


async def _inner() -> None:
    await asyncio.sleep(0)
    OWN.warning("in a task of its own")


@handler("t.process", mode="process")
def process(params: dict[str, Any], ctx: HandlerContext) -> dict[str, Any]:
    OWN.warning("in a process")
    ctx.log.warning("by the context's own")
    return _seen(ctx)


@handler("t.bad")
async def bad(params: dict[str, Any], ctx: HandlerContext) -> None:
    raise StepError(params.get("type", "odd"), "it is so", retryable=True)


@handler("t.pending")
async def pending(params: dict[str, Any], ctx: HandlerContext) -> Any:
    return ctx.pending()


def _seen(ctx: HandlerContext) -> dict[str, Any]:
    from opentelemetry import trace

    from runeskript.engine.telemetry.tracecontext import text_of

    return {"given": ctx.traceparent, "current": text_of(trace.get_current_span())}


HANDLERS = [noop, plain, slow, process, bad, pending]
