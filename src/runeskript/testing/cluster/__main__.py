"""``python -m runeskript.testing.cluster FILE``: a skript on a simulated cluster, seed after seed.

Each seed is one simulation: jobs of the skript on several workers that die, stand still and lose
replies. Handlers are mocked: they give their parameters back, or what ``--mocks FILE`` says, a
Python file whose functions are named like the handlers (dots become ``_``) and take the parameters.
"""

from __future__ import annotations

import argparse
import inspect
import json
import sys
import tempfile
from pathlib import Path

from ...compiler.pipeline import Options, compile_text
from ...engine.compiling import read_beside, read_file
from ...engine.handlers.loading import import_file
from ...errors import CompileError, RuneskriptError
from ...model.catalog import PlainHandler
from ..mocks import Mock
from .report import Job, Report
from .world import WORKERS, Cluster


class AnyHandler:
    """A catalog that knows every handler there might be; none promises anything."""

    def get(self, name: str) -> PlainHandler:
        """A handler of this name."""
        return PlainHandler(name)

    def names(self) -> tuple[str, ...]:
        """None is listed."""
        return ()


def main(argv: list[str] | None = None) -> int:
    """0 where nothing was found, 1 where a rule was broken, 2 where the skript does not compile."""
    parser = argparse.ArgumentParser(prog="python -m runeskript.testing.cluster")
    parser.description = __doc__
    parser.add_argument("file", type=Path)
    parser.add_argument("--input", type=json.loads, default=None, help="the jobs' input, as JSON")
    parser.add_argument("--mocks", type=Path, help="a Python file with a function per handler")
    parser.add_argument("--seed", type=int, help="one seed alone, with all that happens")
    parser.add_argument("--seeds", type=int, default=100, help="how many seeds (from 0)")
    parser.add_argument("--jobs", type=int, default=2, help="jobs in one simulation")
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--store", choices=("memory", "sqlite"), default="memory")
    args = parser.parse_args(argv)
    seeds = range(args.seeds) if args.seed is None else (args.seed,)
    found = 0
    try:
        options = Options(resolve=read_beside)
        compiled = compile_text(read_file(args.file), str(args.file), AnyHandler(), options)
        mocks = {} if args.mocks is None else _mocks(args.mocks)
    except CompileError as exc:
        print(*exc.diagnostics, sep="\n", file=sys.stderr)
        return 2
    except RuneskriptError as exc:
        print(exc, file=sys.stderr)
        return 2
    names = {ref.name: ref.name.replace(".", "_") for ref in compiled.blueprint.handlers}
    chosen = {name: mocks[word] for name, word in names.items() if word in mocks}
    for seed in seeds:
        with tempfile.TemporaryDirectory(prefix="rune-sim") as folder:
            report = Cluster(
                [Job(compiled, args.input)] * args.jobs,
                chosen,
                seed=seed,
                workers=args.workers,
                folder=Path(folder) if args.store == "sqlite" else None,
                trace=args.seed is not None,
            ).run()
        if args.seed is not None:
            print("\n".join(report.trace))
        found += bool(report.findings)
        words = sys.argv[1:] if argv is None else argv
        again = " ".join(word for word in words if word)
        tell(report, f"python -m runeskript.testing.cluster {again} --seed {seed}")
    print(f"{len(seeds)} seeds, {found} with findings")
    return 1 if found else 0


def tell(report: Report, command: str) -> None:
    """Print what was found, and the command that shows it again."""
    for finding in report.findings:
        print(f"seed {report.seed}: {finding.kind}: {finding.text}", file=sys.stderr)
    if report.findings:
        print(f"  again: {command}", file=sys.stderr)


def _mocks(path: Path) -> dict[str, Mock]:
    module = import_file(path)
    return {name: value for name, value in vars(module).items() if inspect.isfunction(value)}


if __name__ == "__main__":
    sys.exit(main())
