"""``rune version``: the versions of Runeskript and of its formats."""

from __future__ import annotations

import platform
from argparse import ArgumentParser, Namespace
from importlib.metadata import PackageNotFoundError, version

from ...model import versions
from .. import terminal
from ..options import add_output


def configure(parser: ArgumentParser) -> None:
    """Declare the options."""
    add_output(parser)


def own_version() -> str:
    """The version of the package that is installed."""
    try:
        return version("runeskript")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "unknown"


def execute(args: Namespace) -> int:
    """Print them."""
    own = own_version()
    facts = {
        "runeskript": own,
        "python": platform.python_version(),
        "blueprint": versions.BLUEPRINT,
        "journal": versions.JOURNAL,
        "snapshot": versions.SNAPSHOT,
        "semantics": versions.SEMANTICS,
    }
    if terminal.mode(args.output) == "json":
        terminal.say_json(facts)
    else:
        terminal.say(f"runeskript {own} (Python {facts['python']})")
        formats = ("blueprint", "journal", "snapshot", "semantics")
        terminal.say("formats: " + ", ".join(f"{name} {facts[name]}" for name in formats))
    return 0
