"""Reading and setting parts of values: keys, indexes, slices, paths."""

from __future__ import annotations

from typing import Any

from ..model.limits import COLLECTION
from ..model.values import type_name
from .faults import missing, too_big, wrong_type
from .runtime import Context, spend


def item(o: Any, key: Any, c: Context) -> Any:
    """``o.key``, ``o['key']``, ``o[0]``; negative indexes count from the end."""
    kind = type(o)
    if kind is dict:
        if type(key) is not str:
            raise wrong_type(f"the key of an object must be text, not {type_name(key)}")
        try:
            return o[key]
        except KeyError:
            raise missing(f"the object has no key {_quoted(key)}") from None
    if kind is list or kind is str:
        if type(key) is not int:
            raise wrong_type(f"the index of a {type_name(o)} must be int, not {type_name(key)}")
        size = len(o)
        if -size <= key < size:
            return o[key]
        raise missing(f"index {_short(key)} is outside a {type_name(o)} of length {size}")
    if o is None:
        raise missing(f"null has no {_quoted(key) if type(key) is str else 'elements'}")
    raise wrong_type(f"{type_name(o)} has no keys or elements")


def _quoted(key: str) -> str:
    return f"`{key}`" if len(key) <= 60 else f"`{key[:57]}...`"


def _short(number: int) -> str:
    return str(number) if number.bit_length() <= 64 else "past 64 bits"


def cut(o: Any, low: Any, high: Any, c: Context) -> Any:
    """``o[low:high]`` of a list or text, either end may be null."""
    kind = type(o)
    if kind is not list and kind is not str:
        raise wrong_type(f"cannot slice {type_name(o)}, only a list or a text")
    for end in (low, high):
        if end is not None and type(end) is not int:
            raise wrong_type(f"the ends of a slice must be int, not {type_name(end)}")
    result = o[low:high]
    spend(c, len(result) >> (8 if kind is str else 3))
    return result


def assign(root: Any, keys: tuple[Any, ...], value: Any, c: Context) -> Any:
    """``root`` with the place at ``keys`` set to ``value``; copies every container on the way.

    The last key may be new in an object; an index must exist. Raises ``missing`` where a container
    on the way is not there.
    """
    key = keys[0]
    if len(keys) > 1:
        value = assign(item(root, key, c), keys[1:], value, c)
    kind = type(root)
    if kind is dict:
        if type(key) is not str:
            raise wrong_type(f"the key of an object must be text, not {type_name(key)}")
        if key not in root and len(root) >= COLLECTION:
            raise too_big(f"an object may have at most {COLLECTION} keys")
        spend(c, len(root) >> 3)
        return {**root, key: value}
    if kind is list:
        item(root, key, c)
        spend(c, len(root) >> 3)
        copy = root.copy()
        copy[key] = value
        return copy
    if root is None:
        raise missing(f"null has no {_quoted(key) if type(key) is str else 'elements'}")
    raise wrong_type(f"{type_name(root)} has no keys or elements to set")
