"""Hashable stand-ins for values, equal exactly where the language calls the values equal."""

from __future__ import annotations

from typing import Any

from ..runtime import Context, burn, measure


def identity(value: Any, c: Context) -> Any:
    """A hashable key: ``identity(a) == identity(b)`` exactly where ``a == b`` in the language."""
    kind = type(value)
    if kind is str or kind is int or kind is float or value is None:
        return value
    if kind is bool:
        return (kind, value)
    _, weight = measure(value, texts=True)
    burn(c, weight)
    return _frozen(value)


def _frozen(value: Any) -> Any:
    kind = type(value)
    if kind is bool:
        return (bool, value)
    if kind is list:
        return (list, tuple([_frozen(v) for v in value]))
    if kind is dict:
        # Objects are equal whatever the order of their keys.
        return (dict, frozenset([(k, _frozen(v)) for k, v in value.items()]))
    return value
