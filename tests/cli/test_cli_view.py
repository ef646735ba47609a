"""The state of steps while a job runs, and how it is drawn."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from runeskript.cli.view.live import LiveView, visible
from runeskript.cli.view.outline import Item
from runeskript.cli.view.plain import PlainView
from runeskript.cli.view.steps import Row, Steps, duration


def test_a_row_counts_what_happened() -> None:
    steps = Steps([Item("/do/0", "http.get", 0, True)])
    for at in range(3):
        steps.start("/do/0", 10 + at)
    row = steps.end("/do/0", 20)
    steps.end("/do/0", 25, failed=True)
    steps.retry("/do/0")
    assert (row.running, row.state) == (1, "running")
    assert row.counts() == "1 done, 1 running, 1 failed, 1 retry"
    assert row.elapsed(100) == 90
    steps.end("/do/0", 60)
    # Some of many may fail and be caught: the counts say so, the mark does not.
    assert (row.state, row.elapsed(100)) == ("done", 50)
    steps.start("once", 1)
    assert steps.end("once", 2, failed=True).state == "failed"


def test_a_step_that_happens_once_has_no_counts() -> None:
    steps = Steps([Item("a", "a: x", 0, False)])
    assert steps.rows["a"].state == "pending"
    steps.start("a", 1)
    steps.end("a", 4)
    assert (steps.rows["a"].state, steps.rows["a"].counts()) == ("done", "")


def test_a_step_nobody_announced_gets_a_row() -> None:
    steps = Steps()
    steps.start("child/do/0", 5)
    assert list(steps.rows) == ["child/do/0"]


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "0 ms"), (999, "999 ms"), (2_500, "2.5 s"), (200_000, "3 m 20 s"), (7_500_000, "2 h 5 m")],
)
def test_durations(ms: int, text: str) -> None:
    assert duration(ms) == text


def test_the_plain_view_writes_few_lines_for_many_ends(capsys: pytest.CaptureFixture[str]) -> None:
    steps = Steps([Item("w", "work", 0, True), Item("x", "after", 0, False)])
    view = PlainView(steps)
    for at in range(2_000):  # one at a time: the row comes to rest after each
        steps.start("w", at)
        steps.end("w", at)
        view.refresh(at)
    steps.start("x", 2_001)
    steps.end("x", 2_005)
    view.refresh(2_005)
    view.line("hello")
    view.close(2_010)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) <= 5
    assert "   done  after  4 ms" in lines
    assert "hello" in lines
    assert any("2,000 done" in line for line in lines)


def _screen(steps: Steps, height: int = 24, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    # As sys.stderr is opened.
    file = io.TextIOWrapper(raw, encoding=encoding, errors="backslashreplace")
    console = Console(file=file, force_terminal=True, width=100, height=height, color_system=None)
    view = LiveView(steps, "job 1", 0, console)
    view.line("a log line \x1b[31m")
    view.close(3_000)
    file.flush()
    return raw.getvalue().decode(encoding)


def test_the_live_view_draws_a_fork_as_counts_and_a_bar() -> None:
    steps = Steps([Item("w", "work", 1, True), Item("x", "after", 0, False)])
    for at in range(4_000):
        steps.start("w", 10)
        if at % 2:
            steps.end("w", 500)
    steps.rows["w"].expected = 5_000
    text = _screen(steps)
    assert "2,000/5,000 done, 2,000 running" in text
    assert "━" in text
    assert "· after" in text
    assert "job 1" in text
    assert "[31m" in text and "\x1b[31m" not in text  # the control character is made harmless


def test_the_live_view_falls_back_to_ascii() -> None:
    steps = Steps([Item("x", "after", 0, False)])
    steps.start("x", 0)
    steps.end("x", 2)
    assert "+ after" in _screen(steps, encoding="ascii")


def test_what_is_shown_of_a_long_document() -> None:
    rows = [Row(str(i), str(i)) for i in range(50)]
    for i in (3, 40):
        rows[i].started, rows[i].done, rows[i].last = 1, 1, i
    rows[30].started = 1
    rows[20].started = rows[20].failed = 1
    shown, hidden = visible(rows, 5)
    assert [row.name for row in shown] == ["3", "20", "30", "40"]
    assert hidden == 46
    assert visible(rows[:5], 5) == (rows[:5], 0)
