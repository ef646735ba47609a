"""``rune lsp``: the language server, for an editor to start."""

from __future__ import annotations

import logging
from argparse import ArgumentParser, Namespace

from ..options import add_handlers, add_output
from ..usage import UsageError

_HINT = "pip install 'runeskript[lsp]'"


def configure(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--no-project",
        action="store_true",
        help="do not import the handlers of the project that is opened",
    )
    parser.add_argument(
        "--stdio", action="store_true", help="accepted for editors that give it; it is always so"
    )
    add_handlers(parser)
    add_output(parser)
    parser.epilog = (
        "An editor starts it and speaks the Language Server Protocol with it on standard input\n"
        "and output; nothing listens on a port. docs/howto/editor.md shows how to set it up."
    )


def execute(args: Namespace) -> int:
    """Serve until the editor leaves."""
    try:
        from ..lsp.server import serve
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("pygls", "lsprotocol"):
            raise
        raise UsageError("the language server needs pygls", code="RUNE-8011", hint=_HINT) from None
    logging.basicConfig(level=logging.WARNING, format="rune lsp: %(message)s")
    serve(args.handlers, project=not args.no_project)
    return 0
