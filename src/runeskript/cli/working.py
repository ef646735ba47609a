"""What the verbs have in common that run the jobs of others: their options, and the runtime."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from ..engine.runtime import MAX_JOBS, Runtime
from .options import (
    add_allow,
    add_grace,
    add_handlers,
    add_lease,
    add_policy,
    add_queue,
    call_limits,
    chosen_policy,
)
from .registry import load_registry

if TYPE_CHECKING:
    from ..engine.telemetry.telemetry import Telemetry


def add_working(parser: ArgumentParser) -> None:
    """The options of whoever runs jobs, besides ``--store``."""
    add_handlers(parser)
    add_lease(parser)
    add_grace(parser)
    add_queue(parser, "the unnamed one alone is the default")
    add_allow(parser)
    add_policy(parser)


def runtime_of(
    args: Namespace, telemetry: Telemetry | None, *, max_jobs: int = MAX_JOBS
) -> Runtime:
    """The runtime that these options ask for."""
    return Runtime(
        store=args.store,
        handlers=load_registry(args.handlers, builtin=False),
        allow_hosts=args.allow_host,
        allow=args.allow,
        discover_handlers=False,
        max_jobs=max_jobs,
        lease=args.lease,
        grace=args.grace,
        limits=call_limits(args),
        queues=args.queue or ("",),
        telemetry=telemetry,
        policy=chosen_policy(args),
    )
