"""The command that registers schedules and looks after them, from the first to the last."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

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
        (("list", "--count", "5"), "--count is for next, not for list"),  # its default
        (("remove", "tick", "--priority=0"), "--priority is for add, not for remove"),
    ):
        done = rune("schedules", *words)
        assert (done.code, said in done.err) == (2, True)


def lines(out: str) -> list[Any]:
    return [json.loads(line) for line in out.splitlines()]


def test_one_that_is_damaged_is_shown_and_can_be_removed(rune: Rune, files: Path) -> None:
    import apsw

    (files / "tock.yaml").write_text(TICK.replace("skript: tick", "skript: tock"))
    for name in ("tick", "tock"):
        rune("schedules", "add", f"{name}.yaml", "--handlers", "hands.py")
    connection = apsw.Connection(str(files / ".rune" / "jobs.db"))
    connection.execute("UPDATE record SET value = x'00' WHERE name = 'tick'")
    connection.close()
    sound, damaged = rune("schedules", "list", "--output", "text").out.splitlines()
    assert sound.startswith("tock ")
    assert damaged.startswith("tick ") and "damaged" in damaged
    bad = lines(rune("schedules", "list").out)[1]
    assert (bad["schedule"], "record schedules/tick" in bad["damaged"]) == ("tick", True)
    for action in ("pause", "resume", "next"):
        done = rune("schedules", action, "tick")
        assert done.code != 0, action
        assert "RUNE-7008" in done.err and "only be removed" in done.err, action
    assert rune("schedules", "remove", "tick").json == {"schedule": "tick", "removed": True}
    assert [one["schedule"] for one in lines(rune("schedules", "list").out)] == ["tock"]
