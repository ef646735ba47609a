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


def test_nothing_is_lost() -> None:
    code, report, said = matrix("--kills", "12")
    assert code == 0, said
    assert report["kills"] >= 12
    assert [report[name] for name in ("lost", "duplicated", "changed", "stuck")] == [0, 0, 0, 0]


@pytest.mark.parametrize("rule", ["effects", "keys"])
def test_a_broken_rule_is_found(rule: str) -> None:
    """Effects that leave before what caused them is durable; keys that are not the call's own."""
    where = ("--only", "handler end") if rule == "effects" else ()
    code, report, said = matrix("--kills", "60", "--break", rule, *where)
    assert code == 1
    assert report["changed"] or report["duplicated"] or report["lost"], said
