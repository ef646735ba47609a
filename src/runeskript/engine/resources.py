"""What ``setup`` and ``teardown`` of handlers share: once each per runtime."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

from ..errors import HandlerDefinitionError
from .handlers.registry import Registered, call_maybe_async

_log = logging.getLogger("runeskript.engine")


class Resources:
    """The resources of one runtime, behind ``ctx.resources``.

    Handlers of mode ``process`` are left out: their worker processes set up for themselves.
    """

    def __init__(self) -> None:
        self.shared: dict[str, Any] = {}
        self._lock = asyncio.Lock()
        self._called: list[Callable[[dict[str, Any]], Any]] = []
        self._teardowns: list[tuple[str, Callable[[dict[str, Any]], Any]]] = []

    async def set_up(self, handlers: Iterable[Registered]) -> None:
        """Call every ``setup`` that was not called yet; HandlerDefinitionError where one fails."""
        async with self._lock:  # whoever comes second finds everything set up, too
            await self._set_up(handlers)

    async def _set_up(self, handlers: Iterable[Registered]) -> None:
        for handler in handlers:
            if handler.mode == "process":
                continue
            setup, teardown = handler.setup, handler.teardown
            if setup is not None and setup not in self._called:
                self._called.append(setup)
                try:
                    await call_maybe_async(setup, self.shared)
                except Exception as exc:
                    raise HandlerDefinitionError(
                        f"setup of handler {handler.name} failed: {type(exc).__name__}: {exc}"
                    ) from exc
            if teardown is not None and teardown not in (t for _, t in self._teardowns):
                self._teardowns.append((handler.name, teardown))

    async def tear_down(self) -> None:
        """Call every ``teardown``, the latest first; one that fails is logged."""
        self._called.clear()
        while self._teardowns:
            name, teardown = self._teardowns.pop()
            try:
                await call_maybe_async(teardown, self.shared)
            except Exception:
                _log.exception("teardown of handler %s failed", name)
