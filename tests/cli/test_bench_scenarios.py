"""The scenarios of `rune bench`, run small: what they measure is what they say they measure."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any, Literal

import pytest

from runeskript.cli import (
    bench_api,
    bench_batch,
    bench_chain,
    bench_durable,
    bench_jobs,
    bench_memory,
)
from runeskript.cli import bench_scenarios as bench
from runeskript.cli.verbs import bench as bench_verb
from runeskript.compiler.pipeline import compile_text
from runeskript.engine.driver import Driver
from runeskript.engine.handlers.registry import HandlerRegistry
from runeskript.engine.live import Live
from runeskript.errors import RuneskriptError
from runeskript.model.collector import LARGE, paused_collector


@pytest.mark.parametrize("name", ["fanout", "fanout-tokens"])
async def test_the_fan_out_scenarios_measure_something(name: str) -> None:
    (figure,) = await bench._fanout(name, 1, 50)
    assert (figure.scenario, figure.n, figure.rounds) == (name, 50, 1)
    assert figure.rate > 0 and figure.least == figure.ratio


async def test_the_chain_is_measured_with_and_without_passes() -> None:
    """Both against the same loop by hand, whose checksum they have to give."""
    figures = await bench._chain(1, 30)
    assert [figure.scenario for figure in figures] == ["chain", "chain-no-opt"]
    assert figures[0].floor_rate == figures[1].floor_rate > 0
    assert all((figure.n, figure.rounds) == (30, 1) for figure in figures)


async def test_a_chain_with_another_result_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_chain, "DOCUMENT", bench_chain.DOCUMENT.replace("+ 30", "+ 31"))
    with pytest.raises(RuneskriptError, match="the checksum is not that of the loop by hand"):
        await bench_chain.timings(1, 30)


@pytest.mark.parametrize("name", ["durable-fanout", "durable-chain"])
@pytest.mark.parametrize("sync", ["full", "normal"])
def test_durable_jobs_are_measured_in_either_mode(
    name: str, sync: Literal["full", "normal"], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose results have to be in the journal, against commits on the same disk."""
    for count in ("PARALLEL", "SEQUENCE", "COMMITS"):
        monkeypatch.setattr(bench_durable, count, 20)
    figure = bench._durable(name, 1, sync)
    assert (figure.scenario, figure.n, figure.extra["sync"]) == (name, 20, sync.upper())
    assert figure.rate > 0 and figure.floor_rate > 0


@pytest.mark.parametrize("sync", ["full", "normal"])
def test_many_jobs_are_measured_from_submit_to_end(
    sync: Literal["full", "normal"], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_jobs, "JOBS", 70)
    monkeypatch.setattr(bench_durable, "COMMITS", 20)
    figure = bench._many_jobs(1, sync)
    assert (figure.scenario, figure.n, figure.extra["sync"]) == ("many-jobs", 70, sync.upper())
    assert figure.rate > 0 and figure.floor_rate > 0
    assert 0 < figure.extra["p50_ms"] <= figure.extra["p99_ms"]


