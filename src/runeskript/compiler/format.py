"""``rune fmt``: the canonical layout of a document, comments kept.

Keys stand in the order of ``tables.py``, indentation is two spaces (lists under their key too),
quotes only where needed, brackets only where the line fits; at most one blank line between entries.
The author's choice between block and brackets, between kinds of quotes, and of line breaks in texts
stays. A result is only given back if it means the same (equal AST hash) and holds every comment.
"""

from __future__ import annotations

import json
import re
from typing import Final

from ..errors import CompileError
from ..model.ast_value import ast_hash
from ..model.diagnostics import Diagnostic, Diagnostics
from ..model.spans import Span
from ..model.values import Value
from .emit import LONG_KEY, WIDTH, is_plain, quoted
from .frontends.expressions import SUSPECT
from .layout import Comment, Entry, Item, Layout, read_layout
from .load_text import parse_tree, read_text
from .masks import mask
from .nodes import to_value
from .read import Source
from .shapes import ROOT, Shape

_LINE_BREAK: Final = re.compile("\r\n|\r|\n")
#: Stands between a line and its comment until both are laid out; no document contains it.
_MARK: Final = "\x00"
#: Lines up to this long have their comments aligned.
_ALIGNED: Final = 72
_LITERALS: Final = {
    "~": "null", "Null": "null", "NULL": "null", "True": "true", "TRUE": "true",
    "False": "false", "FALSE": "false",
}  # fmt: skip


def format_text(data: bytes | str, file: str = "<string>") -> str:
    """The document in canonical layout.

    Raises CompileError with the findings for a document that cannot be read (only what reading
    needs is checked: unknown names are no hindrance).
    """
    diagnostics = Diagnostics()
    source = read_text(data, file, diagnostics)
    document = parse_tree(source, diagnostics)
    if document is None or diagnostics.has_errors or source.root is None:
        found = tuple(d for d in diagnostics.sorted() if d.severity == "error")
        raise CompileError(f"{file}: a document with errors cannot be formatted", found)
    if source.is_json:
        value = _sorted_value(to_value(source.root), ROOT)
        return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    masked, stand_ins = mask(source.text)
    layout = read_layout(masked)
    out = _Printer(layout, loose=stand_ins is None).document()
    if stand_ins is not None:
        out = stand_ins.source(out)
    _check(source, layout, out, ast_hash(document), file)
    return out


def _check(source: Source, layout: Layout, out: str, digest: str, file: str) -> None:
    """Refuse a result that would change the meaning or lose a comment."""
    diagnostics = Diagnostics()
    again = parse_tree(read_text(out, file, diagnostics), diagnostics)
    why = None
    if again is None or diagnostics.has_errors or ast_hash(again) != digest:
        why = "the result would not mean the same"
    elif sorted(read_layout(mask(out)[0]).comments) != sorted(layout.comments):
        why = "the result would lose a comment"
    if why is not None:
        span = Span(file, 1, 1, 1, 1)
        hint = "the document was left as it is; please report it"
        found = Diagnostic("RUNE-1128", "error", f"cannot format this: {why}", span, hint=hint)
        raise CompileError(f"{file}: {found.message}", (found,))


def _sorted_value(value: Value, shape: Shape) -> Value:
    """A JSON value with its keys in the tables' order."""
    if isinstance(value, dict):
        shape = shape.for_keys(value)
        keys = sorted(value, key=shape.rank)
        return {key: _sorted_value(value[key], shape.child(key)) for key in keys}
    if isinstance(value, list):
        return [_sorted_value(item, shape.item()) for item in value]
    return value


