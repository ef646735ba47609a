"""Log records on standard error: the ``log`` steps of a job and what handlers report."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from . import terminal

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

    def format(self, record: logging.LogRecord) -> str:
        """``warning  settle: the text``; tracebacks of a defect follow on lines of their own."""
        step = getattr(record, "step", None)
        text = f"{record.levelname.lower():<7}  {f'{step}: ' if step else ''}{record.getMessage()}"
        if record.exc_info:
            text += "\n" + logging.Formatter().formatException(record.exc_info)
        return terminal.printable(text)


@contextmanager
def logging_to_stderr(level: str) -> Iterator[LineHandler]:
    """Have what the package logs written to standard error while the block runs."""
    handler = LineHandler()
    logger = logging.getLogger("runeskript")
    numbers = {**logging.getLevelNamesMapping(), "OFF": logging.CRITICAL + 1}
    logger.setLevel(numbers[level.upper()])
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield handler
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
        logger.propagate = True
