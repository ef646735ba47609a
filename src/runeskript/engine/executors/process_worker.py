"""The body of a worker process: reads calls from its standard input, runs them one by one.

Standard output is the way back, so what handlers print goes to standard error. The process ends
when its input does, that is when the runtime closes it or dies.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns
from typing import Any, BinaryIO, Final

from ...errors import HandlerDefinitionError
from ...model.effects import CallOut
from ..handlers.context import HandlerContext
from ..handlers.decorator import Handler
from ..handlers.failures import clean, failure_of
from ..handlers.loading import import_file
from ..handlers.sink import Origin
from .base import outcome_of
from .frames import HEAD, pack, unpack


class _Job:
    """The job of a call, as far as a context needs it."""

    __slots__ = ("called", "id")

    def __init__(self, id_: str, called: Origin | None) -> None:
        self.id = id_
        self.called = called


class Worker:
    """Runs calls; is the sink of their contexts."""

    def __init__(self, inlet: BinaryIO, outlet: BinaryIO) -> None:
        self._inlet = inlet
        self._outlet = outlet
        self._handlers: dict[tuple[str, str | None, str], Handler] = {}
        self._resources: dict[str, Any] = {}
        self._teardowns: list[Callable[[dict[str, Any]], Any]] = []
        self._set_up: set[Any] = set()
        self._call = 0
        #: That of the call at hand.
        self.context: HandlerContext | None = None

    # --- the sink of contexts -------------------------------------------------------------------
    @property
    def resources(self) -> dict[str, Any]:
        """What ``setup`` functions put there, in this process."""
        return self._resources

    def masked(self, text: str) -> str:
        """The runtime masks secrets when the text reaches it."""
        return text

    def progress(
        self, context: HandlerContext, done: float, total: float | None, message: str
    ) -> None:
        """Pass a report on."""
        self.send("progress", self._call, done, total, clean(str(message)))

    # --- calls ------------------------------------------------------------------------------------
    def send(self, *parts: Any) -> None:
        """Write a frame."""
        self._outlet.write(pack(*parts))
        self._outlet.flush()

    def run(self) -> None:
        """Serve until the input ends."""
        self.send("ready")
        while len(head := self._inlet.read(HEAD.size)) == HEAD.size:
            (size,) = HEAD.unpack(head)
            _, calls = unpack(self._inlet.read(size))
            for call in calls:
                self._serve(*call)
        for teardown in reversed(self._teardowns):
            teardown(self._resources)

    def _serve(
        self,
        id_: int,
        module: str,
        file: str | None,
        attribute: str,
        name: str,
        params: Any,
        job: str,
        step: str,
        attempt: int,
        path: list[int],
        n: int,
        origin: list[Any] | None,
        traced: str | None,
    ) -> None:
        self._call = id_
        began = perf_counter_ns()
        call = CallOut(tuple(path), n, step, name, params, attempt, None, None)
        called = None
        if origin is not None:
            of, at, number, tries = origin
            called = Origin(of, tuple(at), number, tries)
        try:
            handler = self._find(module, file, attribute)
            given = params if handler.typed is None else handler.typed.convert(params)
            context = self.context = HandlerContext(_Job(job, called), call, self, _trace=traced)
            if traced is None:
                result = handler.function(given, context)
            else:
                result = _in_trace(traced, handler, given, context)
        except (Exception, SystemExit) as exc:
            good, value = False, failure_of(exc)
        else:
            good, value = outcome_of(result)
        self.context = None
        took = (perf_counter_ns() - began) // 1000
        self.send("done" if good else "fail", id_, value, took)

    def _find(self, module: str, file: str | None, attribute: str) -> Handler:
        key = (module, file, attribute)
        known = self._handlers.get(key)
        if known is not None:
            return known
        loaded = importlib.import_module(module) if file is None else import_file(Path(file))
        found: Any = loaded
        for part in attribute.split("."):
            found = getattr(found, part)
        if not isinstance(found, Handler):
            raise HandlerDefinitionError(f"{module}.{attribute} is no handler here")
        if found.setup is not None and found.setup not in self._set_up:
            self._set_up.add(found.setup)
            if inspect.isawaitable(found.setup(self._resources)):
                raise HandlerDefinitionError(
                    f"handler {found.name}: in a worker process setup is a plain function"
                )
        if found.teardown is not None and found.teardown not in self._teardowns:
            self._teardowns.append(found.teardown)
        self._handlers[key] = found
        return found


def _in_trace(traced: str, handler: Handler, given: Any, context: HandlerContext) -> Any:
    """Run a handler with the span of its call as the current one."""
    from ..telemetry.tracecontext import (  # the library is loaded where somebody traces
        attached,
        detach,
    )

    token = attached(traced)
    try:
        return handler.function(given, context)
    finally:
        detach(token)


#: Characters of a line of the log that cross over.
LOGGED: Final = 1_000_000
_PLAIN = logging.Formatter()


class _Forward(logging.Handler):
    """Sends log records to the runtime, which logs them as its own."""

    def __init__(self, worker: Worker) -> None:
        super().__init__()
        self._worker = worker

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record."""
        context = self._worker.context
        job, step = getattr(record, "job", None), getattr(record, "step", None)
        if job is None and context is not None:
            job, step = context.job_id, context.step
        text = record.getMessage()
        if record.exc_info:
            text = f"{text}\n{_PLAIN.formatException(record.exc_info)}"
        text = text if len(text) <= LOGGED else f"{text[:LOGGED]}…"
        self._worker.send("log", record.name, record.levelno, text, job, step)


def main() -> None:
    """Entry of the process. Its one argument is the level from which on it logs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the runtime's to handle
    outlet = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    inlet = os.fdopen(os.dup(0), "rb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    worker = Worker(inlet, outlet)
    logging.basicConfig(level=int(sys.argv[1]), handlers=[_Forward(worker)])
    try:
        worker.run()
    except BrokenPipeError:
        os._exit(1)  # the runtime is gone; nothing can be said any more
