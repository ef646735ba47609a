"""The command ``rune``: finds the verb, imports only that one, and turns errors into exit codes.

Exit codes: 0 done (job completed), 1 the job failed, 2 wrong usage or document, 3 the job was
cancelled, 130 stopped by the keyboard.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

from ..errors import CompileError, RuneskriptError
from ..model.collector import paused_collector
from ..model.nearest import did_you_mean
from . import terminal
from .usage import UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

#: verb -> what ``rune --help`` says of it.
VERBS: dict[str, str] = {
    "run": "Run a skript in this process and print its result.",
    "submit": "Store a job for a worker, and run nothing.",
    "worker": "Run whatever is unfinished in a store, and can be run here.",
    "serve": "Serve the jobs of a store over HTTP, and run them.",
    "jobs": "Look at the jobs of a store, and tell them what to do.",
    "schedules": "Register the schedules of skripts, and look after them.",
    "replay": "Step through an exported job, forward and back.",
    "test": "Run a skript with every handler mocked; crash it at every boundary.",
    "check": "Check skripts and list everything that is wrong with them.",
    "compile": "Compile a skript to a Blueprint file.",
    "verify": "Say what a Blueprint is, and whether it may run.",
    "explain": "Show a skript after each stage of the compiler.",
    "graph": "Draw a skript as a graph (dot or mermaid).",
    "machine": "Check a machine, draw it, or list its transitions.",
    "handlers": "List the handlers that skripts can call.",
    "lsp": "Serve an editor: diagnostics, completion, hover (over stdin and stdout).",
    "init": "Write a first skript, its handlers and a test.",
    "fmt": "Put skripts into the standard form.",
    "token": "Make and revoke the tokens that the service asks for.",
    "store": "Check, copy, prune, compact or migrate the file that jobs are kept in.",
    "bench": "Measure Runeskript against plain Python on this machine.",
    "version": "Show the versions of Runeskript and of its formats.",
}

EXIT_FAILED, EXIT_USAGE, EXIT_CANCELLED, EXIT_STOPPED = 1, 2, 3, 130


class Verb(Protocol):
    """What each module in ``verbs`` offers; ``failure`` is optional."""

    def configure(self, parser: ArgumentParser) -> None:
        """Declare the options."""

    def execute(self, args: Namespace) -> int:
        """Do it; the exit code."""


def load_verb(name: str) -> Verb:
    """The module of a verb."""
    # What imports make stays: collecting in between finds nothing and costs a twentieth of it.
    with paused_collector():
        return cast(Verb, import_module(f".verbs.{name}", __package__))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (without the program's name); the exit code. Never raises."""
    words = list(sys.argv[1:] if argv is None else argv)
    _open_streams()
    try:
        return _dispatch(words)
    except KeyboardInterrupt:
        return EXIT_STOPPED
    except BrokenPipeError:
        return 0
    except CompileError as error:
        return _refuse_document(words, error)
    except RuneskriptError as error:
        return _refuse(words, error)
    except Exception as error:
        return _defect(error)
    finally:
        terminal.flush()


def _open_streams() -> None:
    """Daemons and cron close the standard streams; what is said then goes nowhere."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123


def _dispatch(words: list[str]) -> int:
    if not words:
        terminal.note(_usage())
        return EXIT_USAGE
    name, rest = words[0], words[1:]
    if name in ("-h", "--help", "help") and not rest:
        terminal.say(_usage())
        return 0
    if name in ("-V", "--version"):
        name = "version"
    if name == "help":
        name, rest = rest[0], ["--help"]
    if name not in VERBS:
        kind = "option" if name.startswith("-") else "verb"
        raise UsageError(
            f"unknown {kind} `{name}`",
            code="RUNE-8001",
            hint=did_you_mean(name, VERBS) or "`rune --help` lists the verbs",
        )
    verb = load_verb(name)
    from .options import Parser

    parser = Parser(name, VERBS[name])
    verb.configure(parser)
    try:
        args = parser.read(rest)
    except SystemExit as stop:  # argparse has printed the verb's help
        return int(stop.code or 0)
    return verb.execute(args)


def _usage() -> str:
    """What ``rune --help`` prints."""
    rows = "\n".join(f"  {name:<10}{summary}" for name, summary in VERBS.items())
    return (
        "usage: rune VERB [OPTIONS]\n\n"
        "Runeskript: compiled, deterministic workflows inside your process.\n\n"
        f"verbs:\n{rows}\n\n"
        "`rune VERB --help` shows the options of one verb; `rune init` writes a first skript."
    )


def _words_mode(words: list[str]) -> terminal.Mode:
    """The output format of a command line that may not even have been parsed."""
    chosen = None
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == "--output":
            chosen = following
        elif word.startswith("--output="):
            chosen = word.partition("=")[2]
    return terminal.mode(chosen)


def _say_failure(words: list[str], error: dict[str, Any]) -> None:
    """The JSON form of a refusal, in the shape of the verb's own results where it has one."""
    if not words or words[0] not in VERBS or _words_mode(words) != "json":
        return
    shape = getattr(load_verb(words[0]), "failure", None)
    terminal.say_json(shape(error) if shape is not None else {"error": error})


def _refuse(words: list[str], error: RuneskriptError) -> int:
    """Usage errors, and every other error of ours that reached the top."""
    hint = error.hint if isinstance(error, UsageError) else None
    text = f"rune: {error.code}: {error.message}"
    terminal.note(terminal.printable(text if hint is None else f"{text}\n  hint: {hint}"))
    _say_failure(words, {"code": error.code, "message": error.message, "hint": hint})
    return EXIT_USAGE


def _refuse_document(words: list[str], error: CompileError) -> int:
    """A document with errors: each with its place, and the first one as the JSON error."""
    from .diagnostics import render_all

    terminal.note(render_all(error.diagnostics))
    first = next((d for d in error.diagnostics if d.severity == "error"), None)
    if first is None:
        body: dict[str, Any] = {"code": error.code, "message": error.message, "hint": None}
    else:
        body = first.to_dict()
    body["diagnostics"] = [d.to_dict() for d in error.diagnostics]
    _say_failure(words, body)
    return EXIT_USAGE


def _defect(error: Exception) -> int:
    """Something that must not happen: say so in one line; RUNE_TRACEBACK=1 shows where."""
    terminal.note(terminal.printable(f"rune: RUNE-9000: {type(error).__name__}: {error}"))
    if os.environ.get("RUNE_TRACEBACK"):
        import traceback

        terminal.note("".join(traceback.format_exception(error)))
    elif isinstance(error, MemoryError):
        # Bounds are of single values: what a run holds in all is bounded by the process alone.
        terminal.note("  there is no memory left; docs/howto/limits.md says what is bounded")
    else:
        terminal.note("  this is a defect of Runeskript; RUNE_TRACEBACK=1 shows where it happened")
    return EXIT_FAILED
