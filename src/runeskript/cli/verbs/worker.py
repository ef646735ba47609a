"""``rune worker``: run whatever is unfinished in a store, and can be run here."""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping

from ...engine.runtime import Runtime
from ...model.collector import loaded_to_stay
from ...model.events import Status
from .. import logs, terminal
from ..options import add_log, add_output, add_store
from ..running import EXIT_STOPPED, Interrupts, StoppedError, drive
from ..working import add_working, runtime_of


def configure(parser: ArgumentParser) -> None:
    """Declare the options."""
    add_store(parser)
    add_working(parser)
    parser.add_argument(
        "--until-idle",
        action="store_true",
        help="end once every job it has handlers for has ended, stands still, or waits for nothing "
        "but a message",
    )
    add_log(parser)
    add_output(parser)
    parser.epilog = (
        "Jobs that `rune submit` has stored are begun; those whose worker is gone (it was killed,\n"
        "the computer lost power) go on behind their last durable event, once that worker's lease\n"
        "has run out. Any number of workers may share a store. Ctrl-C gives its jobs back.\n"
        "Workers also create the jobs of `rune schedules`; with --until-idle those that are due,\n"
        "and no tick to come is waited for.\n"
        "`--queue gpu` takes the calls on queue `gpu` and nothing else, `--queue '' --queue gpu`\n"
        "both these and all other jobs."
    )


def execute(args: Namespace) -> int:
    """Work."""
    telemetry = logs.telemetry_of(args)
    runtime = runtime_of(args, telemetry)
    try:
        with logs.logging_to_stderr(args.log, telemetry):
            ended, _ = drive(lambda interrupts: _work(runtime, args.until_idle, interrupts))
    except StoppedError:
        return EXIT_STOPPED
    if terminal.mode(args.output) == "json":
        terminal.say_json({status.lower(): count for status, count in ended.items()})
    else:
        text = ", ".join(f"{count} {status.lower()}" for status, count in ended.items() if count)
        terminal.note(f"jobs that ended here: {text or 'none'}")
    return 0


async def _work(runtime: Runtime, until_idle: bool, interrupts: Interrupts) -> Mapping[Status, int]:
    async with runtime:
        loaded_to_stay()
        work = asyncio.ensure_future(runtime.work(until_idle=until_idle))

        async def stop() -> None:
            work.cancel()

        with interrupts.on_first(stop, "stopping; once more stops at once"):
            try:
                return await work
            except asyncio.CancelledError:
                if not work.cancelled():
                    raise
                terminal.note("stopped: its jobs are given back")
                return runtime._running().ended
