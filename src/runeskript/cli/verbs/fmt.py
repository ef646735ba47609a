"""``rune fmt``: skripts in the standard form, comments kept."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from ...compiler.format import format_text
from ...errors import CompileError
from ...model.diagnostics import Diagnostic
from .. import documents, terminal
from ..diagnostics import render_all
from ..options import add_output
from ..usage import UsageError


def configure(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="a skript; - formats stdin to stdout"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; exit with 1 if a file is not in the standard form",
    )
    add_output(parser)


def execute(args: Namespace) -> int:
    """Format each file; one that cannot be read stays as it is, and the exit code is 2."""
    if "-" in args.files and len(args.files) > 1:
        raise UsageError("- (stdin) stands alone")
    mode = terminal.mode(args.output)
    rows: list[dict[str, Any]] = []
    broken: list[Diagnostic] = []
    for name in args.files:
        data = documents.load(name)
        try:
            text = format_text(data, name)
        except CompileError as error:
            broken += error.diagnostics
            rows.append({"file": name, "changed": None})
            continue
        changed = text.encode() != data
        rows.append({"file": name, "changed": changed})
        if name == "-" and not args.check:
            if mode == "json":
                rows[-1]["text"] = text
            else:
                terminal.say_bytes(text.encode())
        elif changed and not args.check:
            documents.store(name, text.encode())
    if mode == "json":
        findings = [d.to_dict() for d in broken]
        terminal.say_json({"files": rows, "findings": findings})
    else:
        _say(rows, args.check)
    if broken:
        terminal.note(render_all(broken))
        return 2
    return 1 if args.check and any(row["changed"] for row in rows) else 0


def _say(rows: list[dict[str, Any]], check: bool) -> None:
    for row in rows:
        if row["changed"] and row["file"] != "-":
            terminal.say(f"{'would change' if check else 'formatted'} {row['file']}")
