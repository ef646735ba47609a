"""Reading the files a command names: the compiler itself does no IO."""

from __future__ import annotations

import posixpath
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from ..model.limits import DOCUMENT_BYTES
from .usage import UsageError

if TYPE_CHECKING:
    from pathlib import Path

#: What was read, by the name diagnostics use: they quote lines of it, and stdin is read only once.
_seen: dict[str, bytes] = {}


def load(name: str) -> bytes:
    """The bytes of a file, or of standard input for ``-``; raises UsageError (RUNE-8003).

    At most one byte more than the compiler accepts is read, which is enough for it to refuse.
    """
    try:
        if name == "-":
            data = sys.stdin.buffer.read(DOCUMENT_BYTES + 1)
        else:
            data = _read(name)
    except (OSError, ValueError) as error:
        raise unreadable(name, error) from None
    _seen[name] = data
    return data


def read_whole(name: str) -> bytes:
    """The bytes of a file that is no document, whatever its size, or of standard input for ``-``.

    Raises UsageError (RUNE-8003).
    """
    try:
        if name == "-":
            return sys.stdin.buffer.read()
        with open(name, "rb") as file:
            return file.read()
    except (OSError, ValueError) as error:
        raise unreadable(name, error) from None


def text_of(name: str) -> str | None:
    """The text of a file that was loaded, with what is no UTF-8 replaced; None for another."""
    data = _seen.get(name)
    return None if data is None else data.decode("utf-8-sig", errors="replace")


def _read(name: str) -> bytes:
    with open(name, "rb") as file:
        return file.read(DOCUMENT_BYTES + 1)


def store(name: str, data: bytes) -> None:
    """Write a file, whole or not at all; raises UsageError (RUNE-8003)."""
    from pathlib import Path

    part: Path | None = None
    try:
        path = Path(name).resolve()  # what a link points to is written, the link stays
        if path.exists() and not path.is_file():
            path.write_bytes(data)  # a device or a pipe cannot be replaced
            return
        part = path.with_name(f".{path.name}.part")
        part.write_bytes(data)
        if path.exists():
            part.chmod(path.stat().st_mode)
        part.replace(path)
    except (OSError, ValueError) as error:
        if part is not None:
            with suppress(OSError):
                part.unlink(missing_ok=True)
        raise unwritable(name, error) from None


def resolve(path: str, from_file: str) -> bytes:
    """The document of a step ``run: ./path``, relative to the document that names it.

    Raises OSError: for the compiler an unreadable file is a finding with a place of its own.
    """
    base = "" if from_file == "-" else posixpath.dirname(from_file.replace("\\", "/"))
    name = posixpath.normpath(posixpath.join(base, path))
    data = _seen[name] = _read(name)
    return data


def unreadable(name: str, error: Exception) -> UsageError:
    """The refusal for a file that cannot be read."""
    from pathlib import Path

    hint = None
    if isinstance(error, FileNotFoundError):
        folder = Path(name).parent
        hint = _alike(Path(name).name, folder)
    return UsageError(f"cannot read {name}: {_reason(error)}", code="RUNE-8003", hint=hint)


def unwritable(name: str, error: Exception) -> UsageError:
    """The refusal for a file that cannot be written."""
    return UsageError(f"cannot write {name}: {_reason(error)}", code="RUNE-8003")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error)


def _alike(name: str, folder: Path) -> str | None:
    from ..model.nearest import nearest

    try:
        known = [entry.name for entry in folder.iterdir()]
    except OSError:
        return None
    match = nearest(name, known)
    return None if match is None else f"did you mean `{folder / match}`?"
