"""What ``rune bench --scenario startup`` runs: whole commands, against Python by itself."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

from ..errors import RuneskriptError
from .bench_measure import Figure, pair, peak_rss_mb

_STARTUP: Final = """\
skript: three-steps
do:
  - set: {name: world}
  - log: "greeting ${name}"
  - return: "Hello, ${name}!"
"""


def startup(rounds: int) -> list[Figure]:
    """CPU time of whole commands, against Python starting and ending."""
    with tempfile.TemporaryDirectory(prefix="rune-bench-") as folder:
        (Path(folder) / "three.yaml").write_text(_STARTUP, encoding="utf-8")
        return [
            _startup("startup.help", ["--help"], folder, rounds),
            _startup("startup.run", ["run", "three.yaml"], folder, rounds),
        ]


def _startup(name: str, words: list[str], folder: str, rounds: int) -> Figure:
    ours, floors = [], []
    for turn in range(rounds + 1):  # the first pair warms the caches
        seconds = _cpu([sys.executable, "-m", "runeskript", *words], folder)
        least = _cpu([sys.executable, "-c", "pass"], folder)
        if turn:
            ours.append(seconds)
            floors.append(least)
    figure = pair(name, "starts", 1, "python -c pass", ours, floors)
    cpu = {
        "cpu_ms": round(statistics.median(ours) * 1000, 1),
        "floor_cpu_ms": round(statistics.median(floors) * 1000, 1),
    }
    return replace(figure, rss_mb=peak_rss_mb(resource.RUSAGE_CHILDREN), extra=cpu)


def _cpu(command: list[str], folder: str) -> float:
    """Seconds of CPU, user and system, that a command takes; it must succeed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)  # noqa: S603
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        text = done.stderr.decode(errors="replace").strip()
        raise RuneskriptError(f"{' '.join(command)} exited with {done.returncode}: {text}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
