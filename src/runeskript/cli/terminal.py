"""Writing to standard output and standard error: text or JSON, quietly when a reader has left."""

from __future__ import annotations

import os
import sys
from typing import Any, Literal, TextIO

Mode = Literal["text", "json"]

#: Control and reordering characters but tab and newline: a workflow's text must not steer the
#: terminal.
_CONTROLS = dict.fromkeys(
    (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)),
    "\ufffd",  # the replacement character; by its name it costs `unicodedata`, when compiled
)
del _CONTROLS[0x09], _CONTROLS[0x0A]


def mode(chosen: str | None) -> Mode:
    """The output format: what was asked for, else text on a terminal and JSON elsewhere."""
    if chosen == "text":
        return "text"
    if chosen == "json":
        return "json"
    return "text" if is_terminal(sys.stdout) else "json"


def is_terminal(stream: TextIO) -> bool:
    """Whether somebody watches this stream."""
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def colour(stream: TextIO) -> bool:
    """Whether to colour what goes to this stream (NO_COLOR and TERM=dumb say no)."""
    return (
        is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    )


def printable(text: str) -> str:
    """The text with control characters made harmless."""
    return text.translate(_CONTROLS)


def to_json(value: Any, *, indent: int | None = None, stream: TextIO | None = None) -> str:
    """One JSON text; ASCII only where the stream could not carry more."""
    encoding = (stream or sys.stdout).encoding or "ascii"
    utf8 = encoding.lower().replace("-", "") == "utf8"
    import json  # `rune --help` says no JSON, and does not wait for it

    return json.dumps(value, ensure_ascii=not utf8, indent=indent, allow_nan=False)


def say(text: str) -> None:
    """Write a text and a newline to standard output."""
    _write(sys.stdout, text + "\n")


def say_json(value: Any) -> None:
    """Write one line of JSON to standard output."""
    _write(sys.stdout, to_json(value, stream=sys.stdout) + "\n")


def say_bytes(data: bytes) -> None:
    """Write bytes to standard output."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        _let_go(sys.stdout)


def note(text: str) -> None:
    """Write a text and a newline to standard error."""
    _write(sys.stderr, text + "\n")


def flush() -> None:
    """Flush both streams; a reader that has left is no error."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            _let_go(stream)
        except ValueError:  # closed
            continue


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(_encodable(text, stream))
    except BrokenPipeError:
        _let_go(stream)


def _encodable(text: str, stream: TextIO) -> str:
    """The text with what the stream's encoding lacks written as escapes."""
    if text.isascii():
        return text
    encoding = stream.encoding or "ascii"
    return text.encode(encoding, errors="backslashreplace").decode(encoding)


def _let_go(stream: TextIO) -> None:
    """The reader has left: what is still written goes nowhere, and the verb's exit code stands."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
