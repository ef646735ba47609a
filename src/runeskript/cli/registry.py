"""The handlers a command knows: built in, installed, the project's, and those of ``--handlers``."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..engine.catalog import add_builtins
from ..engine.handlers.loading import collect, discover
from ..engine.handlers.registry import HandlerRegistry
from ..errors import HandlerDefinitionError
from . import terminal
from .usage import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def load_registry(
    sources: Sequence[str], *, builtin: bool = True, project: bool = True
) -> HandlerRegistry:
    """All handlers by name; those named on the command line come first and keep their names.

    The project's, the installed and the built-in ones, in this order, are imported when a document
    calls what is not named here. ``builtin`` False leaves out the built-in ones, which a runtime
    adds with its own settings, ``project`` False those of the project. Raises UsageError
    (RUNE-8006), now or when a name is asked for, for a file or module that cannot be imported or
    has none.
    """
    registry = HandlerRegistry()
    _import_from(os.getcwd())
    for source in sources:
        _add(registry, source, f"--handlers {source}")
    if project:
        registry.defer(_add_project)
    registry.defer(_add_installed)
    if builtin:
        registry.defer(add_builtins)
    return registry


def _add_project(registry: HandlerRegistry) -> None:
    """The handlers that ``[tool.runeskript]`` names."""
    from . import project

    found = project.find()
    if found is None or not found.handlers:
        return
    _import_from(str(found.root))
    for source in found.handlers:
        _add(registry, _rooted(source, found.root), f"{source} of [tool.runeskript]")


def _add_installed(registry: HandlerRegistry) -> None:
    """Those of installed packages; what is wrong with one is said, and it is left out."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        discover(registry)
    for warning in caught:
        terminal.note(terminal.printable(f"rune: warning: {warning.message}"))


def _add(registry: HandlerRegistry, source: str, said: str) -> None:
    try:
        for registered in collect(source):
            registry.add(registered.source)
    except HandlerDefinitionError as error:
        hint = "a file (handlers.py) or a module (shop.payments) with functions under @handler"
        raise UsageError(
            f"{said}: {error.message}{_place(error)}", code="RUNE-8006", hint=hint
        ) from None


def _place(error: HandlerDefinitionError) -> str:
    """The line of the user's file where the import failed."""
    trace = error.__cause__.__traceback__ if error.__cause__ is not None else None
    place = ""
    while trace is not None:
        code = trace.tb_frame.f_code
        if not code.co_filename.startswith("<") and "importlib" not in code.co_filename:
            place = f" ({code.co_filename}, line {trace.tb_lineno})"
        trace = trace.tb_next
    return place


def _rooted(source: str, root: Path) -> str:
    """A file of the project, wherever below it the command was typed; modules as they are."""
    is_path = source.endswith(".py") or "/" in source or "\\" in source
    return str(root / source) if is_path else source


def _import_from(folder: str) -> None:
    """Modules are found from here, as ``python -m`` does it; installed ones come first."""
    if folder not in sys.path:
        sys.path.append(folder)
