"""Texts: case, search, splitting and joining."""

from __future__ import annotations

from functools import partial
from typing import Any

from ...model.limits import COLLECTION, TEXT
from ..casing import lower_text, upper_text
from ..faults import bad_value, too_big, wrong_type
from ..ops import eq
from ..read_pattern import glob_matches
from ..runtime import Context, burn
from ..show import to_text
from .table import (
    Function,
    charge_list,
    charge_text,
    function,
    need_int,
    need_list,
    need_text,
    refuse,
)

ROWS: dict[str, Function] = {}
_row = partial(function, ROWS, "Texts")


@_row("lower(text: text) -> text", ("lower('ÄB')", "äb"))
def lower(c: Context, text: Any) -> str:
    """Every letter in lower case, by the tables of Unicode 14.0, whatever the host's."""
    if need_text("lower", text).isascii():
        charge_text(c, len(text))
        return str(text.lower())
    burn(c, len(text) >> 1)
    return lower_text(text)


@_row("upper(text: text) -> text", ("upper('straße')", "STRASSE"))
def upper(c: Context, text: Any) -> str:
    """Every letter in upper case, by the tables of Unicode 14.0; may be longer."""
    if need_text("upper", text).isascii():
        charge_text(c, len(text))
        return str(text.upper())
    burn(c, len(text) >> 1)
    result = upper_text(text)
    charge_text(c, len(result))
    return result


def _stripped(name: str, c: Context, text: Any, chars: Any) -> str:
    charge_text(c, len(need_text(name, text)))
    if chars is not None:
        charge_text(c, len(need_text(name, chars)) * 16)
        if len(chars) > 256:
            raise bad_value(f"{name}: at most 256 characters can be stripped")
    return str(text)


@_row(
    "strip(text: text, chars: text = null) -> text",
    ("strip('  a b ')", "a b"),
    ("strip('--a-', '-')", "a"),
)
def strip(c: Context, text: Any, chars: Any = None) -> str:
    """The text without white space, or without any of `chars`, at both ends."""
    return _stripped("strip", c, text, chars).strip(chars)


@_row("lstrip(text: text, chars: text = null) -> text", ("lstrip('007', '0')", "7"))
def lstrip(c: Context, text: Any, chars: Any = None) -> str:
    """As `strip`, at the start only."""
    return _stripped("lstrip", c, text, chars).lstrip(chars)


@_row("rstrip(text: text, chars: text = null) -> text", ("rstrip('a\\n')", "a"))
def rstrip(c: Context, text: Any, chars: Any = None) -> str:
    """As `strip`, at the end only."""
    return _stripped("rstrip", c, text, chars).rstrip(chars)


@_row(
    "split(text: text, separator: text = null, most: int = null) -> list",
    ("split('a,b,,c', ',')", ["a", "b", "", "c"]),
    ("split(' a  b ')", ["a", "b"]),
    ("split('a=b=c', '=', 1)", ["a", "b=c"]),
)
def split(c: Context, text: Any, separator: Any = None, most: Any = None) -> list[str]:
    """The parts between the separators, or between runs of white space; at most `most` cuts."""
    charge_text(c, len(need_text("split", text)))
    if separator is not None and need_text("split", separator) == "":
        raise bad_value("split: the separator is empty (for characters: chars(text))")
    cuts = -1 if most is None else need_int("split", most)
    if cuts < 0 and most is not None:
        raise bad_value("split: most is negative")
    if cuts < 0 or cuts > COLLECTION:
        if separator is not None and len(text) > COLLECTION:
            charge_list(c, text.count(separator))
        # One cut more than allowed is enough to see that there are too many.
        cuts = COLLECTION
    parts: list[str] = text.split(separator, cuts)
    charge_list(c, len(parts))
    return parts


@_row("lines(text: text) -> list", ("lines('a\\nb\\n')", ["a", "b"]), ("lines('')", []))
def lines(c: Context, text: Any) -> list[str]:
    """The lines of a text, without their ends (LF, CR LF or CR)."""
    charge_text(c, len(need_text("lines", text)) * 2)
    plain = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    charge_list(c, plain.count("\n"))
    parts: list[str] = plain.split("\n")
    if not parts[-1]:
        parts.pop()
    return parts


@_row("chars(text: text) -> list", ("chars('añ')", ["a", "ñ"]))
def chars(c: Context, text: Any) -> list[str]:
    """The characters (Unicode code points) of a text."""
    charge_list(c, len(need_text("chars", text)))
    return list(text)


@_row(
    "join(list: list, separator: text = '') -> text",
    ("join(['a', 'b'], ', ')", "a, b"),
    ("join([1, true, 'x'])", "1truex"),
)
def join(c: Context, values: Any, separator: Any = "") -> str:
    """The elements as text, as `${...}` writes them, with `separator` between; null is an
    error."""
    need_list("join", values)
    need_text("join", separator)
    charge_list(c, len(values))
    texts = [v if type(v) is str else to_text(v, c) for v in values]
    charge_text(c, sum(map(len, texts)) + len(separator) * max(0, len(texts) - 1))
    return separator.join(texts)  # type: ignore[no-any-return]


