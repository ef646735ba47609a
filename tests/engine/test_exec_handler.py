"""exec: programs without a shell."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from runeskript.engine.runtime import Runtime

Start = Callable[..., Awaitable[Runtime]]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="uses POSIX programs")


def doc(params: dict[str, Any]) -> str:
    steps = [{"call": "exec", "with": params, "into": "r"}, {"return": "${r}"}]
    return json.dumps({"skript": "run", "do": steps})


async def ask(rt: Runtime, **params: Any) -> Any:
    return (await rt.run_job(doc(params))).unwrap()


async def error(rt: Runtime, **params: Any) -> Any:
    found = (await rt.run_job(doc(params))).error
    assert found is not None
    return found


async def test_denied_unless_allowed(runtime: Start, tmp_path: Path) -> None:
    rt = await runtime()
    target = tmp_path / "x"
    found = await error(rt, command=["touch", str(target)])
    assert (found["type"], found["code"]) == ("exec.denied", "RUNE-5041")
    assert not target.exists()


async def test_result(runtime: Start) -> None:
    rt = await runtime(allow=["exec"])
    assert await ask(rt, command=["sh", "-c", "cat; echo err >&2"], stdin="in ü") == {
        "status": 0,
        "stdout": "in ü",
        "stderr": "err\n",
    }


async def test_there_is_no_shell(runtime: Start) -> None:
    rt = await runtime(allow=["exec"])
    found = await ask(rt, command=["echo", "$HOME; ls *"])
    assert found["stdout"] == "$HOME; ls *\n"


async def test_environment_and_folder(
    runtime: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNE_SECRET_X", "hidden")
    monkeypatch.setenv("AWS_KEY", "hidden")
    rt = await runtime(allow=["exec"])
    found = await ask(rt, command=["sh", "-c", "env; pwd"], env={"MINE": "1"}, cwd=str(tmp_path))
    assert "hidden" not in found["stdout"]
    assert "MINE=1" in found["stdout"]
    assert f"PATH={os.environ['PATH']}" in found["stdout"]
    assert str(tmp_path) in found["stdout"]


async def test_exit_status(runtime: Start) -> None:
    rt = await runtime(allow=["exec"])
    failing = ["sh", "-c", "echo out; echo why >&2; exit 3"]
    found = await error(rt, command=failing)
    assert found["type"] == "exec.exit"
    assert found["message"] == "'sh' ended with status 3: why"
    assert found["data"] == {"status": 3, "stdout": "out\n", "stderr": "why\n"}
    assert (await ask(rt, command=failing, check=False))["status"] == 3


@pytest.mark.parametrize(
    ("params", "type_"),
    [
        ({"command": ["no-such-program"]}, "exec.not_found"),
        ({"command": ["echo"], "cwd": "/no/such/folder"}, "exec.not_found"),
        ({"command": ["/etc/hostname"]}, "exec.start"),
        ({"command": [""]}, "params"),
        ({"command": ["echo", "a\x00b"]}, "params"),
        ({"command": ["echo"], "env": {"A=B": "c"}}, "params"),
        ({"command": ["echo"], "timeout": "never"}, "params"),
        ({"command": ["echo"], "max_output": 0}, "params"),
        ({"command": ["yes"], "max_output": 1000}, "exec.output"),
        ({"command": ["sh", "-c", "yes >&2"], "max_output": 1000}, "exec.output"),
        ({"command": ["sleep", "3600"], "timeout": "30ms"}, "timeout"),
    ],
)
async def test_errors(runtime: Start, params: dict[str, Any], type_: str) -> None:
    rt = await runtime(allow=["exec"])
    assert (await error(rt, **params))["type"] == type_


async def test_a_timeout_kills_all_it_started(runtime: Start, tmp_path: Path) -> None:
    rt = await runtime(allow=["exec"])
    pids = tmp_path / "pids"
    script = f"sleep 3600 & echo $! > {pids}; echo $$ >> {pids}; wait"
    found = await error(rt, command=["sh", "-c", script], timeout="300ms")
    assert found["type"] == "timeout"
    for pid in map(int, pids.read_text().split()):
        assert await _gone(pid)


@pytest.mark.parametrize(
    "start",
    ["setsid sh -c 'echo $$ >> {0}; sleep 3600 & echo $! >> {0}; wait' &", "set -m; sleep 3600 &"],
    ids=["a session of its own", "job control"],
)
async def test_a_timeout_kills_what_has_left_the_group(
    runtime: Start, tmp_path: Path, start: str
) -> None:
    rt = await runtime(allow=["exec"])
    pids = tmp_path / "pids"
    script = f"{start.format(pids)} echo $! >> {pids}; wait"
    found = await error(rt, command=["sh", "-c", script], timeout="300ms")
    assert found["type"] == "timeout"
    for pid in map(int, pids.read_text().split()):
        assert await _gone(pid)


async def test_a_cancel_kills_it(runtime: Start, tmp_path: Path) -> None:
    rt = await runtime(allow=["exec"])
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    script = f"echo $$ > {fifo}; exec sleep 3600"
    job = await rt.submit_job(doc({"command": ["sh", "-c", script]}))
    pid = int(await asyncio.to_thread(fifo.read_text))
    await rt.cancel_job(job.id)
    async for _ in rt.events(job.id):
        pass
    assert (await rt.get_job(job.id)).status == "Cancelled"
    assert await _gone(pid)


async def _gone(pid: int) -> bool:
    """Whether a process ends (or is a zombie for the one that adopted it)."""
    for _ in range(2000):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        await asyncio.sleep(0.001)
    return False


async def test_a_program_that_reads_nothing(runtime: Start) -> None:
    rt = await runtime(allow=["exec"])
    assert (await ask(rt, command=["true"], stdin="x" * 1_000_000))["status"] == 0
