"""Which jobs ``rune jobs`` means: by id, or by status, label, skript, key and time."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from typing import get_args

from ..model.durations import parse_duration
from ..model.events import Status
from ..stores.queries import JobFilter
from ..stores.rows import JobKind
from .options import job_labels
from .usage import UsageError


def add_filters(parser: ArgumentParser) -> None:
    """Options that say which jobs; every one that is given must hold."""
    parser.add_argument(
        "--status", choices=get_args(Status), metavar="STATUS", help="only jobs of this status"
    )
    parser.add_argument(
        "--state", metavar="STATE", help="only jobs in this state of their machine, or this status"
    )
    parser.add_argument("--kind", choices=get_args(JobKind), metavar="KIND", help="only such jobs")
    parser.add_argument(
        "--tenant", metavar="NAME", help='only jobs of this tenant, "": of none; signal: to it'
    )
    parser.add_argument("--skript", metavar="NAME", help="only jobs of this skript")
    parser.add_argument(
        "--label",
        action="append",
        default=[],
        metavar="NAME=TEXT",
        help="only jobs with this label; fork: a label of the new job; may be repeated",
    )
    parser.add_argument(
        "--since",
        metavar="WHEN",
        help="only jobs created since: a time (2026-11-22T15:00:00Z) or so long ago (2h)",
    )
    parser.add_argument("--before", metavar="WHEN", help="only jobs created before")


def filter_of(args: Namespace, now: int) -> JobFilter:
    """What the options say. Raises UsageError."""
    return JobFilter(
        args.status,
        args.skript,
        args.key,
        job_labels(args),
        args.tenant,
        args.state,
        args.kind,
        created_from=_moment("--since", args.since, now),
        created_before=_moment("--before", args.before, now),
    )


def is_given(args: Namespace) -> bool:
    """Whether any of the options is there."""
    given = (args.status, args.state, args.kind, args.skript, args.key, args.since, args.before)
    return bool(args.label or any(one is not None for one in (*given, args.tenant)))


def _moment(option: str, text: str | None, now: int) -> int | None:
    """Milliseconds since 1970 of a time, or of a duration before ``now``."""
    if text is None:
        return None
    try:
        ago = parse_duration(text)
        if ago is not None:
            return now - ago
        found = datetime.fromisoformat(text)
        found = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
        return int(found.timestamp() * 1000)
    except (ValueError, OverflowError):
        hint = "a duration (90s, 2h, 7d) or a time (2026-11-22, 2026-11-22T15:00:00Z)"
        raise UsageError(f"{option} {text}: that is no time", hint=hint) from None
