"""What ``rune bench`` measures. A scenario times us and a floor in turns (``bench_measure.py``)."""

from __future__ import annotations

import asyncio
import gc
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, Literal

import yaml

from ..compiler.pipeline import compile_text
from ..engine.handlers.decorator import handler
from ..engine.handlers.registry import HandlerRegistry
from ..engine.runtime import Runtime
from ..errors import RuneskriptError
from ..model.catalog import PlainHandler, StaticCatalog
from ..model.collector import unpaused
from . import bench_api, bench_batch, bench_chain, bench_document, bench_machines, bench_memory
from .bench_measure import Figure, Scenario, alternate, pair, peak_rss_mb
from .bench_startup import startup

if TYPE_CHECKING:
    from .bench_jobs import Gate

MIN_ROUNDS: Final = 9
#: Branches of the fan-out.
BRANCHES: Final = 20_000


# --- fanout -------------------------------------------------------------------------------------
_FANOUT: Final = """\
skript: fanout
do:
  - for: i
    in: range(input.branches)
    parallel: true
    do:
      - call: bench.noop
"""
_FANOUT_TOKENS: Final = _FANOUT + "      - call: bench.noop\n"


@handler("bench.noop")
async def noop(params: dict[str, Any], ctx: Any) -> None:
    """Nothing: what is left is the cost of calling it."""


def fanout(rounds: int) -> list[Figure]:
    """Parallel branches of one no-op call each, joined, against ``asyncio.gather``."""
    return asyncio.run(_fanout("fanout", rounds))


def fanout_tokens(rounds: int) -> list[Figure]:
    """The same with two calls a branch, so that each is a token; the floor's await both."""
    return asyncio.run(_fanout("fanout-tokens", rounds))


async def _fanout(name: str, rounds: int, branches: int = BRANCHES) -> list[Figure]:
    registry = HandlerRegistry([noop])
    text = _FANOUT if name == "fanout" else _FANOUT_TOKENS
    compiled = compile_text(text, f"{name}.yaml", registry)
    function = noop.function

    async def twice() -> None:
        await function({}, None)
        await function({}, None)

    async def ours() -> float:
        # A runtime per round: a store full of the journals of former rounds costs the later ones.
        async with Runtime(handlers=registry, discover_handlers=False) as runtime:
            began = perf_counter()
            job = await runtime.submit_job(compiled, {"branches": branches})
            await runtime.result(job.id)
            return perf_counter() - began

    async def floor() -> float:
        began = perf_counter()
        if name == "fanout":
            await asyncio.gather(*[function({}, None) for _ in range(branches)])
        else:
            await asyncio.gather(*[twice() for _ in range(branches)])
        return perf_counter() - began

    timings = await alternate(rounds, ours, floor)
    return [pair(name, "branches", branches, "asyncio.gather", *timings)]


# --- chain --------------------------------------------------------------------------------------
def chain(rounds: int) -> list[Figure]:
    """Parallel branches that only compute, optimised and not, against the loop by hand."""
    return asyncio.run(_chain(rounds))


async def _chain(rounds: int, branches: int = bench_chain.BRANCHES) -> list[Figure]:
    taken = await bench_chain.timings(rounds, branches)
    return [
        pair(name, "branches", branches, "a loop by hand", taken[name], taken["floor"])
        for name in ("chain", "chain-no-opt")
    ]


# --- durable ------------------------------------------------------------------------------------
def durable_fanout(rounds: int) -> list[Figure]:
    """Parallel calls whose results are durable, against one commit for each."""
    return [_durable("durable-fanout", rounds, sync) for sync in ("full", "normal")]


def durable_chain(rounds: int) -> list[Figure]:
    """Calls one after the other, each durable before the next, against bare commits."""
    return [_durable("durable-chain", rounds, sync) for sync in ("full", "normal")]


def _durable(name: str, rounds: int, sync: Literal["full", "normal"]) -> Figure:
    from . import bench_durable  # it loads the database's library

    fanning = name == "durable-fanout"
    number = bench_durable.PARALLEL if fanning else bench_durable.SEQUENCE
    registry = HandlerRegistry([noop])
    text = bench_durable.FANOUT if fanning else bench_durable.CHAIN
    skript = compile_text(text, f"{name}.yaml", registry)
    with tempfile.TemporaryDirectory(prefix="rune-bench-") as folder:
        path = Path(folder) / "jobs.db"

        async def ours() -> float:
            return await bench_durable.job(skript, registry, path, sync, number)

        async def floor() -> float:
            return bench_durable.commits(path, sync, number)

        async def both() -> tuple[list[float], list[float]]:
            await bench_durable.job(skript, registry, path, sync, 1)  # makes the file
            return await alternate(rounds, ours, floor)

        timings = asyncio.run(both())
    figure = pair(name, "steps", number, "a commit for each", *timings)
    return replace(figure, extra={"sync": sync.upper(), "best": round(number / min(timings[0]))})


