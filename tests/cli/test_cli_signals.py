"""Ctrl-C, SIGTERM and readers that leave: in processes of their own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import environment, spawn

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

LOOP = """\
skript: loop
vars: {n: 0}
do:
  - log: ready
  - while: n >= 0
    do:
      - set: {n: "${n + 1}"}
"""
HANDLERS = """\
import asyncio, time
from runeskript.engine.handlers.decorator import handler

@handler("mine.book")
async def book(params, ctx):
    return 7

@handler("mine.give_back")
async def give_back(params, ctx):
    ctx.log.warning("gave back %s", params["id"])

@handler("mine.hang")
async def hang(params, ctx):
    ctx.log.warning("hanging")
    await asyncio.sleep(3600)

@handler("mine.stubborn")
async def stubborn(params, ctx):
    ctx.log.warning("hanging")
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass
"""
BOOKED = """\
skript: booked
do:
  - call: mine.book
    into: id
    undo: {call: mine.give_back, with: {id: "${id}"}}
  - try:
      - call: mine.hang
    finally:
      - log: leaving
"""
STUBBORN = "skript: stubborn\ndo:\n  - call: mine.stubborn\n"


@pytest.fixture(autouse=True)
def _files(tmp_path: Path) -> None:
    for name, text in {
        "loop.yaml": LOOP,
        "mine.py": HANDLERS,
        "booked.yaml": BOOKED,
        "stubborn.yaml": STUBBORN,
    }.items():
        (tmp_path / name).write_text(text)


def _wait_for(process: subprocess.Popen[bytes], text: bytes) -> bytes:
    """Read standard error up to a line with this text."""
    assert process.stderr is not None
    seen = b""
    while text not in seen:
        line = process.stderr.readline()
        assert line, seen
        seen += line
    return seen


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_cancels_even_an_endless_loop(
    tmp_path: Path, number: signal.Signals
) -> None:
    process = spawn("run", "loop.yaml", cwd=tmp_path)
    _wait_for(process, b"ready")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 3
    result = json.loads(out.splitlines()[-1])
    assert (result["state"], result["error"]["type"]) == ("Cancelled", "cancel")
    assert b"Traceback" not in err


def test_a_cancelled_job_compensates(tmp_path: Path) -> None:
    process = spawn("run", "booked.yaml", "--handlers", "mine.py", cwd=tmp_path)
    _wait_for(process, b"hanging")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 3
    assert err.index(b"leaving") < err.index(b"gave back 7")
    assert json.loads(out)["state"] == "Cancelled"


def test_a_second_signal_stops(tmp_path: Path) -> None:
    process = spawn("run", "stubborn.yaml", "--handlers", "mine.py", cwd=tmp_path)
    _wait_for(process, b"hanging")
    process.send_signal(signal.SIGINT)
    _wait_for(process, b"once more stops at once")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in err


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "long.yaml").write_text(
        "skript: long\ndo:\n  - return: \"${['x' * 1000 for i in range(1000)]}\"\n"
    )
    for words, code in ((["run", "long.yaml"], 0), (["explain", "loop.yaml"], 0)):
        process = spawn(*words, cwd=tmp_path)
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        err = process.stderr.read()
        process.stderr.close()
        assert process.wait(timeout=60) == code
        assert err == b""


def _heed_interrupts() -> None:
    """A job in the background of a shell ignores Ctrl-C, and so do its children; not this one."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_before_there_is_a_job_ctrl_c_is_130(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "runeskript", "check", "-"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=_heed_interrupts,
    )
    assert process.stdin is not None
    # More than a pipe holds: once it is written the command is reading.
    process.stdin.write(b"#" * 300_000)
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, b"")
