"""Lists: building, ordering, selecting, grouping."""

from __future__ import annotations

from functools import partial
from typing import Any

from ...model.values import type_name
from ..access import cut
from ..faults import bad_value, wrong_type
from ..ops import contains as is_in
from ..ops import lt
from ..runtime import Context, burn, each_enumerated, make_range
from .paths import dig
from .table import (
    Function,
    charge_list,
    function,
    need_bool,
    need_int,
    need_list,
    need_text,
    refuse,
)
from .unique import identity

ROWS: dict[str, Function] = {}
_row = partial(function, ROWS, "Lists")

_NUMBERS = frozenset((int, float))


@_row("len(x: list|text|object) -> int", ("len([1, 2])", 2), ("len('abc')", 3), ("len({})", 0))
def len_(c: Context, x: Any) -> int:
    """How many elements a list, keys an object or characters (code points) a text has."""
    kind = type(x)
    if kind is list or kind is str or kind is dict:
        return len(x)
    raise refuse("len", "a list, an object or a text", x)


@_row(
    "range(start: int, stop: int = null, step: int = 1) -> list",
    ("range(3)", [0, 1, 2]),
    ("range(2, 5)", [2, 3, 4]),
    ("range(3, 0, -1)", [3, 2, 1]),
)
def range_(c: Context, start: Any, stop: Any = None, step: Any = 1) -> list[int]:
    """The ints from `start` (0 with one argument) up to, but without, `stop`."""
    numbers = make_range(c, start, stop, step)
    for end in (numbers[0], numbers[-1]) if numbers else ():
        if not -(2**63) <= end < 2**63:
            raise bad_value("range: the elements do not fit 64 bits")
    return list(numbers)


def _ordered(name: str, c: Context, keys: list[Any]) -> list[Any]:
    """The keys, once it is sure that the host orders them as the language does."""
    kinds = set(map(type, keys))
    if not (kinds <= _NUMBERS or kinds == {str} or kinds == {bool}):
        first = keys[0]
        for key in keys:
            lt(first, key, c)
    return keys


@_row(
    "sorted(list: list, by: text|list = null, reverse: bool = false) -> list",
    ("sorted([3, 1, 2])", [1, 2, 3]),
    ("sorted([{'n': 2}, {'n': 1}], by='n')", [{"n": 1}, {"n": 2}]),
    ("sorted(['b', 'a'], reverse=true)", ["b", "a"]),
)
def sorted_(c: Context, values: Any, by: Any = None, reverse: Any = False) -> list[Any]:
    """The list in order: numbers by size or texts by code point, never mixed. With `by` the
    elements are ordered by what stands at that path of keys (`'customer.name'`), or by several
    paths, the first counting most. Equal elements keep their order."""
    need_list("sorted", values)
    need_bool("sorted", reverse)
    size = len(values)
    burn(c, size * size.bit_length() >> 1)
    if by is None:
        return sorted(_ordered("sorted", c, values), reverse=reverse)
    paths = by if type(by) is list else [by]
    order = list(range(size))
    for path in reversed(paths):
        burn(c, size)
        keys = _ordered("sorted", c, [dig("sorted", v, path, c) for v in values])
        order.sort(key=keys.__getitem__, reverse=reverse)
    return [values[i] for i in order]


@_row(
    "reversed(x: list|text) -> list|text",
    ("reversed([1, 2])", [2, 1]),
    ("reversed('ab')", "ba"),
)
def reversed_(c: Context, x: Any) -> Any:
    """The list or text backwards."""
    if type(x) is not list and type(x) is not str:
        raise refuse("reversed", "a list or a text", x)
    charge_list(c, len(x)) if type(x) is list else burn(c, len(x) >> 8)
    return x[::-1]


@_row("any(list: list) -> bool", ("any([0, '', 3])", True), ("any([])", False))
def any_(c: Context, values: Any) -> bool:
    """Whether at least one element is true (as conditions see it)."""
    charge_list(c, len(need_list("any", values)))
    return any(values)


