"""Looks for what the tests did not think of.

    make fuzz                                     all of it, one after the other
    make fuzz ARGS="passes"                       random skripts with and without passes
    make fuzz ARGS="regions --count 20000"        random regions against what their statements mean
    make fuzz ARGS="branches --count 20000"       random branches of a fork, likewise
    make fuzz ARGS="documents --seconds 3600"     mangled documents, guided by coverage
    make fuzz ARGS="blueprints --seconds 3600"    forged Blueprints, guided by coverage
    make fuzz ARGS="http --requests 1000"         requests, and runs of them that follow the links,
                                                  against what /openapi.json says

It can be stopped at any time. Each finding is printed with the command that shows it again: for the
passes ``passes --seed N``, which makes the skript as small as it can; for regions and branches
``TARGET --seed N``; for the others ``TARGET --file FILE``. What a guided run has learnt stays in
``build/fuzz``, and the next one goes on from there.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from expr import test_branches, test_loops
from hostile.targets import TARGETS
from properties import differential
from properties.skripts import skript

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "fuzz"
#: Seeds a worker takes at a time.
CHUNK = 50
#: Failures after which there is no point in going on.
ENOUGH = 10


#: What is drawn from a seed -> its check, which raises what differs, and is False for a skript that
#: does not compile.
SEEDED: dict[str, Callable[[int], object]] = {
    "passes": differential.check,
    "regions": test_loops.check,
    "branches": test_branches.check,
}


# --- what is drawn from seeds ---------------------------------------------------------------------
def chunk(target: str, first: int) -> tuple[int, int, list[str]]:
    """Check the seeds of one chunk: (the first, skripts that did not compile, failures)."""
    refused = 0
    failures = []
    for seed in range(first, first + CHUNK):
        try:
            refused += SEEDED[target](seed) is False
        except differential.DifferenceError as error:
            failures.append(str(error))
        except Exception as error:
            again = f'make fuzz ARGS="{target} --seed {seed}"'
            failures.append(f"seed {seed}: {type(error).__name__}: {error}\nshow it: {again}")
    return first, refused, failures


def many(target: str, start: int, count: int, jobs: int) -> int:
    """Check ``count`` seeds; the exit code."""
    end = start + count
    refused = failed = 0
    done = start
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        try:
            parts = range(start, end, CHUNK)
            for first, refused_, failures in pool.imap(partial(chunk, target), parts):
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
    print(f"{target}: {checked - refused:,}, {refused:,} did not compile, {failed} differ")
    if done < end:
        print(f'go on with: make fuzz ARGS="{target} --start {done}"')
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


# --- hostile input --------------------------------------------------------------------------------
def guided(target: str, seconds: int, jobs: int, seed: int) -> int:
    """Fuzz one target with as many processes; the exit code."""
    findings = FOLDER / "findings"
    findings.mkdir(parents=True, exist_ok=True)
    before = set(findings.iterdir())
    paths = [str(ROOT / "src"), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONHASHSEED": "0"}
    command = [sys.executable, "-m", "hostile.guided", target, "--seconds", str(seconds)]
    workers = [
        subprocess.Popen([*command, "--folder", str(FOLDER), "--seed", str(seed + i)], env=env)
        for i in range(jobs)
    ]
    try:
        for worker in workers:
            worker.wait()
    except KeyboardInterrupt:
        for worker in workers:
            worker.terminate()
    found = sorted(set(findings.iterdir()) - before)
    for path in found:
        print(f'{path.name}: again with make fuzz ARGS="{target} --file {path}"')
    print(f"{target}: {len(found)} findings")
    return 1 if found else 0


def again(target: str, file: Path) -> int:
    """Check one input, and show the smallest one with the same error; the exit code."""
    check, data = TARGETS[target].check, file.read_bytes()
    began = time.monotonic()
    try:
        result = check(data)
    except Exception as error:
        traceback.print_exception(error)
        if target == "documents":
            small = shrink(data, check, error)
            print(f"\nmade small:\n{small.decode('utf-8', 'backslashreplace')}")
        return 1
    print(f"{file}: {result} in {time.monotonic() - began:.1f} s")
    return 0


def kind(error: Exception) -> tuple[type[Exception], object]:
    """What two errors have in common that come from the same place."""
    frames = traceback.extract_tb(error.__traceback__)
    return type(error), (frames[-1].filename, frames[-1].lineno) if frames else None


def shrink(data: bytes, check: Callable[[bytes], object], error: Exception) -> bytes:
    """Leave out lines, then characters, as long as the same error comes from the same place."""

    def fails(candidate: bytes) -> bool:
        try:
            check(candidate)
        except Exception as found:
            return kind(found) == kind(error)
        return False

    for separator in (b"\n", b""):
        parts = data.split(separator) if separator else [bytes((byte,)) for byte in data]
        size = len(parts) // 2
        while size:
            at = 0
            while at < len(parts):
                candidate = parts[:at] + parts[at + size :]
                if fails(separator.join(candidate)):
                    parts = candidate
                else:
                    at += size
            size //= 2
        data = separator.join(parts)
    return data


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "what", nargs="?", default="all", choices=("all", *SEEDED, *TARGETS, "http")
    )
    parser.add_argument(
        "--seed", type=int, help="only this seed; a skript that fails is made small"
    )
    parser.add_argument("--start", type=int, default=0, help="seeded: the first seed (0)")
    parser.add_argument("--count", type=int, default=100_000, help="seeded: how many (100,000)")
    parser.add_argument("--seconds", type=int, default=300, help="guided: how long each (300)")
    parser.add_argument("--requests", type=int, default=200, help="http: of each route (200)")
    parser.add_argument("--file", type=Path, help="guided: only this input")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    options = parser.parse_args(arguments)
    if options.file is not None:
        return again(options.what, options.file)
    if options.seed is not None and options.what in ("all", "passes"):
        return one(options.seed)
    if options.seed is not None and options.what in SEEDED:
        print(f"seed {options.seed}: {SEEDED[options.what](options.seed)}")
        return 0
    code = 0
    for target in SEEDED:
        if options.what in ("all", target):
            code |= many(target, options.start, options.count, options.jobs)
    for target in TARGETS:
        if options.what in ("all", target):
            code |= guided(target, options.seconds, options.jobs, options.seed or 1)
    if options.what in ("all", "http"):
        code |= http(options.requests, options.jobs)
    return code


def http(requests: int, jobs: int) -> int:
    """So many requests of each route with each scope, and runs of up to 40 that follow the links,
    judged by what /openapi.json says.
    """
    words = [sys.executable, "-m", "pytest", "-q", "--timeout", "0", "-n", str(jobs)]
    env = {**os.environ, "RUNE_SCHEMATHESIS": str(requests)}
    file = "tests/service/test_schemathesis.py"
    return subprocess.run([*words, file], env=env, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
