"""How ``rune jobs`` shows a job: as JSON, or in one line."""

from __future__ import annotations

import time
from typing import Any

from ..stores.base import HELD, JobRow
from . import terminal


def shown(row: JobRow, *, whole: bool) -> dict[str, Any]:
    """A job as JSON."""
    found: dict[str, Any] = {
        "job": row.id,
        "skript": row.skript,
        "skript_version": row.version,
        "status": row.status,
        "state": row.state,
        "reason": row.reason,
        "key": row.key,
        "tenant": row.tenant,
        "labels": row.labels,
        "priority": row.priority,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "owner": row.owner,
        "due": None if row.due == HELD else row.due,
        "version": row.seq,
    }
    if whole:
        parent = None if row.parent is None else row.parent.job
        found |= {"parent": parent, "kind": row.kind, "queue": row.queue}
        found |= {"blueprint": row.blueprint, "handlers": list(row.handlers)}
        if row.kind in ("machine", "bare"):
            found["data"] = row.data
        found |= {"input": row.input, "output": row.output, "error": row.error}
    return found


def time_of(ms: int) -> str:
    """A time of this place, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(ms / 1000))


def tell_row(row: JobRow, at: int, as_json: bool) -> None:
    """A job in one line, with a time of it."""
    if as_json:
        terminal.say_json(shown(row, whole=False))
    else:
        key = "" if row.key is None else f"  {row.key}"
        reason = "" if row.reason is None else f"  ({row.reason})"
        state = "" if row.state == row.status else f"  [{row.state}]"
        what = row.skript or row.kind
        say(f"{row.id}  {row.status:<9}  {time_of(at)}  {what}{state}{key}{reason}")


def say(text: str) -> None:
    """A line without what would steer a terminal."""
    terminal.say(terminal.printable(text))
