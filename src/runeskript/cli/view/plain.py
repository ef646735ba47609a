"""The view where nobody watches a terminal: one line when a step ends, few lines for many ends."""

from __future__ import annotations

from .. import terminal
from .steps import Row, Steps, duration

#: Least time between two lines of one step, so that a fork of thousands stays a few lines.
QUIET_MS = 1_000

_MARKS = {"done": "done", "failed": "FAILED", "running": "...", "pending": "", "retrying": "..."}


class PlainView:
    """Lines on standard error."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        #: step -> (when its last line was written, what it said)
        self._said: dict[str, tuple[int, str]] = {}

    def refresh(self, now: int) -> None:
        """Write a line for each step that came to rest since its last line."""
        for row in self._steps.rows.values():
            if row.started and not row.running:
                self._say(row, now, force=not row.parallel and row.started == 1)

    def line(self, text: str) -> None:
        """A line of its own (a log step)."""
        terminal.note(text)

    def close(self, now: int) -> None:
        """Write what the quiet time held back."""
        for row in self._steps.rows.values():
            if row.started:
                self._say(row, now, force=True)

    def _say(self, row: Row, now: int, *, force: bool) -> None:
        text = describe(row, now)
        when, before = self._said.get(row.name, (-QUIET_MS, ""))
        if text == before or (not force and now - when < QUIET_MS):
            return
        self._said[row.name] = (now, text)
        terminal.note(text)


def describe(row: Row, now: int) -> str:
    """One row as a line."""
    detail = row.counts()
    tail = f"  {detail}" if detail else ""
    return terminal.printable(
        f"{_MARKS[row.state]:>7}  {row.label}{tail}  {duration(row.elapsed(now))}"
    )
