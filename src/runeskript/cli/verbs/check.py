"""``rune check``: everything that is wrong with some skripts."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from ...compiler.pipeline import check_text
from ...errors import CompileError
from ...model.diagnostics import Diagnostic
from ...model.spans import Span
from .. import documents, terminal
from ..diagnostics import is_note, render_all
from ..options import add_handlers, add_output, add_server
from ..registry import load_registry
from ..settings import options_for
from ..usage import UsageError

#: What there is to say of a file.
Check: TypeAlias = Callable[[str], Sequence[Diagnostic]]


def configure(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("files", metavar="FILE", nargs="+", help="a skript; - reads stdin")
    parser.add_argument("--strict", action="store_true", help="warnings count as errors")
    add_handlers(parser)
    add_server(parser, "a service (`rune serve`) that checks, by the handlers that it has")
    add_output(parser)


def execute(args: Namespace) -> int:
    """Check each file; 2 where one has errors."""
    check = _at_service(args) if getattr(args, "server", None) else _here(args)
    found: list[Diagnostic] = []
    for name in args.files:
        try:
            found += check(name)
        except UsageError as error:
            nowhere = Span(name, 0, 0, 0, 0)
            found.append(Diagnostic(error.code, "error", error.message, nowhere, "", error.hint))
    if terminal.mode(args.output) == "json":
        terminal.say_json([d.to_dict() for d in found])
    else:
        count = len(args.files)
        nothing = f"{count} {'file' if count == 1 else 'files'} checked: no findings"
        terminal.say(render_all(found, sys.stdout) or nothing)
        for d in found:
            if is_note(d):
                terminal.say(terminal.printable(f"{d.span.file}: {d.message}"))
    bad = ("error", "warning") if args.strict else ("error",)
    return 2 if any(d.severity in bad for d in found) else 0


def _here(args: Namespace) -> Check:
    catalog = load_registry(args.handlers)
    return lambda name: check_text(documents.load(name), name, catalog, options_for())


def _at_service(args: Namespace) -> Check:
    from ...client.sync import Client
    from ..at_service import check_options, diagnostics_of, text_of

    check_options({"--handlers": args.handlers})
    client = Client(args.server)

    def check(name: str) -> Sequence[Diagnostic]:
        try:
            text = text_of(name)
        except CompileError as error:
            return error.diagnostics
        return diagnostics_of(client.check(text).diagnostics, name)

    return check


def failure(error: dict[str, Any]) -> list[dict[str, Any]]:
    """A refusal of the command itself, as the list this verb prints."""
    keys = ("code", "severity", "message", "file", "line", "column", "pointer", "hint")
    blank = {"severity": "error", "file": None, "line": 0, "column": 0, "pointer": ""}
    return [{key: {**blank, **error}[key] for key in keys}]
