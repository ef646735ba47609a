"""From a method and the parts of a path to the one route they name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ..errors import RequestError
from .routes import ROUTES, Route

#: Stands for any one part in the tree.
_ANY: Final = None


class Matcher:
    """Finds routes by exact parts: what is written wins over what is in braces, there is no second
    way to write a path, and a part is one part whatever is encoded in it.
    """

    __slots__ = ("_root",)

    def __init__(self, routes: Sequence[Route] = ROUTES) -> None:
        self._root: dict[Any, Any] = {}
        for route in routes:
            node = self._root
            for part in route.path[1:].split("/"):
                node = node.setdefault(_ANY if part.startswith("{") else (part,), {})
            node.setdefault(0, {})[route.method] = route

    def find(self, method: str, parts: Sequence[str] | None) -> tuple[Route, dict[str, str]]:
        """The route, and what stands in the places of its braces. ``HEAD`` finds that of ``GET``.

        Raises RequestError: there is none, or not with this method.
        """
        node: Any = self._root if parts is not None else None
        values: list[str] = []
        for part in parts or ():
            if node is None:
                break
            if (part,) in node:
                node = node[part,]
            else:
                node = node.get(_ANY)
                values.append(part)
        methods: dict[str, Route] | None = None if node is None else node.get(0)
        if methods is None or "" in values:
            raise RequestError("there is no such route", status=404, code="RUNE-6521")
        route = methods.get("GET" if method == "HEAD" else method)
        if route is None:
            raise RequestError(
                f"{method} is no method of this route",
                status=405,
                code="RUNE-6522",
                allow=methods_of(methods),
            )
        return route, dict(zip(route.parameters, values, strict=True))


def methods_of(routes: dict[str, Route]) -> tuple[str, ...]:
    """The methods that a path has."""
    return tuple(sorted({*routes, *(["HEAD"] if "GET" in routes else []), "OPTIONS"}))
