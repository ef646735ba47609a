"""What ``rune jobs`` asks of jobs, of those that are named or of all that a filter lets through."""

from __future__ import annotations

import time
from argparse import Namespace
from typing import Final

from ..engine.cancelling import asked_for
from ..model.events import Status
from ..stores.base import JobRow
from ..stores.rows import CommandKind
from . import terminal
from .desk import Desk
from .jobs_filter import filter_of

#: What is asked of many jobs at once, and of which statuses it may be.
TELLING: Final[dict[str, tuple[Status, ...]]] = {
    "cancel": ("Pending", "Running", "Suspended"),
    "pause": ("Pending", "Running"),
    "resume": ("Suspended",),
    "retry": ("Failed",),
    "erase": ("Completed", "Failed", "Cancelled"),
}


def now() -> int:
    """Milliseconds since 1970, of this computer's clock."""
    return time.time_ns() // 1_000_000


async def tell(desk: Desk, args: Namespace, as_json: bool) -> None:
    """Ask for it."""
    kind: CommandKind = args.action
    asked = asked_for(args.reason, args.grace, args.force) if kind == "cancel" else None
    for row in await _meant(desk, args):
        if args.dry_run:
            _would(row, kind, as_json)
            continue
        taken = await desk.ask(row, kind, asked)
        if as_json:
            terminal.say_json({"job": row.id, "status": row.status, "accepted": taken})
        elif taken:
            terminal.note(f"{row.id}: {kind} is asked for")
        else:
            terminal.note(f"{row.id}: it is {row.status} already")


async def _meant(desk: Desk, args: Namespace) -> list[JobRow]:
    """The jobs that are named, or that the filter lets through and that can be asked for it."""
    if args.words:
        return [await desk.get(id_) for id_ in args.words]
    takes = TELLING[args.action]
    return [row async for row in desk.matching(filter_of(args, now())) if row.status in takes]


def _would(row: JobRow, kind: str, as_json: bool) -> None:
    """What would be asked of a job."""
    takes = row.status in TELLING[kind]
    if as_json:
        terminal.say_json({"job": row.id, "status": row.status, "would": kind if takes else None})
    else:
        said = f"{kind} would be asked for" if takes else f"it is {row.status}: nothing would be"
        terminal.note(f"{row.id}: {said}")


async def erase(desk: Desk, args: Namespace, as_json: bool) -> None:
    """Erase what jobs hold."""
    for row in await _meant(desk, args):
        for one in await desk.erase(row.id, dry=args.dry_run):
            if as_json:
                found = {"job": one.job, "outcome": one.outcome, "by": one.by, "dry": args.dry_run}
                terminal.say_json(found)
            elif one.outcome == "erased":
                terminal.note(f"{one.job}: {'would be erased' if args.dry_run else 'erased'}")
            else:
                by = "" if one.by in (None, one.job) else f" ({one.by})"
                terminal.note(f"{one.job}: {one.outcome}, nothing is erased{by}")