@_row(
    "replace(text: text, old: text, new: text, most: int = null) -> text",
    ("replace('a-b-c', '-', '+')", "a+b+c"),
    ("replace('aaa', 'a', 'b', 1)", "baa"),
)
def replace(c: Context, text: Any, old: Any, new: Any, most: Any = None) -> str:
    """The text with `old` replaced by `new` everywhere, or the first `most` times."""
    for value in (text, old, new):
        need_text("replace", value)
    if not old:
        raise bad_value("replace: there is nothing to replace, `old` is empty")
    limit = -1 if most is None else need_int("replace", most)
    if limit < 0 and most is not None:
        raise bad_value("replace: most is negative")
    charge_text(c, len(text))
    count = text.count(old)
    if 0 <= limit < count:
        count = limit
    charge_text(c, len(text) + count * (len(new) - len(old)))
    return text.replace(old, new, count)  # type: ignore[no-any-return]


@_row(
    "startswith(text: text, prefix: text) -> bool",
    ("startswith('order-1', 'order-')", True),
    ("startswith('a', 'b')", False),
)
def startswith(c: Context, text: Any, prefix: Any) -> bool:
    """Whether the text begins with `prefix`."""
    return need_text("startswith", text).startswith(need_text("startswith", prefix))


@_row("endswith(text: text, suffix: text) -> bool", ("endswith('a.csv', '.csv')", True))
def endswith(c: Context, text: Any, suffix: Any) -> bool:
    """Whether the text ends with `suffix`."""
    return need_text("endswith", text).endswith(need_text("endswith", suffix))


@_row(
    "removeprefix(text: text, prefix: text) -> text",
    ("removeprefix('v1.2', 'v')", "1.2"),
    ("removeprefix('1.2', 'v')", "1.2"),
)
def removeprefix(c: Context, text: Any, prefix: Any) -> str:
    """The text without `prefix`, where it begins with it."""
    charge_text(c, len(need_text("removeprefix", text)))
    return str(text).removeprefix(need_text("removeprefix", prefix))


@_row("removesuffix(text: text, suffix: text) -> text", ("removesuffix('a.csv', '.csv')", "a"))
def removesuffix(c: Context, text: Any, suffix: Any) -> str:
    """The text without `suffix`, where it ends with it."""
    charge_text(c, len(need_text("removesuffix", text)))
    return str(text).removesuffix(need_text("removesuffix", suffix))


@_row(
    "pad(text: any, width: int, fill: text = ' ', side: text = 'left') -> text",
    ("pad(7, 3, '0')", "007"),
    ("pad('a', 3, '.', 'right')", "a.."),
    ("pad('long', 2)", "long"),
)
def pad(c: Context, text: Any, width: Any, fill: Any = " ", side: Any = "left") -> str:
    """The text (or a number as text) made at least `width` characters long, with `fill` (one
    character) put on its `left` or `right` side."""
    shown = to_text(text, c)
    if len(need_text("pad", fill)) != 1:
        raise bad_value("pad: fill must be one character")
    if side not in ("left", "right"):
        raise bad_value("pad: side must be 'left' or 'right'")
    if need_int("pad", width) > TEXT:
        raise too_big(f"a text may have at most {TEXT} characters")
    charge_text(c, max(width, len(shown)))
    return shown.rjust(width, fill) if side == "left" else shown.ljust(width, fill)


@_row(
    "match(text: text, glob: text) -> bool",
    ("match('report-2024.csv', 'report-*.csv')", True),
    ("match('abc', 'a?')", False),
)
def match(c: Context, text: Any, glob: Any) -> bool:
    """Whether the whole text fits the pattern: `*` stands for any characters, `?` for one,
    `[abc]` and `[a-z]` for one of them, `[!abc]` for one of the others, a backslash before a
    character for itself. Upper and lower case differ. Takes linear time."""
    return glob_matches(need_text("match", text), need_text("match", glob), c)


def _positions(name: str, c: Context, where: Any, what: Any) -> tuple[int, int]:
    """(first position or -1, number of occurrences)."""
    if type(where) is str:
        if type(what) is not str:
            raise wrong_type(f"{name}: a part of a text is text")
        charge_text(c, len(where))
        return where.find(what), where.count(what)
    if type(where) is not list:
        raise refuse(name, "a list or a text", where)
    burn(c, len(where))
    first, count = -1, 0
    kind = type(what)
    big = kind is list or kind is dict or kind is str
    for i, element in enumerate(where):
        if big and (type(element) is not kind or len(element) != len(what)):
            continue
        if eq(element, what, c):
            count += 1
            if first < 0:
                first = i
    return first, count


@_row(
    "find(where: list|text, what: any) -> int",
    ("find('banana', 'na')", 2),
    ("find([5, 7], 7)", 1),
    ("find('abc', 'x')", -1),
)
def find(c: Context, where: Any, what: Any) -> int:
    """The first position of an element of a list or of a part of a text, -1 where there is
    none."""
    return _positions("find", c, where, what)[0]


@_row(
    "count(where: list|text, what: any) -> int",
    ("count('banana', 'an')", 2),
    ("count([1, 2, 1], 1)", 2),
)
def count_(c: Context, where: Any, what: Any) -> int:
    """How often an element is in a list, or a part in a text (without overlaps)."""
    return _positions("count", c, where, what)[1]
