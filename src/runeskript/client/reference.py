"""The reference page of the client: each method, what it takes, and the route it asks for."""

from __future__ import annotations

import inspect
from typing import Any, Final

from ..service.routes import BY_NAME
from .methods import METHOD_OF, Methods

_HEAD = """\
# The client

`Client` and `AsyncClient` of `runeskript.client` have these methods; those of the latter are
awaited, or iterated over with `async for`. [How to use it](../howto/use-the-client.md) says what
they have in common; the types of answers are those of [the routes](http.md). `result(id)` besides
awaits the end of a job: its output, or the error it ended with.
"""
#: Columns of a line of code.
WIDTH: Final = 90
_GIVES: Final = {"ask": "", "pages": " (all pages)", "stream": " (as they come)"}


def page() -> str:
    """The page, in the order of the class."""
    parts = [_HEAD]
    for name, method in vars(Methods).items():
        function: Any = getattr(method, "function", None)
        if function is not None:
            parts.append(_section(name, method, function))
    return "\n".join(parts)


def _section(name: str, method: Any, function: Any) -> str:
    signature = inspect.signature(function)
    keyed = "idempotency_key" in signature.parameters
    given = str(signature.return_annotation)
    gives = given.partition("[")[2][:-1]
    if given.startswith("Paged"):
        gives = gives.rpartition(", ")[2]
    lines = [f"## {name}", "", "```text", _call(name, signature), "```", ""]
    lines += [inspect.cleandoc(function.__doc__ or "").replace("``", "`"), ""]
    more = "; a change, with `idempotency_key`" if keyed else ""
    lines.append(f"{_routes(name)} → `{_short(gives)}`{_GIVES[method.does]}{more}.")
    return "\n".join([*lines, ""])


def _call(name: str, signature: inspect.Signature) -> str:
    """How it is called, over several lines where one is too long."""
    words: list[str] = []
    for one in signature.parameters.values():
        if one.name == "idempotency_key":
            continue
        if one.kind == one.KEYWORD_ONLY and "*" not in words:
            words.append("*")
        default = "" if one.default is one.empty else f" = {one.default!r}"
        words.append(f"{one.name}: {_short(str(one.annotation))}{default}")
    line = f"{name}({', '.join(words)})"
    return line if len(line) <= WIDTH else f"{name}(\n    " + ",\n    ".join(words) + ",\n)"


def _short(annotation: str) -> str:
    """Without where a type is from."""
    return annotation.replace("t.", "")


def _routes(name: str) -> str:
    """What it asks for: one route, or one of two."""
    names = [route for route, method in METHOD_OF.items() if method == _OTHERS.get(name, name)]
    rows = [BY_NAME[one] for one in names]
    return " or ".join(f"`{row.method} {row.path}`" for row in rows)


#: Methods that ask for the same route as another.
_OTHERS: Final = {
    "jobs": "jobs_page",
    "history": "history_page",
    "fail": "complete",
    "watch": "events",
}
