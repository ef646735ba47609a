"""How the verbs compile: the project's settings as options of the compiler."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..compiler.pipeline import Options
from ..model.codes import CODES, LINTS
from ..model.limits import CALLS
from . import documents

if TYPE_CHECKING:
    from .project import Project


def options_for(
    *, lint: bool = True, passes: tuple[str, ...] | None = None, keep: bool = False
) -> Options:
    """How the project wants documents compiled.

    Without ``lint``, the lints that the project counts as errors are run all the same: a document
    it refuses is refused by every verb. Raises UsageError (RUNE-8007).
    """
    settings = _settings() if lint or _weighs_findings() else None
    levels = {} if settings is None else settings.levels
    most = CALLS if settings is None else settings.max_calls
    if not lint and "error" in levels.values():
        lint = True
        quiet = (code for code in CODES if code.startswith(LINTS) and levels.get(code) != "error")
        levels = {**levels, **dict.fromkeys(quiet, "off")}
    return Options(documents.resolve, passes, keep, lint, levels, most)


def _settings() -> Project | None:
    from . import project  # with its parser, some milliseconds

    return project.find()


def _weighs_findings() -> bool:
    """Whether the project's file may say how much findings count; most say nothing, so that a run
    need not parse it. One that cannot be read is for the parser to refuse."""
    folder = os.path.realpath(os.getcwd())
    while True:
        try:
            with open(os.path.join(folder, "pyproject.toml"), "rb") as file:
                return b"severity" in file.read()
        except (FileNotFoundError, NotADirectoryError):
            above = os.path.dirname(folder)
            if above == folder:
                return False
            folder = above
        except OSError:
            return True
