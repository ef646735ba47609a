"""Log records on standard error: the ``log`` steps of a job and what handlers report."""

from __future__ import annotations

import logging
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from . import terminal

if TYPE_CHECKING:
    from ..engine.telemetry.telemetry import Telemetry

LEVELS: Final = ("debug", "info", "warning", "error", "off")


class LineHandler(logging.Handler):
    """Passes each record on as one line."""

    def __init__(self) -> None:
        super().__init__()
        #: Where lines go; a view takes them while it is shown.
        self.write: Callable[[str], None] = terminal.note

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line; a defect in writing must not end the job."""
        try:
            self.write(self.format(record))
        except Exception:
            self.handleError(record)

    def use(self, formatter: logging.Formatter) -> None:
        """Write each record as ``formatter`` has it, those of others within calls alone."""
        from ..engine.telemetry.logs import InCall

        self.setFormatter(formatter)
        self.addFilter(InCall())

    def format(self, record: logging.LogRecord) -> str:
        """``warning  settle: the text``; tracebacks of a defect follow on lines of their own."""
        if self.formatter is not None:
            return self.formatter.format(record)
        step = getattr(record, "step", None)
        text = f"{record.levelname.lower():<7}  {f'{step}: ' if step else ''}{record.getMessage()}"
        if record.exc_info:
            text += "\n" + logging.Formatter().formatException(record.exc_info)
        return terminal.printable(text)


@contextmanager
def logging_to_stderr(level: str, telemetry: Telemetry | None = None) -> Iterator[LineHandler]:
    """Have what the package logs written to standard error while the block runs.

    ``telemetry`` with logs: as JSON, and what handlers log by other loggers, too.
    """
    handler = LineHandler()
    logger, root = logging.getLogger("runeskript"), logging.getLogger()
    numbers = {**logging.getLevelNamesMapping(), "OFF": logging.CRITICAL + 1}
    number, before = numbers[level.upper()], root.level
    logger.setLevel(number)
    logger.addHandler(handler)
    logger.propagate = False
    if telemetry is not None and telemetry.logs:
        handler.use(telemetry.formatter())
        root.addHandler(handler)
        root.setLevel(number)
    try:
        yield handler
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
        logger.propagate = True


def telemetry_of(args: Namespace, *, metrics: bool = False) -> Telemetry | None:
    """What ``--log-format`` and the process' own tracer provider ask for, if anything."""
    as_json = args.log_format == "json"
    traced = "opentelemetry.trace" in sys.modules or "OTEL_PYTHON_TRACER_PROVIDER" in os.environ
    if not (as_json or traced or metrics):
        return None
    from ..engine.telemetry.telemetry import Telemetry

    return Telemetry(metrics=metrics, logs=as_json)
