"""What ``rune jobs`` asks of jobs, of those that are named or of all that a filter lets through."""

from __future__ import annotations

import time
from argparse import Namespace
from typing import Final

from ..engine.cancelling import asked_for, command
from ..errors import JobNotFoundError
from ..model.events import Status
from ..stores import Store
from ..stores.base import Command, JobRow
from ..stores.rows import CommandKind
from . import terminal
from .jobs_filter import filter_of, matching

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


async def row_of(store: Store, id_: str) -> JobRow:
    """The row of a job. Raises JobNotFoundError."""
    (row,) = await store.get([id_])
    if row is None:
        raise JobNotFoundError(f"no job has the id {id_}")
    return row


async def tell(store: Store, args: Namespace, as_json: bool) -> None:
    """Ask for it."""
    kind: CommandKind = args.action
    asked = asked_for(args.reason, args.grace, args.force) if kind == "cancel" else None
    if args.words:
        rows = [await row_of(store, id_) for id_ in args.words]
    else:
        wanted = filter_of(args, now())
        rows = [row async for row in matching(store, wanted) if row.status in TELLING[kind]]
    for row in rows:
        id_ = row.id
        if args.dry_run:
            _would(row, kind, as_json)
            continue
        if kind == "retry":
            await _check_retry(store, id_)
        told = Command(id_, kind) if asked is None else command(id_, asked)
        (outcome,) = await store.post([told])
        taken = outcome == "accepted"
        if as_json:
            terminal.say_json({"job": id_, "status": row.status, "accepted": taken})
        elif taken:
            terminal.note(f"{id_}: {kind} is asked for")
        else:
            terminal.note(f"{id_}: it is {row.status} already")


def _would(row: JobRow, kind: str, as_json: bool) -> None:
    """What would be asked of a job."""
    takes = row.status in TELLING[kind]
    if as_json:
        terminal.say_json({"job": row.id, "status": row.status, "would": kind if takes else None})
    else:
        said = f"{kind} would be asked for" if takes else f"it is {row.status}: nothing would be"
        terminal.note(f"{row.id}: {said}")


async def _check_retry(store: Store, id_: str) -> None:
    from ..engine.retrying import check_retry

    await check_retry(store, id_)


async def erase(store: Store, args: Namespace, as_json: bool) -> None:
    """Erase what jobs hold."""
    from ..engine.erasing import erase_job

    if args.words:
        ids = [(await row_of(store, id_)).id for id_ in args.words]
    else:
        wanted = filter_of(args, now())
        ids = [row.id async for row in matching(store, wanted) if row.status in TELLING["erase"]]
    for id_ in ids:
        for one in await erase_job(store, id_, dry=args.dry_run):
            if as_json:
                found = {"job": one.job, "outcome": one.outcome, "by": one.by, "dry": args.dry_run}
                terminal.say_json(found)
            elif one.outcome == "erased":
                terminal.note(f"{one.job}: {'would be erased' if args.dry_run else 'erased'}")
            else:
                by = "" if one.by in (None, one.job) else f" ({one.by})"
                terminal.note(f"{one.job}: {one.outcome}, nothing is erased{by}")
