"""``rune jobs export`` and ``rune replay``."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from .conftest import Rune

URL = "sqlite:///jobs.db"
DOC = """
skript: mine
do:
  - call: shout
    with: {text: "${input.name}"}
    into: loud
  - return: ${loud}
"""
HANDLERS = """
from runeskript import handler

@handler("shout")
async def shout(params, ctx):
    return params["text"].upper()
"""


@pytest.fixture
def exported(rune: Rune, tmp_path: Path) -> Path:
    """The file of a job, where its store and handlers are gone."""
    (tmp_path / "mine.yaml").write_text(DOC)
    (tmp_path / "mine.py").write_text(HANDLERS)
    words = ("--handlers", "mine.py", "--store", URL)
    job = rune("submit", "mine.yaml", "--input", "name=Ada", *words).json["job"]
    assert rune("worker", "--until-idle", *words).code == 0
    done = rune("jobs", "export", job, "--store", URL)
    assert done.code == 0, done.err
    assert done.json == {"job": job, "out": f"{job}.runejob", "bytes": done.json["bytes"]}
    file = tmp_path / f"{job}.runejob"
    assert file.stat().st_size == done.json["bytes"]
    text = rune("jobs", "export", job, "-o", "x.runejob", "--store", URL, "--output", "text")
    assert text.out.startswith("wrote x.runejob (")
    for name in ("mine.yaml", "mine.py", "jobs.db"):
        (tmp_path / name).unlink()
    return file


def test_every_position_is_shown(rune: Rune, exported: Path) -> None:
    done = rune("replay", str(exported))
    assert done.code == 0, done.err
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [row["position"] for row in rows] == [0, 1, 2, 3]
    assert rows[0]["event"] is None
    assert rows[1]["tokens"][0]["state"] == "calls"
    assert rows[2]["event"]["data"]["result"] == "ADA"
    assert rows[3]["end"] == {"status": "Completed", "output": "ADA", "error": None}


def test_moves(rune: Rune, exported: Path) -> None:
    moves = ["next", "2", "back", "last", "next", "first", "back"]
    words = [word for move in moves for word in ("--to", move)]
    done = rune("replay", str(exported), *words)
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [row["position"] for row in rows] == [1, 2, 1, 3, 3, 0, 0]
    text = rune("replay", str(exported), "--to", "1", "--output", "text").out
    assert text.startswith("1/3  job.started")
    assert "main: calls at /do/0" in text
    assert 'Completed: "ADA"' in rune("replay", str(exported), "--to", "3", "--output", "text").out


def test_a_terminal_is_asked(rune: Rune, exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal("\n\nback\nup\nq\nnext\n"))
    done = rune("replay", str(exported), "--output", "text")
    shown = [line for line in done.out.splitlines() if "/3  " in line]
    assert [line.split("> ")[-1][:3] for line in shown] == ["0/3", "1/3", "2/3", "1/3"]
    assert "up: a move is next, back, first, last, or a position from 0 to 3" in done.err
    monkeypatch.setattr(sys, "stdin", Terminal(""))
    assert rune("replay", str(exported), "--output", "text").code == 0


@pytest.mark.parametrize("move", ["4", "-1", "up", "²", "9" * 5000])
def test_moves_that_are_none(rune: Rune, exported: Path, move: str) -> None:
    done = rune("replay", str(exported), f"--to={move}")
    assert (done.code, "RUNE-8002" in done.err) == (2, True)


def test_damaged_files_are_refused(rune: Rune, exported: Path, tmp_path: Path) -> None:
    data = exported.read_bytes()
    changed = bytearray(data)
    changed[len(data) // 2] ^= 4
    files = {
        "cut": (data[:-1], "RUNE-4011"),
        "changed": (bytes(changed), "RUNE-4011"),
        "newer": (data[:8] + b"\x63" + data[9:], "RUNE-4012"),
        "other": (b"skript: x\n", "RUNE-4014"),
    }
    for name, (content, code) in files.items():
        (tmp_path / name).write_bytes(content)
        done = rune("replay", name)
        assert (done.code, code in done.err, done.json["error"]["code"]) == (2, True, code)
    done = rune("replay", "none")
    assert (done.code, "RUNE-8003" in done.err) == (2, True)


def test_what_cannot_be_exported(rune: Rune, exported: Path) -> None:
    done = rune("jobs", "export", "none", "--store", URL)
    assert (done.code, "RUNE-6003" in done.err) == (2, True)
    done = rune("jobs", "export", "--store", URL)
    assert "write: rune jobs export ID" in done.err
