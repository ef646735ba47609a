"""``rune submit`` and ``rune worker``: jobs that outlive the command that made them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Rune

URL = "sqlite:///jobs.db"
HANDLERS = '''
import os, signal
from runeskript import handler

@handler("note", mode="thread", idempotent=True)
def note(params, ctx):
    """Write a line to the ledger; at ``die`` the first process that comes by is killed."""
    if params.get("die") and not os.path.exists("died"):
        open("died", "x").close()
        os.kill(os.getpid(), signal.SIGKILL)
    with open("ledger", "a") as file:
        file.write(params["text"] + "\\n")
    return params["text"]
'''
ORDER = """
skript: order
input: {type: object, properties: {n: {type: integer}}}
do:
  - call: note
    with: {text: "one ${input.n}"}
    into: one
  - call: note
    with: {text: two, die: true, after: "${one}"}  # so that it is no group with the first
    into: two
  - return: ["${one}", "${two}"]
"""


@pytest.fixture(autouse=True)
def _files(tmp_path: Path) -> None:
    (tmp_path / "handlers.py").write_text(HANDLERS)
    (tmp_path / "order.yaml").write_text(ORDER)
    (tmp_path / "waits.yaml").write_text(
        "skript: waits\ndo:\n  - listen: t\n    into: x\n  - return: ${x}\n"
    )


def test_a_job_is_stored_and_run_by_a_worker(rune: Rune, tmp_path: Path) -> None:
    (tmp_path / "died").touch()
    words = ("submit", "order.yaml", "--input", "n=7", "--handlers", "handlers.py", "--store", URL)
    done = rune(*words, "--key", "k", "--label", "a=b")
    assert done.code == 0
    assert done.json["state"] == "Pending"
    assert not (tmp_path / "ledger").exists()
    assert rune(*words, "--key", "k").json == done.json
    refused = rune(*words, "--key", "k", "--on-conflict", "reject")
    assert refused.code == 2
    assert "RUNE-6012" in refused.err
    text = rune(*words, "--key", "k", "--output", "text")
    assert text.out.strip() == done.json["job"]
    assert rune("worker", "--store", URL, "--until-idle").code == 0  # has no such handler
    assert not (tmp_path / "ledger").exists()
    worker = rune("worker", "--store", URL, "--until-idle", "--handlers", "handlers.py")
    assert (worker.code, worker.json) == (0, {"completed": 1, "failed": 0, "cancelled": 0})
    again = rune("worker", "--store", URL, "--until-idle", "--output", "text")
    assert (again.out, again.err) == ("", "jobs that ended here: none\n")
    assert (tmp_path / "ledger").read_text() == "one 7\ntwo\n"
    result = rune("run", "order.yaml", "--handlers", "handlers.py", "--store", URL, "--key", "k")
    assert result.json["job"] == done.json["job"]
    assert result.json["output"] == ["one 7", "two"]


def test_a_killed_run_is_gone_on_with(rune: Rune, tmp_path: Path) -> None:
    """A real process, and SIGKILL in the middle of its second call."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    words = ["run", "order.yaml", "--input", "n=1", "--handlers", "handlers.py", "--key", "k"]
    command = [sys.executable, "-m", "runeskript", *words, "--store", URL, "--lease", "300ms"]
    killed = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (tmp_path / "ledger").read_text() == "one 1\n"
    done = rune("worker", "--store", URL, "--until-idle", "--handlers", "handlers.py")
    assert done.code == 0
    assert (tmp_path / "ledger").read_text() == "one 1\ntwo\n"
    result = rune(*words, "--store", URL)
    assert result.json["output"] == ["one 1", "two"]
    assert rune("store", "check", "--store", URL).json["problems"] == []


