"""Log records on standard error: the ``log`` steps of a job and what handlers report."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from . import terminal

LEVELS: Final = ("debug", "info", "warning", "error", "off")


class LineHandler(logging.Handler):
    """Passes each record on as one line."""

    def __init__(self, write: Callable[[str], None]) -> None:
        super().__init__()
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line; a defect in writing must not end the job."""
        try:
            self._write(self.format(record))
        except Exception:
            self.handleError(record)

    def format(self, record: logging.LogRecord) -> str:
        """``warning  settle: the text``; tracebacks of a defect follow on lines of their own."""
        step = getattr(record, "step", None)
        text = f"{record.levelname.lower():<7}  {f'{step}: ' if step else ''}{record.getMessage()}"
        if record.exc_info:
            text += "\n" + logging.Formatter().formatException(record.exc_info)
        return terminal.printable(text)


def set_up(level: str, write: Callable[[str], None] = terminal.note) -> LineHandler:
    """Send what the package logs to ``write``; returns the handler, for ``take_down``."""
    handler = LineHandler(write)
    logger = logging.getLogger("runeskript")
    numbers = {**logging.getLevelNamesMapping(), "OFF": logging.CRITICAL + 1}
    logger.setLevel(numbers[level.upper()])
    logger.addHandler(handler)
    logger.propagate = False
    return handler


def take_down(handler: LineHandler) -> None:
    """Undo ``set_up``."""
    logger = logging.getLogger("runeskript")
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)
    logger.propagate = True
