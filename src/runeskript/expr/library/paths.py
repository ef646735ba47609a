"""Paths of keys given as text (``'customer.name'``, ``'items.0.sku'``)."""

from __future__ import annotations

from typing import Any

from ...model.limits import EXPRESSION_DEPTH
from ..access import item
from ..faults import bad_value
from ..runtime import Context
from .table import need_text


def split_path(name: str, path: Any) -> list[str]:
    """The keys of a path; an empty path or one of too many keys is an error ``value``."""
    if not need_text(name, path):
        raise bad_value(f"{name}: the path is empty")
    keys = path.split(".", EXPRESSION_DEPTH)
    if len(keys) > EXPRESSION_DEPTH:
        raise bad_value(f"{name}: a path may have at most {EXPRESSION_DEPTH} keys")
    return keys  # type: ignore[no-any-return]


def step(value: Any, key: str, c: Context) -> Any:
    """One key down; digits index a list."""
    if type(value) is list and key.isascii() and key.isdigit() and len(key) < 10:
        return item(value, int(key), c)
    return item(value, key, c)


def dig(name: str, value: Any, path: Any, c: Context) -> Any:
    """What stands at ``path``; raises ``missing`` where nothing does."""
    if type(path) is str and type(value) is dict and path in value and "." not in path:
        return value[path]
    for key in split_path(name, path):
        value = step(value, key, c)
    return value
