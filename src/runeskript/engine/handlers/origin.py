"""Where a worker process finds a handler: by module name or file, and the name in it."""

from __future__ import annotations

import sys
from typing import Any

from ...errors import HandlerDefinitionError
from ...model.rows import NamedTuple


class Origin(NamedTuple):
    """``module`` is importable by name unless ``file`` is set; ``attribute`` is dotted."""

    module: str
    file: str | None
    attribute: str


def origin_of(source: Any, name: str) -> Origin:
    """The origin of a handler; HandlerDefinitionError where another process could not find it."""
    module = getattr(source, "__module__", None)
    attribute = getattr(source, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(attribute, str):
        raise HandlerDefinitionError(
            f"handler {name}: mode process takes decorated functions, which a worker can import"
        )
    loaded = sys.modules.get(module)
    if "<" in attribute or loaded is None or _find(loaded, attribute) is not source:
        raise HandlerDefinitionError(
            f"handler {name}: mode process needs a function at the top level of a module, "
            f"bound to its own name ({module}.{attribute} is not it)"
        )
    spec = getattr(loaded, "__spec__", None)
    file = getattr(loaded, "__file__", None)
    from pathlib import Path

    by_file = module == "__main__" or module.startswith("_rune_") or spec is None
    if by_file and (file is None or not Path(file).is_file()):
        raise HandlerDefinitionError(f"handler {name}: mode process needs a module that has a file")
    return Origin(module, str(Path(file).resolve()) if by_file and file else None, attribute)


def _find(module: Any, attribute: str) -> Any:
    found = module
    for part in attribute.split("."):
        found = getattr(found, part, None)
    return found
