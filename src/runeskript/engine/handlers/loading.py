"""Finding handlers: in a file, in a module, in installed packages (entry points)."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import sys
import warnings
from collections.abc import Iterable
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ...errors import HandlerDefinitionError
from .decorator import FunctionHandler, Handler
from .registry import HandlerRegistry, is_handler

if TYPE_CHECKING:
    from pathlib import Path

#: Entry points of this group name a handler, a module, or something iterable of handlers.
GROUP: Final = "runeskript.handlers"

#: What ``Runtime(handlers=...)`` takes, also in any nesting of iterables.
Source: TypeAlias = (
    "Handler | FunctionHandler | HandlerRegistry | ModuleType | str | Path | Iterable[Any]"
)


def load_handlers(source: str | os.PathLike[str]) -> ModuleType:
    """Import the module that a file path (it has a separator or ends in ``.py``) or a name means.

    Raises HandlerDefinitionError where it cannot be imported.
    """
    text = str(source)
    is_path = isinstance(source, os.PathLike) or text.endswith(".py") or "/" in text or "\\" in text
    try:
        return import_file(text) if is_path else importlib.import_module(text)
    except HandlerDefinitionError:
        raise
    except (Exception, SystemExit) as exc:
        raise HandlerDefinitionError(
            f"cannot import handlers from {text}: {type(exc).__name__}: {exc}"
        ) from exc


def import_file(path: str | Path) -> ModuleType:
    """The module of a file, imported once; its folder is added to the end of ``sys.path``."""
    from pathlib import Path  # for those who have handlers in files

    full = Path(path).resolve()
    if not full.is_file():
        raise HandlerDefinitionError(f"there is no file {path}")
    name = module_name(full)
    known = sys.modules.get(name)
    if known is not None:
        return known
    if str(full.parent) not in sys.path:
        sys.path.append(str(full.parent))
    spec = importlib.util.spec_from_file_location(name, full)
    if spec is None or spec.loader is None:
        raise HandlerDefinitionError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def module_name(full: Path) -> str:
    """The name under which a file of handlers is imported."""
    mark = hashlib.sha256(str(full).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"_rune_{full.stem}_{mark}"


def handlers_in(module: ModuleType) -> list[Handler | FunctionHandler]:
    """The handlers a module has at its top level, in order of definition."""
    return [item for item in vars(module).values() if is_handler(item)]


def collect(source: Source) -> HandlerRegistry:
    """A registry of everything ``source`` means. Raises HandlerDefinitionError."""
    registry = HandlerRegistry()
    _collect(source, registry)
    return registry


def _collect(source: Any, registry: HandlerRegistry) -> None:
    if isinstance(source, HandlerRegistry):
        registry.update(source)
    elif is_handler(source):
        registry.add(source)
    elif isinstance(source, ModuleType | str | os.PathLike):
        module = source if isinstance(source, ModuleType) else load_handlers(source)
        found = handlers_in(module)
        if not found:
            named = module.__name__ if isinstance(source, ModuleType) else source
            raise HandlerDefinitionError(
                f"{named} has no handlers; decorate a function with @handler(NAME)"
            )
        for item in found:
            registry.add(item)
    elif isinstance(source, Iterable):
        for item in source:
            _collect(item, registry)
    else:
        raise HandlerDefinitionError(
            f"{source!r} is no handler; decorate a function with @handler(NAME)"
        )


def entry_points(group: str) -> Iterable[Any]:
    """The entry points of a group, as ``importlib.metadata`` finds them.

    That module is imported only where an installed package names the group at all: it costs every
    start 24 ms, a twentieth of ``rune run``, and most environments have no such package.
    """
    if not any(_names(folder, group.encode()) for folder in sys.path):
        return ()
    from importlib.metadata import entry_points as find

    return find(group=group)


def _names(folder: str, group: bytes) -> bool:
    """Whether a package in a folder of the path names the group; a zip file might."""
    try:
        found = os.listdir(folder or ".")  # noqa: PTH208 - names are enough, for hundreds
    except NotADirectoryError:
        return True
    except OSError:
        return False
    for name in found:
        if name.endswith((".dist-info", ".egg-info")):
            try:
                with open(os.path.join(folder, name, "entry_points.txt"), "rb") as file:  # noqa: PTH118, PTH123
                    if group in file.read():
                        return True
            except OSError:
                continue  # it declares none
    return False


def discover(registry: HandlerRegistry) -> None:
    """Add the handlers of installed packages; names that are taken already stay as they are.

    An entry point that cannot be loaded is left out with a RuntimeWarning: a broken package must
    not stop workflows that do not use it.
    """
    for point in sorted(entry_points(group=GROUP), key=lambda p: (p.name, p.value)):
        try:
            found = collect(point.load())
        except Exception as exc:
            warnings.warn(
                f"handlers of the entry point {point.name} = {point.value} were left out: "
                f"{type(exc).__name__}: {exc}",
                RuntimeWarning,
                stacklevel=2,
            )
            continue
        for registered in found:
            if registry.find_loaded(registered.name) is None:
                registry.add(registered.source)
