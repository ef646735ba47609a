"""``rune replay``: step through an exported job, forward and back. Runs no handler."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from typing import Any, Final

from ...engine.watch import journal_record
from ...errors import ExportError, ReplayMismatchError
from ...kernel import load
from ...kernel.stepping import Stepper
from ...model.exports import Export, decode_export
from .. import documents, terminal
from ..options import add_output
from ..usage import UsageError

#: Words that move, besides numbers.
MOVES: Final = ("next", "back", "first", "last")
#: Characters of a value that are shown in a line.
WIDTH: Final = 100


def configure(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("file", metavar="FILE", help="what `rune jobs export` wrote; - reads stdin")
    parser.add_argument(
        "--to",
        action="append",
        default=[],
        metavar="MOVE",
        help="where to go: next, back, first, last, or the number of a position; may be repeated",
    )
    add_output(parser)
    parser.epilog = (
        "Position N is behind the first N events. Without --to, a terminal is asked for moves,\n"
        "line by line (Enter is next, q is the end); elsewhere every position is shown, from the\n"
        "first to the last. No handler is called or needed: what they answered is in the file."
    )


def execute(args: Namespace) -> int:
    """Go where it is asked for."""
    export = decode_export(documents.read_whole(args.file))
    stepper = _open(export)
    as_json = terminal.mode(args.output) == "json"
    if args.to:
        for move in args.to:
            _go(stepper, move)
            _show(stepper, as_json)
    elif not as_json and args.file != "-" and terminal.is_terminal(sys.stdin):
        _ask(export, stepper)
    else:
        for position in range(len(stepper) + 1):
            stepper.seek(position)
            _show(stepper, as_json)
    return 0


def _open(export: Export) -> Stepper:
    """The stepper at the start, of a journal that is known to fit."""
    if export.blueprint is None:
        text = f"job {export.job['id']} is bare: it runs nothing that could be stepped through"
        raise ExportError(text)
    program = load(export.blueprint)
    if export.job.get("blueprint") != program.digest:
        raise ReplayMismatchError("the export's job ran another Blueprint than the one beside it")
    stepper = Stepper(program, export.events)
    stepper.seek(len(stepper))
    stepper.seek(0)
    return stepper


def _ask(export: Export, stepper: Stepper) -> None:
    """Moves from the terminal until it ends."""
    job = export.job
    terminal.say(
        terminal.printable(f"job {job['id']} of {job.get('skript')}, {len(stepper)} events")
    )
    _show(stepper, as_json=False)
    while True:
        try:
            line = input("next, back, first, last, N or q> ").strip()
        except EOFError:
            return
        if line in ("q", "quit"):
            return
        try:
            _go(stepper, line or "next")
        except UsageError as error:
            terminal.note(terminal.printable(error.message))
            continue
        _show(stepper, as_json=False)


def _go(stepper: Stepper, move: str) -> None:
    """One move. Raises UsageError."""
    if move == "next":
        stepper.seek(stepper.position + 1)
    elif move == "back":
        stepper.seek(stepper.position - 1)
    elif move == "first":
        stepper.seek(0)
    elif move == "last":
        stepper.seek(len(stepper))
    elif move.isdecimal() and move.isascii() and int(move[:18]) <= len(stepper):
        stepper.seek(int(move[:18]))
    else:
        words = ", ".join(MOVES)
        raise UsageError(f"{move}: a move is {words}, or a position from 0 to {len(stepper)}")


def _show(stepper: Stepper, as_json: bool) -> None:
    """Where the run stands."""
    shown = _shown(stepper)
    if as_json:
        terminal.say_json(shown)
        return
    lines = [f"{shown['position']}/{shown['of']}  {_event(shown['event'])}"]
    for token in shown["tokens"]:
        path = ".".join(map(str, token["path"])) or "main"
        more = f", {token['branches']} branches call" if token["branches"] else ""
        lines.append(f"    {path}: {token['state']} at {token['step']}{more}")
        lines += [f"        {name} = {_text(value)}" for name, value in token["variables"].items()]
    if shown["end"] is not None:
        result = shown["end"]["error"] or shown["end"]["output"]
        lines.append(f"    {shown['end']['status']}: {_text(result)}")
    terminal.say(terminal.printable("\n".join(lines)))


def _shown(stepper: Stepper) -> dict[str, Any]:
    event = None
    if stepper.position:
        seq = stepper.position - 1
        one = journal_record(seq, stepper.events[seq])
        event = {"at": one.at, "kind": one.kind, "step": one.step, "path": list(one.path)}
        event["data"] = one.data
    end = stepper.run.finished if stepper.position == len(stepper) else None
    return {
        "position": stepper.position,
        "of": len(stepper),
        "event": event,
        "tokens": [{**one._asdict(), "path": list(one.path)} for one in stepper.standing()],
        "end": None
        if end is None
        else {"status": end.status, "output": end.output, "error": end.error},
    }


def _event(event: dict[str, Any] | None) -> str:
    if event is None:
        return "before the start"
    step = "" if event["step"] is None else f" {event['step']}"
    return f"{event['kind']}{step}  {_text(event['data'])}"


def _text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= WIDTH else text[: WIDTH - 3] + "..."
