"""Diagnostics as text for people: the place, the source line, a caret, the hint, the page.

What comes from the document is made safe to print: control and bidirectional characters are shown
as pictures, tabs become spaces, wide characters count two columns, long lines are clipped around
the place. Colour is the caller's choice.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final

from ..model.diagnostics import Diagnostic
from ..model.rows import NamedTuple
from ..model.spans import Span

#: Columns of a source line that are shown; a longer one is clipped.
WIDTH: Final = 100
_TAB: Final = 4
_LINE_BREAK: Final = re.compile("\r\n|\r|\n")
#: Zero-width joiner and non-joiner: parts of emoji and of words, harmless.
_JOINERS: Final = "\u200c\u200d"
_COLORS: Final = {"error": "\x1b[1;31m", "warning": "\x1b[1;33m", "info": "\x1b[1;36m"}
_DIM: Final = "\x1b[34m"
_BOLD: Final = "\x1b[1m"
_RESET: Final = "\x1b[0m"


class _Style(NamedTuple):
    """Escape sequences, or nothing where colour is off."""

    severity: str
    dim: str
    bold: str
    reset: str


_PLAIN: Final = _Style("", "", "", "")


def render(
    diagnostics: Iterable[Diagnostic],
    sources: Mapping[str, str],
    *,
    color: bool = False,
    dropped: int = 0,
) -> str:
    """All diagnostics, one after another, and a line that counts them; "" where there are none.

    ``sources``: file name -> text, for the files whose lines are to be shown. ``dropped``: findings
    past the limit that were only counted (``Diagnostics.dropped``).
    """
    items = tuple(diagnostics)
    if not items:
        return ""
    lines = {name: _LINE_BREAK.split(text) for name, text in sources.items()}
    blocks = [_one(item, lines, color) for item in items]
    blocks.append(_summary(items, dropped) + "\n")
    return "\n".join(blocks)


def _summary(items: tuple[Diagnostic, ...], dropped: int) -> str:
    parts = []
    for severity in ("error", "warning", "info"):
        count = sum(1 for item in items if item.severity == severity)
        if count:
            noun = severity if severity == "info" or count == 1 else f"{severity}s"
            parts.append(f"{count} {noun}")
    more = f" (and {dropped} more)" if dropped else ""
    return ", ".join(parts) + more


def _one(item: Diagnostic, lines: Mapping[str, list[str]], color: bool) -> str:
    style = _Style(_COLORS[item.severity], _DIM, _BOLD, _RESET) if color else _PLAIN
    spans = [item.span, *(span for span, _ in item.related)]
    margin = max(len(str(span.line)) for span in spans)
    out = [
        f"{style.severity}{item.severity}[{item.code}]{style.reset}"
        f"{style.bold}: {safe(item.message)}{style.reset}"
    ]
    out += _place(item.span, lines, margin, style, "-->", "^", "")
    for span, caption in item.related:
        out += _place(span, lines, margin, style, ":::", "-", safe(caption))
    pad = " " * margin
    if item.hint:
        out.append(f"{pad} {style.dim}={style.reset} hint: {safe(item.hint)}")
    out.append(f"{pad} {style.dim}={style.reset} see docs/errors/{item.code}.md")
    return "\n".join(out) + "\n"


def _place(
    span: Span,
    lines: Mapping[str, list[str]],
    margin: int,
    style: _Style,
    arrow: str,
    mark: str,
    caption: str,
) -> list[str]:
    """File, line and column, and the line itself with the stretch underlined."""
    pad = " " * margin
    if span.line < 1:
        return [f"{pad}{style.dim}{arrow}{style.reset} {safe(span.file)}"]
    head = f"{pad}{style.dim}{arrow}{style.reset} {safe(span.file)}:{span.line}:{span.column}"
    known = lines.get(span.file)
    if known is None or span.line > len(known):
        return [f"{head}: {caption}" if caption else head]
    text = known[span.line - 1]
    start = min(span.column - 1, len(text))
    end = span.end_column - 1 if span.end_line == span.line else len(text.rstrip())
    shown, left, right = _window(text, start, max(end, start + 1))
    bar = f"{style.dim}|{style.reset}"
    number = f"{style.dim}{span.line:>{margin}}{style.reset}"
    under = f"{style.severity}{mark * max(right - left, 1)}{style.reset}"
    tail = f" {caption}" if caption else ""
    return [
        head,
        f"{pad} {bar}",
        f"{number} {bar} {shown}".rstrip(),
        f"{pad} {bar} {' ' * left}{under}{tail}",
    ]


def _window(text: str, start: int, end: int) -> tuple[str, int, int]:
    """The part of a line to show, and the columns of its stretch [start, end)."""
    cells = [*_cells(text), (" ", 1)]  # one cell past the end: where something is missing
    end = min(end, len(cells))
    starts = [0]
    for _, width in cells:
        starts.append(starts[-1] + width)
    first, last = 0, len(cells) - 1
    if starts[last] > WIDTH:
        # Keep the place in sight, with about a third of the width before it.
        while first < start and starts[start] - starts[first] > WIDTH // 3:
            first += 1
        while last > first + 1 and starts[last] - starts[first] > WIDTH:
            last -= 1
        end = max(min(end, last), start + 1)
    before = "…" if first else ""
    after = "…" if last < len(cells) - 1 else ""
    shown = before + "".join(cell for cell, _ in cells[first:last]) + after
    shift = len(before) - starts[first]
    return shown, starts[start] + shift, starts[end] + shift


def _cells(text: str) -> list[tuple[str, int]]:
    """Each character as it is printed, and the columns it takes."""
    out: list[tuple[str, int]] = []
    column = 0
    for char in text:
        if char == "\t":
            width = _TAB - column % _TAB
            out.append((" " * width, width))
        else:
            shown = safe(char)
            width = char_width(shown)
            out.append((shown, width))
        column += width
    return out


def char_width(char: str) -> int:
    """Columns one character takes in a terminal: 0, 1 or 2 (Unicode Annex 11)."""
    if char.isascii():
        return 1
    if (
        char in _JOINERS
        or unicodedata.combining(char)
        or unicodedata.category(char) in ("Mn", "Me")
    ):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def safe(text: str) -> str:
    """A text without characters that act on a terminal or reorder what is read."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_picture(char) for char in text)


def _picture(char: str) -> str:
    point = ord(char)
    if point < 0x20:
        return chr(0x2400 + point)
    if point == 0x7F:
        return "\u2421"
    if char in _JOINERS:
        return char
    if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return "\ufffd"
    return char