class _Printer:
    """Writes one layout."""

    def __init__(self, layout: Layout, *, loose: bool) -> None:
        self.layout = layout
        #: Whether quotes that are not needed go (not where stand-ins hide what a text holds).
        self.loose = loose

    def document(self) -> str:
        lines = list(self.layout.header)
        while lines and not lines[0]:
            del lines[0]
        root = self.layout.root
        if root.flow and not root.commented:
            body = [_inline(root)]
        else:
            hoisted, body = self.block(root, "", ROOT)
            lines += hoisted
        lines += body
        while lines and not lines[-1]:
            lines.pop()
        return "\n".join(_align("\n".join(lines).split("\n"))) + "\n"

    def block(self, item: Item, indent: str, shape: Shape) -> tuple[list[str], list[str]]:
        """The comments above a container's first entry, and all lines from that entry on."""
        entries = item.entries
        if item.kind == "map":
            shape = shape.for_keys({e.key.text: None for e in entries if e.key is not None})
            if not self.layout.anchors:  # an alias must stay below its anchor
                entries = sorted(entries, key=lambda e: shape.rank(e.key.text if e.key else ""))
        lines: list[str] = []
        above: list[str] = []
        open_end = False
        for i, entry in enumerate(entries):
            child = shape.child(entry.key.text) if entry.key is not None else shape.item()
            head, body = self.entry(entry, indent, child)
            if i == 0:
                above = head
            else:
                if entry.blank and not open_end:
                    lines.append("")
                lines += [f"{indent}{line}" if line else "" for line in head]
            lines += body
            open_end = _keeps_end(entry.value)
        tail = item.tail
        if open_end and tail and not tail[0]:
            tail = tail[1:]
        lines += [f"{indent}{line}" if line else "" for line in tail]
        while above and not above[0]:
            del above[0]
        return above, lines

    def entry(self, entry: Entry, indent: str, shape: Shape) -> tuple[list[str], list[str]]:
        """The comments above an entry, and its lines."""
        head = list(entry.head)
        value = entry.value
        start = f"{indent}-"
        if entry.key is not None:
            name = _key(entry.key, self.loose)
            start = f"{indent}{name}:"
            if len(name) > LONG_KEY:
                start = f"{indent}? {name}\n{indent}:"
        if value.anchor is not None:
            start += f" &{value.anchor}"
        inner = indent + "  "
        if value.kind in ("map", "seq"):
            return self._container(entry, head, start, inner, shape)
        if value.style in ("|", ">"):
            lines = _block_scalar(value, start, inner, entry.beside_key)
            if lines is not None:
                return head, lines
        if entry.beside_key is not None:
            head.append(entry.beside_key.text.rstrip())
        first, *rest = _scalar_lines(value, inner, shape, self.loose)
        lines = [f"{start} {first}".rstrip(), *rest]
        lines[-1] = _beside(lines[-1], entry.trailing)
        return head, lines

    def _container(
        self, entry: Entry, head: list[str], start: str, inner: str, shape: Shape
    ) -> tuple[list[str], list[str]]:
        value = entry.value
        if value.flow and not value.commented:
            line = f"{start} {_inline(value)}"
            if value.anchor is not None:  # `start` has it already
                line = f"{start} {_inline(value).removeprefix(f'&{value.anchor} ')}"
            if len(line) <= WIDTH or not value.entries:
                if entry.beside_key is not None:
                    head.append(entry.beside_key.text.rstrip())
                return head, [_beside(line, entry.trailing)]
        if not value.entries:  # only comments inside the brackets
            head += [line for line in value.tail if line]
            brackets = "{}" if value.kind == "map" else "[]"
            return head, [_beside(f"{start} {brackets}", entry.trailing)]
        above, lines = self.block(value, inner, shape)
        beside = entry.beside_key
        if value.flow and entry.trailing is not None:
            if beside is not None:
                head.append(beside.text.rstrip())
            beside = entry.trailing
        if entry.key is None and value.anchor is None:
            # `- key: value`: what stands above the first key goes above the dash.
            head += above
            if beside is not None:
                head.append(beside.text.rstrip())
            lines[0] = f"{start} {lines[0].lstrip(' ')}"
            return head, lines
        above = [f"{inner}{line}" if line else "" for line in above]
        return head, [_beside(start, beside), *above, *lines]


def _beside(line: str, comment: Comment | None) -> str:
    """A line with its comment; :func:`_align` decides the column."""
    return line if comment is None else f"{line}{_MARK}{comment.text.rstrip()}"


