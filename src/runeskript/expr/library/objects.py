"""Objects: reading what may be missing, picking, merging."""

from __future__ import annotations

from functools import partial
from typing import Any

from ...errors import StepError
from ...model.values import type_name
from ..faults import wrong_type
from ..runtime import Context, burn, unpack
from .paths import split_path, step
from .table import (
    Function,
    charge_list,
    function,
    need_list,
    need_object,
    need_text,
    refuse,
)

ROWS: dict[str, Function] = {}
_row = partial(function, ROWS, "Objects")


@_row("keys(object: object) -> list", ("keys({'a': 1, 'b': 2})", ["a", "b"]))
def keys(c: Context, value: Any) -> list[str]:
    """The keys, in their order."""
    charge_list(c, len(need_object("keys", value)))
    return list(value)


@_row("values(object: object) -> list", ("values({'a': 1, 'b': 2})", [1, 2]))
def values_(c: Context, value: Any) -> list[Any]:
    """The values, in the order of the keys."""
    charge_list(c, len(need_object("values", value)))
    return list(value.values())


@_row("items(object: object) -> list", ("items({'a': 1})", [["a", 1]]), grows=True)
def items_(c: Context, value: Any) -> list[Any]:
    """Pairs of key and value, in the order of the keys."""
    burn(c, len(need_object("items", value)) >> 1)
    return [[k, v] for k, v in value.items()]


@_row("object(pairs: list) -> object", ("object([['a', 1], ['b', 2]])", {"a": 1, "b": 2}))
def object_(c: Context, pairs: Any) -> dict[str, Any]:
    """The object of [key, value] pairs; of equal keys the last counts."""
    burn(c, len(need_list("object", pairs)) >> 1)
    out: dict[str, Any] = {}
    for pair in pairs:
        key, value = unpack(pair, 2)
        out[need_text("object", key)] = value
    return out


@_row(
    "get(where: object|list|null, key: text|int, default: any = null) -> any",
    ("get({'a': 1}, 'a')", 1),
    ("get({}, 'a', 0)", 0),
    ("get([5], 3, -1)", -1),
    ("get(null, 'a', 'none')", "none"),
)
def get(c: Context, where: Any, key: Any, default: Any = None) -> Any:
    """What stands at a key of an object or an index of a list, or `default` where nothing does;
    null has nothing."""
    kind = type(where)
    if kind is dict:
        return where.get(need_text("get", key), default)
    if kind is list:
        if type(key) is not int:
            raise wrong_type(f"get: the index of a list must be int, not {type_name(key)}")
        return where[key] if -len(where) <= key < len(where) else default
    if where is None:
        if type(key) is not str and type(key) is not int:
            raise refuse("get", "a key or an index", key)
        return default
    raise refuse("get", "an object or a list", where)


@_row(
    "dig(where: any, path: text, default: any = null) -> any",
    ("dig({'a': {'b': [7]}}, 'a.b.0')", 7),
    ("dig({'a': null}, 'a.b', 'none')", "none"),
)
def dig(c: Context, where: Any, path: Any, default: Any = None) -> Any:
    """What stands at a path of keys and indexes, or `default` where a key is missing or null is
    met on the way."""
    for key in split_path("dig", path):
        try:
            where = step(where, key, c)
        except StepError as error:
            if error.type == "missing":
                return default
            raise
    return where


@_row(
    "has(where: object|list|null, key: text|int) -> bool",
    ("has({'a': null}, 'a')", True),
    ("has({}, 'a')", False),
    ("has([5], 1)", False),
)
def has(c: Context, where: Any, key: Any) -> bool:
    """Whether an object has the key, or a list the index; null has nothing."""
    missing = ()
    return get(c, where, key, missing) is not missing


@_row(
    "merge(first: object, rest...: object) -> object",
    ("merge({'a': 1, 'b': 1}, {'b': 2})", {"a": 1, "b": 2}),
)
def merge(c: Context, *objects: Any) -> dict[str, Any]:
    """One object with the keys of all; of equal keys the last counts. Objects inside are not
    merged."""
    out: dict[str, Any] = {}
    for value in objects:
        charge_list(c, len(need_object("merge", value)) + len(out))
        out.update(value)
    return out


def _key_set(name: str, names: Any) -> dict[str, None]:
    return dict.fromkeys([need_text(name, key) for key in need_list(name, names)])


@_row(
    "pick(object: object, keys: list) -> object",
    ("pick({'a': 1, 'b': 2, 'c': 3}, ['c', 'a'])", {"c": 3, "a": 1}),
)
def pick(c: Context, value: Any, names: Any) -> dict[str, Any]:
    """The object with only those of its keys, in the order of `keys`; keys it lacks are left
    out."""
    need_object("pick", value)
    wanted = _key_set("pick", names)
    burn(c, len(names) >> 3)
    return {key: value[key] for key in wanted if key in value}


@_row(
    "omit(object: object, keys: list) -> object",
    ("omit({'a': 1, 'b': 2}, ['a'])", {"b": 2}),
)
def omit(c: Context, value: Any, names: Any) -> dict[str, Any]:
    """The object without those keys."""
    need_object("omit", value)
    unwanted = _key_set("omit", names)
    burn(c, (len(names) + len(value)) >> 3)
    return {key: v for key, v in value.items() if key not in unwanted}


@_row(
    "coalesce(values...: any) -> any",
    ("coalesce(null, 0, 1)", 0),
    ("coalesce(null, null)", None),
)
def coalesce(c: Context, *options: Any) -> Any:
    """The first argument that is not null, or null. All arguments are evaluated."""
    for option in options:
        if option is not None:
            return option
    return None


@_row(
    "without_nulls(x: object|list) -> object|list",
    ("without_nulls({'a': 1, 'b': null})", {"a": 1}),
    ("without_nulls([1, null])", [1]),
)
def without_nulls(c: Context, x: Any) -> Any:
    """The object without keys whose value is null, or the list without nulls."""
    if type(x) is dict:
        charge_list(c, len(x))
        return {k: v for k, v in x.items() if v is not None}
    if type(x) is list:
        charge_list(c, len(x))
        return [v for v in x if v is not None]
    raise refuse("without_nulls", "an object or a list", x)
