"""``rune jobs``: look at the jobs of a store, and tell them what to do."""

from __future__ import annotations

import asyncio
import json
from argparse import Namespace
from collections.abc import Awaitable, Callable
from typing import Any, Final

from ...engine import requests
from ...engine.handlers.durations import milliseconds
from ...engine.ids import SystemIds
from ...errors import TransitionRefusedError
from ...stores import open_store
from .. import documents, terminal
from ..desk import Desk, StoreDesk
from ..jobs_filter import add_filters, filter_of, is_given
from ..jobs_shown import say, shown, tell_row, time_of
from ..jobs_told import TELLING, erase, now, tell
from ..jobs_views import graph, variables
from ..jobs_words import End, Event, Note
from ..options import STORE, Parser, add_output, add_place, job_labels
from ..usage import UsageError

#: What can be asked, and what words it takes.
ACTIONS: Final = {
    "list": "",
    "show": "ID",
    "history": "ID",
    "why": "ID",
    "graph": "ID",
    "variables": "ID",
    "watch": "[ID ...]",
    "cancel": "ID ...",
    "pause": "ID ...",
    "resume": "ID ...",
    "retry": "ID ...",
    "erase": "ID ...",
    "fork": "ID",
    "complete": "TOKEN",
    "fail": "TOKEN",
    "signal": "TOPIC",
    "send": "ID EVENT",
    "export": "ID",
}
#: Actions -> the options that are theirs; more than one row may have an option.
ONLY: Final[dict[tuple[str, ...], tuple[str, ...]]] = {
    ("list", "watch", *TELLING): (
        *("status", "state", "kind", "tenant"),
        *("skript", "label", "key", "since", "before"),
    ),
    ("list",): ("limit", "after"),
    tuple(TELLING): ("dry_run",),
    ("cancel",): ("reason", "grace", "force"),
    ("fork",): ("label", "key", "at", "set"),
    ("variables",): ("at",),
    ("complete", "fail"): ("data",),
    ("fail",): ("reason", "type"),
    ("signal",): ("key", "data", "keep", "id", "job", "tenant"),
    ("send",): ("data", "id", "actor", "role", "reason", "if_version", "wait"),
    ("export",): ("out",),
}
_EPILOG: Final = (
    "list      jobs, newest first\n"
    "show      one job, with its input, output and error\n"
    "history   the events of a job's journal, one line each\n"
    "why       what a job waits for\n"
    "graph     what a job runs, and what became of each step\n"
    "variables those of a job, now or behind its first --at events\n"
    "watch     a line whenever a job changes; with ids, until those have ended\n"
    "cancel    end a job as Cancelled, through its `finally` blocks and undos; calls that do\n"
    "          not end within --grace (as the worker says, 30s if left out) are given up\n"
    "pause     have a job stand still at its next boundary\n"
    "resume    go on with a job that stands still, paused or parked\n"
    "retry     go on with a failed job from its failed step\n"
    "erase     erase input, output, journal of jobs that have ended; `rune store compact`\n"
    "          removes the copies that SQLite has left in free room\n"
    "fork      begin a new job as a copy of one, from a position of its journal on\n"
    "complete  give a pending call its result (--data)\n"
    "fail      fail a pending call (--reason, --type)\n"
    "signal    send a message to whoever listens to a topic and key\n"
    "send      fire an event at a machine's job; the state it is in then\n"
    "export    write a job with its Blueprint and journal to one file, for `rune replay`\n"
    "\n"
    "cancel, pause, resume, retry, erase take --status, --skript, --label, --key, --since and\n"
    "--before in place of ids: all jobs that these let through, and that can be asked for it.\n"
    "Whoever runs the job carries it out; where nobody does, the next `rune worker`."
)


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("action", choices=ACTIONS, metavar="ACTION", help=", ".join(ACTIONS))
    parser.add_argument(
        "words", metavar="ID", nargs="*", help="jobs; signal: the topic; send: a job and the event"
    )
    add_place(parser)
    add_filters(parser)
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="list: at most N jobs")
    parser.add_argument("--after", metavar="ID", help="list: what comes behind this job")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="cancel, pause, resume, retry, erase: say which jobs it would be, and do nothing",
    )
    parser.add_argument("--reason", default="", metavar="TEXT", help="cancel, fail, send: why")
    parser.add_argument(
        "--grace",
        metavar="DURATION",
        help="cancel: after which what it has asked to stop is given up",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="cancel: give up all that is under way, that of `finally` and `undo` too; at once, or "
        "after --grace",
    )
    parser.add_argument(
        "--type", default="external", metavar="TYPE", help="fail: the type of the error"
    )
    parser.add_argument(
        "--key", metavar="VALUE", help="the job's (list, fork) or the message's key"
    )
    parser.add_argument(
        "--at",
        type=int,
        metavar="N",
        help="fork, variables: behind the first N events, see history",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=JSON",
        help="fork: a variable of the main flow, and what it is to be; may be repeated",
    )
    parser.add_argument(
        "--data",
        metavar="JSON",
        help="what the message or the event holds (signal, send), the result (complete)",
    )
    parser.add_argument(
        "--keep",
        default="0s",
        metavar="DURATION",
        help="signal: how long it is kept for a listener, and told from another one with its id",
    )
    parser.add_argument(
        "--id", metavar="TEXT", help="signal, send: the message's or the event's id"
    )
    parser.add_argument("--actor", metavar="NAME", help="send: who fires it; else this process")
    parser.add_argument(
        "--role",
        action="append",
        default=[],
        metavar="NAME",
        help="send: what --actor is; may be repeated",
    )
    parser.add_argument(
        "--wait",
        default="10s",
        metavar="DURATION",
        help="send: how long to wait for what becomes of it",
    )
    parser.add_argument(
        "--if-version", type=int, metavar="N", help="send: only if that is the job's version then"
    )
    parser.add_argument("--job", metavar="ID", help="signal: to the listeners of this job alone")
    parser.add_argument(
        "-o",
        "--out",
        metavar="OUT",
        help="export: the file to write; ID.runejob if left out; - is stdout",
    )
    add_output(parser)
    for actions, options in ONLY.items():
        parser.only_for(actions, *options)
    parser.epilog = _EPILOG


