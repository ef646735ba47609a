"""A coverage-guided fuzzer of one target: what reaches new code is kept and changed further.

``python -m hostile.guided TARGET --seconds N`` runs until the time is over. With Atheris installed
(the extra ``fuzz``) it is libFuzzer that guides; without it a small loop of our own does, which
watches lines instead of branches. Both change inputs in the same ways (``targets.py``), and both
write every new kind of finding to a file and go on.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

SOURCE = str(Path(__file__).parents[2] / "src" / "runeskript")
#: Seconds that one input may take before it is a finding.
PATIENCE = 60
#: Seconds between two lines that say how far it is.
SAY = 30


class Findings:
    """Writes each kind of finding once: the input that led to it, and where it was raised."""

    def __init__(self, target: str, folder: Path) -> None:
        self.target = target
        self.folder = folder
        self.kinds: set[str] = set()
        folder.mkdir(parents=True, exist_ok=True)

    def note(self, data: bytes, error: BaseException) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        ours = [
            f"{Path(f.filename).name}:{f.name}" for f in frames if f.filename.startswith(SOURCE)
        ]
        kind = f"{type(error).__name__} in {' < '.join(reversed(ours[-4:])) or 'the oracle'}"
        if kind in self.kinds:
            return
        self.kinds.add(kind)
        path = self.folder / f"{self.target}-{hashlib.sha256(data).hexdigest()[:12]}"
        path.write_bytes(data)
        text = f"{error}".replace("\n", " ")[:200]
        print(f"FOUND {kind}: {text}", flush=True)
        print(f'  again: make fuzz ARGS="{self.target} --file {path}"', flush=True)


def run(target: str, seconds: float, seed: int, folder: Path, *, own: bool = False) -> int:
    """Fuzz for some seconds; the number of kinds of findings (Atheris ends the process itself)."""
    findings = Findings(target, folder / "findings")
    atheris = None if own else _atheris()
    if atheris is not None:
        with_atheris(atheris, target, seconds, seed, folder, findings)
    return with_own_loop(target, seconds, seed, findings)


def _atheris() -> Any:
    try:
        import atheris
    except ImportError:
        return None
    return atheris


# --- Atheris ----------------------------------------------------------------------------------


def with_atheris(
    atheris: Any, target: str, seconds: float, seed: int, folder: Path, findings: Findings
) -> None:
    """libFuzzer with our mutators; never returns."""
    with atheris.instrument_imports(include=["runeskript"]):
        from hostile.targets import TARGETS
    chosen = TARGETS[target]
    corpus = folder / f"corpus-{target}"
    corpus.mkdir(parents=True, exist_ok=True)
    initial = chosen.corpus()
    for data in initial:
        (corpus / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)

    runs, said = 0, time.monotonic()

    def test_one_input(data: bytes) -> None:
        nonlocal runs, said
        runs += 1
        if time.monotonic() - said > SAY:
            said = time.monotonic()
            print(f"{target}: {runs:,} runs, {len(findings.kinds)} found", flush=True)
        try:
            chosen.check(data)
        except Exception as error:
            findings.note(data, error)

    def mutator(data: bytes, most: int, drawn: int) -> bytes:
        random = Random(drawn)
        return chosen.change(data, random.choice(initial), random, atheris.Mutate)[:most]

    options = [
        f"-max_total_time={int(seconds)}",
        f"-max_len={chosen.largest}",
        f"-seed={seed}",
        f"-timeout={PATIENCE}",
        f"-artifact_prefix={findings.folder}/{target}-",
        "-rss_limit_mb=3000",
        "-verbosity=0",
        "-reload=1",
        str(corpus),
    ]
    atheris.Setup([sys.argv[0], *options], test_one_input, custom_mutator=mutator)
    atheris.Fuzz()


# --- our own loop -----------------------------------------------------------------------------


class Lines:
    """Notices whether a call of the package reached a line for the first time."""

    def __init__(self) -> None:
        self.seen: set[tuple[Any, int]] = set()
        self.fresh = False

    def line(self, code: Any, line: int) -> None:
        if code.co_filename.startswith(SOURCE) and (code, line) not in self.seen:
            self.seen.add((code, line))
            self.fresh = True

    @contextmanager
    def watching(self) -> Iterator[None]:
        self.fresh = False
        if sys.version_info >= (3, 12):
            with self._monitored():
                yield
        else:
            sys.settrace(self._trace)
            try:
                yield
            finally:
                sys.settrace(None)

    @contextmanager
    def _monitored(self) -> Iterator[None]:
        """Each line reports once and is switched off: after a while this costs nothing."""
        watch: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
        tool = watch.COVERAGE_ID
        if watch.get_tool(tool) is None:
            watch.use_tool_id(tool, "rune fuzz")
            watch.register_callback(
                tool, watch.events.LINE, lambda c, n: (self.line(c, n), watch.DISABLE)[1]
            )
        watch.set_events(tool, watch.events.LINE)
        try:
            yield
        finally:
            watch.set_events(tool, 0)

    def _trace(self, frame: Any, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.startswith(SOURCE):
            return None
        self.line(frame.f_code, frame.f_lineno)
        return self._trace


def with_own_loop(target: str, seconds: float, seed: int, findings: Findings) -> int:
    """Change what is in the corpus; keep what reaches a new line."""
    from hostile.targets import TARGETS

    chosen = TARGETS[target]
    random = Random(seed)
    corpus = chosen.corpus()
    lines = Lines()
    end = time.monotonic() + seconds
    runs = kept = 0
    said = time.monotonic()
    for data in list(corpus):
        if time.monotonic() < end:
            _try(chosen.check, data, lines, findings)
    while time.monotonic() < end:
        # The latest finds are the least explored.
        pool = corpus[-50:] if random.random() < 0.5 else corpus
        data = chosen.change(random.choice(pool), random.choice(corpus), random, _plain(random))
        runs += 1
        _try(chosen.check, data[: chosen.largest], lines, findings)
        if lines.fresh:
            corpus.append(data[: chosen.largest])
            kept += 1
        if time.monotonic() - said > SAY:
            said = time.monotonic()
            print(f"{target}: {runs:,} runs, {kept} kept, {len(lines.seen):,} lines", flush=True)
    print(f"{target}: {runs:,} runs, {kept} kept, {len(findings.kinds)} kinds of findings")
    return len(findings.kinds)


def _try(check: Callable[[bytes], object], data: bytes, lines: Lines, findings: Findings) -> None:
    began = time.monotonic()
    try:
        with lines.watching():
            check(data)
        if time.monotonic() - began > PATIENCE:
            raise TimeoutError(f"one input took {time.monotonic() - began:.0f} seconds")
    except Exception as error:
        findings.note(data, error)


def _plain(random: Random) -> Callable[[bytes, int], bytes]:
    def change(data: bytes, most: int) -> bytes:
        out = bytearray(data)
        for _ in range(random.randint(1, 4)):
            at = random.randrange(len(out) + 1)
            kind = random.randrange(3)
            if kind == 0:
                out[at : at + 1] = bytes((random.randrange(256),))
            elif kind == 1:
                del out[at : at + random.randint(1, 8)]
            else:
                out[at:at] = bytes(random.randrange(256) for _ in range(random.randint(1, 4)))
        return bytes(out[:most])

    return change


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("target")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("build/fuzz"))
    parser.add_argument("--own", action="store_true", help="our own loop, even with Atheris there")
    options = parser.parse_args()
    found = run(options.target, options.seconds, options.seed, options.folder, own=options.own)
    return 1 if found else 0


if __name__ == "__main__":
    os.environ.setdefault("PYTHONHASHSEED", "0")
    sys.exit(main())
