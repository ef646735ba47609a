"""Calling the command in this process and in one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from runeskript.cli.main import main

ROOT = Path(__file__).parents[2]


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out.splitlines()[-1])


Rune = Callable[..., Done]


@pytest.fixture
def rune(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Rune:
    """``rune(*words)`` in this process, in an empty folder that belongs to no project."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RUNE_TRACEBACK", raising=False)
    path, modules = list(sys.path), set(sys.modules)
    (tmp_path / "pyproject.toml").write_text("")

    def call(*words: str) -> Done:
        capfd.readouterr()
        code = main(words)
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return Done(code, out, err)

    yield call  # type: ignore[misc]
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.startswith("_rune_"):
            del sys.modules[name]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1", **more}


def spawn(*words: str, cwd: Path, **options: Any) -> subprocess.Popen[bytes]:
    """``rune`` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "runeskript", *words],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        **{"stdout": subprocess.PIPE, **options},
    )
