"""The view on a terminal: the document's steps in place, with counts, bars and durations."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from .. import terminal
from .steps import Row, State, Steps, duration

_MARKS: dict[State, tuple[str, str, str]] = {
    # state: (mark, the same in ASCII, style)
    "pending": ("·", ".", "dim"),
    "running": ("●", "*", "bold cyan"),
    "retrying": ("↻", "~", "yellow"),
    "done": ("✓", "+", "green"),
    "failed": ("✗", "x", "bold red"),
}
_BAR_WIDTH = 24


class LiveView:
    """A redrawn block of lines on standard error, above it whatever is logged."""

    def __init__(self, steps: Steps, title: str, started: int, console: Console | None = None):
        self._steps = steps
        self._title = title
        self._started = started
        self._console = console or Console(file=sys.stderr, highlight=False)
        encoding = (self._console.encoding or "").lower()
        self._ascii = not encoding.startswith("utf")
        self._live = Live(console=self._console, auto_refresh=False, redirect_stdout=False)
        self._live.start()

    def refresh(self, now: int) -> None:
        """Draw the present state."""
        self._live.update(self.render(now), refresh=True)

    def line(self, text: str) -> None:
        """A line that stays, above the block."""
        self._console.print(Text(terminal.printable(text)))

    def close(self, now: int) -> None:
        """Draw the last state and leave it on the screen."""
        self.refresh(now)
        self._live.stop()

    def render(self, now: int) -> Table:
        """The block: as many rows as the screen has room for."""
        table = Table.grid(padding=(0, 1))
        table.add_column(width=1)
        table.add_column(overflow="ellipsis", no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        title = Text(terminal.printable(self._title), style="bold")
        table.add_row("", title, "", duration(max(now - self._started, 0)))
        rows, hidden = visible(list(self._steps.rows.values()), max(self._console.height - 4, 3))
        for row in rows:
            self._add(table, row, now)
        if hidden:
            table.add_row("", Text(f"{hidden:,} more steps", style="dim"), "", "")
        return table

    def _add(self, table: Table, row: Row, now: int) -> None:
        mark, plain, style = _MARKS[row.state]
        label = Text(
            "  " * row.depth + terminal.printable(row.label),
            style="dim" if row.state == "pending" else "",
        )
        took = duration(row.elapsed(now)) if row.started else ""
        table.add_row(Text(plain if self._ascii else mark, style=style), label,
                      self._detail(row), Text(took, style="dim"))

    def _detail(self, row: Row) -> Table | Text:
        """The counts of a step that happens many times, with a bar; else what it reported."""
        text = Text(row.counts(), style="red" if row.failed else "dim")
        total = row.expected or (row.started if row.started > 1 else 0)
        share: float | None = None
        if total > 1:
            share = (row.done + row.failed) / total
        elif row.progress is not None and row.running:
            share = row.progress
        if share is None:
            return text
        grid = Table.grid(padding=(0, 1))
        grid.add_row(ProgressBar(total=1.0, completed=share, width=_BAR_WIDTH), text)
        return grid


def visible(rows: list[Row], room: int) -> tuple[list[Row], int]:
    """The rows worth showing in ``room`` lines, in their order, and how many were left out.

    Running and failed ones first, then the latest to end, then those still to come.
    """
    if len(rows) <= room:
        return rows, 0
    keep = room - 1
    rank = {"running": 0, "retrying": 0, "failed": 1, "done": 2, "pending": 3}
    order = sorted(
        range(len(rows)),
        key=lambda i: (rank[rows[i].state], -rows[i].last if rows[i].started else i),
    )
    chosen = sorted(order[:keep])
    return [rows[i] for i in chosen], len(rows) - keep
