"""The command that registers schedules and looks after them, from the first to the last."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.conftest import Rune

TICK = "skript: tick\nschedule: {every: 1s, overlap: queue}\ndo:\n  - call: work\n"
HANDLERS = (
    "from runeskript import handler\n\n\n@handler('work')\ndef work(params, ctx):\n    return 1\n"
)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "tick.yaml").write_text(TICK)
    (tmp_path / "hands.py").write_text(HANDLERS)
    return tmp_path


def test_from_one_to_the_last(rune: Rune, files: Path) -> None:
    hands = ("--handlers", "hands.py")
    added = rune("schedules", "add", "tick.yaml", *hands, "--label", "a=b").json
    assert (added["schedule"], added["every"], added["cron"]) == ("tick", 1_000, None)
    assert (added["overlap"], added["missed"], added["fired"]) == ("queue", "skip", 0)
    due = rune("schedules", "next", "tick", "--count", "3").out.splitlines()
    assert len(due) == 3
    (listed,) = rune("schedules", "list", "--output", "text").out.splitlines()
    assert listed.startswith("tick ")
    assert "every 1s  (0 done, 0 left out)" in listed
    assert rune("schedules", "pause", "tick").json["paused"] is True
    assert rune("schedules", "resume", "tick").json["paused"] is False
    assert rune("schedules", "remove", "tick").json == {"schedule": "tick", "removed": True}
    assert rune("schedules", "list").out == ""


def test_what_cannot_be(rune: Rune, files: Path) -> None:
    (files / "plain.yaml").write_text("skript: s\ndo:\n  - log: x\n")
    for words, code in (
        (("add", "plain.yaml"), "RUNE-6009"),
        (("add",), "RUNE-8002"),
        (("add", "a", "b"), "RUNE-8002"),
        (("list", "x"), "RUNE-8002"),
        (("next", "nope"), "RUNE-6016"),
        (("next", "nope", "--count", "0"), "RUNE-8002"),
        (("pause", "nope"), "RUNE-6016"),
        (("remove", "nope"), "RUNE-6016"),
        (("resume", "nope"), "RUNE-6016"),
    ):
        done = rune("schedules", *words)
        assert done.code != 0, words
        assert code in done.err, words


def test_options_of_other_actions_are_refused(rune: Rune) -> None:
    for words, said in (
        (("list", "--count", "3"), "--count is for next, not for list"),
        (("pause", "tick", "--no-opt"), "--no-opt is for add, not for pause"),
    ):
        done = rune("schedules", *words)
        assert (done.code, said in done.err) == (2, True)
