"""The function table: every function an expression can call that no document defines."""

from __future__ import annotations

from collections.abc import Collection

from ..model.nearest import did_you_mean
from .library import encoding, lists, numbers, objects, text, times
from .library.table import REQUIRED, Function, Param

__all__ = ["FUNCTIONS", "REQUIRED", "Function", "Param", "unknown_function_hint"]

#: All functions by name, in the order of the reference.
FUNCTIONS: dict[str, Function] = {
    **numbers.ROWS,
    **text.ROWS,
    **lists.ROWS,
    **objects.ROWS,
    **times.ROWS,
    **encoding.ROWS,
}

#: Names that people bring from other languages -> what to write.
_FOREIGN = {
    "print": "the step `log:` writes to the log",
    "concat": "write a text with ${...}, or a + b",
    "length": "write len(x)",
    "size": "write len(x)",
    "string": "write str(x)",
    "list": "write [x for x in object], keys(o) or chars(text)",
    "dict": "write object(pairs), or an object: {'key': value}",
    "set": "write unique(list)",
    "tuple": "write a list: [a, b]",
    "map": "write [f(x) for x in list]",
    "filter": "write [x for x in list if condition]",
    "reduce": "declare a function under `functions:`, or use a loop",
    "pow": "write a ** b",
    "isinstance": "write type(x) == 'text'",
    "eval": "text is never run as code",
    "exec": "text is never run as code",
    "open": "files are read by handlers",
    "format": "write a text with ${...}",
    "substring": "write slice(text, start, end)",
    "uppercase": "write upper(text)",
    "lowercase": "write lower(text)",
    "trim": "write strip(text)",
    "first_or_default": "write first(list, default)",
    "ifnull": "write coalesce(a, b)",
    "default": "write coalesce(a, b), or get(o, 'key', default)",
    "datetime": "write parts(time), timestamp(time) or now()",
    "today": "write date(now())",
}


def unknown_function_hint(name: str, declared: Collection[str] = ()) -> str | None:
    """What to say about a function that neither the table nor the document (``declared``) has."""
    if name in _FOREIGN:
        return _FOREIGN[name]
    return did_you_mean(name, [*declared, *FUNCTIONS])
