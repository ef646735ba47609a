"""``rune schedules``: register the schedules of skripts, and look after them."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from typing import Any, Final

from ...engine.deployed import owned_name
from ...engine.registered import DamagedSchedule, Scheduled
from ...engine.runtime import Runtime
from ...engine.schedules import tick_text, ticks_of
from ...errors import ScheduleNotFoundError
from ...model.blueprint import Blueprint
from ...model.durations import show_duration
from .. import inputs, terminal
from ..options import (
    Parser,
    add_handlers,
    add_input,
    add_output,
    add_passes,
    add_priority,
    add_store,
    add_tenant,
    chosen_passes,
    job_labels,
)
from ..registry import load_registry
from ..skripts import load_skript, pinned
from ..usage import UsageError

#: What can be asked, and what words it takes.
ACTIONS: Final = {
    "add": "FILE",
    "list": "",
    "next": "NAME",
    "pause": "NAME ...",
    "resume": "NAME ...",
    "remove": "NAME ...",
}


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("action", choices=ACTIONS, metavar="ACTION", help=", ".join(ACTIONS))
    parser.add_argument("words", metavar="NAME", nargs="*", help="skripts; add: a document")
    add_store(parser)
    add_tenant(parser)
    add_input(parser)
    add_handlers(parser)
    parser.add_argument(
        "--label", action="append", default=[], metavar="KEY=VALUE", help="add: a label of its jobs"
    )
    add_priority(parser)
    parser.add_argument(
        "--count", type=int, default=5, metavar="N", help="next: how many ticks to show"
    )
    add_passes(parser)
    add_output(parser)
    parser.only_for(("add",), "input", "handlers", "label", "priority", "passes", "no_opt")
    parser.only_for(("next",), "count")
    parser.epilog = (
        "add     register the schedule of a document, in the place of the one it had\n"
        "list    what is registered: when it is due next, what it waits for; then what cannot be\n"
        "        read, and why\n"
        "next    the next ticks of a schedule\n"
        "pause   create no jobs until it is resumed\n"
        "resume  go on; what was due in between is not made up for\n"
        "remove  forget it, also where its record is damaged; its jobs stay\n"
        "\n"
        "Jobs of schedules are created and run by `rune worker`, each tick once, however many\n"
        "workers there are. A job's key is the skript's name and the tick's time."
    )


def execute(args: Namespace) -> int:
    """Do it."""
    wanted = ACTIONS[args.action]
    many = wanted.endswith("...")
    if bool(args.words) != bool(wanted) or (len(args.words) > 1 and not many):
        raise UsageError(f"write: rune schedules {args.action} {wanted}".rstrip())
    if not 1 <= args.count <= 1_000:
        raise UsageError(f"--count {args.count}: it is a number from 1 to 1000")
    asyncio.run(_run(args, terminal.mode(args.output) == "json"))
    return 0


async def _run(args: Namespace, as_json: bool) -> None:
    runtime = Runtime(
        store=args.store,
        handlers=load_registry(args.handlers if args.action == "add" else []),
        discover_handlers=False,
    )
    if args.action == "add":
        value = inputs.parse(args.input)
        skript = load_skript(args.words[0], runtime.handlers, chosen_passes(args))
        async with runtime:
            if isinstance(skript, Blueprint):
                for child in pinned(args.words[0], skript):
                    await runtime.deploy(child, tenant=args.tenant)
            labels, own = job_labels(args), {"priority": args.priority, "tenant": args.tenant}
            made = await runtime.schedule(skript, value, labels=labels, **own)
        _tell(made, as_json)
        return
    async with runtime:
        if args.action == "list":
            for one in await runtime.schedules():
                _tell(one, as_json)
            for bad in await runtime.damaged_schedules():
                _tell_damaged(bad, as_json)
        elif args.action == "next":
            await _next(runtime, args, as_json)
        for name in args.words if args.action != "next" else ():
            if args.action == "remove":
                await runtime.remove_schedule(name, tenant=args.tenant)
                if as_json:
                    terminal.say_json({"schedule": name, "removed": True})
                else:
                    terminal.note(terminal.printable(f"{name}: removed"))
            elif args.action == "pause":
                _tell(await runtime.pause_schedule(name, tenant=args.tenant), as_json)
            else:
                _tell(await runtime.resume_schedule(name, tenant=args.tenant), as_json)


async def _next(runtime: Runtime, args: Namespace, as_json: bool) -> None:
    (name,) = args.words
    found = [
        one for one in await runtime.schedules() if (one.tenant, one.name) == (args.tenant, name)
    ]
    if not found:
        for bad in await runtime.damaged_schedules():
            if bad.name == owned_name(args.tenant, name):
                raise bad.error()
        raise ScheduleNotFoundError(f"no schedule has the name {name}")
    ticks = ticks_of(found[0].schedule).after(runtime._store.now())
    for _, tick in zip(range(args.count), ticks, strict=False):
        if as_json:
            terminal.say_json({"schedule": name, "tick": tick})
        else:
            terminal.say(tick_text(tick))


def _tell(one: Scheduled, as_json: bool) -> None:
    """A schedule in one line."""
    plan = one.schedule
    if as_json:
        found: dict[str, Any] = {"schedule": one.name, "tenant": one.tenant}
        found |= {"paused": one.paused, "next": one.next}
        found |= {"cron": plan.cron, "every": plan.every, "timezone": plan.timezone}
        found |= {"missed": plan.missed, "overlap": plan.overlap, "job": one.job}
        found |= {"waiting": list(one.waiting), "fired": one.fired, "left_out": one.left_out}
        terminal.say_json({**found, "input": one.input})
        return
    when = plan.cron if plan.every is None else f"every {show_duration(plan.every)}"
    zone = f" {plan.timezone}" if plan.timezone else ""
    due = "paused" if one.paused else "never" if one.next is None else tick_text(one.next)
    waits = f", {len(one.waiting)} waiting" if one.waiting else ""
    done = f"{one.fired} done{waits}, {one.left_out} left out"
    terminal.say(terminal.printable(f"{one.name:<20}  {due:<20}  {when}{zone}  ({done})"))


def _tell_damaged(one: DamagedSchedule, as_json: bool) -> None:
    """A schedule that cannot be read, in one line."""
    if as_json:
        terminal.say_json({"schedule": one.name, "damaged": one.problem})
    else:
        terminal.say(terminal.printable(f"{one.name:<20}  damaged               {one.problem}"))
