"""One seed of the simulated cluster: its skript, its mocks, its store.

``python -m cluster.seeds --seeds 1000`` looks at seeds; ``--seed N`` at one, with all that happened.
``--break effects`` and ``--break fencing`` break a rule on purpose, which has to be found out.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from properties.differential import CATALOG
from properties.programs import HANDLERS, handlers
from properties.skripts import CHILD, skript
from runeskript.compiler.pipeline import Compiled, compile_text
from runeskript.errors import CompileError
from runeskript.model.catalog import PlainHandler, StaticCatalog
from runeskript.testing import After
from runeskript.testing.cluster import Cluster, Job, Report
from runeskript.testing.cluster.__main__ import tell
from runeskript.testing.cluster.world import Broken

#: Handlers that promise nothing: each of their calls is durable before the next one leaves.
PLAIN = StaticCatalog({name: PlainHandler(name) for name in HANDLERS})
#: What every other skript does when a job of it has failed.
NOTICE = {
    "call": "flaky",
    "with": {"site": "${job.id}: ${error.type}", "n": "${error.attempts}"},
    "retry": {"max": 3, "backoff": "5ms"},
}
#: How many seeds share a skript, and every how many is on SQLite.
SHARED = 10
#: Every how many skripts has calls on a queue: every other one of its calls.
QUEUED = 5
SQLITE = 7


@lru_cache(64)
def compiled(number: int, *, plain: bool) -> Compiled:
    """A skript with calls in it; those that a check refuses are passed over."""
    for one in itertools.count(number * 1_000):
        document = skript(one)
        if one % 2:
            document["on_failure"] = NOTICE
        if number % QUEUED == QUEUED - 1:
            for call in list(calls(document["do"]))[::2]:
                call["queue"] = "far"
        text = json.dumps(document)
        if text.count('"call"') > 1:
            try:
                return compile_text(text, "random.json", PLAIN if plain else CATALOG)
            except CompileError:
                continue
    raise AssertionError("there is always a next one")


def calls(steps: Any) -> Iterator[dict[str, Any]]:
    """The steps of a document that call handlers."""
    inner = steps.values() if isinstance(steps, dict) else steps if isinstance(steps, list) else ()
    if isinstance(steps, dict) and isinstance(steps.get("call"), str):
        yield steps
    for one in inner:
        yield from calls(one)


@lru_cache(2)
def child(*, plain: bool) -> Compiled:
    """What ``run: child`` runs."""
    return compile_text(json.dumps(CHILD), "child.json", PLAIN if plain else CATALOG)


def mocks(*, plain: bool) -> dict[str, Any]:
    """Handlers; those that promise nothing answer differently each time they are called."""
    known = handlers()
    count = itertools.count(1)

    def numbered(name: str) -> Any:
        def call(params: dict[str, Any]) -> Any:
            answer = known[name](params)
            result = answer.result if isinstance(answer, After) else answer
            if type(result) is int:
                result = result * 1_000 + next(count)
            return After(answer.ms, result) if isinstance(answer, After) else result

        return call

    return {name: numbered(name) for name in known} if plain else known


def simulate(seed: int, *, broken: Broken | None = None, trace: bool = False) -> Report:
    """The simulation of a seed."""
    plain = broken is not None or seed % 2 == 0
    given = compiled(seed // SHARED, plain=plain)
    with tempfile.TemporaryDirectory(prefix="rune-cluster") as folder:
        return Cluster(
            [Job(given)] * random.Random(seed).choice((1, 1, 2)),
            mocks(plain=plain),
            seed=seed,
            deployed=[child(plain=plain)],
            folder=Path(folder) if seed % SQLITE == 0 else None,
            broken=broken,
            trace=trace,
        ).run()


def main() -> int:
    """Print what was found; 1 where that is anything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=10_000)
    parser.add_argument("--break", dest="broken", choices=("effects", "fencing"))
    args = parser.parse_args()
    one = args.seed is not None
    seeds = range(args.seed, args.seed + 1) if one else range(args.first, args.first + args.seeds)
    began = time.monotonic()
    total: Counter[str] = Counter()
    for seed in seeds:
        report = simulate(seed, broken=args.broken, trace=one)
        print(*report.trace, sep="\n", end="\n" if one else "")
        tell(report, again(seed, args.broken))
        total.update(seeds=1, findings=bool(report.findings), jobs=report.jobs)
        total.update(calls=report.calls, deaths=report.deaths, steps=report.steps)
    print(json.dumps({**total, "seconds": round(time.monotonic() - began, 1)}))
    return 1 if total["findings"] else 0


def again(seed: int, broken: str | None = None) -> str:
    """The command that shows a seed again."""
    return f'make sim ARGS="--seed {seed}{f" --break {broken}" if broken else ""}"'


if __name__ == "__main__":
    sys.exit(main())
