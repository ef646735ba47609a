"""``rune store``: look after the file that jobs are kept in."""

from __future__ import annotations

import asyncio
import time
from argparse import Namespace
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from ...errors import StoreUnavailableError
from ...model.events import Status
from ...model.machine import FINAL
from ...stores import sqlite_path
from .. import terminal
from ..options import Parser, add_output
from ..usage import UsageError

if TYPE_CHECKING:
    from ...stores.sqlite import SqliteStore

ACTIONS: Final = ("check", "migrate", "backup", "compact", "prune")


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("action", choices=ACTIONS, metavar="ACTION", help=", ".join(ACTIONS))
    parser.add_argument("file", metavar="FILE", nargs="?", help="backup: where the copy goes")
    parser.add_argument(
        "--store",
        metavar="URL",
        default="sqlite://",
        help="the store; sqlite:// (the default) is .rune/jobs.db",
    )
    parser.add_argument(
        "--older", metavar="DURATION", help="prune: jobs that ended longer ago than this (30d)"
    )
    parser.add_argument(
        "--status",
        choices=sorted(FINAL),
        metavar="STATUS",
        help="prune: with --older, only jobs that ended so",
    )
    parser.add_argument(
        "--keep", type=int, metavar="N", help="prune: all but the N jobs that ended last"
    )
    parser.add_argument(
        "--job", action="append", default=[], metavar="ID", help="prune: this job; may be repeated"
    )
    parser.add_argument(
        "--journals", action="store_true", help="prune: events that stand before a snapshot"
    )
    parser.add_argument(
        "--audit",
        metavar="DURATION",
        help="prune: entries of the service's audit log that are older than this (400d)",
    )
    add_output(parser)
    parser.only_for(("prune",), "older", "status", "keep", "job", "journals", "audit")
    parser.epilog = (
        "check     read everything, and list what is not as it was written (exits with 1 then)\n"
        "migrate   bring an older file up to the format of this version\n"
        "backup    copy the store to FILE, as it is at one moment\n"
        "prune     forget jobs that have ended, and what nothing refers to any more\n"
        "compact   give the room of what was forgotten back to the disk\n"
        "\n"
        "Jobs may go on meanwhile, but for migrate."
    )


def execute(args: Namespace) -> int:
    """Do it; 1 where a check found something."""
    if (args.action == "backup") != (args.file is not None):
        raise UsageError(
            "backup needs a FILE" if args.file is None else f"{args.action} takes no FILE",
            hint="rune store backup FILE",
        )
    path, options = sqlite_path(args.store)
    if not Path(path).exists():
        raise StoreUnavailableError(f"{path}: there is no store here")
    result = _ACTIONS[args.action](args, path, options.get("sync", "full"))
    if terminal.mode(args.output) == "json":
        terminal.say_json({"store": path, "action": args.action, **result})
    else:
        terminal.say(terminal.printable(_text(args.action, path, result)))
    return 1 if result.get("problems") else 0


def _now() -> int:
    return time.time_ns() // 1_000_000


def _with_store(path: str, sync: str, work: Callable[[SqliteStore], Awaitable[Any]]) -> Any:
    """Open the store for one piece of work."""
    from ...stores.sqlite import SqliteStore

    async def run() -> Any:
        store = SqliteStore(path, _now, sync="normal" if sync == "normal" else "full")
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())


def _check(args: Namespace, path: str, sync: str) -> dict[str, Any]:
    return {"problems": _with_store(path, sync, lambda store: store.check())}


def _migrate(args: Namespace, path: str, sync: str) -> dict[str, Any]:
    from ...stores.sqlite import migrate

    before, after = migrate(path, sync)
    return {"before": before, "after": after}


def _backup(args: Namespace, path: str, sync: str) -> dict[str, Any]:
    _with_store(path, sync, lambda store: store.backup(args.file))
    return {"file": args.file}


def _compact(args: Namespace, path: str, sync: str) -> dict[str, Any]:
    before, after = _with_store(path, sync, lambda store: store.compact())
    return {"before": before, "after": after}


def _prune(args: Namespace, path: str, sync: str) -> dict[str, Any]:
    from ...engine.handlers.durations import milliseconds
    from ...stores.retention import Policy

    if args.keep is not None and args.keep < 0:
        raise UsageError(f"--keep {args.keep}: it is a number of jobs, from 0 up")
    now = _now()

    def ago(option: str, text: str | None) -> int | None:
        try:
            return None if text is None else now - milliseconds(text)
        except ValueError as exc:
            raise UsageError(f"{option} {text}: {exc}") from None

    before, audited = ago("--older", args.older), ago("--audit", args.audit)
    if args.status is not None and before is None:
        raise UsageError("--status goes with --older")
    policy = Policy(
        jobs=tuple(args.job),
        ended_before=before,
        status=cast("Status | None", args.status),
        keep=args.keep,
        journals=args.journals,
        records={} if audited is None else {"audit": audited},
    )
    pruned = _with_store(path, sync, lambda store: store.prune(policy))
    return dict(pruned._asdict())


_ACTIONS: Final[dict[str, Callable[[Namespace, str, str], dict[str, Any]]]] = {
    "check": _check,
    "migrate": _migrate,
    "backup": _backup,
    "compact": _compact,
    "prune": _prune,
}


def _text(action: str, path: str, result: dict[str, Any]) -> str:
    if action == "check":
        problems: list[str] = result["problems"]
        return (
            "\n".join((*problems, f"{path}: {len(problems)} problems"))
            if problems
            else (f"{path}: sound")
        )
    if action == "migrate":
        return f"{path}: format {result['before']} -> {result['after']}"
    if action == "backup":
        return f"{path}: copied to {result['file']}"
    if action == "compact":
        return f"{path}: {result['before']:,} bytes -> {result['after']:,} bytes"
    gone = ", ".join(f"{count:,} {what}" for what, count in result.items() if count)
    return f"{path}: forgot {gone or 'nothing'}"
