"""``rune machine``: what a machine can do, what is wrong with it, and how it looks."""

from __future__ import annotations

from argparse import Namespace
from typing import Any, Final

from ...compiler.graphviz import to_dot, to_mermaid
from ...model.ast import Document, Machine
from .. import terminal
from ..compiling import compile_file
from ..options import Parser, add_handlers, add_output
from ..usage import UsageError
from . import check

ACTIONS: Final = ("check", "graph", "table")
_FORMATS: Final = {"mermaid": to_mermaid, "dot": to_dot}
_HEAD: Final = ("state", "event", "guard", "roles", "to")


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("action", choices=ACTIONS, metavar="ACTION", help=", ".join(ACTIONS))
    parser.add_argument("file", metavar="FILE", help="the machine (YAML or JSON); - reads stdin")
    parser.add_argument("--strict", action="store_true", help="check: warnings count as errors")
    parser.add_argument(
        "--format",
        choices=tuple(_FORMATS),
        metavar="mermaid|dot",
        help="graph: mermaid (Markdown, the default) or dot (Graphviz); prints the graph alone",
    )
    add_handlers(parser)
    add_output(parser)
    parser.only_for(("check",), "strict")
    parser.only_for(("graph",), "format")
    parser.epilog = (
        "check   list everything that is wrong with it, as `rune check` does\n"
        "graph   draw its states and transitions\n"
        "table   list which event leads from which state to which, on what condition, for whom"
    )


def execute(args: Namespace) -> int:
    """Do one of the actions."""
    if args.action == "check":
        args.files = [args.file]
        return check.execute(args)
    document = compile_file(args.file, args.handlers, lint=False).document
    if document.machine is None:
        raise UsageError(
            f"{args.file} is a skript, no machine",
            code="RUNE-8002",
            hint="`rune graph` draws skripts; a machine begins with `machine: NAME`",
        )
    if args.action == "graph":
        return _graph(document, args)
    if terminal.mode(args.output) == "json":
        terminal.say_json(_facts(document, document.machine))
    else:
        terminal.say(terminal.printable(_table(document.machine)))
    return 0


def _graph(document: Document, args: Namespace) -> int:
    """Who names a format wants to pipe it, so that is text unless JSON is asked for."""
    form = args.format or "mermaid"
    text = _FORMATS[form](document)
    if terminal.mode(args.output or ("text" if args.format else None)) == "json":
        terminal.say_json({"file": args.file, "format": form, "graph": text})
    else:
        terminal.say(text.rstrip("\n"))
    return 0


def _rows(machine: Machine) -> list[dict[str, Any]]:
    """A row for each source of each transition: state by state, in the order of trying."""
    rows = {state.name: list[dict[str, Any]]() for state in machine.states}
    for transition in machine.transitions:
        for source in transition.sources:
            rows[source].append(
                {
                    "state": source,
                    "event": transition.event,
                    "guard": None if transition.guard is None else transition.guard.source,
                    "roles": None if transition.roles is None else list(transition.roles),
                    "to": transition.to,
                    "id": transition.site.id,
                }
            )
    return [row for some in rows.values() for row in some]


def _facts(document: Document, machine: Machine) -> dict[str, Any]:
    return {
        "machine": document.name,
        "version": document.version,
        "initial": machine.initial,
        "states": [
            {
                "name": state.name,
                "final": state.final,
                "activity": state.do is not None,
                "timeout": None if state.after is None else state.after.source,
                "event": state.then,
            }
            for state in machine.states
        ],
        "transitions": _rows(machine),
    }


def _table(machine: Machine) -> str:
    """The rows in columns; a state is named once."""
    cells = [list(_HEAD)]
    before = None
    for row in _rows(machine):
        guard = " ".join((row["guard"] or "").split())
        roles = "everybody" if row["roles"] is None else ", ".join(row["roles"])
        state = row["state"] if row["state"] != before else ""
        before = row["state"]
        cells.append([state, row["event"], guard, roles, row["to"]])
    widths = [max(len(line[i]) for line in cells) for i in range(len(_HEAD))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in cells]
    final = ", ".join(state.name for state in machine.states if state.final) or "none"
    return "\n".join([*[line.rstrip() for line in lines], "", f"initial: {machine.initial}",
                      f"final: {final}"])  # fmt: skip
