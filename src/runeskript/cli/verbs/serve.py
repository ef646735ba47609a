"""``rune serve``: jobs over HTTP, for people and programs that do not share the process."""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser, Namespace
from typing import Any

from ...errors import RequestError
from ...model.collector import loaded_to_stay
from .. import logs, terminal
from ..options import add_log, add_output, add_store
from ..usage import UsageError
from ..working import add_working, runtime_of


def configure(parser: ArgumentParser) -> None:
    """Declare the options."""
    add_store(parser)
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="where to listen; 127.0.0.1 is the default, and any other but loopback needs a token",
    )
    parser.add_argument(
        "--port", type=int, default=8440, metavar="N", help="8440 is the default; 0: any free one"
    )
    parser.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="HOST",
        help="a name by which it may be called besides those of loopback; may be repeated",
    )
    parser.add_argument(
        "--origin",
        action="append",
        default=[],
        metavar="URL",
        help="the origin of pages that browsers may call it from; may be repeated",
    )
    parser.add_argument(
        "--max-body", default="4MB", metavar="SIZE", help="of one request; 4MB is the default"
    )
    parser.add_argument(
        "--rate",
        type=int,
        default=5_000,
        metavar="N",
        help="requests a second of one caller; a batch is one for each 100 of its jobs",
    )
    parser.add_argument(
        "--no-work",
        action="store_true",
        help="run no jobs here: workers of the store do; --handlers says what skripts may call",
    )
    parser.add_argument(
        "--max-jobs",
        type=int,
        default=10_000,
        metavar="N",
        help="jobs that live here at once, 10000 by default; others wait in the store",
    )
    add_working(parser)
    add_log(parser)
    add_output(parser)
    parser.epilog = (
        "`rune token create` makes a token. Without one in the store it listens on loopback, and\n"
        "whoever reaches it there may do everything. It runs jobs as `rune worker` does.\n"
        "Ctrl-C ends requests and streams, and gives its jobs back."
    )


def execute(args: Namespace) -> int:
    """Serve."""
    try:
        from ...service.server import bound, is_loopback, serve
    except ModuleNotFoundError as exc:
        raise UsageError(
            f"rune serve needs {exc.name}", hint="pip install 'runeskript[serve]'"
        ) from None
    from ...service import guards
    from ...service.service import Service
    from ...service.settings import Settings

    local = is_loopback(args.host)
    settings = Settings(
        hosts=guards.hosts(args.name),
        origins=guards.origins(args.origin),
        may_be_open=local,
        max_body=_size(args.max_body),
        rate=_rate(args.rate),
        works=not args.no_work,
    )
    telemetry = logs.telemetry_of(args, metrics=True)
    runtime = runtime_of(args, telemetry, max_jobs=_jobs(args.max_jobs))
    as_json = terminal.mode(args.output) == "json"

    async def main() -> None:
        service = Service(runtime, settings, telemetry)
        opened = await service.gate.is_open()
        if not local and not await service.has_token():
            raise RequestError(
                f"{args.host} can be reached from elsewhere, and the store has no token",
                code="RUNE-6527",
                hint="make one: rune token create --name NAME --scope admin",
            )
        with bound(args.host, args.port) as listening:
            port = listening.getsockname()[1]

            def ready() -> None:
                loaded_to_stay()
                _say(args.host, port, opened, as_json)

            await serve(service, listening, ready)

    with logs.logging_to_stderr(args.log, telemetry):
        asyncio.run(main())
    return 0


def _say(host: str, port: int, opened: bool, as_json: bool) -> None:
    name = f"[{host}]" if ":" in host else host
    url = f"http://{name}:{port}"
    if as_json:
        found: dict[str, Any] = {"url": url, "open": opened}
        terminal.say_json(found)
        terminal.flush()
        return
    terminal.note(f"listening on {url}")
    if opened:
        terminal.note("no token: whoever can reach it on this machine may do everything")


def _size(text: str) -> int:
    """A number of bytes: ``16MB``, ``64KB``, ``1000``."""
    digits = text.upper().removesuffix("B")
    factor = {"K": 1024, "M": 1024**2, "G": 1024**3}.get(digits[-1:], 1)
    digits = digits.rstrip("KMG") if factor > 1 else digits
    if not digits.isascii() or not digits.isdigit() or not 1 <= int(digits) * factor <= 2**40:
        raise UsageError(f"--max-body {text}: it is a size, such as 4MB")
    return int(digits) * factor


def _jobs(number: int) -> int:
    if number < 1:
        raise UsageError("--max-jobs: it is a number of jobs, at least 1")
    return number


def _rate(number: int) -> int:
    if number < 1:
        raise UsageError("--rate: it is a number of requests a second, at least 1")
    return number
