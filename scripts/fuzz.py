"""Runs random skripts with and without the optimizer's passes until something differs.

``make fuzz`` takes 100,000 seeds on all processors. It can be stopped at any time: the last line
says with which ``--start`` to go on. A difference is shown with the command that shows it again;
``--seed N`` is that command: it makes the skript of one seed as small as it can.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from properties import differential
from properties.skripts import skript

#: Seeds a worker takes at a time.
CHUNK = 50
#: Failures after which there is no point in going on.
ENOUGH = 10


def chunk(first: int) -> tuple[int, int, list[str]]:
    """Check the seeds of one chunk: (the first, skripts that did not compile, failures)."""
    refused = 0
    failures = []
    for seed in range(first, first + CHUNK):
        try:
            refused += not differential.check(seed)
        except differential.DifferenceError as error:
            failures.append(str(error))
    return first, refused, failures


def many(start: int, count: int, jobs: int) -> int:
    """Check ``count`` seeds; the exit code."""
    end = start + count
    refused = failed = 0
    done = start
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        try:
            for first, refused_, failures in pool.imap(chunk, range(start, end, CHUNK)):
                done = first + CHUNK
                refused += refused_
                failed += len(failures)
                print(*failures, sep="\n", end="\n" if failures else "", flush=True)
                if done % 1_000 == 0:
                    print(f"{done:,} of {end:,}: {failed} differ", flush=True)
                if failed >= ENOUGH:
                    break
        except KeyboardInterrupt:
            pool.terminate()
    checked = done - start
    print(f"{checked - refused:,} programs, {refused:,} did not compile, {failed} differ")
    if done < end:
        print(f'go on with: make fuzz ARGS="--start {done}"')
    return 1 if failed else 0


def one(seed: int) -> int:
    """Check one seed, and show the smallest skript that still fails; the exit code."""
    try:
        compiles = differential.check(seed)
    except differential.DifferenceError as error:
        print(error)
    else:
        print(f"seed {seed}: " + ("nothing differs" if compiles else "the skript does not compile"))
        return 0
    rng = random.Random(seed)
    world, passes = differential.world(rng), differential.choice(rng)
    small = differential.shrink(skript(seed), passes, world)
    print(f"\nmade small, in {world}:\n{json.dumps(small, indent=1)}\n")
    try:
        differential.compare(small, passes, world)
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
    return 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seed", type=int, help="only this seed, made small if it fails")
    parser.add_argument("--start", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--count", type=int, default=100_000, help="how many seeds (100,000)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    options = parser.parse_args(arguments)
    if options.seed is not None:
        return one(options.seed)
    return many(options.start, options.count, options.jobs)


if __name__ == "__main__":
    sys.exit(main())
