"""From a method and the parts of a path to the one route they name."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import RequestError
from .routes import ROUTES, Route


class _Node:
    """Where a path has come to: what may follow, and the routes that end here by method."""

    __slots__ = ("any", "parts", "routes")

    def __init__(self) -> None:
        self.parts: dict[str, _Node] = {}
        self.any: _Node | None = None
        self.routes: dict[str, Route] = {}

    def child(self, part: str) -> _Node:
        """What follows by a part of a route's path; made where there is none."""
        if not part.startswith("{"):
            return self.parts.setdefault(part, _Node())
        if self.any is None:
            self.any = _Node()
        return self.any


class Matcher:
    """Finds routes by exact parts: what is written wins over what is in braces, there is no second
    way to write a path, and a part is one part whatever is encoded in it.
    """

    __slots__ = ("_root", "whole")

    def __init__(self, routes: Sequence[Route] = ROUTES) -> None:
        self._root = _Node()
        #: By method and path those without braces: ``find`` comes to the same, part by part.
        self.whole: dict[tuple[str, bytes], Route] = {
            (one.method, one.path.encode()): one for one in routes if "{" not in one.path
        }
        for route in routes:
            node = self._root
            for part in route.path[1:].split("/"):
                node = node.child(part)
            node.routes[route.method] = route

    def find(self, method: str, parts: Sequence[str] | None) -> tuple[Route, dict[str, str]]:
        """The route, and what stands in the places of its braces. ``HEAD`` finds that of ``GET``.

        Raises RequestError: there is none, or not with this method.
        """
        node = self._root if parts is not None else None
        values: list[str] = []
        for part in parts or ():
            if node is None:
                break
            known = node.parts.get(part)
            if known is None:
                values.append(part)
                known = node.any
            node = known
        if node is None or not node.routes or "" in values:
            raise RequestError("there is no such route", status=404, code="RUNE-6521")
        route = node.routes.get("GET" if method == "HEAD" else method)
        if route is None:
            raise RequestError(
                f"{method} is no method of this route",
                status=405,
                code="RUNE-6522",
                allow=methods_of(node.routes),
            )
        return route, dict(zip(route.parameters, values, strict=True))


def methods_of(routes: dict[str, Route]) -> tuple[str, ...]:
    """The methods that a path has."""
    return tuple(sorted({*routes, *(["HEAD"] if "GET" in routes else []), "OPTIONS"}))
