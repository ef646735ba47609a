"""The reference page of the command line, made from the parsers themselves."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from .main import VERBS, load_verb
from .options import Parser

_HEAD = """# The command line

`rune VERB [OPTIONS]`. This page is generated from the option parsers; `rune VERB --help` shows the
same.

Every verb takes `--output text|json`: text on a terminal, JSON otherwise. Results go to standard
output, logs and progress to standard error.

| exit code | meaning |
|---|---|
| 0 | done; the job completed |
| 1 | the job failed (`bench`: a measurement failed; `fmt --check`: a file is not in the form) |
| 2 | wrong usage, or a document with errors |
| 3 | the job was cancelled |
| 130 | stopped by a second Ctrl-C, or by one where there is no job to cancel |
"""


def page() -> str:
    """The whole page, Markdown."""
    return _HEAD + "".join("\n" + "\n".join(_verb(name)) + "\n" for name in VERBS)


def _verb(name: str) -> Iterator[str]:
    module = load_verb(name)
    parser = Parser(name, VERBS[name])
    module.configure(parser)
    actions = [a for a in parser._actions if a.help != argparse.SUPPRESS and a.dest != "help"]
    yield f"## rune {name}"
    yield ""
    yield f"`{usage(name, actions)}`"
    yield ""
    yield VERBS[name]
    if parser.epilog:
        yield ""
        yield parser.epilog
    yield ""
    yield "| | |"
    yield "|---|---|"
    for action in actions:
        yield f"| `{_words(action)}` | {_cell(action.help or '')} |"


def usage(name: str, actions: list[argparse.Action]) -> str:
    """One line: ``rune check FILE... [--strict]``."""
    positional = [_words(a) for a in actions if not a.option_strings]
    optional = [
        f"[{_words(a)}]{'...' if isinstance(a, argparse._AppendAction) else ''}"
        for a in actions
        if a.option_strings
    ]
    return " ".join(["rune", name, *positional, *optional])


def _words(action: argparse.Action) -> str:
    """How the option or argument is written."""
    metavar = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if action.option_strings:
        names = ", ".join(action.option_strings)
        return names if action.nargs == 0 else f"{names} {metavar}"
    if action.nargs == "+":
        return f"{metavar}..."
    return f"[{metavar}]" if action.nargs == "?" else metavar


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
