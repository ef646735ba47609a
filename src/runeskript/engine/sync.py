"""``run`` and ``compile``: what needs no event loop of the caller's."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Any

from ..compiler.pipeline import Compiled
from ..errors import LoopRunningError
from .catalog import full_registry
from .compiling import Skript, Source
from .handlers.loading import Source as Handlers
from .jobs import JobResult
from .runtime import Runtime


def run(
    skript: Skript,
    input: object = None,  # noqa: A002 - the language's word
    *,
    handlers: Handlers = (),
    **options: Any,
) -> JobResult:
    """Run a skript to its end in an event loop of its own; ``options`` as for ``Runtime``.

    Raises LoopRunningError where an event loop runs in this thread; await ``Runtime`` there.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(_run(skript, input, handlers, options))
    raise LoopRunningError("an event loop is running here; await Runtime(...).run_job(...) instead")


async def _run(skript: Skript, given: object, handlers: Handlers, options: Any) -> JobResult:
    async with Runtime(handlers=handlers, **options) as runtime:
        return await runtime.run_job(skript, given)


def compile(  # noqa: A001 - the verb of the command line, too
    skript: Skript,
    *,
    handlers: Handlers = (),
    allow_hosts: Sequence[str] = (),
    allow: Collection[str] = (),
    discover: bool = True,
) -> Compiled:
    """Compile a skript: a path, the text of a document, or an AST; runs nothing.

    The result holds the Blueprint, its warnings and the Blueprints it pins, and may be handed to
    ``Runtime`` any number of times. Raises CompileError with every diagnostic of the document.
    """
    registry = full_registry(handlers, allow_hosts, allow, None, discover)
    return Source(registry).compiled(skript)