def many_jobs(rounds: int) -> list[Figure]:
    """Small durable jobs, 64 at a time, against a commit for each durable step of theirs."""
    return [_many_jobs(rounds, sync) for sync in ("full", "normal")]


def _many_jobs(rounds: int, sync: Literal["full", "normal"]) -> Figure:
    from . import bench_durable, bench_jobs

    registry = HandlerRegistry([noop])
    skript = compile_text(bench_jobs.MANY, "many-jobs.yaml", registry)
    number, waits = bench_jobs.JOBS, []
    with tempfile.TemporaryDirectory(prefix="rune-bench-") as folder:

        async def ours() -> float:
            seconds, taken = await bench_jobs.many(skript, registry, Path(folder), sync, number)
            waits.append(taken)
            return seconds

        async def floor() -> float:
            path = Path(folder) / "floor.db"
            return bench_durable.commits(path, sync, number * bench_jobs.STEPS)

        timings = asyncio.run(alternate(rounds, ours, floor))
    figure = pair("many-jobs", "jobs", number, "a commit for each step", *timings)
    cuts = statistics.quantiles([one for taken in waits[1:] for one in taken], n=100)
    extra = {"sync": sync.upper(), "best": round(number / min(timings[0]))}
    extra |= {"p50_ms": round(cuts[49] * 1000, 1), "p99_ms": round(cuts[98] * 1000, 1)}
    return replace(figure, extra=extra)


def recovery(rounds: int) -> list[Figure]:
    """Unfinished jobs that a new worker claims and moves, against marking as many rows."""
    return asyncio.run(_recovery(min(rounds, FEW_ROUNDS)))


async def _recovery(rounds: int) -> list[Figure]:
    from . import bench_jobs

    number = bench_jobs.UNFINISHED
    with tempfile.TemporaryDirectory(prefix="rune-bench-") as folder:
        gate, path = bench_jobs.Gate(number), Path(folder) / "unfinished.db"
        await bench_jobs.unfinished(gate, path, number)
        return [await _recovered(gate, path, rounds, sync) for sync in ("full", "normal")]


async def _recovered(
    gate: Gate, path: Path, rounds: int, sync: Literal["full", "normal"]
) -> Figure:
    from . import bench_jobs

    number = bench_jobs.UNFINISHED

    async def ours() -> float:
        return await bench_jobs.recovery(gate, path, path.parent, sync, number)

    async def floor() -> float:
        return bench_jobs.marking(path.parent, sync, number)

    timings = await alternate(rounds, ours, floor, warm=False)
    figure = pair("recovery", "jobs", number, "marking as many rows", *timings)
    seconds = round(statistics.median(timings[0]), 2)
    return replace(figure, extra={"sync": sync.upper(), "seconds": seconds})


# --- memory -------------------------------------------------------------------------------------
def memory(rounds: int) -> list[Figure]:
    """What a branch holds while it waits, against an asyncio task that waits for the same."""
    return [_memory(kind, min(rounds, FEW_ROUNDS)) for kind in bench_memory.KINDS]


def _memory(name: str, rounds: int, branches: int = bench_memory.BRANCHES) -> Figure:
    """Every measurement is a process of its own, since none gives its memory back."""
    taken: dict[str, list[float]] = {"ours": [], "floor": []}
    for turn in range(rounds):
        for side in ("ours", "floor") if turn % 2 else ("floor", "ours"):
            words = [name, str(branches), side]
            command = [sys.executable, "-m", bench_memory.__name__, *words]
            done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603
            if done.returncode != 0:
                text = done.stderr.decode(errors="replace").strip()
                raise RuneskriptError(f"{' '.join(command)} exited with {done.returncode}: {text}")
            taken[side].append(float(done.stdout))
    ratios = [least / mine for mine, least in zip(taken["ours"], taken["floor"], strict=True)]
    kind = bench_memory.KINDS[name]
    return Figure(
        f"memory.{name}",
        "bytes/branch",
        statistics.median(taken["ours"]),
        kind.floor,
        statistics.median(taken["floor"]),
        statistics.median(ratios),
        min(ratios),
        branches,
        rounds,
        peak_rss_mb(resource.RUSAGE_CHILDREN),
        cost=True,
        extra={"bar": kind.bar},
    )


# --- compile ------------------------------------------------------------------------------------
#: Steps of the documents: the usual large one, and one that shows how the time grows.
STEPS: Final = 10_000
MANY_STEPS: Final = 100_000
#: Pairs for the longer document, each of which takes a minute.
FEW_ROUNDS: Final = 3
#: Row -> what the garbage collector does, and whether the compiler may pause it, as it does by
#: itself for a large text.
_COLLECTOR: Final = {
    "compile": ("off for both", True),
    "compile-collected": ("on for both, paused by neither", False),
    "compile-as-is": ("as Python sets it", True),
}


