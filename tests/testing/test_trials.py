"""The fixture ``rune`` and the plugin that brings it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runeskript.errors import RuntimeOptionError
from runeskript.testing import HANG, Trials
from support import PLUGIN

HANDLERS = """
from dataclasses import dataclass
from runeskript import handler

@dataclass
class Receipt:
    id: str
    lines: list[int]

@handler("pay.charge", idempotent=True)
async def charge(params, ctx) -> Receipt:
    raise AssertionError("it is mocked")
"""
SKRIPT = """
skript: pay
do:
  - call: pay.charge
    with: {amount: 40}
    into: receipt
  - return: ${receipt}
"""
TEST = """
from runeskript.testing import After

def test_it(rune):
    done = rune.run("pay.yaml", {"pay.charge": lambda params: After(250, params["amount"])}, handlers="pay.py")
    assert done.output == 40
    assert [call.handler for call in done.calls] == ["pay.charge"]

def test_that_fails(rune):
    assert rune.run("pay.yaml", {"pay.charge": 1}, handlers="pay.py").output == 2
"""


@pytest.fixture
def trials(tmp_path: Path) -> Trials:
    (tmp_path / "pay.py").write_text(HANDLERS)
    (tmp_path / "pay.yaml").write_text(SKRIPT)
    return Trials(tmp_path)


def test_a_mock_is_a_function_or_a_result(trials: Trials) -> None:
    assert trials.run("pay.yaml", {"pay.charge": 7}, handlers="pay.py").output == 7
    mocks = {"pay.charge": lambda params: params["amount"] + 1}
    assert trials.run("pay.yaml", mocks, handlers=["pay.py"]).output == 41


def test_without_a_mock_the_declared_result_is_made_up(trials: Trials) -> None:
    assert trials.run("pay.yaml", handlers="pay.py").output == {"id": "text", "lines": [1]}


def test_a_handler_that_is_only_mocked_need_not_be_there(trials: Trials) -> None:
    assert trials.run(SKRIPT, {"pay.charge": None}).status == "Completed"


def test_a_mock_that_nobody_calls_is_misspelt(trials: Trials) -> None:
    with pytest.raises(
        RuntimeOptionError, match=r"does not call pay\.charg,.*did you mean `pay\.charge`"
    ):
        trials.run("pay.yaml", {"pay.charg": 7}, handlers="pay.py")


def test_a_run_that_has_begun_can_be_moved(trials: Trials) -> None:
    simulation = trials.start("pay.yaml", {"pay.charge": lambda params: HANG}, handlers="pay.py")
    simulation.run_until(1_000)
    simulation.cancel()
    assert simulation.run().status == "Cancelled"


def test_the_plugin_brings_the_fixture_and_shows_the_trace(trials: Trials, tmp_path: Path) -> None:
    (tmp_path / "test_pay.py").write_text(TEST)
    command = [sys.executable, "-m", "pytest", "-q", *PLUGIN, "test_pay.py"]
    options = ["-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "no:hypothesispytest"]
    done = subprocess.run(
        [*command, *options], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert "rune: run 1, pay" in done.stdout
    assert "> call pay.charge for /do/0" in done.stdout


def test_the_plugin_imports_nothing_of_the_engine() -> None:
    code = (
        "import sys, runeskript.testing.plugin\n"
        "heavy = [n for n in sys.modules if n.startswith('runeskript.') and 'testing' not in n]\n"
        "print(heavy)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
