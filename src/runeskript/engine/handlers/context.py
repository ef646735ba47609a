"""What a handler is given besides its parameters."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import msgspec

from ...model import batches
from ...model.completions import completion_token
from ...model.effects import CallOut, CallsOut
from ...model.ids import idempotency_key
from .pending import Pending
from .sink import Job, Sink


class HandlerContext(msgspec.Struct, gc=False, eq=False):
    """The context of one attempt of a call. Valid while the handler runs.

    A struct because there is one for every call. It is in no cycle of references once the call is
    settled, so the garbage collector need not know it.
    """

    _job: Job
    _call: CallOut | CallsOut
    _sink: Sink
    _cancelled: bool = False
    _key: str | None = None
    _log: logging.LoggerAdapter[logging.Logger] | None = None
    #: Which call of a batch it is, counted from 0.
    _position: int = 0
    #: The context of the attempt's span, where somebody traces.
    _trace: str | None = None

    def __repr__(self) -> str:
        return f"<context of {self.step}, attempt {self.attempt}, job {self.job_id}>"

    @property
    def call(self) -> CallOut:
        """The effect that let the call out; where it left in a batch, its own part of it."""
        call = self._call
        return batches.member(call, self._position) if isinstance(call, CallsOut) else call

    @property
    def job_id(self) -> str:
        """The id of the job whose call it is, whoever runs it."""
        origin = self._job.called
        return self._job.id if origin is None else origin.job

    @property
    def step(self) -> str:
        """The step's ``id``, or its JSON pointer in the document."""
        return self._call.step

    @property
    def attempt(self) -> int:
        """1 for the first attempt."""
        origin = self._job.called
        return self.call.attempt if origin is None else origin.attempt

    @property
    def idempotency_key(self) -> str:
        """32 hex digits: the same for retries, timeouts and crashes of this call, for no other."""
        if self._key is None:
            call, origin = self.call, self._job.called
            if origin is None:
                self._key = idempotency_key(self._job.id, call.path, call.n)
            else:
                self._key = idempotency_key(origin.job, origin.path, origin.n)
        return self._key

    @property
    def token(self) -> str:
        """By which somebody outside completes this attempt, where the handler returns
        :meth:`pending`. The same where a crash has the attempt made again.
        """
        call = self.call
        return completion_token(self._job.id, call.path, call.n, call.attempt)

    @property
    def traceparent(self) -> str | None:
        """The span of this attempt as the header ``traceparent`` has it, for whatever the handler
        asks others to do; None where nobody traces.
        """
        return self._trace

    def pending(self) -> Pending:
        """What a handler returns whose result is told later: ``complete_call(token, result)``.

        The call's timeout goes on, from now on; the job may outlive any process meanwhile.
        """
        return Pending()

    @property
    def cancelled(self) -> bool:
        """Whether the result is no longer wanted. Handlers in threads look at it now and then."""
        return self._cancelled

    def raise_if_cancelled(self) -> None:
        """Raise asyncio.CancelledError where the result is no longer wanted."""
        if self._cancelled:
            raise asyncio.CancelledError

    @property
    def resources(self) -> dict[str, Any]:
        """What ``setup`` functions put there, shared by all handlers of the process."""
        return self._sink.resources

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """Report progress: a fraction (0 to 1), or ``done`` of ``total``. Never journaled."""
        self._sink.progress(self, done, total, message)

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger (``runeskript.handler.NAME``) whose records say which attempt of which step of
        which job it is.
        """
        if self._log is None:
            logger = logging.getLogger(f"runeskript.handler.{self._call.handler}")
            origin = {"job": self.job_id, "step": self.step, "attempt": self.attempt}
            origin["handler"] = self._call.handler
            self._log = _Log(logger, self._sink, origin)
        return self._log


_PLAIN = logging.Formatter()


class _Log(logging.LoggerAdapter[logging.Logger]):
    """Adds job and step, and masks secrets."""

    def __init__(self, logger: logging.Logger, sink: Sink, extra: dict[str, object]) -> None:
        super().__init__(logger, extra)
        self._sink = sink

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        """Add job and step to the record's fields."""
        kwargs["extra"] = {**(kwargs.get("extra") or {}), **dict(self.extra or {})}
        return msg, kwargs

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """As ``logging.Logger.log``; the text is made here, so that secrets can be masked."""
        if not self.isEnabledFor(level):
            return
        record = logging.LogRecord("", level, "", 0, msg, args, None)
        text = self._sink.masked(record.getMessage())
        kwargs = dict(self.process(msg, kwargs)[1])
        kwargs["extra"] = {
            key: self._sink.masked(item) if type(item) is str else item
            for key, item in kwargs["extra"].items()
        }
        text, kwargs["exc_info"] = self._with_exception(text, kwargs.get("exc_info"))
        kwargs.setdefault("stacklevel", 2)
        self.logger.log(level, text, **kwargs)

    def _with_exception(self, text: str, exc_info: Any) -> tuple[str, Any]:
        """An exception is logged as it is, unless its text would give a secret away."""
        if not exc_info:
            return text, exc_info
        if isinstance(exc_info, BaseException):
            exc_info = (type(exc_info), exc_info, exc_info.__traceback__)
        elif not isinstance(exc_info, tuple):
            exc_info = sys.exc_info()
        if exc_info[0] is None:
            return text, None
        shown = _PLAIN.formatException(exc_info)
        masked = self._sink.masked(shown)
        return (text, exc_info) if masked == shown else (f"{text}\n{masked}", None)