def execute(args: Namespace) -> int:
    """Do it."""
    wanted = ACTIONS[args.action]
    bulk = args.action in TELLING
    fits = len(args.words) == len(wanted.split())
    if bulk:
        fits = bool(args.words) != is_given(args)
    if not fits and not wanted.startswith("["):
        more = ", or a filter in place of ids" if bulk else ""
        raise UsageError(f"write: rune jobs {args.action} {wanted}".rstrip() + more)
    if args.limit < 1:
        raise UsageError(f"--limit {args.limit}: it is a number of jobs, at least 1")
    mode = terminal.mode(args.output)
    if args.server is not None:
        from ..desk_server import ServerDesk, finished

        if args.store is not None:
            raise UsageError("--store and --server do not go together")
        finished(_run(ServerDesk(args.server), args, mode == "json"))
    else:
        asyncio.run(_run(StoreDesk(open_store(args.store or STORE, now)), args, mode == "json"))
    return 0


async def _run(desk: Desk, args: Namespace, as_json: bool) -> None:
    try:
        await _DO.get(args.action, tell)(desk, args, as_json)
    finally:
        await desk.close()


# --- looking ------------------------------------------------------------------------------------
async def _list(desk: Desk, args: Namespace, as_json: bool) -> None:
    rows, more = await desk.page(filter_of(args, now()), args.after, args.limit)
    for row in rows:
        tell_row(row, row.created_at, as_json)
    if more and not as_json:
        terminal.note(f"there are more: --after {rows[-1].id}")


async def _watch(desk: Desk, args: Namespace, as_json: bool) -> None:
    for id_ in args.words:
        await desk.get(id_)
    wanted = filter_of(args, now())
    await desk.watch(args.words, wanted, lambda row: tell_row(row, row.updated_at, as_json))


async def _show(desk: Desk, args: Namespace, as_json: bool) -> None:
    row = await desk.get(args.words[0])
    found = shown(row, whole=True) | await desk.about(row)
    if as_json:
        terminal.say_json(found)
    else:
        say(json.dumps(found, indent=2, ensure_ascii=False))


async def _history(desk: Desk, args: Namespace, as_json: bool) -> None:
    async for one in desk.history(await desk.get(args.words[0])):
        if as_json:
            found = {"seq": one.seq, "at": one.at, "kind": one.kind, "step": one.step}
            terminal.say_json({**found, "path": list(one.path), "data": one.data})
        else:
            step = "" if one.step is None else f"  {one.step}"
            path = ".".join(map(str, one.path))
            data = json.dumps(one.data, ensure_ascii=False)
            data = data if len(data) <= 60 else data[:57] + "..."
            where = f"{time_of(one.at)}  {one.kind:<16}  {path}{step}"
            say(f"{one.seq:>5}  {where}  {data}".rstrip())


