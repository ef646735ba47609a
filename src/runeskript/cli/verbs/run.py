"""``rune run``: run a skript in this process, to its end."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from typing import Any

from ...compiler.pipeline import Compiled
from ...engine.clock import SystemClock
from ...engine.jobs import Job
from ...engine.runtime import Runtime
from ...errors import StoreReadOnlyError, StoreUnavailableError, VersionConflictError
from ...model.blueprint import Blueprint
from ...model.rows import NamedTuple
from ...model.values import Value
from ...stores import Store, open_store
from .. import inputs, logs, terminal
from ..options import (
    add_allow,
    add_file,
    add_grace,
    add_handlers,
    add_input,
    add_job,
    add_lease,
    add_log,
    add_mocks,
    add_output,
    add_passes,
    add_queue,
    add_store,
    call_limits,
    chosen_passes,
    job_labels,
)
from ..registry import load_registry
from ..running import (
    EXIT_CODES,
    EXIT_STOPPED,
    Interrupts,
    StoppedError,
    await_job,
    drive,
    leave,
    watch_job,
)
from ..skripts import deploy, load_skript
from ..usage import UsageError
from ..view.steps import duration


class Plan(NamedTuple):
    """What is to be run, and how."""

    runtime: Runtime
    skript: Compiled | Blueprint
    value: Value
    args: Namespace
    watched: bool


_NO_STORE = "`--store memory://` keeps nothing; `--store sqlite:///PATH` keeps jobs elsewhere"
_ERROR_KEYS = ("code", "type", "message", "step", "file", "line", "attempts")


def configure(parser: ArgumentParser) -> None:
    """Declare the options."""
    add_file(parser)
    add_input(parser)
    add_handlers(parser)
    add_store(parser)
    add_lease(parser)
    add_grace(parser)
    add_queue(parser, "all that the job puts calls on is the default")
    add_allow(parser)
    add_job(parser)
    add_mocks(parser)
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="call no handler: each is mocked, by --mocks or by a result of its declared type, and "
        "time is virtual; nothing is stored",
    )
    add_log(parser)
    add_passes(parser)
    add_output(parser)
    parser.epilog = (
        "The last line of JSON is {job, state, output, error}. Ctrl-C cancels the job, which then\n"
        "compensates; a second one stops at once, and leaves the job to the next `rune worker`.\n"
        "So does whatever else ends this process: the job is kept."
    )


def execute(args: Namespace) -> int:
    """Compile, run, print."""
    if args.dry_run:
        from ..dry import execute as execute_dry  # nothing of it is needed to run

        return execute_dry(args)
    if args.mocks is not None:
        raise UsageError("--mocks goes with --dry-run; `rune test` takes it, too")
    mode = terminal.mode(args.output)
    registry = load_registry(args.handlers, builtin=False)
    telemetry = logs.telemetry_of(args)
    runtime = Runtime(
        store=_store(args.store),
        handlers=registry,
        allow_hosts=args.allow_host,
        allow=args.allow,
        discover_handlers=False,
        lease=args.lease,
        grace=args.grace,
        limits=call_limits(args),
        queues=args.queue,
        telemetry=telemetry,
    )
    value = inputs.parse(args.input)
    skript = load_skript(args.file, runtime.handlers, chosen_passes(args))
    plan = Plan(runtime, skript, value, args, watched=mode == "text")
    try:
        with logs.logging_to_stderr(args.log, telemetry) as log:
            job, stuck = drive(lambda interrupts: _run(plan, log, interrupts))
    except StoppedError:
        terminal.note("stopped")
        return EXIT_STOPPED
    if mode == "json":
        terminal.say_json(result(job))
    else:
        _say(job)
    if stuck:
        leave(EXIT_CODES[job.status])
    return EXIT_CODES[job.status]


def _store(url: str) -> Store:
    """The store that the URL names. Raises StoreError; who needs none is told so."""
    try:
        return open_store(url, SystemClock().now_ms)
    except (StoreReadOnlyError, StoreUnavailableError) as exc:
        raise UsageError(exc.message, code=exc.code, hint=_NO_STORE) from exc


def failure(error: dict[str, Any]) -> dict[str, Any]:
    """A refusal in the shape of a result: there is no job."""
    place = {"step": error.get("pointer"), "file": error.get("file"), "line": error.get("line")}
    body = {"type": "usage", "attempts": 0, **place, **error}
    if "pointer" in error:
        body["type"] = "document"
    return {
        "job": None,
        "state": None,
        "output": None,
        "error": {key: body[key] for key in _ERROR_KEYS},
    }


def result(job: Job) -> dict[str, Any]:
    """The last line of JSON."""
    error = job.error and {key: job.error.get(key) for key in _ERROR_KEYS}
    return {"job": job.id, "state": job.state, "output": job.output, "error": error or None}


async def _run(plan: Plan, log: logs.LineHandler, interrupts: Interrupts) -> Job:
    runtime, skript, args = plan.runtime, plan.skript, plan.args
    async with runtime:
        try:
            await deploy(runtime, args.file, skript)
        except VersionConflictError:
            blueprint = _blueprint(skript)
            if any(ref.name == blueprint.name and not ref.digest for ref in blueprint.skripts):
                raise  # it would run the other one
            name = f"{blueprint.name}@{blueprint.version}"
            what = "is deployed with another content; this one is run and not deployed"
            terminal.note(terminal.printable(f"rune: note: {name} {what}"))
        job = await runtime.submit_job(skript, plan.value, key=args.key, labels=job_labels(args))
        watch = watch_job(skript, job) if plan.watched else None
        if watch is not None:
            log.write = watch.view.line
        try:
            ended = await await_job(runtime, job.id, interrupts, watch)
            if ended.status == "Failed" and _blueprint(skript).on_failure is not None:
                await _notified(runtime, ended, interrupts)
            return ended
        finally:
            log.write = terminal.note


def _blueprint(skript: Compiled | Blueprint) -> Blueprint:
    return skript if isinstance(skript, Blueprint) else skript.blueprint


async def _notified(runtime: Runtime, failed: Job, interrupts: Interrupts) -> None:
    """Await what is done on the failure of a job, and say so where that fails, too."""
    notice = await runtime.notice(failed.id)
    if notice is None:
        return
    told = await await_job(runtime, notice.id, interrupts)
    if told.error is not None:
        what = f"{told.error.get('type')}: {told.error.get('message')}"
        note = f"rune: note: `on_failure` ended {told.status}: {what} (job {told.id})"
        terminal.note(terminal.printable(note))


def _say(job: Job) -> None:
    """The result for people: the output on stdout, what happened on stderr."""
    took = duration(max(job.updated_at - job.created_at, 0))
    error = job.error
    if job.status == "Completed":
        terminal.note(f"completed in {took}")
    elif job.status == "Cancelled":
        terminal.note(terminal.printable(f"cancelled after {took}"))
    if job.status == "Failed" and error is not None:
        attempts = error.get("attempts") or 0
        tries = f", {attempts} attempts" if attempts > 1 else ""
        terminal.note(
            terminal.printable(
                f"failed after {took}: {error.get('type')}: {error.get('message')}\n"
                f"  {error.get('code')} in step {error.get('step')}{_at(error)}{tries}"
            )
        )
        if error.get("data") is not None:
            terminal.note(f"  data: {terminal.to_json(error['data'], stream=sys.stderr)}")
    elif job.output is not None:
        terminal.say(terminal.to_json(job.output, indent=2))


def _at(error: dict[str, Any]) -> str:
    return f" ({error['file']}:{error['line']})" if error.get("line") else ""
