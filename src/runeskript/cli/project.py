"""The project's own settings: ``[tool.runeskript]`` in ``pyproject.toml``.

    [tool.runeskript]
    handlers = ["handlers.py", "shop.payments"]
    severity = {"RUNE-31xx" = "error", unused-input = "off"}
    max_calls = 1000

The file is the nearest ``pyproject.toml`` at or above the *working directory*, never one found
beside a document: naming a stranger's skript must not import a stranger's code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, Final, cast

from ..model.codes import CODES, Level, code_named, may_be_silenced
from ..model.limits import CALLS
from ..model.nearest import did_you_mean
from ..model.records import record
from .usage import UsageError

_TABLE = "tool.runeskript"
_KEYS = ("handlers", "severity", "max_calls")
_LEVELS: Final[tuple[Level, ...]] = ("error", "warning", "info", "off")
#: A range of codes: the digits before the x's are those of the codes.
_RANGE: Final = re.compile(r"RUNE-([0-9]{1,3})x{1,3}\Z")


@record
class Project:
    """What a project asks for; ``root`` is the folder its paths are relative to.

    ``levels``: code -> how much its findings count, where that is not as usual. ``max_calls``: the
    calls that a job may be able to make without a warning.
    """

    root: Path
    handlers: tuple[str, ...] = ()
    levels: Mapping[str, Level] = field(default_factory=dict)
    max_calls: int = CALLS


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
    most = table.get("max_calls", CALLS)
    if type(most) is not int or most < 1:
        hint = "max_calls = 1000"
        raise _wrong(file, f"[{_TABLE}] max_calls must be a whole number, at least 1", hint)
    levels = _levels(file, table.get("severity", {}))
    return Project(file.parent, tuple(handlers), levels, most)


def _levels(file: Path, table: Any) -> dict[str, Level]:
    """``severity``: codes, their names and ranges of codes -> a level; a code wins over a range."""
    if not isinstance(table, dict):
        raise _wrong(file, f"[{_TABLE}] severity must be a table", 'severity = {RUNE-3110 = "off"}')
    single: dict[str, Level] = {}
    ranged: dict[str, Level] = {}
    for key, value in sorted(table.items(), key=lambda entry: -entry[0].count("x")):
        if value not in _LEVELS:
            words = ", ".join(_LEVELS)
            hint = did_you_mean(str(value), _LEVELS) or f"one of {words}"
            raise _wrong(file, f"[{_TABLE}] severity: `{key}` cannot be {value!r}", hint)
        level = cast(Level, value)
        if _RANGE.match(key) and len(key) == len("RUNE-3xxx"):
            start = key.rstrip("x")
            codes = [c for c in CODES if c.startswith(start) and may_be_silenced(c)]
            if not codes:
                raise _wrong(file, f"[{_TABLE}] severity: `{key}` holds no warning")
            if level in ("error", "warning"):  # an info is no fault: it is raised by name only
                codes = [c for c in codes if CODES[c].severity == "warning"]
            ranged.update(dict.fromkeys(codes, level))
            continue
        code = code_named(key)
        if code is None:
            known = [c for c in CODES if may_be_silenced(c)]
            names = [CODES[c].name for c in known]
            near = did_you_mean(key, known if key.startswith("RUNE-") else names)
            raise _wrong(file, f"[{_TABLE}] severity: there is no finding `{key}`", near)
        if not may_be_silenced(code):
            raise _wrong(
                file,
                f"[{_TABLE}] severity: `{key}` is an error and stays one",
                "only warnings and infos can be given another level",
            )
        single[code] = level
    return {**ranged, **single}


def _wrong(file: Path, message: str, hint: str | None = None) -> UsageError:
    return UsageError(f"{file}: {message}", code="RUNE-8007", hint=hint)
