"""What each pass makes of a document: the listing before and after, and the same run with and without.

A case is a document in ``passes/PASS/``; beside it stands what that pass alone changes in it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from properties.differential import CATALOG, World, compare
from runeskript.compiler.explain import difference
from runeskript.compiler.passes import PASSES
from runeskript.compiler.pipeline import Options, compile_text
from support import check_golden

FOLDER = Path(__file__).parent / "passes"
CASES = sorted(FOLDER.glob("*/*.yaml"))
NAMES = [one.name for one in PASSES]


def name(path: Path) -> str:
    return f"{path.parent.name}-{path.stem}"


@pytest.mark.parametrize("path", CASES, ids=name)
def test_case(path: Path) -> None:
    options = Options(passes=(path.parent.name,), keep=True)
    changes = compile_text(path.read_text(), path.name, CATALOG, options).stages["passes"]
    shown = [difference(before, after) for _, before, after in changes] or ["(nothing)\n"]
    check_golden(path.with_suffix(".txt"), "".join(shown))


@pytest.mark.parametrize("path", CASES, ids=name)
@pytest.mark.parametrize("passes", ["alone", "all"])
def test_case_does_the_same(path: Path, passes: str) -> None:
    program = yaml.safe_load(path.read_text())
    chosen = (path.parent.name,) if passes == "alone" else tuple(NAMES)
    for turns in (1, 20_000):
        compare(program, chosen, World(turns=turns))
        for step in range(6):
            compare(program, chosen, World(turns=turns, cancel_step=step))
            compare(program, chosen, World(turns=turns, cancel_at=2 * step, shuffle=step))


def test_every_pass_has_cases() -> None:
    scalar = {"fold", "propagate", "decide", "thread", "drop_dead", "join_pure"}
    assert scalar <= {path.parent.name for path in CASES} <= set(NAMES)
