"""What is known of each step while a job runs: counts, states and times. No drawing here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from ...model.records import mutable
from .outline import Item

State = Literal["pending", "running", "retrying", "done", "failed"]


@mutable
class Row:
    """One step of the document; in a fork or a loop it happens many times.

    Times are milliseconds of one clock. ``expected`` is how often it will happen, where known.
    """

    name: str
    label: str
    depth: int = 0
    parallel: bool = False
    started: int = 0
    done: int = 0
    failed: int = 0
    retries: int = 0
    expected: int | None = None
    progress: float | None = None
    first: int | None = None
    last: int = 0

    @property
    def running(self) -> int:
        """How many are under way."""
        return max(self.started - self.done - self.failed, 0)

    @property
    def state(self) -> State:
        """The one word for the row."""
        if self.running:
            return "running"
        if not self.started:
            return "pending"
        # Of many, some may fail and be caught; the counts say so.
        return "failed" if self.failed and not self.done else "done"

    def elapsed(self, now: int) -> int:
        """Milliseconds from the first start to the last end, or to ``now`` while it runs."""
        if self.first is None:
            return 0
        return max((now if self.running else self.last) - self.first, 0)

    def counts(self) -> str:
        """``3/20 done, 8 running, 1 failed, 2 retries``; empty for a step that happens once."""
        parts = []
        if self.started > 1 or self.parallel or (self.expected or 0) > 1:
            total = "" if self.expected is None else f"/{self.expected:,}"
            parts.append(f"{self.done:,}{total} done")
            if self.running:
                parts.append(f"{self.running:,} running")
        if self.failed and (parts or self.failed > 1):
            parts.append(f"{self.failed:,} failed")
        if self.retries:
            parts.append(f"{self.retries:,} {'retry' if self.retries == 1 else 'retries'}")
        return ", ".join(parts)


class Steps:
    """All rows, in the order of the document; a step it does not list gets a row when it starts."""

    def __init__(self, items: Iterable[Item] = ()) -> None:
        self.rows: dict[str, Row] = {}
        for item in items:
            self.rows.setdefault(item.name, Row(item.name, item.label, item.depth, item.parallel))

    def row(self, step: str) -> Row:
        """The row of a step."""
        found = self.rows.get(step)
        if found is None:
            found = self.rows[step] = Row(step, step)
        return found

    def start(self, step: str, at: int) -> Row:
        """It began (its first attempt)."""
        row = self.row(step)
        row.started += 1
        row.last = at
        if row.first is None:
            row.first = at
        return row

    def end(self, step: str, at: int, *, failed: bool = False) -> Row:
        """It ended."""
        row = self.row(step)
        if row.first is None:
            row.first = at
        if failed:
            row.failed += 1
        else:
            row.done += 1
        row.started = max(row.started, row.done + row.failed)
        row.last = at
        row.progress = None
        return row

    def retry(self, step: str) -> Row:
        """An attempt failed and there will be another."""
        row = self.row(step)
        row.retries += 1
        return row


def duration(ms: int) -> str:
    """``340 ms``, ``2.5 s``, ``3 m 20 s``, ``2 h 5 m``."""
    if ms < 1_000:
        return f"{ms} ms"
    if ms < 60_000:
        return f"{ms / 1000:.1f} s"
    minutes, seconds = divmod(ms // 1000, 60)
    if minutes < 60:
        return f"{minutes} m {seconds} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} m"
