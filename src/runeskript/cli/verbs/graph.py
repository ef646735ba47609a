"""``rune graph``: a skript drawn as a graph."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from ...compiler.graphviz import to_dot, to_mermaid
from .. import terminal
from ..compiling import compile_file
from ..options import add_file, add_handlers, add_output

_FORMATS = {"dot": to_dot, "mermaid": to_mermaid}


def configure(parser: ArgumentParser) -> None:
    """Declare the options."""
    add_file(parser)
    parser.add_argument(
        "--format",
        choices=tuple(_FORMATS),
        metavar="dot|mermaid",
        help="dot (Graphviz, the default) or mermaid (Markdown); prints the graph alone",
    )
    add_handlers(parser)
    add_output(parser)


def execute(args: Namespace) -> int:
    """Draw it. Who names a format wants to pipe it, so that is text unless JSON is asked for."""
    compiled = compile_file(args.file, args.handlers, lint=False)
    form = args.format or "dot"
    text = _FORMATS[form](compiled.document)
    if terminal.mode(args.output or ("text" if args.format else None)) == "json":
        terminal.say_json({"file": args.file, "format": form, "graph": text})
    else:
        terminal.say(text.rstrip("\n"))
    return 0
