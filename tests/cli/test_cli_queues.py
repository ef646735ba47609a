"""``queue: NAME`` on the command line: who takes what, and what is told of it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runeskript.model.ids import idempotency_key

from .conftest import Rune, environment

HANDLERS = '''
import os, signal
from runeskript import handler

@handler("fit", mode="process", idempotent=True)
def fit(params, ctx):
    """Say whose call it is; the first worker that comes by is killed where there is a trap."""
    if os.path.exists("trap"):
        os.remove("trap")
        os.kill(os.getppid(), signal.SIGKILL)
    return [ctx.job_id, ctx.step, ctx.attempt, ctx.idempotency_key]
'''
TRAIN = """
skript: train
do:
  - id: fit
    call: fit
    with: {}
    into: r
    queue: gpu
  - return: "${r}"
"""
STORE = ("--store", "sqlite:///jobs.db")
IDLE = (*STORE, "--until-idle", "--lease", "500ms")


@pytest.fixture(autouse=True)
def _files(tmp_path: Path) -> None:
    (tmp_path / "handlers.py").write_text(HANDLERS)
    (tmp_path / "train.yaml").write_text(TRAIN)


def listed(rune: Rune) -> dict[str, Any]:
    done = rune("jobs", "list", *STORE, "--output", "json")
    return {row["skript"]: row for row in map(json.loads, done.out.splitlines())}


def test_workers_take_from_their_queues(rune: Rune, tmp_path: Path) -> None:
    done = rune("submit", "train.yaml", *STORE, "--handlers", "handlers.py", "--output", "json")
    assert done.code == 0, done.err
    job = json.loads(done.out)["job"]
    assert rune("worker", *IDLE).code == 0
    rows = listed(rune)
    assert (rows["train"]["status"], rows["fit"]["status"]) == ("Running", "Pending")
    shown = json.loads(rune("jobs", "show", rows["fit"]["job"], *STORE, "--output", "json").out)
    assert {key: shown[key] for key in ("kind", "queue", "parent", "handlers")} == {
        "kind": "call",
        "queue": "gpu",
        "parent": job,
        "handlers": ["fit"],
    }
    why = rune("jobs", "why", job, *STORE)
    assert f"job {rows['fit']['job']} of fit on queue gpu, step fit" in why.out
    # Whoever has the handler and does not serve the queue leaves it alone.
    assert rune("worker", *IDLE, "--handlers", "handlers.py").code == 0
    assert listed(rune)["fit"]["status"] == "Pending"
    (tmp_path / "trap").touch()
    gpu = ("worker", *IDLE, "--handlers", "handlers.py", "--queue", "gpu")
    words = [sys.executable, "-m", "runeskript", *gpu]
    killed = subprocess.run(
        words, cwd=tmp_path, env=environment(), capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert rune(*gpu).code == 0
    assert listed(rune)["train"]["status"] == "Running"
    assert rune("worker", *IDLE).code == 0
    shown = json.loads(rune("jobs", "show", job, *STORE, "--output", "json").out)
    assert shown["output"] == [job, "fit", 1, idempotency_key(job, (), 1)]


@pytest.mark.parametrize("queues", [(), ("--queue", "", "--queue", "gpu")])
@pytest.mark.parametrize("store", [STORE, ("--store", "memory://")])
def test_run_serves_the_queues_of_its_own_job(
    rune: Rune, queues: tuple[str, ...], store: tuple[str, ...]
) -> None:
    done = rune("run", "train.yaml", *store, *queues, "--handlers", "handlers.py")
    assert done.code == 0, done.err
    assert json.loads(done.out.splitlines()[-1])["output"][1:3] == ["fit", 1]


def test_a_worker_of_both_queues(rune: Rune) -> None:
    done = rune("submit", "train.yaml", *STORE, "--handlers", "handlers.py")
    assert done.code == 0, done.err
    both = ("--queue", "", "--queue", "gpu")
    assert rune("worker", *IDLE, *both, "--handlers", "handlers.py").code == 0
    assert {row["status"] for row in listed(rune).values()} == {"Completed"}
