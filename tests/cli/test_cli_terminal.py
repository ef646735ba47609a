"""What somebody sees who runs a skript on a terminal."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import environment

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")

FAN_OUT = """\
skript: fan-out
do:
  - for: i
    in: range(3000)
    parallel: 100
    do:
      - id: tick
        wait: 1ms
  - log: "joined"
  - return: {done: true}
"""


def _on_a_terminal(cwd: Path, *words: str, **more: str) -> tuple[int, str]:
    """Run with both streams on a pseudo-terminal; the exit code and everything it wrote."""
    import pty
    import termios

    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    process = subprocess.Popen(
        [sys.executable, "-m", "runeskript", *words],
        cwd=cwd,
        env=environment(TERM="xterm-256color", PYTHONIOENCODING="utf-8", **more),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    try:
        while piece := os.read(ours, 65536):
            seen += piece
    except OSError:  # the other end is closed
        pass
    finally:
        os.close(ours)
    return process.wait(timeout=60), seen.decode()


def test_the_steps_are_drawn_and_the_result_follows_as_text(tmp_path: Path) -> None:
    (tmp_path / "fan-out.yaml").write_text(FAN_OUT)
    code, text = _on_a_terminal(tmp_path, "run", "fan-out.yaml")
    assert code == 0
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)
    assert re.search(r"✓ .*tick: wait 1ms .*━.* 3,000/3,000 done", plain)
    assert "info     /do/1: joined" in plain
    assert "completed in" in plain
    assert plain.replace("\r", "").endswith('{\n  "done": true\n}\n')


def test_findings_are_coloured_unless_asked_not_to_be(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("skript: bad\ndo:\n  - retrun: 1\n")
    code, text = _on_a_terminal(tmp_path, "check", "bad.yaml")
    assert code == 2
    assert "\x1b[1;31merror[RUNE-" in text
    assert "\x1b[" not in _on_a_terminal(tmp_path, "check", "bad.yaml", NO_COLOR="1")[1]