@_row("all(list: list) -> bool", ("all([1, 'a'])", True), ("all([])", True))
def all_(c: Context, values: Any) -> bool:
    """Whether every element is true (as conditions see it)."""
    charge_list(c, len(need_list("all", values)))
    return all(values)


@_row(
    "enumerate(list: list, start: int = 0) -> list",
    ("enumerate(['a', 'b'])", [[0, "a"], [1, "b"]]),
    grows=True,
)
def enumerate_(c: Context, values: Any, start: Any = 0) -> list[Any]:
    """Pairs of index and element."""
    return [[i, v] for i, v in each_enumerated(c, values, start)]


@_row(
    "zip(lists...: list) -> list",
    ("zip([1, 2], ['a', 'b'])", [[1, "a"], [2, "b"]]),
    grows=True,
)
def zip_(c: Context, *lists: Any) -> list[Any]:
    """Lists of the first elements, the second elements and so on, as many as the shortest list
    has."""
    shortest = min(len(need_list("zip", values)) for values in lists)
    burn(c, shortest * len(lists) >> 1)
    return [list(row) for row in zip(*lists, strict=False)]


@_row(
    "slice(x: list|text, start: int, end: int = null) -> list|text",
    ("slice([1, 2, 3], 1)", [2, 3]),
    ("slice('abcdef', 1, 3)", "bc"),
    ("slice('abc', -1)", "c"),
)
def slice_(c: Context, x: Any, start: Any, end: Any = None) -> Any:
    """The part from `start` up to, but without, `end`; the same as `x[start:end]`."""
    return cut(x, need_int("slice", start), end, c)


@_row(
    "contains(where: list|text|object, what: any) -> bool",
    ("contains([1, 2], 2)", True),
    ("contains('abc', 'bc')", True),
    ("contains([1], true)", False),
)
def contains(c: Context, where: Any, what: Any) -> bool:
    """The same as `what in where`: an element of a list, a part of a text, a key of an object."""
    return is_in(what, where, c)


@_row(
    "unique(list: list, by: text = null) -> list",
    ("unique([1, 2, 1, 1.0, true])", [1, 2, True]),
    ("unique([{'k': 1}, {'k': 1}], by='k')", [{"k": 1}]),
)
def unique(c: Context, values: Any, by: Any = None) -> list[Any]:
    """The list without repetitions (of what stands at the path `by`); the first of equals
    stays."""
    burn(c, len(need_list("unique", values)))
    seen: set[Any] = set()
    out = []
    for value in values:
        key = identity(value if by is None else dig("unique", value, by, c), c)
        if key not in seen:
            seen.add(key)
            out.append(value)
    return out


@_row(
    "flatten(list: list, depth: int = 1) -> list",
    ("flatten([[1], [2, [3]], 4])", [1, 2, [3], 4]),
    ("flatten([[1], [2, [3]]], 2)", [1, 2, 3]),
)
def flatten(c: Context, values: Any, depth: Any = 1) -> list[Any]:
    """Lists inside the list dissolved into it, `depth` levels of them."""
    need_list("flatten", values)
    if not 0 <= need_int("flatten", depth) <= 200:
        raise bad_value("flatten: depth must be from 0 to 200")
    for _ in range(depth):
        size = sum([len(v) if type(v) is list else 1 for v in values])
        charge_list(c, size + len(values))
        out: list[Any] = []
        for value in values:
            if type(value) is list:
                out += value
            else:
                out.append(value)
        if list not in set(map(type, values)):
            return out
        values = out
    return values  # type: ignore[no-any-return]


@_row("first(list: list, default: any = null) -> any", ("first([1, 2])", 1), ("first([], 0)", 0))
def first(c: Context, values: Any, default: Any = None) -> Any:
    """The first element, or `default` where the list is empty."""
    return values[0] if need_list("first", values) else default


@_row("last(list: list, default: any = null) -> any", ("last([1, 2])", 2), ("last([])", None))
def last(c: Context, values: Any, default: Any = None) -> Any:
    """The last element, or `default` where the list is empty."""
    return values[-1] if need_list("last", values) else default


