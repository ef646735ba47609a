"""Plain values -> YAML text in the canonical layout (what ``rune fmt`` and the builder write).

Two spaces of indentation, quotes only where a reader could take the text for something else (also a
reader of YAML 1.1, to whom ``on`` is a bool), short leaves in one line. What is written reads back
as the same value.
"""

from __future__ import annotations

import json
import re
from typing import Final

from ..model.values import Value
from .scalars import ScalarError, resolve

#: Columns of a line before a list or object in brackets is written as a block.
WIDTH: Final = 100
#: Characters of a leaf list or object that may stand in one line.
_LEAF: Final = 60
#: libyaml reads keys of at most this many characters without a leading ``?``.
LONG_KEY: Final = 1000

#: What YAML 1.1 reads as a bool, number or date though YAML 1.2 does not.
_OLD: Final = re.compile(
    r"(?i:y|n|yes|no|on|off)\Z|[-+]?0b[01_]+\Z|[-+]?[0-9][0-9_,]*(:[0-5]?[0-9])*(\.[0-9_]*)?\Z"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}|=\Z|<<\Z"
)
_INDICATORS: Final = frozenset("?:,[]{}#&*!|>'\"%@`")
_FLOW: Final = re.compile(r"[,\[\]{}]")
_UNSAFE: Final = re.compile(r":(\s|\Z)|\s#|[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}
_ESCAPED: Final = re.compile(r'[\\"\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]')


def is_plain(text: str, *, flow: bool = False) -> bool:
    """Whether a text can stand without quotes and is still that text to every reader."""
    if not text or text != text.strip() or text[0] in _INDICATORS or _UNSAFE.search(text):
        return False
    if text[0] == "-" and (len(text) == 1 or text[1] in " -"):
        return False
    if text.startswith("...") or (flow and _FLOW.search(text)) or _OLD.match(text):
        return False
    try:
        return isinstance(resolve(text), str)
    except ScalarError:
        return False


def quoted(text: str) -> str:
    """A text in quotes: double ones, single where that avoids escapes."""
    if _ESCAPED.search(text) and not _ESCAPED.search(text.replace('"', "").replace("\\", "")):
        return "'" + text.replace("'", "''") + "'"
    return '"' + _ESCAPED.sub(_escape, text) + '"'


def _escape(found: re.Match[str]) -> str:
    char = found[0]
    point = ord(char)
    known = _ESCAPES.get(char)
    return known or (f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}")


def scalar(value: Value, *, flow: bool = False) -> str:
    """One line for a scalar (a text with line breaks in double quotes)."""
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        text = json.dumps(value)
        # YAML 1.1 wants a dot in a float: 1e16 is a text to it.
        return text if "." in text or "e" not in text else text.replace("e", ".0e")
    if isinstance(value, str):
        return value if is_plain(value, flow=flow) else quoted(value)
    raise TypeError(f"{type(value).__name__} is no scalar")


def inline(value: Value) -> str:
    """Any value in one line, with brackets."""
    if isinstance(value, dict):
        parts = (f"{scalar(key, flow=True)}: {inline(item)}" for key, item in value.items())
        return "{" + ", ".join(parts) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(inline(item) for item in value) + "]"
    return scalar(value, flow=True)


def emit(value: Value) -> str:
    """A whole document."""
    if isinstance(value, dict | list) and value:
        return "\n".join(_block(value, "")) + "\n"
    return inline(value) + "\n"


def _block(value: Value, indent: str) -> list[str]:
    """The lines of a list or object that is not empty."""
    out: list[str] = []
    if isinstance(value, dict):
        for key, item in value.items():
            name = scalar(key)
            head = f"{indent}{name}:"
            if len(name) > LONG_KEY:
                out.append(f"{indent}? {name}")
                head = f"{indent}:"
            out += _after(head, item, indent + "  ")
    elif isinstance(value, list):
        for item in value:
            if item and (isinstance(item, dict) or (isinstance(item, list) and not _is_leaf(item))):
                lines = _block(item, indent + "  ")
                lines[0] = f"{indent}- {lines[0].lstrip(' ')}"
                out += lines
            else:
                out += _after(f"{indent}-", item, indent + "  ")
    return out


def _after(head: str, value: Value, indent: str) -> list[str]:
    """A value after its ``key:`` or ``-``; what does not fit there goes below."""
    if isinstance(value, dict | list):
        if not value or _is_leaf(value):
            return [f"{head} {inline(value)}"]
        return [head, *_block(value, indent)]
    if isinstance(value, str) and "\n" in value and _fits_block(value):
        body = value.rstrip("\n")
        breaks = len(value) - len(body)
        chomp = "-" if breaks == 0 else "" if breaks == 1 else "+"
        lines = value[:-1].split("\n") if breaks else value.split("\n")
        return [f"{head} |{chomp}", *(f"{indent}{line}" if line else "" for line in lines)]
    return [f"{head} {scalar(value)}"]


def _is_leaf(value: dict[str, Value] | list[Value]) -> bool:
    """Whether a container holds scalars only and is short enough for one line."""
    items = value.values() if isinstance(value, dict) else value
    if any(isinstance(item, dict | list) or (isinstance(item, str) and "\n" in item)
           for item in items):  # fmt: skip
        return False
    return len(inline(value)) <= _LEAF


def _fits_block(text: str) -> bool:
    """Whether a literal block can hold a text as it is."""
    if not text.strip("\n") or text[0] in " \n\t":
        return False
    return not _UNSAFE_BLOCK.search(text)


_UNSAFE_BLOCK: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
