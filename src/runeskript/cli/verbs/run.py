"""``rune run``: run a skript in this process, to its end."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from typing import Any

from ...compiler.pipeline import Compiled, compile_text
from ...engine.jobs import Job
from ...engine.runtime import Runtime
from ...errors import BlueprintError
from ...model import blueprint_codec
from ...model.blueprint import Blueprint
from ...model.rows import NamedTuple
from ...model.values import Value
from .. import documents, inputs, logs, terminal
from ..options import add_file, add_handlers, add_output, add_passes, chosen_passes
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
from ..settings import options_for
from ..usage import UsageError
from ..view.steps import duration


class Plan(NamedTuple):
    """What is to be run, and how."""

    runtime: Runtime
    skript: Compiled | Blueprint
    value: Value
    args: Namespace
    watched: bool


_ERROR_KEYS = ("code", "type", "message", "step", "file", "line", "attempts")


def configure(parser: ArgumentParser) -> None:
    """Declare the options."""
    add_file(parser)
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="KEY=VALUE|@FILE|-",
        help="the job's input: a field (a.b=1 for one inside), a JSON or YAML file, or stdin; "
        "may be repeated",
    )
    add_handlers(parser)
    parser.add_argument(
        "--store",
        default="memory://",
        metavar="URL",
        help="where the job is kept; memory:// (the default) as long as the command runs",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="HOST",
        help="a private host that http.* may reach: a name, *.domain, an address or a network, "
        "with :port if wanted; may be repeated",
    )
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="NAME",
        help="switch on what is off by default (exec); may be repeated",
    )
    parser.add_argument("--key", metavar="TEXT", help="the job's key, which the skript sees")
    parser.add_argument(
        "--label",
        action="append",
        default=[],
        metavar="NAME=TEXT",
        help="a label of the job; may be repeated",
    )
    parser.add_argument(
        "--log",
        choices=logs.LEVELS,
        default="info",
        metavar="LEVEL",
        help=f"least level that is logged: {', '.join(logs.LEVELS)}",
    )
    add_passes(parser)
    add_output(parser)
    parser.epilog = (
        "The last line of JSON is {job, state, output, error}. Ctrl-C cancels the job, which then\n"
        "compensates; a second one stops at once."
    )


def execute(args: Namespace) -> int:
    """Compile, run, print."""
    mode = terminal.mode(args.output)
    registry = load_registry(args.handlers, builtin=False)
    runtime = Runtime(
        store=args.store,
        handlers=registry,
        allow_hosts=args.allow_host,
        allow=args.allow,
        discover_handlers=False,
    )
    value = inputs.parse(args.input)
    skript = _load(args.file, runtime, chosen_passes(args))
    plan = Plan(runtime, skript, value, args, watched=mode == "text")
    try:
        with logs.logging_to_stderr(args.log) as log:
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


def _load(name: str, runtime: Runtime, passes: tuple[str, ...] | None) -> Compiled | Blueprint:
    """The document compiled, or the Blueprint a file holds."""
    data = documents.load(name)
    if data.startswith(blueprint_codec.MAGIC):
        if passes is not None:
            raise UsageError(f"{name} is compiled: give --no-opt and --passes to `rune compile`")
        return blueprint_codec.decode(data)
    options = options_for(lint=False, passes=passes)
    compiled = compile_text(data, name, runtime.handlers, options)
    if compiled.diagnostics:
        from ..diagnostics import render_all  # most documents have none

        terminal.note(render_all(compiled.diagnostics))
    return compiled


async def _run(plan: Plan, log: logs.LineHandler, interrupts: Interrupts) -> Job:
    runtime, skript, args = plan.runtime, plan.skript, plan.args
    async with runtime:
        if isinstance(skript, Blueprint):
            for child in _pinned(args.file, skript):
                await runtime.deploy(child)
        await runtime.deploy(skript)  # a skript may run itself by its name
        labels = dict(_label(word) for word in args.label)
        job = await runtime.submit_job(skript, plan.value, key=args.key, labels=labels)
        watch = watch_job(skript, job) if plan.watched else None
        if watch is not None:
            log.write = watch.view.line
        try:
            return await await_job(runtime, job.id, interrupts, watch)
        finally:
            log.write = terminal.note


def _pinned(name: str, blueprint: Blueprint) -> list[Blueprint]:
    """The Blueprints a Blueprint file pins, from the files ``rune compile`` wrote beside it.

    A file that does not hold what its name says is refused, so no chain leads back to itself.
    """
    from pathlib import Path  # eight milliseconds that most runs do without

    found: dict[str, Blueprint] = {}
    todo = [blueprint]
    while todo:
        for ref in todo.pop().skripts:
            if ref.digest is None or ref.digest in found:
                continue
            file = str(Path(name).with_name(f"{ref.digest}.blueprint"))
            child = blueprint_codec.decode(documents.load(file))
            if blueprint_codec.digest(child) != ref.digest:
                raise BlueprintError(f"{file} holds another Blueprint than its name says")
            found[ref.digest] = child
            todo.append(child)
    return list(found.values())


def _label(word: str) -> tuple[str, str]:
    name, equals, text = word.partition("=")
    if not equals or not name:
        raise UsageError(f"--label {word}: a label is NAME=TEXT")
    return name, text


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