def compile_(rounds: int) -> list[Figure]:
    """From text to verified Blueprint, against PyYAML reading the same text into plain data."""
    text = bench_document.document(STEPS)
    figures = []
    for name, (collector, paused) in _COLLECTOR.items():
        off = collector == "off for both"
        with nullcontext() if paused else unpaused():
            ours, floors = _in_turns(rounds, lambda: _compile(text), lambda: _load(text), off=off)
        figure = pair(name, "steps", STEPS, "yaml.load(Loader=CSafeLoader)", ours, floors)
        extra = {"lines": text.count("\n"), "collector": collector}
        figures.append(replace(figure, extra=extra))
    return figures


def compile_100k(rounds: int) -> list[Figure]:
    """Ten times the document, in steps a second, against the document itself.

    A ratio of 1 is time in proportion to length; 0.91 is 11 times the time for 10 times the steps.
    """
    many, few = bench_document.document(MANY_STEPS), bench_document.document(STEPS)
    ours, base = _in_turns(
        min(rounds, FEW_ROUNDS), lambda: _compile(many), lambda: _compile(few), warm=False
    )
    times = MANY_STEPS // STEPS
    floors = [seconds * times for seconds in base]
    figure = pair("compile-100k", "steps", MANY_STEPS, "compile", ours, floors)
    extra = {
        "lines": many.count("\n"),
        "collector": "off for both",
        "times": round(times / figure.ratio, 2),
    }
    return [replace(figure, extra=extra)]


def _in_turns(
    rounds: int,
    ours: Callable[[], float],
    floor: Callable[[], float],
    *,
    warm: bool = True,
    off: bool = True,
) -> tuple[list[float], list[float]]:
    """As :func:`alternate`, with the garbage collector ``off`` while either runs.

    Left on it slows the floor only, unless the compiler is told not to pause it.
    """
    timings: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds + warm):
        for which in (0, 1) if turn % 2 else (1, 0):
            gc.collect()
            if off:
                gc.disable()
            try:
                seconds = (ours if which == 0 else floor)()
            finally:
                gc.enable()
            if turn or not warm:
                timings[which].append(seconds)
    return timings


def _compile(text: str) -> float:
    catalog = StaticCatalog({name: PlainHandler(name) for name in bench_document.HANDLERS})
    began = perf_counter()
    compiled = compile_text(text, "bench.yaml", catalog)
    seconds = perf_counter() - began
    if compiled.diagnostics:
        raise RuneskriptError(f"bench.yaml: {compiled.diagnostics[0].message}")
    return seconds


def _load(text: str) -> float:
    if not hasattr(yaml, "CSafeLoader"):
        raise RuneskriptError("PyYAML was built without libyaml: there is no floor to measure")
    began = perf_counter()
    yaml.load(text, Loader=yaml.CSafeLoader)
    return perf_counter() - began


#: All scenarios, in the order they run in; to add one, add a row.
SCENARIOS: Final[dict[str, Scenario]] = {
    "fanout": Scenario("20,000 parallel branches of one no-op call each, joined", fanout),
    "fanout-tokens": Scenario("the same with two calls a branch, each a token", fanout_tokens),
    "chain": Scenario("2,000 parallel branches of eleven assignments each, all yielded", chain),
    "durable-fanout": Scenario("2,000 parallel no-op calls, each result durable", durable_fanout),
    "durable-chain": Scenario(
        "1,000 no-op calls in sequence, each durable before the next", durable_chain
    ),
    "many-jobs": Scenario("1,000 jobs of three durable calls each, 64 at a time", many_jobs),
    "recovery": Scenario(
        "10,000 unfinished jobs that a new worker finds, until all move", recovery
    ),
    "transitions": Scenario(
        "2,000 events of a machine with a guard and an action each", bench_machines.transitions
    ),
    "transitions-durable": Scenario(
        "2,000 such events, each durable before its answer, sent in one go",
        bench_machines.transitions_durable,
    ),
    "batch": Scenario("10,000 durable jobs submitted in one go", bench_batch.batch),
    "api": Scenario("a job of one step by POST, and a job by GET, over HTTP", bench_api.api),
    "memory": Scenario("what each of 100,000 branches holds while it waits", memory),
    "compile": Scenario("a document of 10,000 steps, from text to verified Blueprint", compile_),
    "compile-100k": Scenario("ten times as many steps, against ten times the time", compile_100k),
    "startup": Scenario("CPU time of `rune --help` and of `rune run` of three steps", startup),
}
