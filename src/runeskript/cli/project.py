"""The project's own settings: ``[tool.runeskript]`` in ``pyproject.toml``.

    [tool.runeskript]
    handlers = ["handlers.py", "shop.payments"]

The file is the nearest ``pyproject.toml`` at or above the *working directory*, never one found
beside a document: naming a stranger's skript must not import a stranger's code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..model.nearest import did_you_mean
from ..model.records import record
from .usage import UsageError

_TABLE = "tool.runeskript"
_KEYS = ("handlers",)


@record
class Project:
    """What a project asks for; ``root`` is the folder its paths are relative to."""

    root: Path
    handlers: tuple[str, ...] = ()


def find(start: Path | None = None) -> Project | None:
    """The project the working directory belongs to, or None; raises UsageError (RUNE-8007)."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        file = folder / "pyproject.toml"
        try:
            text = file.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError) as error:
            raise _wrong(file, f"cannot be read: {error}") from None
        return _read(file, text) if _TABLE in text else Project(folder)
    return None


def _read(file: Path, text: str) -> Project:
    import tomllib  # ten milliseconds that most runs do without

    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise _wrong(file, f"is no TOML: {error}") from None
    tool = data.get("tool")
    table: Any = tool.get("runeskript", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise _wrong(file, f"[{_TABLE}] must be a table")
    for key in table:
        if key not in _KEYS:
            raise _wrong(file, f"[{_TABLE}] has no setting `{key}`", did_you_mean(key, _KEYS))
    handlers = table.get("handlers", [])
    if not isinstance(handlers, list) or not all(isinstance(h, str) and h for h in handlers):
        raise _wrong(
            file, f"[{_TABLE}] handlers must be a list of texts", 'handlers = ["handlers.py"]'
        )
    return Project(file.parent, tuple(handlers))


def _wrong(file: Path, message: str, hint: str | None = None) -> UsageError:
    return UsageError(f"{file}: {message}", code="RUNE-8007", hint=hint)