async def test_many_jobs_all_end_at_most_64_at_a_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each with a time of its own."""
    most = 0
    enter = Driver._enter

    def entering(self: Driver, live: Live) -> None:
        nonlocal most
        enter(self, live)
        most = max(most, len(self.lives))

    monkeypatch.setattr(Driver, "_enter", entering)
    registry = HandlerRegistry([bench.noop])
    skript = compile_text(bench_jobs.MANY, "many-jobs.yaml", registry)
    _, waits = await bench_jobs.many(skript, registry, tmp_path, "normal", 100)
    assert len(waits) == 100
    assert bench_jobs.AT_ONCE // 2 < most <= bench_jobs.AT_ONCE


async def test_recovery_is_measured_until_every_job_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """And all of them complete afterwards, or there is no figure."""
    monkeypatch.setattr(bench_jobs, "UNFINISHED", 150)
    figures = await bench._recovery(1)
    assert [figure.extra["sync"] for figure in figures] == ["FULL", "NORMAL"]
    for figure in figures:
        assert (figure.scenario, figure.n, figure.rounds) == ("recovery", 150, 1)
        assert figure.rate > 0 and figure.extra["seconds"] >= 0


@pytest.mark.parametrize("kind", list(bench_memory.KINDS))
async def test_all_branches_wait_when_the_memory_is_read(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read at the start and at the end, and by then every branch rests on what it is to rest on."""
    seen: list[int] = []
    said: list[float] = []
    lives: list[Live] = []
    adopt = Driver.adopt

    def adopting(self: Driver, row: Any, program: Any) -> Live:
        lives.append(adopt(self, row, program))
        return lives[-1]

    def resident() -> int:
        run = lives[-1].run if lives else None
        seen.append(0 if run is None else len(run.timers) + len(run.listens) + len(lives[-1].calls))
        return 1_000 * len(seen)

    monkeypatch.setattr(Driver, "adopt", adopting)
    monkeypatch.setattr(bench_memory, "resident", resident)
    monkeypatch.setattr(bench_memory, "_say", said.append)
    await bench_memory.ours(kind, 40)
    assert seen == [bench_memory.WARM, 40]
    await bench_memory.floor(kind, 40)
    assert said == [1_000 / 40] * 2


def test_memory_is_a_cost_measured_in_processes_of_their_own() -> None:
    figure = bench._memory("timer", 1, 500)
    assert (figure.scenario, figure.n, figure.extra) == ("memory.timer", 500, {"bar": 1_500})
    assert figure.cost and figure.ratio == figure.least
    assert "bytes/branch " in bench_verb._line(figure) and "/s" not in bench_verb._line(figure)


@pytest.mark.parametrize("start", [False, True])
def test_the_batch_scenario_counts_jobs(monkeypatch: pytest.MonkeyPatch, start: bool) -> None:
    monkeypatch.setattr(bench_batch, "JOBS", 60)
    figure = bench_batch._batch(1, "normal", start=start)
    assert (figure.scenario, figure.n) == ("batch-start" if start else "batch", 60)
    assert figure.extra["sync"] == "NORMAL" and ("ended" in figure.extra) == start


def test_the_api_scenario_measures_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over real connections: every answer is counted, and has to be what was asked for."""
    monkeypatch.setattr(bench_api, "GETS", 40)
    monkeypatch.setattr(bench_api, "POSTS", 40)
    monkeypatch.setattr(bench_api, "CONNECTIONS", 4)
    get, post = bench_api._api(1, "normal", ("get", "post"))
    assert (get.scenario, get.n, post.scenario, post.n) == ("api-get", 40, "api-post", 40)
    assert get.extra["sync"] == "NORMAL" and post.extra["p99_ms"] >= post.extra["p50_ms"] > 0


# --- compile ------------------------------------------------------------------------------------
def test_compiling_is_measured_with_the_collector_off_on_and_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each side of each row, with what it found: whether the collector runs, and may be paused."""
    seen: list[tuple[str, bool, bool]] = []

    def side(name: str) -> float:
        on = gc.isenabled()
        with paused_collector(LARGE):
            seen.append((name, on, on and not gc.isenabled()))
        return 1.0

    monkeypatch.setattr(bench, "STEPS", 20)
    monkeypatch.setattr(bench, "_compile", lambda text: side("ours"))
    monkeypatch.setattr(bench, "_load", lambda text: side("floor"))
    rows = bench.compile_(1)
    assert [row.scenario for row in rows] == ["compile", "compile-collected", "compile-as-is"]
    ours = [(on, pauses) for name, on, pauses in seen if name == "ours"]
    off, collected, as_is = (False, False), (True, False), (True, True)
    assert ours == [off, off, collected, collected, as_is, as_is]  # each once to warm up
    assert [on for name, on, _ in seen if name == "floor"] == [False, False, True, True, True, True]
