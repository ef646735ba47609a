"""Upper and lower case by pinned tables, so that a text changes case the same on every host.

The host's own tables follow its Unicode version. Mappings are full (``ß`` gives ``SS``) and without
context: a capital sigma always becomes ``σ``.
"""

from __future__ import annotations

from .case_tables import LOWER, LOWER_SPECIAL, UPPER, UPPER_SPECIAL, Row

_tables: dict[str, dict[int, int | str]] = {}


def _table(name: str, rows: tuple[Row, ...], special: dict[int, str]) -> dict[int, int | str]:
    table: dict[int, int | str] = dict(special)
    for first, last, step, distance in rows:
        for point in range(first, last + 1, step):
            table[point] = point + distance
    small = range(ord("a"), ord("z") + 1) if name == "upper" else range(ord("A"), ord("Z") + 1)
    for point in small:
        table[point] = point ^ 0x20
    return _tables.setdefault(name, table)


def upper_text(text: str) -> str:
    """``text`` in upper case."""
    table = _tables.get("upper") or _table("upper", UPPER, UPPER_SPECIAL)
    return text.translate(table)


def lower_text(text: str) -> str:
    """``text`` in lower case."""
    table = _tables.get("lower") or _table("lower", LOWER, LOWER_SPECIAL)
    return text.translate(table)
