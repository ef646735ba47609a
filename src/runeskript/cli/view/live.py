"""The view on a terminal: the document's steps in place, with counts, bars and durations."""

from __future__ import annotations

import sys

from rich.console import Console, Group
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
_BAR_WIDTH = 16
#: Columns of a terminal from which there is room for bars.
_BAR_FROM = 72


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

    def render(self, now: int) -> Group:
        """The block: as many rows as the screen has room for."""
        title = Text(terminal.printable(self._title), style="bold", no_wrap=True)
        title.append(f"  {duration(max(now - self._started, 0))}", style="dim")
        table = Table.grid(padding=(0, 1))
        table.add_column(width=1)
        table.add_column(overflow="ellipsis", no_wrap=True, ratio=1)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(overflow="ellipsis", no_wrap=True)
        rows, hidden = visible(list(self._steps.rows.values()), max(self._console.height - 4, 3))
        for row in rows:
            mark, plain, style = _MARKS[row.state]
            label = Text(
                "  " * row.depth + terminal.printable(row.label),
                style="dim" if row.state == "pending" else "",
            )
            table.add_row(
                Text(plain if self._ascii else mark, style=style),
                label,
                Text(duration(row.elapsed(now)) if row.started else "", style="dim"),
                self._bar(row),
                Text(row.counts(), style="red" if row.failed else "dim"),
            )
        if hidden:
            table.add_row("", Text(f"{hidden:,} more steps", style="dim"), "", "", "")
        return Group(title, table)

    def _bar(self, row: Row) -> ProgressBar | str:
        """For a step that happens many times, or one that reports its progress."""
        if self._console.width < _BAR_FROM:
            return ""
        if row.expected is not None and row.expected > 1:
            return ProgressBar(row.expected, row.done + row.failed, width=_BAR_WIDTH)
        if row.started > 1:
            return ProgressBar(row.started, row.done + row.failed, width=_BAR_WIDTH)
        if row.progress is not None and row.running:
            return ProgressBar(1.0, row.progress, width=_BAR_WIDTH)
        return ""


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
