"""What leaves the engine for people: errors with their place, progress from any thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Lock, get_ident
from typing import TypeAlias

from ..model.blueprint import Blueprint
from ..model.values import Value
from .handlers.context import HandlerContext

#: (context, done, total, message), in the loop's thread.
Report: TypeAlias = Callable[[HandlerContext, float, float | None, str], None]


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