def test_a_run_with_the_key_of_a_killed_one_goes_on_with_it(rune: Rune, tmp_path: Path) -> None:
    (tmp_path / "died").touch()
    words = ("--handlers", "handlers.py", "--store", URL, "--key", "k")
    job = rune("submit", "order.yaml", "--input", "n=1", *words).json["job"]
    for mode in ("text", "json"):
        done = rune("run", "order.yaml", "--input", "n=2", *words, "--output", mode)
        assert done.code == 0
    assert done.json["job"] == job
    assert (tmp_path / "ledger").read_text() == "one 1\ntwo\n"


def test_what_waits_for_a_message_is_no_reason_to_stay(rune: Rune) -> None:
    job = rune("submit", "waits.yaml", "--store", URL).json["job"]
    assert job
    assert rune("worker", "--store", URL, "--until-idle").code == 0
    assert rune("worker", "--store", URL, "--until-idle").code == 0


def test_a_stopped_worker_gives_its_jobs_back(rune: Rune, tmp_path: Path) -> None:
    """Ctrl-C: the next one need not wait for a lease to run out."""
    (tmp_path / "slow.py").write_text(
        "import asyncio\nfrom runeskript import handler\n\n"
        "@handler('slow')\nasync def slow(params, ctx):\n"
        "    open('began', 'w').close()\n    await asyncio.sleep(600)\n"
    )
    (tmp_path / "slow.yaml").write_text("skript: slow\ndo:\n  - call: slow\n")
    rune("submit", "slow.yaml", "--handlers", "slow.py", "--store", URL)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    command = [sys.executable, "-m", "runeskript", "worker", "--store", URL]
    with subprocess.Popen(
        [*command, "--handlers", "slow.py"],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as worker:
        while not (tmp_path / "began").exists():
            assert worker.poll() is None
        worker.send_signal(signal.SIGINT)
        _, err = worker.communicate()
    assert worker.returncode == 0, err
    assert "its jobs are given back" in err
    (tmp_path / "quick.py").write_text(
        "from runeskript import handler\n\n@handler('slow')\nasync def slow(params, ctx):\n    return 1\n"
    )
    done = rune("worker", "--store", URL, "--until-idle", "--handlers", "quick.py")
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["submit"], "write: rune submit FILE, or rune submit --data JSON"),
        (["submit", "none.yaml"], "none.yaml"),
        (["submit", "order.yaml", "--store", URL], "there is no handler `note`"),
        (["submit", "order.yaml", "--handlers", "handlers.py", "--label", "x"], "NAME=TEXT"),
        (
            ["submit", "order.yaml", "--handlers", "handlers.py", "--input", "n=x"],
            "/n: must be integer",
        ),
        (["worker", "--store", "nosql://x"], "names no store"),
        (["worker", "--limit-calls", "8"], "write HANDLER=LIMIT"),
        (["worker", "--limit-calls", "http.get=soon"], "'soon' is no limit"),
        (["worker", "--until"], "--until"),
        (["worker", "--lease", "1ms"], "lease is a duration from 100ms to 1h"),
        (["run", "waits.yaml", "--lease", "long"], "lease"),
    ],
)
def test_what_is_refused(rune: Rune, words: list[str], says: str) -> None:
    done = rune(*words)
    assert done.code == 2
    assert says in done.err


def test_json_is_one_line(rune: Rune, tmp_path: Path) -> None:
    done = rune("submit", "waits.yaml", "--store", URL)
    assert json.loads(done.out) == done.json
    assert set(done.json) == {"job", "state"}


def test_a_policy_that_is_none(rune: Rune, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[defualt]\n")
    (tmp_path / "latin.toml").write_bytes(b"# \xff\n")
    (tmp_path / "good.toml").write_text("[default]\nhandlers = ['*']\n")
    for file, code in (("bad", "RUNE-6509"), ("latin", "RUNE-6509"), ("none", "RUNE-8003")):
        done = rune("worker", "--until-idle", "--policy", f"{file}.toml")
        assert (done.code, code in done.err) == (2, True), done.err
    assert rune("worker", "--until-idle", "--policy", "good.toml").code == 0
