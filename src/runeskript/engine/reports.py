"""What leaves the engine for people: errors with their place, progress from any thread."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import Lock, get_ident
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import RuneskriptError
from ..model.blueprint import Blueprint
from ..model.faults import Fault
from ..model.values import Value
from .handlers.failures import clean
from .live import Live
from .secrets import Vault

if TYPE_CHECKING:
    from .handlers.context import HandlerContext

#: (context, done, total, message), in the loop's thread.
Report: TypeAlias = "Callable[[HandlerContext, float, float | None, str], None]"


class Reports:
    """Passes progress reports on to the loop's thread.

    Of what a handler reports from another thread only the latest is kept until the loop comes to
    it, so a handler that reports in a tight loop costs no memory.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._thread = get_ident()
        self._lock = Lock()
        self._latest: dict[HandlerContext, tuple[float, float | None, str]] = {}

    def progress(
        self, context: HandlerContext, done: float, total: float | None, message: str
    ) -> None:
        """Take a report from any thread."""
        if get_ident() == self._thread:
            self._report(context, done, total, message)
            return
        with self._lock:
            first = context not in self._latest
            self._latest[context] = (done, total, message)
        if first:
            with suppress(RuntimeError):  # the loop is closed: nobody watches any more
                self._loop.call_soon_threadsafe(self._pass_on, context)

    def _pass_on(self, context: HandlerContext) -> None:
        with self._lock:
            latest = self._latest.pop(context, None)
        if latest is not None:
            self._report(context, *latest)


class HandlerSink(ABC):
    """Where the contexts of handlers report to: the watchers of their jobs."""

    def __init__(self, vault: Vault, resources: dict[str, Any], lives: Mapping[str, Live]) -> None:
        self.vault = vault
        self._resources = resources
        self._lives = lives
        self._reports = Reports(self._tell)

    @abstractmethod
    def at(self) -> int:
        """The time of an event seen now, ms since 1970."""

    @property
    def resources(self) -> dict[str, Any]:
        """What ``setup`` functions put there."""
        return self._resources

    def masked(self, text: str) -> str:
        """The text without resolved secrets."""
        return self.vault.scrub_text(text) if self.vault.used else text

    def progress(
        self, context: HandlerContext, done: float, total: float | None, message: str
    ) -> None:
        """A handler reports; callable from any thread."""
        self._reports.progress(context, done, total, message)

    def _tell(
        self, context: HandlerContext, done: float, total: float | None, message: str
    ) -> None:
        live = self._lives.get(context._job.id)
        if live is None or not live.watches or context.cancelled:
            return
        call = context.call
        data = {
            "done": done,
            "total": total,
            "message": clean(self.masked(str(message))),
            "n": call.n,
            "handler": call.handler,
            "attempt": call.attempt,
        }
        live.tell("progress", self.at(), call.step, call.path, data)


def locate(blueprint: Blueprint, error: dict[str, Value]) -> dict[str, Value]:
    """The error with ``file`` and ``line`` (None where they are unknown)."""
    file: Value = None
    line: Value = None
    step = error.get("step")
    spans = blueprint.debug.step_spans
    if isinstance(step, str) and step in blueprint.steps:
        index = blueprint.steps.index(step)
        if index < len(spans) and spans[index].line > 0:
            file, line = spans[index].file, spans[index].line
    return {
        "code": error.get("code"),
        "type": error.get("type"),
        "message": error.get("message"),
        "step": step,
        "file": file,
        "line": line,
        "attempts": error.get("attempts"),
        "data": error.get("data"),
        "cause": error.get("cause"),
    }


def internal(exc: Exception) -> dict[str, Value]:
    """The error object of a defect of ours."""
    code = exc.code if isinstance(exc, RuneskriptError) else "RUNE-9000"
    return Fault("internal", clean(f"{type(exc).__name__}: {exc}"), code=code).public()