@_row(
    "chunk(list: list, size: int) -> list",
    ("chunk([1, 2, 3, 4, 5], 2)", [[1, 2], [3, 4], [5]]),
    grows=True,
)
def chunk(c: Context, values: Any, size: Any) -> list[Any]:
    """The list cut into lists of `size` elements, the last may be shorter."""
    need_list("chunk", values)
    if need_int("chunk", size) < 1:
        raise bad_value("chunk: size must be at least 1")
    charge_list(c, len(values))
    if size >= len(values):
        return [values] if values else []
    return [values[i : i + size] for i in range(0, len(values), size)]


def _grouped(name: str, c: Context, values: Any, by: Any) -> dict[str, list[Any]]:
    need_list(name, values)
    need_text(name, by)
    burn(c, len(values))
    groups: dict[str, list[Any]] = {}
    for value in values:
        key = dig(name, value, by, c)
        if type(key) is not str:
            raise wrong_type(f"{name}: what to group by must be text, not {type_name(key)}")
        groups.setdefault(key, []).append(value)
    return groups


@_row(
    "group_by(list: list, by: text) -> object",
    (
        "group_by([{'k': 'a', 'n': 1}, {'k': 'b', 'n': 2}, {'k': 'a', 'n': 3}], 'k')",
        {"a": [{"k": "a", "n": 1}, {"k": "a", "n": 3}], "b": [{"k": "b", "n": 2}]},
    ),
    grows=True,
)
def group_by(c: Context, values: Any, by: Any) -> dict[str, Any]:
    """An object from the text at the path `by` to the list of elements that have it."""
    return _grouped("group_by", c, values, by)


@_row(
    "count_by(list: list, by: text) -> object",
    ("count_by([{'k': 'a'}, {'k': 'b'}, {'k': 'a'}], 'k')", {"a": 2, "b": 1}),
)
def count_by(c: Context, values: Any, by: Any) -> dict[str, int]:
    """An object from the text at the path `by` to the number of elements that have it."""
    return {key: len(group) for key, group in _grouped("count_by", c, values, by).items()}


@_row(
    "index_by(list: list, by: text) -> object",
    (
        "index_by([{'id': 'a', 'n': 1}, {'id': 'b', 'n': 2}], 'id')",
        {"a": {"id": "a", "n": 1}, "b": {"id": "b", "n": 2}},
    ),
    grows=True,
)
def index_by(c: Context, values: Any, by: Any) -> dict[str, Any]:
    """An object from the text at the path `by` to the (last) element that has it."""
    return {key: group[-1] for key, group in _grouped("index_by", c, values, by).items()}


@_row(
    "pluck(list: list, path: text) -> list",
    ("pluck([{'a': {'b': 1}}, {'a': {'b': 2}}], 'a.b')", [1, 2]),
)
def pluck(c: Context, values: Any, path: Any) -> list[Any]:
    """What stands at the path of keys in every element; a missing key is an error."""
    burn(c, len(need_list("pluck", values)))
    return [dig("pluck", value, path, c) for value in values]


@_row(
    "difference(list: list, other: list) -> list",
    ("difference([1, 2, 3], [2])", [1, 3]),
)
def difference(c: Context, values: Any, other: Any) -> list[Any]:
    """The elements of `list` that are not in `other`."""
    burn(c, len(need_list("difference", values)) + len(need_list("difference", other)))
    seen = {identity(v, c) for v in other}
    return [v for v in values if identity(v, c) not in seen]


@_row(
    "intersection(list: list, other: list) -> list",
    ("intersection([1, 2, 3], [3, 2])", [2, 3]),
)
def intersection(c: Context, values: Any, other: Any) -> list[Any]:
    """The elements of `list` that are also in `other`."""
    burn(c, len(need_list("intersection", values)) + len(need_list("intersection", other)))
    seen = {identity(v, c) for v in other}
    return [v for v in values if identity(v, c) in seen]
