"""What holds on a simulated cluster for the first thousand seeds; ``make sim`` goes on from there."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.seeds import again, simulate
from runeskript.testing.cluster.__main__ import main, tell
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


@pytest.mark.parametrize("rule", ["effects", "fencing"])
def test_a_broken_rule_is_found(rule: Broken) -> None:
    assert any(simulate(seed, broken=rule).findings for seed in range(200))


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
