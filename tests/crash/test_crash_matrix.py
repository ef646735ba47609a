"""A bounded part of the crash matrix; ``make crash`` runs all of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]


def matrix(*words: str) -> tuple[int, dict[str, Any], str]:
    """One run of the matrix in a process of its own."""
    paths = os.pathsep.join([str(TESTS), *(path for path in sys.path if path)])
    done = subprocess.run(
        [sys.executable, "-m", "crash.matrix", *words],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout.splitlines()[-1]), done.stderr


@pytest.mark.parametrize(
    ("story", "kills"),
    [("order ", 10), ("desk worker", 4), ("desk operator", 4), ("alarm ", 4), ("tick ", 4),
     ("stop ", 4), ("ticket worker", 4), ("ticket operator", 2),
     ("record operator", 6), ("record worker", 2), ("clerk ", 8)],
)  # fmt: skip
def test_nothing_is_lost(story: str, kills: int) -> None:
    code, report, said = matrix("--kills", str(kills), "--only", story)
    assert code == 0, said
    assert report["kills"] >= kills
    assert [report[name] for name in ("lost", "duplicated", "changed", "stuck")] == [0, 0, 0, 0]


@pytest.mark.parametrize("rule", ["effects", "keys"])
def test_a_broken_rule_is_found(rule: str) -> None:
    """Effects that leave before what caused them is durable; keys that are not the call's own."""
    where = "order worker: handler end" if rule == "effects" else "order "
    code, report, said = matrix("--kills", "60", "--break", rule, "--only", where)
    assert code == 1
    assert report["changed"] or report["duplicated"] or report["lost"], said