def _align(lines: list[str]) -> list[str]:
    """Put comments of consecutive lines into one column, two spaces after the longest line."""
    out: list[str] = []
    group: list[tuple[str, str]] = []

    def flush() -> None:
        longest = max((len(line) for line, _ in group), default=0)
        width = longest if longest <= _ALIGNED else 0
        out.extend(f"{line.ljust(width)}  {comment}" for line, comment in group)
        group.clear()

    for line in lines:
        text, mark, comment = line.partition(_MARK)
        if mark:
            group.append((text, comment))
        else:
            flush()
            out.append(line)
    flush()
    return out


def _keeps_end(item: Item) -> bool:
    """Whether blank lines after a value would be part of it (``|+``)."""
    while item.kind in ("map", "seq") and item.entries and not item.flow:
        item = item.entries[-1].value
    return item.style in ("|", ">") and "+" in _LINE_BREAK.split(item.raw, maxsplit=1)[0]


def _key(item: Item, loose: bool) -> str:
    prefix = f"&{item.anchor} " if item.anchor is not None else ""
    if item.kind == "alias":
        return item.raw + " "
    return prefix + _one_line(item, flow=False, loose=loose)


def _one_line(item: Item, *, flow: bool, loose: bool) -> str:
    """A scalar on one line. ``loose``: quotes that are not needed may go."""
    if item.kind == "alias":
        return item.raw
    if not item.style:
        if "\n" in item.raw or "\r" in item.raw:
            return item.text if is_plain(item.text, flow=flow) else quoted(item.text)
        return _LITERALS.get(item.text, item.raw)
    if loose and is_plain(item.text, flow=flow):
        return item.text
    if item.style in ("'", '"') and "\n" not in item.raw and "\r" not in item.raw:
        return item.raw
    return quoted(item.text)


def _scalar_lines(item: Item, indent: str, shape: Shape, loose: bool) -> list[str]:
    """A scalar that is no block; one that was broken over lines stays so where it is long."""
    if shape.inside_expression:
        loose = False
    elif not shape.is_expression and "${" not in item.text:
        loose = loose and not SUSPECT.search(item.text)
    line = _one_line(item, flow=False, loose=loose)
    if item.kind == "alias" or not re.search(r"[\r\n]", item.raw):
        return [line]
    if len(line) + len(indent) <= WIDTH or item.style in ("|", ">"):
        return [line]
    raw = [part.strip(" \t") for part in _LINE_BREAK.split(item.raw)]
    if item.style == '"' and any(part.endswith("\\") for part in raw):
        return [quoted(item.text)]
    return [raw[0], *(f"{indent}{part}" if part else "" for part in raw[1:])]


def _block_scalar(item: Item, start: str, indent: str, comment: Comment | None) -> list[str] | None:
    """``|`` and ``>`` with their lines moved to ``indent``; None where quotes are safer."""
    first, *body = _LINE_BREAK.split(item.raw)
    indicators = re.match(r"[|>][-+0-9]*", first)
    if indicators is None or not item.text.strip("\n"):
        return None
    chomp = "".join(char for char in indicators[0] if char in "-+")
    if not chomp or chomp == "-":
        while body and not body[-1].strip():
            body.pop()
    elif body and not body[-1]:
        body.pop()
    top = next(line for line in body if line.strip())
    lead = next(line for line in item.text.split("\n") if line.strip(" ") or line)
    own = len(lead) - len(lead.lstrip(" "))
    old = len(top) - len(top.lstrip(" ")) - own
    digit = "2" if own else ""
    head = _beside(f"{start} {item.style}{digit}{chomp}", comment)
    return [head, *(f"{indent}{line[old:]}" if line.strip(" ") else "" for line in body)]


def _inline(item: Item) -> str:
    """A value in one line, with brackets."""
    prefix = f"&{item.anchor} " if item.anchor is not None else ""
    if item.kind in ("scalar", "alias"):
        empty = item.kind == "scalar" and not item.style and not item.text
        return prefix + ("null" if empty else _one_line(item, flow=True, loose=False))
    parts = []
    for entry in item.entries:
        key = "" if entry.key is None else f"{_one_line(entry.key, flow=True, loose=False)}: "
        parts.append(key + _inline(entry.value))
    body = ", ".join(parts)
    return prefix + (f"{{{body}}}" if item.kind == "map" else f"[{body}]")
