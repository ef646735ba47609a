"""``rune submit``: store a job for whoever runs it, or a bare one that others move; run nothing."""

from __future__ import annotations

import asyncio
import json
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from ...engine.jobs import Job
from ...engine.runtime import Runtime
from ...errors import CompileError
from .. import inputs, terminal
from ..options import (
    STORE,
    add_handlers,
    add_input,
    add_job,
    add_output,
    add_passes,
    add_place,
    add_priority,
    add_tenant,
    chosen_passes,
    job_labels,
)
from ..registry import load_registry
from ..skripts import Skript, deploy, load_skript
from ..usage import UsageError

if TYPE_CHECKING:
    from ...service.types import JobView


def configure(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "file", metavar="FILE", nargs="?", help="the skript (YAML or JSON); - reads stdin"
    )
    parser.add_argument(
        "--data", metavar="JSON", help="in place of FILE: a bare job with this data, an object"
    )
    add_input(parser)
    add_handlers(parser)
    add_place(parser)
    add_job(parser)
    add_priority(parser)
    add_tenant(parser)
    parser.add_argument(
        "--on-conflict",
        choices=("reject", "return", "replace"),
        default="return",
        metavar="WHAT",
        help="a job with this key is there: reject (an error), return it (the default), or replace "
        "it if it has ended",
    )
    add_passes(parser)
    add_output(parser)
    parser.epilog = (
        "The handlers are needed to check the document by; they are not called. Once the job's id\n"
        "is printed, the job is as durable as the store, and `rune worker` runs it.\n"
        "A bare job (--data) runs nothing: `rune jobs send` moves it.\n"
        "A service (--server) compiles the document itself, with the handlers that it has, and\n"
        "runs the job; the document is not deployed there, and names no files."
    )


def execute(args: Namespace) -> int:
    """Compile, store, print the id."""
    if (args.file is None) == (args.data is None):
        raise UsageError("write: rune submit FILE, or rune submit --data JSON")
    if args.data is not None and args.input:
        raise UsageError("--input is for a skript; a bare job has --data")
    job = _at_store(args) if args.server is None else _at_service(args)
    if terminal.mode(args.output) == "json":
        terminal.say_json({"job": job.id, "state": job.state})
    else:
        terminal.say(job.id)
    return 0


def _at_store(args: Namespace) -> Job:
    runtime = Runtime(
        store=args.store or STORE,
        handlers=load_registry(args.handlers),
        discover_handlers=False,
    )
    if args.data is not None:
        return asyncio.run(_create(runtime, _data(args.data), args))
    value = inputs.parse(args.input)
    skript = load_skript(args.file, runtime.handlers, chosen_passes(args))
    return asyncio.run(_submit(runtime, skript, value, args))


def _at_service(args: Namespace) -> JobView:
    """Raises what the service refuses it with."""
    from ...client.sync import Client
    from ..at_service import check_options, refused, text_of

    options = {"--store": args.store, "--handlers": args.handlers, "--no-opt": args.no_opt}
    check_options(options | {"--passes": args.passes, "--tenant": args.tenant})
    text = None if args.data is not None else text_of(args.file)
    value: object = inputs.parse(args.input) if args.data is None else _data(args.data)
    with Client(args.server) as client:
        try:
            return client.submit(
                document=text,
                data=value,
                key=args.key,
                labels=job_labels(args),
                on_conflict=args.on_conflict,
                priority=args.priority,
            )
        except CompileError as error:
            raise refused(error, args.file) from None


async def _submit(runtime: Runtime, skript: Skript, value: object, args: Namespace) -> Job:
    async with runtime:
        await deploy(runtime, args.file, skript, args.tenant)
        return await runtime.submit_job(
            skript,
            value,
            key=args.key,
            labels=job_labels(args),
            on_conflict=args.on_conflict,
            start=False,
            priority=args.priority,
            tenant=args.tenant,
        )


def _data(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError as exc:
        raise UsageError(f"--data {text}: {exc}") from None


async def _create(runtime: Runtime, data: object, args: Namespace) -> Job:
    async with runtime:
        return await runtime.create_job(
            data,
            key=args.key,
            labels=job_labels(args),
            on_conflict=args.on_conflict,
            priority=args.priority,
            tenant=args.tenant,
        )
