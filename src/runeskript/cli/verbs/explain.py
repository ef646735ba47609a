"""``rune explain``: a skript after each stage of the compiler."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from ...compiler.explain import STAGES, explain
from ...model.nearest import did_you_mean
from .. import terminal
from ..compiling import compile_file
from ..options import add_file, add_handlers, add_output, add_passes, chosen_passes
from ..usage import UsageError


def configure(parser: ArgumentParser) -> None:
    """Declare the options."""
    add_file(parser)
    parser.add_argument("--stage", metavar="NAME", help=f"only this stage: {', '.join(STAGES)}")
    add_passes(parser)
    add_handlers(parser)
    add_output(parser)


def execute(args: Namespace) -> int:
    """Compile and show."""
    if args.stage is not None and args.stage not in STAGES:
        raise UsageError(
            f"unknown stage `{args.stage}`",
            hint=did_you_mean(args.stage, STAGES) or f"stages: {', '.join(STAGES)}",
        )
    compiled = compile_file(args.file, args.handlers, passes=chosen_passes(args), keep=True)
    if terminal.mode(args.output) == "json":
        names = STAGES if args.stage is None else (args.stage,)
        stages = [{"stage": name, "text": explain(compiled, name)} for name in names]
        terminal.say_json({"file": args.file, "stages": stages})
    else:
        terminal.say(terminal.printable(explain(compiled, args.stage)).rstrip("\n"))
    return 0
