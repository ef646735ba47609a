"""What holds on a simulated cluster for the first thousand seeds; ``make sim`` goes on from there."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.support import any_handlers

from cluster.seeds import again, simulate
from runeskript.compiler.pipeline import compile_text
from runeskript.stores.base import JobRow
from runeskript.testing.cluster import Cluster, Job
from runeskript.testing.cluster.__main__ import main, tell
from runeskript.testing.cluster.judge import jobs, now
from runeskript.testing.cluster.process import Process
from runeskript.testing.cluster.world import Broken

SEEDS = 1_000
#: Tests that share the seeds, so that they can be run side by side.
PARTS = 20


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_is_lost(part: int) -> None:
    each = SEEDS // PARTS
    for seed in range(part * each, (part + 1) * each):
        report = simulate(seed)
        assert not report.findings, f"{report.findings}\n{again(seed)}"


#: Only a worker that stalls for long shows that nobody is fenced off: which seeds have one is known.
@pytest.mark.parametrize(("rule", "first"), [("effects", 0), ("fencing", 152)])
def test_a_broken_rule_is_found(rule: Broken, first: int) -> None:
    assert any(simulate(seed, broken=rule).findings for seed in range(first, first + 200))


def test_a_seed_is_the_same_each_time() -> None:
    for seed in (7, 14, 21, 4):
        first, second = simulate(seed, trace=True), simulate(seed, trace=True)
        assert first.trace
        assert first == second


HELLO = """
skript: hello
do:
  - call: shop.greet
    with: {name: Ada}
    into: said
  - wait: 20ms
  - call: shop.note
    with: {text: "${said.name}"}
"""


def test_a_document_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, mine = tmp_path / "hello.yaml", tmp_path / "my_mocks.py"
    file.write_text(HELLO)
    mine.write_text("def shop_greet(params):\n    return {'name': params['name'] * 2}\n")
    assert main([str(file), "--seeds", "4", "--mocks", str(mine)]) == 0
    assert capsys.readouterr().out == "4 seeds, 0 with findings\n"
    assert main([str(file), "--seed", "3", "--store", "sqlite", "--mocks", str(mine)]) == 0
    assert "'text': 'AdaAda'" in capsys.readouterr().out
    file.write_text("skript: x\ndo:\n  - cal: y\n")
    assert main([str(file)]) == 2
    assert "RUNE-" in capsys.readouterr().err


def test_a_finding_comes_with_the_command_that_shows_it_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = next(
        found for seed in range(200) if (found := simulate(seed, broken="effects")).findings
    )
    tell(report, again(report.seed, "effects"))
    said = capsys.readouterr().err
    assert f'again: make sim ARGS="--seed {report.seed} --break effects"' in said
    assert report.findings[0].text in said


TICK = """
skript: tick
schedule: {every: 1s, missed: all, overlap: queue}
do:
  - call: shop.note
    with: {text: "${job.key}"}
"""


class Scheduled(Cluster):
    """Workers that carry out a schedule, beside a job that takes a while."""

    rows: list[JobRow]
    plan: dict[str, Any]

    async def _deploy(self, process: Process) -> None:
        async with process.runtime() as runtime:
            await runtime.schedule(self._deployed[0])

    def _tear_down(self) -> None:
        self.rows = [row for row in jobs(self._raw) if row.skript == "tick"]
        record = now(self._raw.get_record("schedules", "tick"))
        assert record is not None
        self.plan = record.value  # type: ignore[assignment]
        super()._tear_down()


@pytest.mark.parametrize("part", range(3))
def test_each_tick_has_one_job(part: int, tmp_path: Path) -> None:
    """Though workers die, replies are lost and clocks jump."""
    catalog = any_handlers("shop.note", "shop.greet")
    waits = compile_text("skript: w\ndo:\n  - wait: 15s\n", "w.yaml", catalog)
    tick = compile_text(TICK, "tick.yaml", catalog)
    fired = 0
    for seed in range(part, 45, 3):
        world = Scheduled(
            [Job(waits)], seed=seed, deployed=[tick], folder=tmp_path if seed % 5 == 0 else None
        )
        report = world.run()
        assert not report.findings, (seed, report.findings)
        plan = world.plan
        seconds = sorted(str(row.key) for row in world.rows)
        assert len(set(seconds)) == len(seconds) == plan["fired"]
        assert plan["left_out"] == 0
        done = len(seconds) + len(plan["waiting"])
        first = datetime.fromisoformat(seconds[0].removeprefix("tick ")) if seconds else None
        assert first is None or plan["after"] // 1_000 - int(first.timestamp()) == done - 1
        fired += len(seconds)
    assert fired > 100


def test_operators_do_what_they_can() -> None:
    """What the seeds above had to stand: each thing happened often enough to say so."""
    lines = [line for seed in range(120) for line in simulate(seed, trace=True).trace]
    done = Counter(" ".join(line.split()[1:3]) for line in lines if " operator: " in line)
    for what in ("retries", "forks", "forces", "cancel"):
        assert done[f"operator: {what}"] > 3, done
    assert sum("Retried" in line for line in lines) > 3