async def _why(desk: Desk, args: Namespace, as_json: bool) -> None:
    row = await desk.get(args.words[0])
    reason = await desk.why(row)
    if as_json:
        found: dict[str, Any] = {
            "job": row.id,
            "status": row.status,
            "why": reason.text,
            "kind": reason.kind,
        }
        found |= {"since": reason.since, "due": reason.due, "owner": reason.owner}
        terminal.say_json({**found, "lease_until": reason.until, **reason.detail})
    else:
        say(reason.text)


async def _export(desk: Desk, args: Namespace, as_json: bool) -> None:
    id_ = args.words[0]
    data = await desk.export(id_)
    if args.out == "-":
        terminal.say_bytes(data)
        return
    out = args.out or f"{id_}.runejob"
    documents.store(out, data)
    if as_json:
        terminal.say_json({"job": id_, "out": out, "bytes": len(data)})
    else:
        terminal.say(terminal.printable(f"wrote {out} ({len(data):,} bytes)"))


# --- telling ------------------------------------------------------------------------------------
async def _fork(desk: Desk, args: Namespace, as_json: bool) -> None:
    if args.at is None:
        raise UsageError("write: rune jobs fork ID --at N; `rune jobs history ID` counts from 0")
    variables = {}
    for word in args.set:
        name, equals, text = word.partition("=")
        if not equals or not name:
            raise UsageError(f"--set {word}: it is NAME=JSON")
        variables[name] = _json(f"--set {name}", text)
    origin = args.words[0]
    id_ = await desk.fork(origin, args.at, variables, args.key, job_labels(args))
    if as_json:
        terminal.say_json({"job": id_, "origin": origin, "at": args.at})
    else:
        terminal.say(id_)


async def _complete(desk: Desk, args: Namespace, as_json: bool) -> None:
    data = None if args.data is None else _json("--data", args.data)
    type_ = None if args.action == "complete" else args.type
    job, outcome = await desk.finish(End(args.words[0], type_, args.reason, data))
    if as_json:
        terminal.say_json({"job": job, "outcome": outcome})
    else:
        terminal.note(f"{outcome}: job {job}")


async def _signal(desk: Desk, args: Namespace, as_json: bool) -> None:
    data = None if args.data is None else _json("--data", args.data)
    key = None if args.key is None else _key(args.key)
    name = requests.name(args.id, "--id") if args.id is not None else SystemIds().message_id()
    outcome = await desk.signal(
        Note(name, args.words[0], key, data, args.keep, args.job, args.tenant)
    )
    if as_json:
        terminal.say_json({"message": name, "outcome": outcome})
    else:
        terminal.note(f"{outcome}: message {name}")


async def _send(desk: Desk, args: Namespace, as_json: bool) -> None:
    id_, event = args.words
    data = None if args.data is None else _json("--data", args.data)
    try:
        seconds = milliseconds(args.wait) / 1000
    except ValueError as exc:
        raise UsageError(f"--wait {args.wait}: {exc}") from None
    if args.role and args.actor is None:
        raise UsageError("--role says what --actor is: write both")
    number = SystemIds().message_id() if args.id is None else args.id
    why = args.reason or None
    try:
        by = (args.actor, args.role, why, number, seconds, args.if_version)
        done = await desk.send(Event(id_, event, data, *by))
    except TransitionRefusedError as refused:
        if refused.allowed and not as_json:
            terminal.note(f"allowed here: {', '.join(refused.allowed)}")
        raise
    if as_json:
        found: dict[str, Any] = {"job": id_, "event": number, "outcome": "accepted"}
        if done is not None:
            found |= {"outcome": "done", "state": done[0], "status": done[1]}
        terminal.say_json(found)
    elif done is None:
        terminal.note(f"accepted: event {number} waits for a worker that runs the job")
    else:
        say(done[0])


def _json(option: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as exc:
        raise UsageError(f"{option} {text}: {exc}") from None


def _key(text: str) -> Any:
    """A key as JSON where it is a number, true, false or a quoted text; else the text itself."""
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return text if isinstance(found, list | dict) else found


_DO: Final[dict[str, Callable[[Desk, Namespace, bool], Awaitable[None]]]] = {
    "list": _list,
    "show": _show,
    "history": _history,
    "why": _why,
    "graph": graph,
    "variables": variables,
    "watch": _watch,
    "signal": _signal,
    "send": _send,
    "erase": erase,
    "export": _export,
    "complete": _complete,
    "fail": _complete,
    "fork": _fork,
}
